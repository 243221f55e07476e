import type { Chance } from '../chance.ts'
import type { SimulatedClock } from '../clock.ts'
import type { Surroundings } from '../world.ts'

/** Everything that may go wrong with a log of its own accord. How often, the seed's mixture says. */
export const LOG_FAULTS = [
  /** Certain failures: nothing was appended, nothing ever will be. */
  'log.append.refused',
  'log.append.overload',
  /** Appended, and the caller is told that nobody knows. */
  'log.append.replyLost',
  /** The caller is told that nobody knows, and only then it is appended. */
  'log.append.landsLater',
  /** The caller is told that nobody knows, and nothing, or only its beginning, is ever appended. */
  'log.append.lost',
  'log.append.partly',
  /** What the caller is told, no rule knows. */
  'log.append.oddError',
  /** Two requests: others' records may stand between. */
  'log.append.inPieces',
  'log.append.slow',
  'log.append.offsetsLeftOut',
  /** Another broker leads the partition now, and its clock is wrong. */
  'log.append.clockOff',
  'log.read.fails',
  'log.read.slow',
  'log.read.short',
  /** Asked once, at the beginning: whether the commits of members that were taken over count. */
  'log.commit.staleAccepted',
  'log.commit.fails',
  'log.commit.replyLost',
  'log.commit.landsLater',
  'log.commit.landsAgain',
  /** A living member is taken for dead. */
  'log.group.memberDropped',
  'log.group.rebalance',
  /** Another rebalance on the heels of one. */
  'log.group.again',
  /** Everybody loses everything, and may get it back. */
  'log.group.eager',
  'log.group.shuffled',
  /** The old owner hears late of its loss, and the new one works already. */
  'log.group.revokeLate',
  /** The old owner hears in time, but the new one does not wait for it to finish. */
  'log.group.takenEarly',
  'log.tail.breaks',
  'log.tail.slow',
  'log.tail.inPieces',
  /** Old records that every group has passed are trimmed. */
  'log.trimmed',
  /** A process and the log do not reach each other for a while. */
  'log.cutOff',
] as const

/** What comes of them, and of what is done to processes. */
export const LOG_EVENTS = [
  ...LOG_FAULTS,
  'log.append.tooLarge',
  /** It landed after its caller gave up, and after records of others that came later. */
  'log.append.behindOthers',
  'log.append.afterCrash',
  'log.append.cut',
  'log.commit.stale',
  'log.commit.staleRefused',
  'log.commit.backward',
  'log.group.expired',
  'log.group.cameBack',
  'log.group.twoOwners',
  'log.group.threeOwners',
  'log.group.bouncedBack',
  /** A new owner starts below what an earlier one has read. */
  'log.group.overlap',
  'log.tail.cut',
] as const

export type LogFault = (typeof LOG_FAULTS)[number]
export type LogEvent = (typeof LOG_EVENTS)[number]

/** What all parts of the simulated logs share: time, chance, and what goes wrong. */
export class Troubles {
  readonly clock: SimulatedClock
  readonly chance: Chance
  readonly #surroundings: Surroundings

  constructor(surroundings: Surroundings) {
    this.clock = surroundings.clock
    this.chance = surroundings.chance.fork()
    this.#surroundings = surroundings
  }

  /** Whether this goes wrong now, in this place; then it is counted. */
  strikes(fault: LogFault, place: string): boolean {
    if (!this.#surroundings.faulty(fault)) return false
    this.#surroundings.sometimes(fault)
    this.#surroundings.trace(() => `${fault}: ${place}`)
    return true
  }

  happened(event: LogEvent): void {
    this.#surroundings.sometimes(event)
  }

  trace(line: () => string): void {
    this.#surroundings.trace(line)
  }

  /** One way through the network, or through a broker: mostly quick. */
  latencyMs(): number {
    return Math.floor(this.chance.next() ** 2 * 40)
  }

  /** Until a client gives a request up that nobody answers. */
  patienceMs(): number {
    return this.chance.between(50, 8_000)
  }

  /** Far longer than anybody expects. */
  delayMs(): number {
    return this.chance.between(100, 15_000)
  }
}
