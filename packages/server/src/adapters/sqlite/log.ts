import { InProcessReaders } from '../../core/in-process.ts'
import { Failure } from '../../ports/failure.ts'
import type {
  Log,
  LogRecord,
  Membership,
  Offset,
  OwnedPartition,
  PartitionLag,
  ReadLimit,
  TailReader,
} from '../../ports/log.ts'
import type { Clock } from '../../ports/system.ts'
import type { AppendQueue } from './appends.ts'
import { failureOf } from './failures.ts'
import type { Partition } from './partition.ts'
import type { Positions } from './positions.ts'

/** Called at the places of one log where a test may kill the process. */
export interface LogFailpoints {
  before(): void
  midway(): void
  after(): void
}

export interface SqliteLogOptions {
  readonly name: string
  readonly partitions: readonly Partition[]
  readonly appends: AppendQueue
  readonly positions: Positions
  readonly clock: Clock
  readonly readOnly: boolean
  readonly failpoints: LogFailpoints
  /** Told of each commit: it has to be written. */
  readonly passed: () => void
  /** Writes the commits now, and syncs them. */
  readonly writeCommits: () => void
}

/** One log: a table for each partition, in a file that it shares with its siblings. All its readers are in this process. */
export class SqliteLog implements Log {
  readonly name: string
  readonly partitions: number
  readonly durability = 'fsync'
  readonly #partitions: readonly Partition[]
  readonly #appends: AppendQueue
  readonly #positions: Positions
  readonly #readOnly: boolean
  readonly #failpoints: LogFailpoints
  readonly #passed: () => void
  readonly #writeCommits: () => void
  readonly #readers: InProcessReaders
  #isClosed = false

  constructor(options: SqliteLogOptions) {
    this.name = options.name
    this.partitions = options.partitions.length
    this.#partitions = options.partitions
    this.#appends = options.appends
    this.#positions = options.positions
    this.#readOnly = options.readOnly
    this.#failpoints = options.failpoints
    this.#passed = options.passed
    this.#writeCommits = options.writeCommits
    const source = {
      partitions: this.partitions,
      read: (partition: number, from: Offset, limit: ReadLimit) => this.#partition(partition).read(from, limit),
      end: (partition: number) => this.#partition(partition).next,
      start: (group: string, partition: number) =>
        this.#positions.get(this.name, group, partition) ?? this.#partition(partition).begin,
      commit: (group: string, partition: number, next: Offset) => this.#commit(group, partition, next),
    }
    this.#readers = new InProcessReaders(source, options.clock)
  }

  async append(id: number, records: readonly LogRecord[]): Promise<readonly Offset[]> {
    const partition = this.#partition(id)
    this.#failpoints.before()
    if (records.length === 0) return []
    return new Promise((resolve, reject) => {
      this.#appends.add({
        partition,
        records,
        midway: this.#failpoints.midway,
        done: (stored) => {
          this.#readers.appended(stored)
          try {
            this.#failpoints.after()
            resolve(stored.map(({ offset }) => offset))
          } catch (error) {
            reject(failureOf(error, 'commit', this.name))
          }
        },
        failed: reject,
      })
    })
  }

  async read(partition: number, from: Offset, limit: ReadLimit) {
    return this.#fresh(partition).read(from, limit)
  }

  async range(partition: number): Promise<{ begin: Offset; end: Offset }> {
    const { begin, next } = this.#fresh(partition)
    return { begin, end: next }
  }

  work(group: string, run: (owned: OwnedPartition) => Promise<void>): Membership {
    this.#checkWritable()
    return this.#readers.work(group, run)
  }

  tail(reader: TailReader): Membership {
    this.#checkWritable()
    return this.#readers.tail(reader)
  }

  async lag(group: string): Promise<readonly PartitionLag[]> {
    return this.#partitions.map(({ id }) => {
      const partition = this.#fresh(id)
      const from = Math.max(partition.begin, this.#positions.get(this.name, group, id) ?? partition.begin)
      const records = partition.count(from, partition.next)
      return { partition: id, records, oldest: records === 0 ? undefined : partition.timestampAt(from) }
    })
  }

  async committed(group: string, partition: number): Promise<Offset | undefined> {
    this.#fresh(partition)
    return this.#positions.get(this.name, group, partition)
  }

  /** Ends the memberships; the file is the caller's to close. */
  async stop(): Promise<void> {
    await this.#readers.close()
    this.#isClosed = true
  }

  async #commit(group: string, id: number, next: Offset): Promise<void> {
    this.#partition(id)
    const before = this.#positions.get(this.name, group, id) ?? 0
    this.#positions.set(this.name, group, id, next)
    if (next >= before) return this.#passed()
    // To lose this one would skip what the store does again from here on (R9), so it does not wait.
    try {
      this.#writeCommits()
    } catch (error) {
      this.#positions.set(this.name, group, id, before)
      throw failureOf(error, 'commit', this.name)
    }
  }

  /** The partition as it is now, also where another process writes. */
  #fresh(id: number): Partition {
    const partition = this.#partition(id)
    if (this.#readOnly) {
      partition.refresh()
      this.#positions.refresh()
    }
    return partition
  }

  #partition(id: number): Partition {
    if (this.#isClosed) throw new Failure('closed', `the log ${this.name} was closed`)
    const partition = this.#partitions[id]
    if (partition === undefined)
      throw new Failure('operator', `the log ${this.name} has ${this.partitions} partitions: there is no ${id}`)
    return partition
  }

  #checkWritable(): void {
    if (this.#isClosed) throw new Failure('closed', `the log ${this.name} was closed`)
    if (this.#readOnly) throw new Failure('operator', `the log ${this.name} was opened for reading only`)
  }
}
