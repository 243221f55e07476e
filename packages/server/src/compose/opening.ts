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

  /**
   * `variable` is where it is set, for whoever has to mend it. Rejects with a Failure of class closed as soon as the signal aborts, and with
   * what is no Failure: a fault of ours.
   */
  async open<Opened extends Closable>(name: string, variable: string, open: () => Promise<Opened>): Promise<Opened> {
    const { clock, random, logger, signal } = this.#options
    this.#waiting.set(name, 'is being opened')
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        const opened = await orAborted(open(), signal)
        if (opened === undefined) break
        this.#waiting.delete(name)
        return opened
      } catch (cause) {
        if (!(cause instanceof Failure)) throw cause
        const sentence = `${cause.message} (${variable}; tried again until it works)`
        if (this.#waiting.get(name) !== sentence) logger.warn({ engine: name, class: cause.class }, sentence)
        this.#waiting.set(name, sentence)
      }
      await clock.sleep(waitMs(random, BACKOFF, tries), signal)
    }
    throw new Failure('closed', 'the start was broken off')
  }
}

interface Closable {
  close(): Promise<void>
}

/** What was opened, or undefined when the signal aborts first: then nobody waits for it, and it is closed should it still come. */
function orAborted<Opened extends Closable>(
  opening: Promise<Opened>,
  signal: AbortSignal,
): Promise<Opened | undefined> {
  return new Promise((resolve, reject) => {
    const abandon = () => resolve(undefined)
    signal.addEventListener('abort', abandon, { once: true })
    opening
      .then((opened) => {
        signal.removeEventListener('abort', abandon)
        if (!signal.aborted) return resolve(opened)
        return opened.close()
      })
      .catch(reject)
  })
}
