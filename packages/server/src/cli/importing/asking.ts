import type { Clock, Random } from '../../ports/system.ts'
import { type Answer, mayComeRight, Refusal } from '../connection.ts'
import type { ImportCounts, ImportLimits } from './importer.ts'

export interface AskingParts {
  readonly request: (method: string, path: string, body?: object) => Promise<Answer>
  readonly clock: Clock
  readonly random: Random
  readonly limits: Pick<ImportLimits, 'backoffMsMin' | 'backoffMsMax' | 'patienceMsMax'>
}

/** What makes the server answer when the outcome is durable; it may still answer 202 when that takes too long. */
export const STORED = 'wait=stored'

/** The import was stopped before there was an answer. */
export class Interrupted extends Error {}

/** Asks a server that may be restarted meanwhile: the same request until there is an answer. Safe, because every id stays the same. */
export class Asking {
  readonly #parts: AskingParts
  readonly #counts: ImportCounts
  readonly #signal: AbortSignal
  /** When somebody was answered last, whoever it was. */
  #answeredAt: number

  constructor(parts: AskingParts, counts: ImportCounts, signal: AbortSignal) {
    this.#parts = parts
    this.#counts = counts
    this.#signal = signal
    this.#answeredAt = parts.clock.elapsed()
  }

  /**
   * Tries again with capped full-jitter back-off. `isCertain`: no earlier try of ours can have done it.
   * Rejects with a Refusal, with what nobody answered when patience is at its end, or with Interrupted.
   */
  async ask(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ readonly answer: Answer; readonly isCertain: boolean }> {
    const { request, clock, limits } = this.#parts
    let isCertain = true
    for (let tries = 1; ; tries++) {
      try {
        const answer = await request(method, path, body)
        this.#answeredAt = clock.elapsed()
        // 202 to one who waits for `stored`: accepted, but its end is not known yet.
        if (answer.status !== 202 || !path.endsWith(STORED)) return { answer, isCertain }
        isCertain = false
      } catch (error) {
        if (!mayComeRight(error) || clock.elapsed() - this.#answeredAt > limits.patienceMsMax) throw error
        // Who is told to come back later was not let in at all.
        if (!(error instanceof Refusal && error.status === 429)) isCertain = false
        await this.#backOff(tries, error instanceof Refusal ? error.retryAfterMs : undefined)
      }
      if (this.#signal.aborted) throw new Interrupted()
      this.#counts.retries++
    }
  }

  async #backOff(tries: number, retryAfterMs = 0): Promise<void> {
    const { clock, random, limits } = this.#parts
    const ceiling = Math.min(limits.backoffMsMax, limits.backoffMsMin * 2 ** Math.min(tries, 20))
    this.#counts.waiting++
    await clock.sleep(Math.max(retryAfterMs, ceiling * random.next()), this.#signal)
    this.#counts.waiting--
  }
}
