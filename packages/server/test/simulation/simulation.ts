import { createHash } from 'node:crypto'
import { check, type Verdict } from '../../../../faults/checker/check.ts'
import type { PartitionLag } from '../../src/ports/log.ts'
import { Chance } from './chance.ts'
import { SimulatedClock } from './clock.ts'
import { SimulatedEngines } from './engines.ts'
import { type FinalOptions, readFinally, readRooms } from './final-reads.ts'
import { NEVER } from './interesting.ts'
import { SimulatedNetwork } from './network.ts'
import { Operator } from './operator.ts'
import { Person } from './people.ts'
import { PEOPLE, type PersonName, type Plan, planOf, type Step } from './plan.ts'
import { type Engines, Processes, type SharedEngines, type StoreBackup } from './processes.ts'
import { Recorder } from './recorder.ts'
import type { Surroundings } from './world.ts'

export const PARTITIONS = 4
/** Steps of a run at the default size. */
const STEPS = 40
/** How often a fault may happen wherever it could: one of these for each fault of a seed. */
const PROBABILITIES = [0, 0, 0, 0.01, 0.03, 0.1]
/** After the last fault everything has to be drained within so much virtual time. */
const RECOVERY_MS_MAX = 120_000
/** Longer than anything on its way to a client or to the index takes: a read that was sent before the last fault ended, both ways slow. */
const QUIET_MS = 18_000
/** How often it is looked whether everything is drained. */
const LOOK_MS = 250
/** Where nobody is a stranger, a lane waits for as long as the store may not know somebody whom it knew. */
const OLD_READS_OUTLASTED_MS = 20_000

export interface SimulationOptions {
  readonly seed: number
  /** What is done; drawn from the seed where it is left out. */
  readonly plan?: Plan
  /** Nasty ones by default. */
  readonly engines?: (surroundings: Surroundings) => SharedEngines
  /** Which faults may happen at all; every one that the ports allow by default. */
  readonly mayFail?: (name: string) => boolean
  /** Told line by line, if somebody reads it. */
  readonly trace?: (line: string) => void
}

export interface Simulated {
  readonly seed: number
  readonly plan: Plan
  /** Which faults this seed draws with any probability at all. */
  readonly faults: readonly string[]
  readonly verdict: Verdict
  /** Of the whole history: the same seed gives the same one. */
  readonly hash: string
  readonly counts: ReadonlyMap<string, number>
  readonly events: number
}

/** One seeded run of a whole installation: real gateways, workers, indexer and SDKs on simulated time, engines and sockets. */
export async function simulate(options: SimulationOptions): Promise<Simulated> {
  return await new Simulation(options).run()
}

class Simulation implements Surroundings {
  readonly chance: Chance
  readonly clock: SimulatedClock
  readonly #options: SimulationOptions
  readonly #recorder: Recorder
  readonly #probabilities = new Map<string, number>()
  readonly #counts = new Map<string, number>()
  readonly #faults: Chance
  readonly #network: SimulatedNetwork
  readonly #engines: SharedEngines
  readonly #processes: Processes
  readonly #operator: Operator
  readonly #people: ReadonlyMap<PersonName, Person>
  readonly #plan: Plan
  #isHealthy = false
  #hasLanesThatWait = false
  #backup: StoreBackup | undefined

  constructor(options: SimulationOptions) {
    this.#options = options
    this.chance = new Chance(options.seed)
    this.clock = new SimulatedClock(this.chance.fork())
    this.#faults = this.chance.fork()
    this.#recorder = new Recorder(this.clock)
    this.#network = new SimulatedNetwork(this)
    this.#engines = options.engines?.(this) ?? new SimulatedEngines(this, PARTITIONS)
    this.#plan = options.plan ?? planOf(this.chance.fork(), STEPS)
    const laneWaitsMs = this.#plan.hasStranger ? [500, 5_000] : [OLD_READS_OUTLASTED_MS]
    this.#processes = new Processes(this, this.#engines, this.#network, laneWaitsMs, () => this.#laneWaits())
    this.#operator = new Operator(this, this.#engines, this.#processes, this.#recorder)
    for (const roles of this.#engines.topology) this.#processes.start(roles)
    this.#people = new Map(PEOPLE.map((name) => [name, new Person(this, this.#network, this.#recorder, name)]))
  }

  // ---- what the models ask ---------------------------------------------------------------------------------------------

  faulty(name: string): boolean {
    if (this.#isHealthy) return false
    let probability = this.#probabilities.get(name)
    if (probability === undefined) {
      const { mayFail = (fault: string) => !NEVER.includes(fault) } = this.#options
      const drawn = this.#faults.pick(PROBABILITIES)
      probability = mayFail(name) ? drawn : 0
      this.#probabilities.set(name, probability)
    }
    return this.#faults.happens(probability)
  }

  sometimes(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  trace(line: () => string): void {
    this.#options.trace?.(`${this.clock.elapsed().toFixed(0).padStart(7)} ${line()}`)
  }

  // ---- the run ---------------------------------------------------------------------------------------------------------

  async run(): Promise<Simulated> {
    try {
      return await this.#run()
    } finally {
      this.#engines.dispose()
    }
  }

  async #run(): Promise<Simulated> {
    await this.#prepare()
    for (const step of this.#plan.steps) {
      await this.clock.pass(step.after)
      this.trace(() => JSON.stringify(step))
      this.#do(step)
    }
    await this.#heal()
    const verdict = await this.#judge()
    const { history } = this.#recorder
    const faults = [...this.#probabilities].flatMap(([name, probability]) => (probability > 0 ? [name] : []))
    const { seed } = this.#options
    return {
      seed,
      plan: this.#plan,
      faults,
      verdict,
      get hash() {
        return createHash('sha256').update(JSON.stringify(history)).digest('hex').slice(0, 16)
      },
      counts: this.#counts,
      events: this.clock.events,
    }
  }

  async #prepare(): Promise<void> {
    if (this.#plan.hasStranger) return this.#laneWaits()
    await this.clock.outcome(this.#operator.register('late'), 60_000)
  }

  /** Of a stranger, or of somebody whom an old read does not know yet: others overtake it from now on. */
  #laneWaits(): void {
    if (this.#hasLanesThatWait) return
    this.#hasLanesThatWait = true
    for (const room of this.#plan.rooms) this.#recorder.add({ type: 'lane_waits', t: this.#recorder.t, room })
  }

  #do(step: Step): void {
    const person = 'person' in step ? this.#people.get(step.person) : undefined
    switch (step.do) {
      case 'create':
        person?.create(step.room, step.members)
        break
      case 'say':
        person?.say(step.room, step.long)
        break
      case 'meet':
        person?.meet(step.other)
        break
      case 'search': {
        const gateways = this.#processes.of('gateway')
        const engines = this.#processes.enginesOf(gateways[this.chance.below(Math.max(1, gateways.length))] ?? '')
        if (engines !== undefined) person?.search(engines, step.room)
        break
      }
      case 'page':
      case 'follow':
        person?.[step.do](step.room)
        break
      case 'repeat':
      case 'reuse':
        person?.again(step.earlier, step.do === 'reuse')
        break
      case 'add':
      case 'remove':
        person?.[step.do](step.room, step.other)
        break
      case 'reload':
        person?.reload()
        break
      case 'register':
        void this.#operator.register('late')
        break
      case 'letters':
        void this.#operator.lookAfterLetters(step.deed)
        break
      case 'backup':
        this.#backup = this.#engines.backup()
        break
      case 'restore':
        this.#restore(step)
        break
      case 'cut':
        this.#network.cutSome()
        break
      case 'kill':
      case 'stop':
      case 'freeze':
        this.#trouble(step)
        break
      default:
        step satisfies never
    }
  }

  #trouble(step: Step & { do: 'kill' | 'stop' | 'freeze' }): void {
    const names = this.#processes.of(step.role)
    const name = names[this.chance.below(Math.max(1, names.length))]
    if (name === undefined) return
    if (step.do === 'freeze') this.#processes.freeze(name, step.ms)
    else this.#processes[step.do](name, step.backAfter)
  }

  /** As an operator does it: nobody is left who writes, and whoever reads may stay. */
  #restore({ tells, stopsGateways, backAfter }: Step & { do: 'restore' }): void {
    if (this.#backup === undefined) return
    this.#processes.killAll('worker', backAfter)
    if (stopsGateways) this.#processes.killAll('gateway', backAfter)
    const { unpublished } = this.#engines.restore(this.#backup, { tells })
    const { t } = this.#recorder
    this.#recorder.add(tells ? { type: 'restored', t } : { type: 'restored', t, untold: true, unpublished })
  }

  async #heal(): Promise<void> {
    this.#isHealthy = true
    this.#processes.thawAll()
    this.#engines.heal()
    this.#recorder.add({ type: 'healed', t: this.#recorder.t })
    void this.#operator.register('late')
    // Whoever was killed last is started again by then.
    await this.clock.pass(3_000)
    await this.clock.until(() => this.#engines.visit('checker') !== undefined, RECOVERY_MS_MAX)
  }

  #visit(name: string): Engines {
    const engines = this.#engines.visit(name)
    if (engines === undefined) throw new Error(`seed ${this.#options.seed}: nobody runs any more`)
    return engines
  }

  async #judge(): Promise<Verdict> {
    const lag = await this.#drain()
    this.#recorder.add({ type: 'drained', t: this.#recorder.t, lag })
    // I9: new sends work, and everybody hears of them.
    for (const person of this.#people.values()) for (const room of this.#plan.rooms) person.say(room)
    await this.#drain()
    await this.clock.pass(QUIET_MS)
    this.#recorder.quiet()
    // What one process tells, the next one has to tell as well.
    if (this.#processes.of('gateway').length < 2) {
      await readRooms(this.#final)
      await this.#replace()
    }
    await readFinally(this.#final)
    for (const person of this.#people.values()) person.close()
    this.#recorder.poisoned(this.#engines.poisoned)
    return check(this.#recorder.history, { recoveryMsMax: RECOVERY_MS_MAX })
  }

  /** Lets time pass until all is done and everybody was answered, and tells what was left when it was last looked. */
  async #drain(): Promise<{ worker: number; indexer: number }> {
    const { commands, feed } = this.#visit('checker').logs
    const end = this.clock.elapsed() + RECOVERY_MS_MAX
    const left = { worker: -1, indexer: -1 }
    const look = async () => {
      const [worker, indexer] = await Promise.all([commands.lag('worker'), feed.lag('indexer')])
      left.worker = recordsOf(worker)
      left.indexer = recordsOf(indexer)
    }
    const isWaiting = () => [this.#operator, ...this.#people.values()].some((one) => one.isWaiting)
    while (this.clock.elapsed() < end && (isWaiting() || left.worker !== 0 || left.indexer !== 0)) {
      await this.clock.pass(LOOK_MS)
      await this.clock.outcome(look(), LOOK_MS)
    }
    return left
  }

  async #replace(): Promise<void> {
    const [name] = this.#processes.of('gateway')
    if (name !== undefined) this.#processes.kill(name, 100)
    await this.clock.until(() => this.#processes.of('gateway').length > 0, RECOVERY_MS_MAX)
    await this.clock.pass(QUIET_MS)
  }

  get #final(): FinalOptions {
    return {
      surroundings: this,
      recorder: this.#recorder,
      network: this.#network,
      engines: this.#visit('reader'),
      unindexable: this.#engines.unindexable,
      gateways: this.#processes.of('gateway'),
      rooms: this.#plan.rooms,
    }
  }
}

function recordsOf(lags: readonly PartitionLag[]): number {
  return lags.reduce((all, { records }) => all + records, 0)
}
