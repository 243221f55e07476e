import type { Chance } from './chance.ts'
import type { SimulatedClock } from './clock.ts'

/**
 * What the models of engines and networks share in one run. A model asks `faulty(name)` wherever it may go wrong; how often that is so was
 * drawn for this seed, zero included, and after `heal` it never is.
 */
export interface Surroundings {
  readonly clock: SimulatedClock
  /** A model takes a `fork` of it for itself. */
  readonly chance: Chance
  /** Whether the fault of this name happens now: names are words with dots, `log.append.replyLost`. */
  faulty(name: string): boolean
  /** Counts something interesting that came true: a campaign in which one of them never did proves nothing. */
  sometimes(name: string): void
  /** A line of the trace, kept only when somebody reads it. */
  trace(line: () => string): void
}
