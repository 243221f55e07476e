// The least a process can do that keeps what a worker keeps: a loop over the driver that inserts the same documents into the same
// collections with the same indexes, from memory. It is given the database that a worker has left. For each group it writes what a worker
// has to write: the entries, in order, as many in one command as the worker may send; then the heads of their rooms; then how far the
// partition is. It looks nothing up (or, asked to, only whether the group is there already), decides nothing and tells nobody.
import { type Document, MongoClient } from 'mongodb'
import { partitionOf } from '../../packages/server/src/core/identity.ts'

export interface Question {
  /** Where to write; gone afterwards. */
  readonly into: string
  /** Messages in one group. */
  readonly group: number
  /** Whether each group is looked up first, as whoever may be given a message twice has to. */
  readonly looksUp: boolean
}

export interface Answer {
  readonly messages: number
  readonly seconds: number
  /** Of CPU, of this process, while it wrote. */
  readonly cpuSeconds: number
}

const MAJORITY = { w: 'majority', j: true } as const
const [uri = '', from = '', partitions = '1', chunk = '1'] = process.argv.slice(2)
const CHUNK = Number(chunk)

const client = new MongoClient(uri, { retryWrites: false, ignoreUndefined: true })
const source = client.db(from)
const lanes = await readLanes()

/** The messages of each partition, in the order in which the worker stored them. */
async function readLanes(): Promise<readonly (readonly Document[])[]> {
  const lanes: Document[][] = Array.from({ length: Number(partitions) }, () => [])
  const entries = await source.collection('entries').find({ kind: 'message' }, { batchSize: 10_000 }).toArray()
  for (const entry of entries) lanes[partitionOf(entry.room, lanes.length)]?.push(entry)
  for (const lane of lanes) lane.sort((a, b) => a.origin - b.origin)
  return lanes
}

async function run({ into, group, looksUp }: Question): Promise<Answer> {
  await prepare(into)
  const write = new Writing(into, group, looksUp)
  const [begun, cpuBefore] = [performance.now(), process.cpuUsage()]
  // As a worker does: the partitions beside each other, and one group of each at a time.
  await Promise.all(lanes.map((lane, partition) => write.lane(partition, lane)))
  const { user, system } = process.cpuUsage(cpuBefore)
  const messages = lanes.reduce((sum, lane) => sum + lane.length, 0)
  const answer = { messages, seconds: (performance.now() - begun) / 1_000, cpuSeconds: (user + system) / 1e6 }
  const stored = await client.db(into).collection('entries').countDocuments()
  if (stored !== messages) throw new Error(`the bare loop stored ${stored} of ${messages} messages`)
  await client.db(into).dropDatabase()
  return answer
}

/** The same collections with the same indexes. */
async function prepare(into: string): Promise<void> {
  for (const name of ['entries', 'rooms', 'settled']) {
    const collection = await client.db(into).createCollection(name)
    for (const { key, unique } of await source.collection(name).listIndexes().toArray())
      if (!('_id' in key)) await collection.createIndex(key, unique === true ? { unique } : {})
  }
}

class Writing {
  private readonly database
  private readonly group: number
  private readonly looksUp: boolean

  constructor(into: string, group: number, looksUp: boolean) {
    this.database = client.db(into)
    this.group = group
    this.looksUp = looksUp
  }

  async lane(partition: number, lane: readonly Document[]): Promise<void> {
    for (let at = 0; at < lane.length; at += this.group) {
      const documents = lane.slice(at, at + this.group)
      if (this.looksUp) await this.lookUp(documents)
      for (let i = 0; i < documents.length; i += CHUNK)
        await this.command({ insert: 'entries', documents: documents.slice(i, i + CHUNK), ordered: true })
      await this.command({ insert: 'rooms', documents: headsOf(documents), ordered: false })
      const settled = {
        q: { _id: `[${partition}]` },
        u: { $set: { next: at + documents.length, feed: at } },
        upsert: true,
      }
      await this.command({ update: 'settled', updates: [settled] })
    }
  }

  private async lookUp(documents: readonly Document[]): Promise<void> {
    const ids = documents.map(({ _id }) => _id)
    const found = await this.database
      .collection('entries')
      .find({ _id: { $in: ids } }, { readConcern: { level: 'majority' }, batchSize: 10_000 })
      .toArray()
    if (found.length > 0) throw new Error('a message is there before it was written')
  }

  private async command(command: Document): Promise<void> {
    const { writeErrors } = await this.database.command({ ...command, writeConcern: MAJORITY })
    if (writeErrors !== undefined) throw new Error(`refused: ${JSON.stringify(writeErrors[0])}`)
  }
}

/** A row for each room, as the worker adds one: the highest holds. */
function headsOf(documents: readonly Document[]): readonly Document[] {
  const heads = new Map(documents.map(({ room, seq }) => [room, seq]))
  return [...heads].map(([room, version]) => ({
    _id: JSON.stringify([room, 'head', version]),
    room,
    what: 'head',
    version,
  }))
}

process.on('message', async (question: Question) => process.send?.(await run(question)))
process.on('disconnect', () => process.exit(0))
process.send?.({ messages: lanes.reduce((sum, lane) => sum + lane.length, 0) })
