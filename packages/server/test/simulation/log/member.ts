import type { Membership, Offset, OwnedPartition } from '../../../src/ports/log.ts'
import type { Group } from './group.ts'
import type { Link } from './link.ts'
import { Owned } from './owned.ts'

/** How long `run` rests after it ended although the partition is still its own: doubled each time without a commit. */
const RUN_AGAIN_MS = 100
const RUN_AGAIN_MS_MAX = 5_000

/** A partition, given to a member once. */
export class Tenure {
  readonly partition: number
  readonly member: Member
  /** What the group had committed when it was given. */
  readonly start: Offset
  readonly #abort = new AbortController()
  readonly #onAbort = new Set<() => void>()

  constructor(partition: number, member: Member, start: Offset) {
    this.partition = partition
    this.member = member
    this.start = start
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** The member learns that the partition is lost. */
  abort(): void {
    if (this.signal.aborted) return
    this.member.group.ceases(this)
    this.#abort.abort()
    for (const call of this.#onAbort) call()
  }

  /** Calls on the abort, after those who listen to the signal, until the function returned is called. */
  onAbort(call: () => void): () => void {
    this.#onAbort.add(call)
    return () => this.#onAbort.delete(call)
  }
}

/** A member as its own process sees it: at most one `run` at a time for each partition, whatever the coordinator believes. */
export class Member implements Membership {
  readonly group: Group
  readonly link: Link
  readonly #run: (owned: OwnedPartition) => Promise<void>
  /** What it believes to own, and what it has not finished with. */
  readonly #tenures = new Set<Tenure>()
  /** The last `run` of each partition, and all before it. */
  readonly #running = new Map<number, Promise<void>>()
  #stopped: Promise<void> | undefined

  constructor(group: Group, link: Link, run: (owned: OwnedPartition) => Promise<void>) {
    this.group = group
    this.link = link
    this.#run = run
  }

  join(): void {
    const { troubles } = this.group
    troubles.clock.after(troubles.latencyMs(), () =>
      this.link.reach(() => {
        if (this.#stopped === undefined) this.group.admit(this)
      }),
    )
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** Told that a partition is its own; it may have lost it since, or may not have heard yet that it had lost it before. */
  begin(tenure: Tenure): void {
    if (tenure.signal.aborted || this.#stopped !== undefined) {
      this.#release(tenure)
      return
    }
    const { partition } = tenure
    this.#tenures.add(tenure)
    const earlier = this.#running.get(partition) ?? Promise.resolve()
    this.#running.set(
      partition,
      earlier.then(() => this.#work(tenure)),
    )
  }

  /** Told that it was taken for dead. */
  expelled(lost: readonly Tenure[]): void {
    for (const tenure of lost) tenure.abort()
    if (this.#stopped === undefined) this.join()
  }

  async #work(tenure: Tenure): Promise<void> {
    if (!tenure.signal.aborted) this.group.believes(tenure)
    let start = tenure.start
    let restMs = RUN_AGAIN_MS
    while (!tenure.signal.aborted) {
      const owned = new Owned(this.group, tenure, start)
      try {
        await this.#run(owned)
      } catch {
        // Whoever runs says for itself why it ended; here it only matters that it did.
      }
      if (owned.hasCommitted) restMs = RUN_AGAIN_MS
      start = await this.#rest(tenure, restMs)
      restMs = Math.min(2 * restMs, RUN_AGAIN_MS_MAX)
    }
    this.group.ceases(tenure)
    this.#release(tenure)
  }

  /** Resolves with where to start again: what is committed before the rest, or after it. */
  #rest(tenure: Tenure, ms: number): Promise<Offset> {
    const { group, link } = this
    const { clock, chance } = group.troubles
    const early = chance.happens(0.5) ? group.start(tenure.partition) : undefined
    return new Promise((resolve) => {
      const wake = () => {
        cancel()
        ignoreAbort()
        resolve(early ?? group.start(tenure.partition))
      }
      const cancel = clock.after(ms, () => link.reach(wake))
      const ignoreAbort = tenure.onAbort(wake)
      if (tenure.signal.aborted) wake()
    })
  }

  /** Tells the coordinator; a notice that is lost, it does without. */
  #release(tenure: Tenure): void {
    const { troubles } = this.group
    this.#tenures.delete(tenure)
    troubles.clock.after(troubles.latencyMs(), () => {
      if (!this.link.isCut) this.group.released(tenure)
    })
  }

  async #stop(): Promise<void> {
    for (const tenure of this.#tenures) tenure.abort()
    await Promise.all(this.#running.values())
    await this.#leave()
  }

  #leave(): Promise<void> {
    const { link, group } = this
    const { troubles } = group
    return new Promise((resolve) => {
      link.awake(() => {
        const isLost = link.isCut
        // Nobody hears of it, but nobody hears of the member any more either.
        const ms = isLost ? troubles.delayMs() : troubles.latencyMs()
        if (isLost) link.awake(resolve)
        troubles.clock.after(ms, () => {
          group.leave(this)
          link.awake(resolve)
        })
      })
    })
  }
}
