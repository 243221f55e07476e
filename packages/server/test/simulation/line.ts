import { Failure, type FailureClass } from '../../src/ports/failure.ts'
import type { Cancel } from '../../src/ports/system.ts'
import type { Chance } from './chance.ts'
import type { Surroundings } from './world.ts'

/** The faults of one kind of call, by their full names: `faultsOf('store.read')`. */
export interface CallFaults {
  readonly refused: string
  /** Refused as well, but not as something that passes by itself. */
  readonly unwilling: string
  readonly slow: string
  /** An error that no table knows, before or after the effect. */
  readonly unclassified: string
  readonly replyLost: string
}

export function faultsOf(call: string): CallFaults {
  return {
    refused: `${call}.refused`,
    unwilling: `${call}.unwilling`,
    slow: `${call}.slow`,
    unclassified: `${call}.unclassified`,
    replyLost: `${call}.replyLost`,
  }
}

/** Those that any call of an engine can meet. */
export function engineFaults(name: string): readonly string[] {
  return [`${name}.outage`, `${name}.cut`, `${name}.landsAfterwards`]
}

/** Each says that nothing happened. */
const UNWILLING: readonly FailureClass[] = ['overload', 'full', 'operator']
const LATENCY_MS_MAX = 4
/** How long a driver waits for a server, and for a reply, before it gives up. */
const SELECTION_MS_MAX = 2_000
export const REPLY_MS_MAX = 5_000

const LATE_MS_MAX = 300_000
const HEALED_MS_MAX = 1_000
const CUT_MS_MAX = 20_000
/** An outage of so long is followed by time without one: of a run in which nothing is ever reached nothing can be learned. */
const CALM = 4

interface Landing {
  readonly land: () => void
  readonly cancel: Cancel
}

export interface EngineOptions {
  /** The first word of its faults: `store`. */
  readonly name: string
  readonly surroundings: Surroundings
  readonly slowMsMax: number
  /** How long it is away when it is. */
  readonly outageMsMax: number
}

/** An engine behind a network, as every process that uses it reaches it: each process has a line of its own. */
export class Engine {
  readonly surroundings: Surroundings
  readonly chance: Chance
  readonly #options: EngineOptions
  readonly #outage: string
  readonly #cut: string
  readonly #lines = new Map<string, Line>()
  /** What arrives when nobody thinks of it any more. */
  readonly #landings = new Set<Landing>()
  #upAgainAt = 0
  #calmUntil = 0
  #outages = 0

  constructor(options: EngineOptions) {
    this.#options = options
    this.#outage = `${options.name}.outage`
    this.#cut = `${options.name}.cut`
    this.surroundings = options.surroundings
    this.chance = options.surroundings.chance.fork()
  }

  get name(): string {
    return this.#options.name
  }

  get isDown(): boolean {
    return this.surroundings.clock.elapsed() < this.#upAgainAt
  }

  get outages(): number {
    return this.#outages
  }

  line(process: string): Line {
    let line = this.#lines.get(process)
    if (line === undefined) {
      line = new Line(this, process)
      this.#lines.set(process, line)
    }
    return line
  }

  /** As kill -9 does: nothing is sent any more and nothing heard. The same name is then another process. */
  crash(process: string): void {
    this.#lines.get(process)?.crash()
    this.#lines.delete(process)
  }

  freeze(process: string): void {
    this.line(process).freeze()
  }

  thaw(process: string): void {
    this.#lines.get(process)?.thaw()
  }

  /** The network between this process and the engine is gone, until it is mended. */
  cutOff(process: string): void {
    this.line(process).isCut = true
  }

  mend(process: string): void {
    const line = this.#lines.get(process)
    if (line !== undefined) line.isCut = false
  }

  /** Every later call of this process is refused as closed. */
  close(process: string): void {
    this.line(process).close()
    this.#lines.delete(process)
  }

  /** It answers nobody for so long, and what it was about to answer is lost. */
  down(ms: number): void {
    this.#outages++
    this.#upAgainAt = Math.max(this.#upAgainAt, this.surroundings.clock.elapsed() + ms)
    this.surroundings.trace(() => `${this.name} is down for ${ms} ms`)
  }

  /** Outages and cuts are over; who is frozen is not thawed. What is still on its way arrives soon, or never. */
  heal(): void {
    this.#upAgainAt = 0
    for (const line of this.#lines.values()) line.isCut = false
    for (const landing of [...this.#landings]) {
      landing.cancel()
      this.#landings.delete(landing)
      if (this.chance.happens(0.5)) this.#landIn(this.chance.between(0, HEALED_MS_MAX), landing.land)
    }
  }

  /** Its sender has given up, or is dead; it arrives all the same. */
  landLater(land: () => void): void {
    this.#landIn(spread(this.chance, 1, LATE_MS_MAX), land)
  }

  /** Whether this fault happens now; counted when it does. */
  strikes(fault: string): boolean {
    if (!this.surroundings.faulty(fault)) return false
    this.surroundings.sometimes(fault)
    return true
  }

  latencyMs(faults: CallFaults): number {
    if (this.strikes(faults.slow)) return spread(this.chance, 10, this.#options.slowMsMax)
    return this.chance.between(1, LATENCY_MS_MAX)
  }

  #landIn(ms: number, land: () => void): void {
    const cancel = this.surroundings.clock.after(ms, () => {
      this.#landings.delete(landing)
      this.surroundings.trace(() => `${this.name} is reached late`)
      land()
    })
    const landing: Landing = { land, cancel }
    this.#landings.add(landing)
  }

  /** What may befall the engine, or one process's network, while a request is on its way. */
  trouble(line: Line): void {
    const now = this.surroundings.clock.elapsed()
    if (now >= this.#calmUntil && this.strikes(this.#outage)) {
      const ms = spread(this.chance, 100, this.#options.outageMsMax)
      this.#calmUntil = now + CALM * ms
      this.down(ms)
    }
    if (now < line.calmUntil || !this.strikes(this.#cut)) return
    const ms = spread(this.chance, 100, CUT_MS_MAX)
    line.calmUntil = now + CALM * ms
    line.isCut = true
    this.surroundings.trace(() => `${line.process} is cut off from ${this.name} for ${ms} ms`)
    this.surroundings.clock.after(ms, () => {
      line.isCut = false
    })
  }
}

/** Between these two, in milliseconds: as often below a tenth of a second as above a second, where both are in between. */
export function spread(chance: Chance, from: number, to: number): number {
  return Math.round(from * (to / from) ** chance.next())
}

/**
 * How one process reaches an engine: a request takes its time there, a reply its time back. A frozen process sends and hears nothing before it
 * thaws; a dead one never again, though what it sent may still arrive; one that is cut off gets errors, and never learns what became of
 * what was on its way.
 */
export class Line {
  readonly process: string
  isCut = false
  /** It is not cut again before. */
  calmUntil = 0
  readonly #engine: Engine
  readonly #lands: string
  #state: 'up' | 'frozen' | 'dead' | 'closed' = 'up'
  #thawed: (() => void)[] = []

  constructor(engine: Engine, process: string) {
    this.#engine = engine
    this.process = process
    this.#lands = `${engine.name}.landsAfterwards`
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  /** Resolves when the request has arrived; rejects with what the caller is told otherwise. */
  async send(faults: CallFaults): Promise<void> {
    if (this.#state === 'closed') throw new Failure('closed', `the ${this.#engine.name} was closed`)
    const engine = this.#engine
    const { chance } = engine
    if (this.#state !== 'up') await this.#awake()
    if (this.isCut) await this.fail('transient', spread(chance, 1, SELECTION_MS_MAX), 'no server can be reached')
    if (engine.strikes(faults.refused)) await this.fail('transient', chance.between(1, 50), 'not now')
    if (engine.strikes(faults.unwilling)) await this.fail(chance.pick(UNWILLING), chance.between(1, 50), 'refused')
    if (engine.strikes(faults.unclassified))
      await this.fail('unknown', chance.between(1, 50), 'an error without a code')
    engine.trouble(this)
    // Half of them arrive in their own moment: nothing may depend on that either.
    const ms = engine.latencyMs(faults)
    if (ms > 2) await engine.surroundings.clock.sleep(ms)
    if (!this.reaches()) await this.fail('ambiguous', spread(chance, 1, REPLY_MS_MAX), 'the connection was lost')
    if (engine.isDown) await this.fail('transient', spread(chance, 1, SELECTION_MS_MAX), 'the server is down')
  }

  /** Whether what was sent arrives, or goes on there, although its sender may be gone. */
  reaches(): boolean {
    return (!this.isDead && !this.isCut) || this.#engine.strikes(this.#lands)
  }

  /** Resolves when the reply is heard, some time after `waitMs`; rejects when it is lost. */
  async receive(faults: CallFaults, waitMs: number): Promise<void> {
    const engine = this.#engine
    const { outages, chance } = engine
    const isLost = engine.strikes(faults.replyLost)
    const isUnclassified = engine.strikes(faults.unclassified)
    await engine.surroundings.clock.sleep(waitMs + engine.latencyMs(faults))
    if (isLost || this.isCut || engine.outages > outages)
      await this.fail('ambiguous', spread(chance, 1, REPLY_MS_MAX), 'no reply')
    if (isUnclassified) await this.fail('unknown', 0, 'an error without a code')
    if (this.#state !== 'up') await this.#awake()
  }

  /** The caller is told so, after a while. */
  async fail(failure: FailureClass, ms: number, why: string): Promise<never> {
    await this.#engine.surroundings.clock.sleep(ms)
    await this.#awake()
    throw new Failure(failure, `the simulated ${this.#engine.name}: ${why}`)
  }

  crash(): void {
    this.#state = 'dead'
    this.#thawed = []
  }

  close(): void {
    if (this.#state !== 'dead') this.#state = 'closed'
  }

  freeze(): void {
    if (this.#state === 'up') this.#state = 'frozen'
  }

  thaw(): void {
    if (this.#state !== 'frozen') return
    this.#state = 'up'
    const thawed = this.#thawed
    this.#thawed = []
    for (const resolve of thawed) resolve()
  }

  /** Resolves while the process runs: never in a dead one, and in a frozen one when it thaws. */
  async #awake(): Promise<void> {
    while (this.#state === 'frozen') await new Promise<void>((resolve) => this.#thawed.push(resolve))
    if (this.#state === 'dead') await new Promise<never>(() => {})
  }
}
