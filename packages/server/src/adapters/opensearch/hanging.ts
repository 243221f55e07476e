import { Failure } from '../../ports/failure.ts'

/** So long nobody waits for a cluster that has just not answered. */
const PAUSE_MS = 5_000

/** Why it was given up waiting for an answer. */
export class NoAnswer extends Failure {}

/**
 * Remembers that a cluster hangs: after one question that had no answer in time, others are told so at once instead of waiting as long each. When a pause
 * is over one question finds out whether it answers again.
 */
export class Hanging {
  /** By the process's own clock, in milliseconds; undefined while it answers. */
  #until: number | undefined
  #why = ''
  #answeredAt = 0

  async ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#until !== undefined) {
      if (performance.now() < this.#until) throw new Failure('transient', this.#why)
      // The next ones wait for what becomes of this one.
      this.#until = performance.now() + PAUSE_MS
    }
    const begun = performance.now()
    try {
      const answer = await question()
      this.#answered()
      return answer
    } catch (cause) {
      if (!(cause instanceof NoAnswer)) this.#answered()
      // Where others were answered meanwhile, it was the question that took too long.
      else if (this.#answeredAt < begun) {
        this.#why = cause.message
        this.#until = performance.now() + PAUSE_MS
      }
      throw cause
    }
  }

  #answered(): void {
    this.#until = undefined
    this.#answeredAt = performance.now()
  }
}
