import { MongoClient } from 'mongodb'
import type { OwnEngine } from '../../../../engines/index.ts'
import { type Mongodb, type MongodbOptions, openMongodb, setUpMongodb } from '../../src/adapters/mongodb/mongodb.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { FailpointName, Logger } from '../../src/ports/system.ts'
import { memoryEngines } from '../support/adapters.ts'
import type { Fault, Subject } from './subject.ts'

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

let databases = 0

/** The URL with a database of its own in its path, which is nobody else's. */
export function ownDatabase(url: string): { readonly url: string; readonly name: string } {
  const name = `holdfast-test-${process.pid}-${++databases}`
  const [, origin, query = ''] = /^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/.exec(url) ?? []
  return { url: `${origin}/${name}${query}`, name }
}

export function mongodbOptions(url: string, options: Partial<MongodbOptions> = {}): MongodbOptions {
  return { url, partitions: 1, clock: systemClock, random: { next: () => 0.5 }, logger: SILENT, ...options }
}

/** Starts what was killed. Its port is free only when the last of its threads is gone, a moment after the process itself. */
export async function startAgain(engine: OwnEngine): Promise<void> {
  for (;;)
    try {
      return await engine.startAgain()
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'port_taken')) throw error
      await systemClock.sleep(50)
    }
}

/** Removes a database, whatever is in it. */
export async function dropDatabase(url: string): Promise<void> {
  const client = new MongoClient(url)
  try {
    await client.db().dropDatabase()
  } finally {
    await client.close()
  }
}

/** A store in a database of its own, and logs and search in memory beside it. */
export async function openMongodbSubject(serverUrl: string, partitions: number, idOrder?: 'utf-16'): Promise<Subject> {
  const { url } = ownDatabase(serverUrl)
  const beside = memoryEngines({ partitions })
  let armed: { readonly at: FailpointName; readonly fault: Fault } | undefined
  const failpoint = (name: FailpointName) => {
    if (armed?.at !== name) return
    const { fault } = armed
    armed = undefined
    throw new Failure(fault === 'before' ? 'transient' : 'ambiguous', `a fault of the test: ${fault}`)
  }
  const options = mongodbOptions(url, { partitions, failpoint })
  await setUpMongodb(options)
  let mongodb: Mongodb = await openMongodb(options)
  return {
    logs: beside.logs,
    search: beside.search,
    get store() {
      return mongodb.store
    },
    capabilities: {
      durability: mongodb.durability,
      survivesReopen: true,
      canTimeOut: true,
      visibleAtOnce: true,
      ...(idOrder === undefined ? {} : { idOrder }),
    },
    failAppend: () => {},
    failWrite: (fault) => {
      const at = { before: 'store:mid-write', midway: 'store:written', after: 'store:committed' } as const
      armed = { at: at[fault], fault }
    },
    reopen: async () => {
      await mongodb.close()
      mongodb = await openMongodb(options)
    },
    close: async () => {
      await mongodb.close()
      await beside.close()
      await dropDatabase(url)
    },
  }
}
