import { Failure } from '../../../src/ports/failure.ts'
import type {
  Log,
  LogRecord,
  Membership,
  Offset,
  OwnedPartition,
  PartitionLag,
  ReadLimit,
  TailReader,
} from '../../../src/ports/log.ts'
import type { Brokers } from './brokers.ts'
import type { Kept } from './kept.ts'
import type { Lane } from './lane.ts'
import type { Link } from './link.ts'

/** One log, from one process. Each call takes its time both ways, and may fail. */
export class NetworkedLog implements Log {
  readonly name: string
  readonly partitions: number
  readonly durability = 'replicated'
  readonly #brokers: Brokers
  readonly #link: Link
  readonly #lanes: readonly Lane[]
  readonly #memberships = new Set<Membership>()
  readonly #place: string
  #isClosed = false

  constructor(brokers: Brokers, link: Link, lanes: readonly Lane[]) {
    this.name = brokers.name
    this.partitions = brokers.partitions.length
    this.#brokers = brokers
    this.#link = link
    this.#place = `${link.process} at ${brokers.name}`
    this.#lanes = lanes
  }

  async append(partition: number, records: readonly LogRecord[]): Promise<readonly Offset[]> {
    this.#check(partition)
    return records.length === 0 ? [] : ((await this.#lanes[partition]?.append(records)) ?? [])
  }

  async read(partition: number, from: Offset, limit: ReadLimit) {
    const kept = this.#check(partition)
    return this.#ask(() => kept.read(from, limit))
  }

  async range(partition: number): Promise<{ begin: Offset; end: Offset }> {
    const kept = this.#check(partition)
    return this.#ask(() => ({ begin: kept.begin, end: kept.end }))
  }

  work(group: string, run: (owned: OwnedPartition) => Promise<void>): Membership {
    this.#check(0)
    const membership = this.#brokers.work(this.#link, group, run)
    this.#memberships.add(membership)
    return membership
  }

  tail(reader: TailReader): Membership {
    this.#check(0)
    const membership = this.#brokers.tail(this.#link, reader)
    this.#memberships.add(membership)
    return membership
  }

  async lag(group: string): Promise<readonly PartitionLag[]> {
    this.#check(0)
    return this.#ask(() => this.#brokers.lag(group))
  }

  async committed(group: string, partition: number): Promise<Offset | undefined> {
    this.#check(partition)
    return this.#ask(() => this.#brokers.committed(group, partition))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#memberships].map((membership) => membership.stop()))
  }

  #check(partition: number): Kept {
    if (this.#isClosed) throw new Failure('closed', `the log ${this.name} was closed`)
    return this.#brokers.kept(partition)
  }

  /** The answer is as of some moment between question and answer. */
  #ask<T>(effect: () => T): Promise<T> {
    const link = this.#link
    const { troubles } = this.#brokers
    const { clock } = troubles
    return new Promise((resolve, reject) => {
      const fail = (ms: number) =>
        clock.after(ms, () => link.awake(() => reject(new Failure('transient', 'the simulated log does not answer'))))
      link.awake(() => {
        if (troubles.strikes('log.read.fails', this.#place)) return fail(troubles.latencyMs())
        const early = troubles.chance.happens(0.5) ? { answer: effect() } : undefined
        clock.after(troubles.strikes('log.read.slow', this.#place) ? troubles.delayMs() : troubles.latencyMs(), () => {
          if (link.isCut) return fail(troubles.patienceMs())
          const { answer } = early ?? { answer: effect() }
          link.awake(() => resolve(answer))
        })
      })
    })
  }
}
