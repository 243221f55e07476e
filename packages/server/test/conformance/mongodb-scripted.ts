import { Long, Timestamp } from 'mongodb'
import { COLLECTIONS } from '../../src/adapters/mongodb/collections.ts'
import { type Reply, scriptedServer } from './mongodb-wire.ts'

export interface Script {
  /** What the server is, beside what it says anyway. */
  readonly hello?: Reply
  readonly buildInfo?: Reply
  /** Its answer to a command; undefined for the usual one: all is well, and nothing is found. */
  readonly answer?: (command: string, document: Reply) => Reply | undefined
}

export interface Heard {
  readonly command: string
  readonly document: Reply
}

/** A server that is set up for one partition, holds nothing, and remembers what it was asked; each reply is of one second later. */
export async function scriptedMongodb({ hello = {}, buildInfo = {}, answer }: Script = {}) {
  const heard: Heard[] = []
  let seconds = 1_000
  const server = await scriptedServer((command, document) => {
    if (command === 'hello' || command === 'isMaster') return { ...HELLO, ...hello }
    heard.push({ command, document })
    const operationTime = new Timestamp({ t: ++seconds, i: 1 })
    const reply = answer?.(command, document) ?? usual(command, document, buildInfo)
    return reply && { operationTime, ...reply }
  })
  return Object.assign(server, { heard })
}

const HELLO = {
  isWritablePrimary: true,
  minWireVersion: 0,
  maxWireVersion: 21,
  maxBsonObjectSize: 16 << 20,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  logicalSessionTimeoutMinutes: 30,
  ok: 1,
}

export const REPLICA_SET = { setName: 'rs', hosts: ['one:27017', 'two:27017', 'three:27017'], me: 'one:27017' }

function usual(command: string, document: Reply, buildInfo: Reply): Reply | undefined {
  switch (command) {
    case 'buildInfo':
      return { version: '8.0.4', ...buildInfo, ok: 1 }
    case 'listIndexes':
      return cursor(indexesOf(String(document.listIndexes)))
    case 'find':
      return cursor(document.find === 'installation' ? [{ _id: 'installation', format: 1, partitions: 1 }] : [])
    case 'insert':
    case 'update':
    case 'delete':
    case 'ping':
    case 'endSessions':
      return { ok: 1, n: 1 }
    default:
      return undefined
  }
}

function indexesOf(name: string): readonly Reply[] {
  const [, indexes = []] = Object.entries(COLLECTIONS).find(([collection]) => collection === name) ?? []
  return indexes.map((index) => ({ v: 2, ...index }))
}

export function cursor(firstBatch: readonly Reply[]): Reply {
  return { cursor: { id: Long.ZERO, ns: 'test.test', firstBatch }, ok: 1 }
}
