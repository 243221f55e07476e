import type { Membership, Offset, TailReader } from '../../../src/ports/log.ts'
import type { Kept } from './kept.ts'
import type { Link } from './link.ts'
import type { Troubles } from './troubles.ts'

/** After a break, until a reader tries again. */
const ESTABLISH_MS_MAX = 3_000
/** A client whose connection is silent for so long calls it broken. */
const SILENCE_MS_MAX = 15_000

const ALL = { bytesMax: Number.POSITIVE_INFINITY }

/**
 * One reader without a group. Invariant: established, it is shown every record of each partition from `#next` on, in order;
 * before and between, it misses what is appended.
 */
export class Tail implements Membership {
  readonly #troubles: Troubles
  readonly #link: Link
  readonly #partitions: readonly Kept[]
  readonly #reader: TailReader
  #state: 'waiting' | 'established' | 'stopped' = 'waiting'
  /** Where each partition is, and whether somebody is on the way to look. */
  readonly #next: Offset[]
  readonly #isDue: boolean[]
  readonly #unwatch: () => void
  readonly #place: string

  constructor(troubles: Troubles, link: Link, log: string, partitions: readonly Kept[], reader: TailReader) {
    this.#troubles = troubles
    this.#place = `${link.process} following ${log}`
    this.#link = link
    this.#partitions = partitions
    this.#reader = reader
    this.#next = partitions.map(() => 0)
    this.#isDue = partitions.map(() => false)
    this.#unwatch = link.onLost(() => this.#lost())
    this.#establish(troubles.latencyMs())
  }

  get isOver(): boolean {
    return this.#state === 'stopped' || this.#link.isCrashed
  }

  stop(): Promise<void> {
    this.#state = 'stopped'
    this.#unwatch()
    return Promise.resolve()
  }

  /** What befalls a tail by itself. */
  tick(): void {
    if (this.#state === 'established' && this.#troubles.strikes('log.tail.breaks', this.#place))
      this.#link.awake(() => this.#break(new Error('the simulated tail broke')))
  }

  appended(partition: number): void {
    if (this.#state !== 'established' || this.#isDue[partition]) return
    this.#look(partition)
  }

  /** Each partition is followed from a moment of its own on, before the reader is told. */
  #establish(ms: number): void {
    const { clock, chance } = this.#troubles
    clock.after(ms, () =>
      this.#link.reach(() => {
        const ends = this.#partitions.map(({ end }) => end)
        clock.after(this.#troubles.latencyMs(), () =>
          this.#link.reach(() => {
            if (this.#state !== 'waiting') return
            this.#state = 'established'
            for (const [partition, { end }] of this.#partitions.entries())
              this.#next[partition] = chance.happens(0.5) ? end : (ends[partition] ?? end)
            this.#troubles.trace(() => `${this.#place}: established`)
            this.#reader.established()
            for (const { partition } of this.#partitions) this.appended(partition)
          }),
        )
      }),
    )
  }

  #look(partition: number): void {
    const kept = this.#partitions[partition] as Kept
    if (!kept.has(this.#next[partition] ?? 0, 1)) return
    this.#isDue[partition] = true
    const ms = this.#troubles.strikes('log.tail.slow', this.#place)
      ? this.#troubles.delayMs()
      : this.#troubles.latencyMs()
    this.#troubles.clock.after(ms, () =>
      this.#link.reach(() => {
        this.#isDue[partition] = false
        if (this.#state === 'established') this.#show(kept)
      }),
    )
  }

  #show(kept: Kept): void {
    const { partition } = kept
    const from = this.#next[partition] ?? 0
    if (from < kept.begin) {
      this.#break(new Error('the simulated tail was too slow: records are gone'))
      return
    }
    const { records: there } = kept.from(from)
    const isCut = there > 1 && this.#troubles.strikes('log.tail.inPieces', this.#place)
    const recordsMax = isCut ? this.#troubles.chance.between(1, there - 1) : there
    const { records, next } = kept.read(from, { ...ALL, recordsMax })
    this.#next[partition] = next
    if (records.length === 0) return
    this.#troubles.trace(() => `${this.#place}: shown ${records.length} of ${kept.name} to ${next}`)
    try {
      this.#reader.records(records)
    } catch (cause) {
      // The append succeeded whatever a reader makes of it; this reader has missed records and has to look afresh.
      this.#break(cause)
    }
    this.appended(partition)
  }

  #lost(): void {
    const { clock, chance } = this.#troubles
    const { losses } = this.#link
    clock.after(chance.below(SILENCE_MS_MAX), () => {
      if (!this.#link.isCut || this.#link.losses !== losses) return
      this.#troubles.happened('log.tail.cut')
      this.#link.awake(() => this.#break(new Error('the simulated connection is silent')))
    })
  }

  #break(cause: unknown): void {
    if (this.#state !== 'established') return
    this.#state = 'waiting'
    this.#troubles.trace(() => `${this.#place}: broken`)
    this.#reader.broken(cause)
    this.#establish(this.#troubles.chance.below(ESTABLISH_MS_MAX))
  }
}
