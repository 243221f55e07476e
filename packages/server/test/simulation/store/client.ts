import type { FailureClass } from '../../../src/ports/failure.ts'
import { type CallFaults, type Engine, faultsOf, type Line, REPLY_MS_MAX, spread } from '../line.ts'
import type { Collections } from './collections.ts'
import { MAJORITY_MS_MAX, type Pending, type Primary, type ReplicaSet, type Session } from './replica-set.ts'
import type { Position } from './versioned.ts'

/** What all processes share. */
export interface Shared {
  readonly engine: Engine
  readonly set: ReplicaSet
  readonly collections: Collections
}

/** When the next command of a call reads: it may let time pass, and then everything may have changed. */
export type Moment = () => Promise<Position>

/** What is asked for, and what is answered, in a line of a trace. */
type Call = string | (() => string)
type Tell<T> = (result: T) => string

const READ = faultsOf('store.read')
const CHANGE = faultsOf('store.change')
const HISTORY = faultsOf('store.history')
/** How far back an old read sees. */
const OLD_MS_MAX = 10_000
const PAUSE_MS_MAX = 3_000

/** One process's connection to the store: what the calls of its ports are made of. */
export class Client {
  readonly shared: Shared
  readonly line: Line
  readonly #session: Session

  constructor(shared: Shared, process: string) {
    this.shared = shared
    this.line = shared.engine.line(process)
    this.#session = shared.set.session()
  }

  // ---- the worker's reads, and small changes ----------------------------------------------------------------------------

  /** Commands of the worker, one after the other. */
  read<T>(call: string, commands: (moment: Moment) => Promise<T>, tell?: Tell<T>): Promise<T> {
    const run = async () => {
      const primary = await this.arrive(READ)
      const moment = this.#moments('store.read.torn', () => this.#causally(primary))
      const result = await commands(moment)
      await this.line.receive(READ, 0)
      return result
    }
    return this.inOneEra(call, run, tell)
  }

  /** One small write; its reply means that a majority has what `make` made, and all that it was made upon. */
  change<T>(call: string, make: (primary: Primary) => T, tell?: Tell<T>): Promise<T> {
    const run = async () => {
      const primary = await this.arrive(CHANGE)
      if (this.shared.engine.strikes('store.change.late')) {
        this.landLater(make)
        await this.fail('ambiguous', 'no reply to a change')
      }
      const result = make(primary)
      await this.reply(CHANGE, primary.pending.at(-1))
      return result
    }
    return this.inOneEra(call, run, tell)
  }

  // ---- readers ----------------------------------------------------------------------------------------------------------

  /**
   * One call of a reader, in one causally consistent session: each moment is at or after the last one, and none need be now. Nothing ties
   * one call to another (G11).
   */
  readHistory<T>(call: string, commands: (moment: Moment) => Promise<T>, tell?: Tell<T>): Promise<T> {
    const run = async () => {
      const { engine, set } = this.shared
      const { era } = set
      await this.line.send(HISTORY)
      await this.checkEra(era)
      const isOld = engine.surroundings.faulty('store.history.old')
      let floor = 0
      const moment = this.#moments('store.history.torn', async () => {
        const now = set.position
        floor = isOld ? Math.max(floor, this.#before()) : now
        if (floor < now) engine.surroundings.sometimes('store.history.old')
        return floor
      })
      const result = await commands(moment)
      await this.line.receive(HISTORY, 0)
      return result
    }
    return this.inOneEra(call, run, tell)
  }

  // ---- pieces -----------------------------------------------------------------------------------------------------------

  /** What is under way when everything is replaced by a backup is answered to nobody. */
  async inOneEra<T>(call: Call, run: () => Promise<T>, tell: Tell<T> = () => 'done'): Promise<T> {
    const { set, engine } = this.shared
    const { era } = set
    const trace = (end: () => string) =>
      engine.surroundings.trace(
        () => `store ${this.line.process} ${typeof call === 'string' ? call : call()}: ${end()}`,
      )
    try {
      const result = await run()
      await this.checkEra(era)
      trace(() => tell(result))
      return result
    } catch (error) {
      trace(() => `fails (${String(error)})`)
      throw error
    }
  }

  async checkEra(era: number): Promise<void> {
    if (era !== this.shared.set.era) await this.fail('ambiguous', 'the server was replaced')
  }

  /** A command arrives at the primary, or at one that takes itself for it. */
  async arrive(faults: CallFaults): Promise<Primary> {
    const { era } = this.shared.set
    await this.line.send(faults)
    await this.checkEra(era)
    return this.reach()
  }

  async reach(): Promise<Primary> {
    const reached = this.shared.set.reach(this.#session)
    return typeof reached === 'string' ? this.fail('transient', reached) : reached
  }

  /** The command is on its way still: it arrives when nobody waits for it any more. */
  landLater(command: (primary: Primary) => unknown): void {
    const { engine, set } = this.shared
    const { era } = set
    engine.landLater(() => {
      const reached = set.reach(this.#session)
      if (era !== set.era || typeof reached === 'string') return
      const before = reached.pending.at(-1)
      const landed = () => {
        if (reached.pending.at(-1) !== before) engine.surroundings.sometimes('store.landedLate')
      }
      // What becomes of it is told to nobody.
      Promise.resolve(command(reached)).then(landed, landed)
    })
  }

  pause(): Promise<void> {
    const { chance, surroundings } = this.shared.engine
    return surroundings.clock.sleep(spread(chance, 1, PAUSE_MS_MAX))
  }

  /** Resolves when a majority has it; rejects when that is not known in time. */
  async majority(last: Pending | undefined): Promise<void> {
    const ms = this.#waitMs(last)
    if (ms > 0) await this.shared.engine.surroundings.clock.sleep(ms)
    await this.#checkKept(last)
  }

  /** The reply to a write: it comes when a majority has this. */
  async reply(faults: CallFaults, last: Pending | undefined): Promise<void> {
    await this.line.receive(faults, this.#waitMs(last))
    await this.#checkKept(last)
  }

  async #checkKept(last: Pending | undefined): Promise<void> {
    if (last === undefined) return
    if (!this.shared.set.isKept(last)) await this.fail('ambiguous', 'no majority in time')
    this.#session.floor = Math.max(this.#session.floor, last.position ?? 0)
  }

  fail(failure: FailureClass, why: string): Promise<never> {
    const { chance } = this.shared.engine
    const ms = spread(chance, 1, failure === 'ambiguous' ? REPLY_MS_MAX : 20)
    return this.line.fail(failure, ms, why)
  }

  #moments(fault: string, next: Moment): Moment {
    const { engine, set } = this.shared
    const { era } = set
    const isTorn = engine.strikes(fault)
    let isFirst = true
    return async () => {
      if (isTorn && !isFirst) {
        await this.pause()
        await this.checkEra(era)
      }
      isFirst = false
      return next()
    }
  }

  /** What a majority has, as this server knows it, and never less than this session was told before (R2). */
  async #causally(primary: Primary): Promise<Position> {
    const { set, engine } = this.shared
    const session = this.#session
    const now = Math.min(set.position, primary.sees)
    if (now < session.floor) await this.fail('transient', 'this server has not got so far')
    const isOld = engine.surroundings.faulty('store.read.old')
    const at = isOld ? Math.max(session.floor, Math.min(now, this.#before())) : now
    if (at < now) engine.surroundings.sometimes('store.read.old')
    session.floor = at
    return at
  }

  #before(): Position {
    const { engine, set } = this.shared
    return set.positionBefore(spread(engine.chance, 1, OLD_MS_MAX))
  }

  #waitMs(last: Pending | undefined): number {
    return Math.min(this.shared.set.lagMs(last), MAJORITY_MS_MAX)
  }
}
