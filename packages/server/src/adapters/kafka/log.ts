import type { Durability } from '@holdfast/protocol'
import { Failure } from '../../ports/failure.ts'
import type {
  Log,
  LogRecord,
  Membership,
  Offset,
  OwnedPartition,
  PartitionLag,
  ReadLimit,
  StoredRecord,
  TailReader,
} from '../../ports/log.ts'
import { PartitionAppender } from './appender.ts'
import type { Clients } from './clients.ts'
import { Fetcher, OutOfRange } from './fetcher.ts'
import { Member } from './member.ts'
import type { Positions } from './positions.ts'
import { Tail } from './tail.ts'
import type { Topic } from './topics.ts'
import type { Waits } from './waits.ts'

/** Called at the places of one log where a test may fail or kill the process. */
export interface LogFailpoints {
  before(): void
  after(): void
}

export interface KafkaLogParts {
  readonly name: string
  readonly topic: Topic
  readonly durability: Durability
  readonly clients: Clients
  readonly positions: Positions
  readonly waits: Waits
  readonly failpoints: LogFailpoints
}

/**
 * One log: a topic. Its clients are built once: for each partition one that appends, one for each group it is worked for and one for each
 * tail that follows it; and one for all other reads. Each holds a connection to the brokers it needs, two or three at most.
 */
export class KafkaLog implements Log {
  readonly name: string
  readonly partitions: number
  readonly durability: Durability
  readonly retentionMs: number | undefined
  readonly #parts: KafkaLogParts
  readonly #appenders: readonly PartitionAppender[]
  readonly #reader: Fetcher
  readonly #memberships = new Set<Membership>()
  #isClosed = false

  constructor(parts: KafkaLogParts) {
    const { clients, topic, waits } = parts
    this.name = parts.name
    this.partitions = topic.partitions
    this.durability = parts.durability
    this.retentionMs = topic.retentionMs
    this.#parts = parts
    this.#appenders = Array.from(
      { length: topic.partitions },
      (_, partition) => new PartitionAppender(clients, topic.name, partition, topic.batchBytesMax, waits),
    )
    this.#reader = new Fetcher(clients, topic.name)
  }

  async append(partition: number, records: readonly LogRecord[]): Promise<readonly Offset[]> {
    this.#check(partition)
    const { failpoints } = this.#parts
    failpoints.before()
    if (records.length === 0) return []
    const offsets = await this.#appenders[partition]?.append(records)
    failpoints.after()
    return offsets ?? []
  }

  async read(partition: number, from: Offset, limit: ReadLimit) {
    this.#check(partition)
    const { clients, topic } = this.#parts
    return await clients.ask(`reading partition ${partition} of the topic ${topic.name}`, () =>
      this.#read(partition, from, limit),
    )
  }

  async range(partition: number): Promise<{ begin: Offset; end: Offset }> {
    this.#check(partition)
    return await this.#parts.positions.range(partition)
  }

  work(group: string, run: (owned: OwnedPartition) => Promise<void>): Membership {
    this.#checkOpen()
    const { topic } = this.#parts
    return this.#keep(new Member({ ...this.#parts, topic: topic.name, group: this.#groupOf(group), run }))
  }

  tail(reader: TailReader): Membership {
    this.#checkOpen()
    const { topic } = this.#parts
    return this.#keep(new Tail({ ...this.#parts, topic: topic.name, partitions: this.partitions, reader }))
  }

  async lag(group: string): Promise<readonly PartitionLag[]> {
    this.#checkOpen()
    const { positions } = this.#parts
    const all = [...Array(this.partitions).keys()]
    // The commits first: an end that is read later is never below them.
    const committed = await positions.committed(this.#groupOf(group), all)
    const ranges = await positions.ranges(all)
    return await Promise.all(
      all.map(async (partition) => {
        const { begin, end } = ranges.get(partition) ?? { begin: 0, end: 0 }
        const from = Math.max(begin, committed.get(partition) ?? begin)
        if (from >= end) return { partition, records: 0, oldest: undefined }
        const [oldest] = (await this.read(partition, from, { recordsMax: 1, bytesMax: 1 })).records
        // Where nothing is found, only marks of somebody's transactions are left.
        if (oldest === undefined) return { partition, records: 0, oldest: undefined }
        return { partition, records: end - oldest.offset, oldest: oldest.timestamp }
      }),
    )
  }

  async committed(group: string, partition: number): Promise<Offset | undefined> {
    this.#check(partition)
    return (await this.#parts.positions.committed(this.#groupOf(group), [partition])).get(partition)
  }

  /** Ends the memberships, and waits a bounded time for appends under way. The clients are the caller's to close. */
  async stop(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const { clock, timeouts } = this.#parts.clients
    await Promise.all([...this.#memberships].map((membership) => membership.stop()))
    const idle = Promise.all(this.#appenders.map((appender) => appender.idle()))
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = clock.after(timeouts.closeMs, resolve)
    await Promise.race([idle, late])
    cancel()
  }

  /** From the first record kept at or above `from`, as far as the limit goes; nothing only at the end. */
  async #read(
    partition: number,
    from: Offset,
    limit: ReadLimit,
  ): Promise<{ records: readonly StoredRecord[]; next: Offset }> {
    const range = await this.#parts.positions.range(partition)
    for (let at = Math.max(from, range.begin); at < range.end; ) {
      try {
        const { records, next } = await this.#reader.fetch(partition, at, 0)
        const taken = limited(records, limit)
        const last = taken.at(-1)
        if (last !== undefined) return { records: taken, next: last.offset + 1 }
        if (next === at) break
        at = next
      } catch (error) {
        if (!(error instanceof OutOfRange)) throw error
        // Retention came between.
        throw new Failure(
          'transient',
          `reading partition ${partition}: its first records were removed meanwhile`,
          error,
        )
      }
    }
    return { records: [], next: from }
  }

  #keep(membership: Membership): Membership {
    this.#memberships.add(membership)
    return {
      stop: async () => {
        await membership.stop()
        this.#memberships.delete(membership)
      },
    }
  }

  #groupOf(group: string): string {
    return `${this.#parts.topic.name}.${group}`
  }

  #check(partition: number): void {
    this.#checkOpen()
    if (this.#appenders[partition] === undefined)
      throw new Failure('operator', `the log ${this.name} has ${this.partitions} partitions: there is no ${partition}`)
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Failure('closed', `the log ${this.name} was closed`)
  }
}

function limited(records: readonly StoredRecord[], { recordsMax, bytesMax }: ReadLimit): readonly StoredRecord[] {
  let [count, bytes] = [0, 0]
  for (const { value } of records) {
    bytes += value.length
    // One record is always given, or a reader would never get past a long one.
    if (count > 0 && (count >= recordsMax || bytes > bytesMax)) break
    count++
  }
  return records.slice(0, count)
}
