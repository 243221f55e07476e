import type { Random } from '../ports/system.ts'

/** How long to wait between tries: between nothing and a ceiling that doubles with each try, up to `delayMsMax`. */
export interface Backoff {
  /** The ceiling of the first wait. */
  readonly delayMs: number
  readonly delayMsMax: number
}

/**
 * Full jitter: a wait drawn evenly from 0 to the ceiling, so that those who failed together don't come back together.
 * At least 1 ms, so that no wait is a busy loop. (AWS Architecture Blog, "Exponential Backoff And Jitter".)
 */
export function waitMs(random: Random, { delayMs, delayMsMax }: Backoff, tries: number): number {
  const ceiling = Math.min(delayMsMax, delayMs * 2 ** Math.min(tries, 30))
  return Math.max(1, Math.ceil(random.next() * ceiling))
}
