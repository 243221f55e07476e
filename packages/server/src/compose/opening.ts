import { type Backoff, waitMs } from '../core/retry.ts'
import { Failure } from '../ports/failure.ts'
import type { Clock, Logger, Random } from '../ports/system.ts'

export interface OpeningOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Ends the trying. */
  readonly signal: AbortSignal
}

const BACKOFF: Backoff = { delayMs: 500, delayMsMax: 5_000 }

/**
 * Opens what may not be there yet, and tries again for ever: an engine that comes up later, or an operator who mends what is wrong, needs
 * nobody to start this process anew. What it waits for is logged once, and told to whoever asks.
 */
export class Opening {
  readonly #options: OpeningOptions
  readonly #waiting = new Map<string, string>()

  constructor(options: OpeningOptions) {
    this.#options = options
  }

  /** One line for each engine that could not be opened yet. */
  get waiting(): readonly string[] {
    return [...this.#waiting].map(([name, why]) => `${name}: ${why}`)
  }

  /** Rejects with a Failure of class closed when the signal aborts, and with what is no Failure: a fault of ours. */
  async open<Opened extends { close(): Promise<void> }>(name: string, open: () => Promise<Opened>): Promise<Opened> {
    const { clock, random, logger, signal } = this.#options
    this.#waiting.set(name, 'is being opened')
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        const opened = await open()
        this.#waiting.delete(name)
        if (!signal.aborted) return opened
        await opened.close()
        break
      } catch (cause) {
        if (!(cause instanceof Failure)) throw cause
        if (this.#waiting.get(name) !== cause.message) logger.warn({ engine: name, cause }, cause.message)
        this.#waiting.set(name, cause.message)
      }
      await clock.sleep(waitMs(random, BACKOFF, tries), signal)
    }
    throw new Failure('closed', 'the start was broken off')
  }
}
