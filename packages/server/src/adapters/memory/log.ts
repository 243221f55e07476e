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
  StoredRecord,
  TailReader,
} from '../../ports/log.ts'
import type { Clock } from '../../ports/system.ts'
import { between, type Faults } from './faults.ts'

export interface MemoryLogOptions {
  readonly partitions: number
  readonly clock: Clock
  readonly faults: Faults
  /** Records go once every one of these groups has passed them, but at least `retainedRecordsMin` below the lowest commit stay. */
  readonly groups: readonly string[]
  readonly retainedRecordsMin: number
}

/** A log in memory: gone with the process, and otherwise all that a log has to be. */
export class MemoryLog implements Log {
  readonly name: string
  readonly partitions: number
  readonly durability = 'memory'
  readonly #clock: Clock
  readonly #faults: Faults
  readonly #groups: readonly string[]
  readonly #retainedRecordsMin: number
  readonly #kept: Kept[]
  readonly #commits = new Map<string, (Offset | undefined)[]>()
  readonly #readers: InProcessReaders
  #closed = false

  constructor(name: string, { partitions, clock, faults, groups, retainedRecordsMin }: MemoryLogOptions) {
    this.name = name
    this.partitions = partitions
    this.#clock = clock
    this.#faults = faults
    this.#groups = groups
    this.#retainedRecordsMin = retainedRecordsMin
    this.#kept = Array.from({ length: partitions }, () => ({ begin: 0, records: [] }))
    const source = {
      partitions,
      read: (partition: number, from: Offset, limit: ReadLimit) => this.#read(partition, from, limit),
      end: (partition: number) => {
        const { begin, records } = this.#partition(partition)
        return begin + records.length
      },
      start: (group: string, partition: number) =>
        this.#committed(group, partition) ?? this.#partition(partition).begin,
      commit: (group: string, partition: number, next: Offset) => this.#commit(group, partition, next),
    }
    this.#readers = new InProcessReaders(source, clock)
  }

  append(partition: number, records: readonly LogRecord[]): Promise<readonly Offset[]> {
    return between(this.#faults, { call: 'append', log: this.name, partition, records }, () => {
      const kept = this.#partition(partition)
      const end = kept.begin + kept.records.length
      const timestamp = this.#clock.now()
      const stored = records.map(({ key, headers, value }, i) => ({
        key,
        headers: { ...headers },
        value: value.slice(),
        partition,
        offset: end + i,
        timestamp,
      }))
      for (const record of stored) kept.records.push(record)
      this.#readers.appended(stored)
      return stored.map(({ offset }) => offset)
    })
  }

  async read(partition: number, from: Offset, limit: ReadLimit) {
    return this.#read(partition, from, limit)
  }

  async range(partition: number): Promise<{ begin: Offset; end: Offset }> {
    const { begin, records } = this.#partition(partition)
    return { begin, end: begin + records.length }
  }

  work(group: string, run: (owned: OwnedPartition) => Promise<void>): Membership {
    this.#checkOpen()
    return this.#readers.work(group, run)
  }

  tail(reader: TailReader): Membership {
    this.#checkOpen()
    return this.#readers.tail(reader)
  }

  async lag(group: string): Promise<readonly PartitionLag[]> {
    this.#checkOpen()
    return this.#kept.map(({ begin, records }, partition) => {
      const first = Math.max(0, (this.#committed(group, partition) ?? begin) - begin)
      return { partition, records: Math.max(0, records.length - first), oldest: records[first]?.timestamp }
    })
  }

  async committed(group: string, partition: number): Promise<Offset | undefined> {
    this.#checkOpen()
    return this.#committed(group, partition)
  }

  /** Interrupts every tail, as a lost broker would: what is appended until `mendTails` they never see. */
  breakTails(cause: unknown): void {
    this.#readers.breakTails(cause)
  }

  mendTails(): void {
    this.#readers.mendTails()
  }

  async close(): Promise<void> {
    await this.#readers.close()
    this.#closed = true
  }

  #read(partition: number, from: Offset, { recordsMax, bytesMax }: ReadLimit) {
    this.#faults.before?.({ call: 'read', log: this.name, partition, from })
    const { begin, records } = this.#partition(partition)
    const taken: StoredRecord[] = []
    let bytes = 0
    for (let i = Math.max(0, from - begin); i < records.length && taken.length < recordsMax; i++) {
      const record = records[i]
      if (record === undefined) break
      bytes += record.value.length
      // One record is always given, or a reader would never get past a long one.
      if (bytes > bytesMax && taken.length > 0) break
      taken.push(record)
    }
    const last = taken.at(-1)
    return { records: taken, next: last === undefined ? from : last.offset + 1 }
  }

  #commit(group: string, partition: number, next: Offset): Promise<void> {
    return between(this.#faults, { call: 'commit', log: this.name, group, partition, next }, () => {
      this.#checkOpen()
      const commits = this.#commits.get(group) ?? []
      commits[partition] = next
      this.#commits.set(group, commits)
      this.#trim(partition)
    })
  }

  #committed(group: string, partition: number): Offset | undefined {
    return this.#commits.get(group)?.[partition]
  }

  #trim(partition: number): void {
    if (this.#groups.length === 0) return
    const kept = this.#partition(partition)
    const passed = Math.min(...this.#groups.map((group) => this.#committed(group, partition) ?? kept.begin))
    const surplus = Math.min(passed - this.#retainedRecordsMin - kept.begin, kept.records.length)
    // In strides, so that a commit does not move the whole array each time.
    if (surplus < this.#retainedRecordsMin / 2 || surplus <= 0) return
    kept.records.splice(0, surplus)
    kept.begin += surplus
  }

  #partition(partition: number): Kept {
    this.#checkOpen()
    const kept = this.#kept[partition]
    if (kept === undefined)
      throw new Failure('operator', `the log ${this.name} has ${this.partitions} partitions: there is no ${partition}`)
    return kept
  }

  #checkOpen(): void {
    if (this.#closed) throw new Failure('closed', `the log ${this.name} was closed`)
  }
}

/** Invariant: the offsets of `records` are begin, begin + 1, begin + 2 … */
interface Kept {
  begin: Offset
  readonly records: StoredRecord[]
}
