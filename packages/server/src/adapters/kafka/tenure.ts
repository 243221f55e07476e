import { Failure } from '../../ports/failure.ts'
import type { Offset, OwnedPartition } from '../../ports/log.ts'
import type { Clients } from './clients.ts'
import { type Committer, Fenced } from './committer.ts'
import { failureOf } from './failures.ts'
import { Fetcher } from './fetcher.ts'
import type { Gate } from './gate.ts'
import { Owned } from './owned.ts'
import type { Positions } from './positions.ts'
import type { Waits } from './waits.ts'

export type Run = (owned: OwnedPartition) => Promise<void>

/** How long `run` rests after it returned or threw although the partition is still ours: doubled each time without a commit. */
const RUN_AGAIN_MS = 100
const RUN_AGAIN_MS_MAX = 5_000

export interface TenureParts {
  readonly clients: Clients
  readonly topic: string
  /** The group's full name. */
  readonly group: string
  readonly positions: Positions
  readonly waits: Waits
  readonly gate: Gate
  readonly run: Run
}

/** One partition while this member owns it, over every generation in which it keeps it and every call of `run`. */
export class Tenure {
  readonly partition: number
  readonly #parts: TenureParts
  readonly #release = new AbortController()
  readonly #fetcher: Fetcher
  /** The current generation's; the last one's in which the partition was ours, once it is lost. */
  #committer: Committer
  #owned: Owned | undefined
  #committed: Offset = 0
  #isCommitted = false
  #onIdle: (() => void)[] = []

  constructor(partition: number, committer: Committer, parts: TenureParts) {
    this.partition = partition
    this.#committer = committer
    this.#parts = parts
    this.#fetcher = new Fetcher(parts.clients, parts.topic)
  }

  /** It is ours in the next generation too, and was nobody else's in between. */
  keep(committer: Committer): void {
    this.#committer = committer
  }

  end(): void {
    this.#release.abort()
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  /** Resolves when nothing that was read is being worked on, or when the tenure ends. */
  async idle(): Promise<void> {
    if (this.#release.signal.aborted || (this.#owned?.isIdle ?? true)) return
    await new Promise<void>((resolve) => this.#onIdle.push(resolve))
  }

  /** Calls `run` again and again until the tenure ends. Never rejects. */
  async work(): Promise<void> {
    const { clients, gate, positions, run } = this.#parts
    const { signal } = this.#release
    let restMs = RUN_AGAIN_MS
    while (!signal.aborted) {
      const position = await this.#start()
      if (position === undefined) break
      const owned = new Owned(this.partition, position, this.#isCommitted, signal, {
        clients,
        fetcher: this.#fetcher,
        positions,
        gate,
        commit: (next) => this.#commit(next),
        idle: () => this.#tellIdle(),
      })
      this.#owned = owned
      try {
        await run(owned)
      } catch {
        // Whoever runs says for itself why it ended; here it only matters that it did.
      }
      this.#owned = undefined
      this.#tellIdle()
      if (owned.hasCommitted) restMs = RUN_AGAIN_MS
      await clients.clock.sleep(restMs, signal)
      restMs = Math.min(2 * restMs, RUN_AGAIN_MS_MAX)
    }
    await this.#fetcher.close()
  }

  /** The group's commit, or the log's beginning; undefined when the tenure ended before any broker said so. */
  async #start(): Promise<Offset | undefined> {
    const { clients, group, topic, positions, waits } = this.#parts
    const { signal } = this.#release
    try {
      for (let tries = 0; !signal.aborted; tries++) {
        try {
          const committed = (await positions.committed(group, [this.partition], signal)).get(this.partition)
          this.#committed = committed ?? 0
          this.#isCommitted = committed !== undefined
          return committed ?? (await positions.range(this.partition, signal)).begin
        } catch (error) {
          waits.begin(
            this,
            failureOf(error, 'ask', `starting partition ${this.partition} of the topic ${topic}`).message,
          )
        }
        await clients.rest(tries, signal)
      }
      return undefined
    } finally {
      waits.end(this)
    }
  }

  async #commit(next: Offset): Promise<void> {
    const { clients, gate, group } = this.#parts
    const { clock, timeouts } = clients
    const startedAt = clock.elapsed()
    const what = `committing partition ${this.partition} of the group ${group}`
    for (let tries = 0; ; tries++) {
      const committer = this.#committer
      const { aborted } = this.#release.signal
      try {
        await committer.commit(this.partition, next)
        this.#committed = next
        return
      } catch (error) {
        const isFenced = error instanceof Fenced
        if (isFenced && aborted) return this.#commitLate(next)
        const failure = isFenced
          ? new Failure('transient', `${what}: ${error.message}`, error)
          : failureOf(error, 'ask', what)
        const isOver = clock.elapsed() - startedAt >= timeouts.askMs || aborted || clients.closed.aborted
        if (failure.class !== 'transient' || isOver) throw failure
        // In the next generation it may be ours still; if it is not, the signal aborts.
        if (isFenced) await gate.opened(timeouts.askMs, this.#release.signal)
      }
      await clients.rest(tries, this.#release.signal)
    }
  }

  /** The next owner has its own account of what is finished, so ours may go; but nobody may take one that goes back for made (R9). */
  #commitLate(next: Offset): void {
    if (next < this.#committed)
      throw new Failure(
        'closed',
        `partition ${this.partition} is not ours any more: its group was not set back to ${next}`,
      )
  }

  #tellIdle(): void {
    if (this.#owned === undefined || this.#owned.isIdle) for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}
