import { Failure } from '../../ports/failure.ts'
import type { Clock } from '../../ports/system.ts'

/** So long nobody waits for a cluster that has just not answered. */
const PAUSE_MS = 5_000

/** Why it was given up waiting for an answer. */
export class NoAnswer extends Failure {}

/**
 * Remembers that a cluster hangs: after one question that had no answer in time, others are told so at once instead of waiting as long each. When a pause
 * is over one question finds out whether it answers again.
 */
export class Hanging {
  readonly #clock: Pick<Clock, 'elapsed'>
  /** By the monotonic clock, in milliseconds; undefined while it answers. */
  #until: number | undefined
  #why = ''
  #answeredAt = Number.NEGATIVE_INFINITY

  constructor(clock: Pick<Clock, 'elapsed'>) {
    this.#clock = clock
  }

  async ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#until !== undefined) {
      if (this.#clock.elapsed() < this.#until) throw new Failure('transient', this.#why)
      // The next ones wait for what becomes of this one.
      this.#until = this.#clock.elapsed() + PAUSE_MS
    }
    const begun = this.#clock.elapsed()
    try {
      const answer = await question()
      this.#answered()
      return answer
    } catch (cause) {
      if (!(cause instanceof NoAnswer)) this.#answered()
      // Where others were answered meanwhile, it was the question that took too long.
      else if (this.#answeredAt < begun) {
        this.#why = cause.message
        this.#until = this.#clock.elapsed() + PAUSE_MS
      }
      throw cause
    }
  }

  #answered(): void {
    this.#until = undefined
    this.#answeredAt = this.#clock.elapsed()
  }
}
