import { HOST } from '../machine/ports.ts'
import { converse, type Door } from '../probes/exchange.ts'
import type { Security } from '../security/security.ts'
import { type SaslClient, scramSha512 } from './scram.ts'

/** As little of three protocols as shows that data are kept and who is let in: the adapters' clients are no business of the engines. */
export interface RawClient {
  write(door: RawDoor, word: string): Promise<void>
  /** Whether the word was written. */
  has(door: RawDoor, word: string): Promise<boolean>
}

export interface RawDoor extends Door {
  /** Told with the mechanism PLAIN. */
  readonly credentials?: Credentials | undefined
}

export type Credentials = Pick<Security, 'username' | 'password'>

const PATIENCE_MS = 20_000 // a topic on a cluster of three, while the machine does something else

/** A word is a topic's name; it is put on as many brokers as there are by default. */
export const KAFKA_CLIENT: RawClient = {
  write: async (door, word) => {
    const name = Buffer.from(word)
    const [partitions, copies] = [int(1, 4), int(-1, 2)]
    const topic = Buffer.concat([int(name.length, 2), name, partitions, copies, int(0, 4), int(0, 4)])
    const answer = await kafka(door, 19, 4, Buffer.concat([int(1, 4), topic, int(PATIENCE_MS, 4), int(0, 1)]))
    // The size, the correlation id, a pause, how many topics, and this topic's name stand before its error code.
    const code = answer.readInt16BE(4 + 4 + 4 + 4 + 2 + name.length)
    if (code !== 0) throw new Error(`Kafka refuses topic ${word} with error code ${code}.`)
  },
  has: async (door, word) => (await kafka(door, 3, 1, int(-1, 4))).includes(word),
}

/** A word is a document. */
export const MONGODB_CLIENT: RawClient = {
  write: async (door, word) => {
    const answer = await mongodb(door, { insert: 'words', documents: [{ _id: word }], $db: 'smoke' })
    if (!answer.includes(OK) || answer.includes('writeErrors'))
      throw new Error(`MongoDB refuses document ${word}: ${answer.toString('latin1')}`)
  },
  has: async (door, word) => (await mongodb(door, { find: 'words', $db: 'smoke' })).includes(word),
}

/** A word is an index. */
export const SEARCH_CLIENT: RawClient = {
  write: async ({ port }, word) => {
    const { status } = await fetch(`http://${HOST}:${port}/${word}`, { method: 'PUT' })
    if (status !== 200) throw new Error(`The search engine refuses index ${word} with status ${status}.`)
  },
  has: async ({ port }, word) => (await fetch(`http://${HOST}:${port}/${word}`, { method: 'HEAD' })).status === 200,
}

/** Whether Kafka lets in whoever knows these, by SCRAM-SHA-512, and proves that it knows them too. */
export async function kafkaKnows(door: RawDoor & { readonly credentials: Credentials }): Promise<boolean> {
  const scram = scramSha512(door.credentials)
  await kafkaAs(door, 'SCRAM-SHA-512', scram, [])
  return scram.isProven()
}

const OK = Buffer.from('\x01ok\0\0\0\0\0\0\0\xf0\x3f', 'latin1')

async function kafka(door: RawDoor, api: number, version: number, body: Buffer): Promise<Buffer> {
  const request = kafkaRequest(api, version, body)
  const answers = await kafkaAs(door, 'PLAIN', plain(door.credentials), [request])
  return answers.at(-1) ?? Buffer.alloc(0)
}

/** https://kafka.apache.org/protocol#sasl_handshake: the mechanism, then its words, then what is wanted. */
function kafkaAs(door: RawDoor, mechanism: string, client: SaslClient, wanted: readonly Buffer[]) {
  const isStranger = door.credentials === undefined
  const words = isStranger ? 0 : client.turns
  const next = (answers: readonly Buffer[]): Buffer | undefined => {
    if (isStranger) return wanted[answers.length]
    const { length } = answers
    if (length === 0) return kafkaRequest(17, 1, text(mechanism))
    const last = answers[length - 1] ?? Buffer.alloc(0)
    if (length <= 1 + words) {
      const code = last.readInt16BE(8)
      if (code !== 0) throw new Error(`Kafka lets nobody in with error code ${code}: ${last.subarray(10)}`)
    }
    // Behind the error code comes a message, mostly null, and then the server's words.
    const said = length === 1 ? '' : last.subarray(10 + 2 + Math.max(last.readInt16BE(10), 0) + 4).toString()
    if (length <= words) return kafkaRequest(36, 0, bytes(client.say(said)))
    if (length === 1 + words) client.hear(said)
    return wanted[length - 1 - words]
  }
  const sizeOf = (received: Buffer) => (received.length < 4 ? undefined : 4 + received.readInt32BE(0))
  return converse(door, next, sizeOf, PATIENCE_MS)
}

function kafkaRequest(api: number, version: number, body: Buffer): Buffer {
  const request = Buffer.concat([int(api, 2), int(version, 2), int(1, 4), int(-1, 2), body])
  return Buffer.concat([int(request.length, 4), request])
}

/** https://www.rfc-editor.org/rfc/rfc4616 */
function plain(credentials: Credentials | undefined): SaslClient {
  const words = `\0${credentials?.username}\0${credentials?.password}`
  return { turns: 1, say: () => words, hear: () => {} }
}

async function mongodb(door: RawDoor, command: Fields): Promise<Buffer> {
  const words = Buffer.from(plain(door.credentials).say('')).toString('base64')
  const greeting: Fields = { saslStart: '1', mechanism: 'PLAIN', payload: words, $db: '$external' }
  const commands = door.credentials === undefined ? [command] : [greeting, command]
  const answers = await converse(
    door,
    ({ length }) => (commands[length] === undefined ? undefined : opMsg(commands[length])),
    (received) => (received.length < 4 ? undefined : received.readInt32LE(0)),
    PATIENCE_MS,
  )
  const answer = answers.at(-1) ?? Buffer.alloc(0)
  if (!answer.includes(OK)) throw new Error(`MongoDB refuses: ${answer.toString('latin1')}`)
  return answer
}

function opMsg(command: Fields): Buffer {
  const body = Buffer.concat([Buffer.alloc(5), bson(command)])
  const head = Buffer.alloc(16)
  head.writeInt32LE(16 + body.length, 0)
  head.writeInt32LE(1, 4)
  head.writeInt32LE(2013, 12)
  return Buffer.concat([head, body])
}

type Fields = { readonly [name: string]: string | Fields | readonly Fields[] }

function bson(fields: Fields): Buffer {
  const elements = Object.entries(fields).map(([name, value]) => {
    if (typeof value === 'string') {
      const text = Buffer.from(`${value}\0`)
      const size = Buffer.alloc(4)
      size.writeInt32LE(text.length)
      return Buffer.concat([Buffer.from(`\x02${name}\0`), size, text])
    }
    return Buffer.concat([
      Buffer.from(`${Array.isArray(value) ? '\x04' : '\x03'}${name}\0`),
      bson(Object.fromEntries(Object.entries(value))),
    ])
  })
  const size = Buffer.alloc(4)
  const body = Buffer.concat([...elements, Buffer.alloc(1)])
  size.writeInt32LE(4 + body.length)
  return Buffer.concat([size, body])
}

function text(value: string): Buffer {
  return Buffer.concat([int(Buffer.byteLength(value), 2), Buffer.from(value)])
}

function bytes(value: string): Buffer {
  return Buffer.concat([int(Buffer.byteLength(value), 4), Buffer.from(value)])
}

function int(value: number, bytes: 1 | 2 | 4): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeIntBE(value, 0, bytes)
  return buffer
}
