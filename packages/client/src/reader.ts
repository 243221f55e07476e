import type { Entry } from '@holdfast/protocol'
import { LIMITS } from '@holdfast/protocol'
import { backoffMs } from './backoff.ts'
import { type Fault, fault, HoldfastError } from './errors.ts'
import { Follower, type ReadPage, type Sink } from './follower.ts'
import type { Cancel, Clock, Random } from './platform.ts'
import type { Session } from './session.ts'
import type { Settings } from './settings.ts'
import type { Position, Timeline } from './timeline.ts'

export interface ReadOptions {
  /** Begin behind this place: a seq, or a position kept from an earlier time, which also tells whether history was reset since. */
  readonly after?: number | Position
  readonly signal?: AbortSignal
}

export interface ReaderParts {
  readonly session: Session
  readonly clock: Clock
  readonly random: Random
  readonly settings: Settings
  readonly readPage: ReadPage
}

/**
 * A room's entries, for `for await`: in order, without a hole or a repeat. It goes on until the loop is left; else it ends by a
 * HoldfastError: ABORTED, CLOSED, NOT_A_MEMBER or NOT_FOUND, HISTORY_RESET.
 */
export class Reader implements AsyncIterableIterator<Entry, undefined> {
  readonly #timeline: Timeline
  readonly #parts: ReaderParts
  readonly #options: ReadOptions
  readonly #stopped: () => void
  readonly #held: Entry[] = []
  #follower: Follower | undefined
  #opening: Cancel | undefined
  #waiting: { resolve: (result: IteratorResult<Entry, undefined>) => void; reject: (error: unknown) => void }[] = []
  #failure: HoldfastError | undefined
  #done = false
  #failures = 0

  constructor(timeline: Timeline, options: ReadOptions, parts: ReaderParts, stopped: () => void) {
    this.#timeline = timeline
    this.#parts = parts
    this.#options = options
    this.#stopped = stopped
    const { signal } = options
    if (signal?.aborted) this.#aborted()
    else {
      signal?.addEventListener('abort', this.#aborted)
      this.#begin()
    }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Entry, undefined>> {
    const entry = this.#held.shift()
    if (entry !== undefined) {
      this.#follower?.fill()
      return Promise.resolve({ done: false, value: entry })
    }
    if (this.#failure !== undefined) {
      const failure = this.#failure
      this.#failure = undefined
      return Promise.reject(failure)
    }
    if (this.#done) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<Entry, undefined>> {
    this.#stop()
    this.#held.length = 0
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined })
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Ends the reading by an error, after what it holds was taken, or at once. */
  fail(error: HoldfastError, when: 'then' | 'now'): void {
    if (this.#done) return
    this.#stop()
    if (when === 'now') this.#held.length = 0
    const [first, ...others] = this.#waiting.splice(0)
    if (first === undefined) this.#failure = error
    else first.reject(error)
    for (const { resolve } of others) resolve({ done: true, value: undefined })
  }

  #begin(): void {
    if (this.#timeline.isMember) this.#follow()
    else
      this.#opening = this.#parts.session.whenOpen(this.#timeline.room, {
        opened: () => this.#follow(),
        failed: (why) => this.#openFailed(why),
      })
  }

  #openFailed(why: Fault): void {
    const { clock, random, settings } = this.#parts
    if (why.retryable && why.code !== 'CLOSED') {
      const waitMs = (why.retryAfterMs ?? 0) + backoffMs(this.#failures++, settings, random)
      this.#opening = clock.after(waitMs, () => this.#begin())
    } else this.#failed(why)
  }

  #follow(): void {
    this.#opening = undefined
    const after = this.#after()
    if (after?.epoch === this.#timeline.epoch) {
      this.#follower = new Follower(this.#timeline, this.#sink, this.#parts, after)
      this.#follower.fill()
    } else this.fail(resetError(this.#timeline), 'now')
  }

  #after(): Position | undefined {
    const { after } = this.#options
    const { place } = this.#timeline
    return typeof after === 'number' ? place && { epoch: place.epoch, seq: after } : (after ?? place)
  }

  readonly #sink: Sink = {
    wants: () => true,
    hasRoom: () => this.#held.length + LIMITS.pageEntriesMax <= this.#parts.settings.readerEntriesMax,
    take: (entry) => {
      const first = this.#waiting.shift()
      if (first === undefined) this.#held.push(entry)
      else first.resolve({ done: false, value: entry })
    },
    gap: () => {},
    reset: () => this.fail(resetError(this.#timeline), 'now'),
    left: () => this.#failed(fault('NOT_A_MEMBER')),
    failed: (why) => this.#failed(why),
  }

  #failed(why: Fault): void {
    this.fail(new HoldfastError(why.code, why), 'then')
  }

  readonly #aborted = (): void => {
    this.fail(new HoldfastError('ABORTED', { cause: this.#options.signal?.reason }), 'now')
  }

  #stop(): void {
    if (this.#done) return
    this.#done = true
    this.#opening?.()
    this.#follower?.stop()
    this.#options.signal?.removeEventListener('abort', this.#aborted)
    this.#stopped()
  }
}

function resetError({ room, place }: Timeline): HoldfastError {
  const end = place === undefined ? '' : ` It now ends at ${place.seq} in epoch ${place.epoch}.`
  return new HoldfastError('HISTORY_RESET', { message: `The history of ${room} was restored or lost.${end}` })
}
