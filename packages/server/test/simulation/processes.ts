import type { Standing } from '../../../../faults/checker/history.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { INTAKE_DEFAULTS, Intake } from '../../src/core/intake.ts'
import { KnownUsers } from '../../src/core/known-users.ts'
import { Problem } from '../../src/core/problem.ts'
import { Rate, SEND_RATE_DEFAULTS } from '../../src/core/rate.ts'
import { createGateway } from '../../src/gateway/gateway.ts'
import { GATEWAY_DEFAULTS } from '../../src/gateway/settings.ts'
import { createIndexer } from '../../src/indexer/indexer.ts'
import { INDEXER_DEFAULTS, SILENT_INDEXER } from '../../src/indexer/settings.ts'
import type { Identity } from '../../src/ports/access.ts'
import type { Logs } from '../../src/ports/log.ts'
import type { SearchIndex } from '../../src/ports/search.ts'
import type { Store, UserStore } from '../../src/ports/store.ts'
import type { Clock, Failpoint, Logger, Service } from '../../src/ports/system.ts'
import type { WorkerObserver } from '../../src/worker/observer.ts'
import { WORKER_DEFAULTS } from '../../src/worker/settings.ts'
import { createWorker } from '../../src/worker/worker.ts'
import type { Chance } from './chance.ts'
import type { SimulatedNetwork } from './network.ts'
import { ProcessClock } from './process-clock.ts'
import type { Surroundings } from './world.ts'

/** The engines as one process sees them. */
export interface Engines {
  readonly logs: Logs
  readonly store: Store
  readonly search: SearchIndex
  /** Where the process may be killed between two steps. */
  readonly failpoint?: Failpoint
}

/** The process that engines live in. */
export interface Owner {
  readonly clock: Clock
  /** As kill -9 does, at once. */
  die(): void
  /** As SIGSTOP does, at once, and SIGCONT some time later. */
  freeze(ms: number): void
}

/** Only the engines that made it know what it is. */
export type StoreBackup = { readonly made: unknown }

/** What was taken where no worker can notice it. */
export interface Restored {
  readonly unpublished: readonly Standing[]
}

/** Engines that all processes share, and that know of each whether it lives. */
export interface SharedEngines {
  /** The roles of each process. */
  readonly topology: readonly (readonly Role[])[]
  /** Throws while another process holds them for itself. */
  connect(process: string, owner: Owner): Engines
  /** For who looks from outside; undefined while nobody answers. */
  visit(name: string): Engines | undefined
  crash(process: string): void
  /** It has come to its end by itself. */
  stopped(process: string): Promise<void>
  freeze(process: string): void
  thaw(process: string): void
  /** Of the store, as it is now. */
  backup(): StoreBackup
  /** The store is set back to that: no worker may run. `tells`: the operator raises the epochs; otherwise a start has to notice (G6). */
  restore(backup: StoreBackup, options: { readonly tells: boolean }): Restored
  /** Nothing goes wrong any more, and what is under way ends. */
  heal(): void
  /** The run is over. */
  dispose(): void
  /** Commands that the store can never take: they die. */
  readonly poisoned: ReadonlySet<string>
  /** Messages that the index can never take: search does without them. */
  readonly unindexable: ReadonlySet<string>
}

export type Role = 'gateway' | 'worker' | 'indexer'

interface Process {
  readonly name: string
  readonly roles: readonly Role[]
  readonly clock: ProcessClock
  readonly engines: Engines
  readonly services: readonly Service[]
  isFrozen: boolean
}

/** Who a token's bearer is: tokens are names, and `root` is the administrator. */
export const ADMINISTRATOR = 'root'
const TOKEN_MS = 3_600_000
/** Who looks around every second with nothing to do costs a run more than it shows. */
const IDLE_MS_MAX = 3_000
/** After so long a process that could not start is started again. */
const AGAIN_MS = 100

/** The processes of an installation: they are started, stopped, killed and frozen, and others take their places. */
export class Processes {
  readonly #surroundings: Surroundings
  readonly #engines: SharedEngines
  readonly #network: SimulatedNetwork
  readonly #chance: Chance
  readonly #laneWaitsMs: readonly number[]
  readonly #laneWaits: () => void
  readonly #running = new Map<string, Process>()
  readonly #stopping = new Map<string, Process>()
  #count = 0

  /** Each worker draws how long its lanes wait at most; `laneWaits` is called when one does. */
  constructor(
    surroundings: Surroundings,
    engines: SharedEngines,
    network: SimulatedNetwork,
    laneWaitsMs: readonly number[],
    laneWaits: () => void,
  ) {
    this.#laneWaitsMs = laneWaitsMs
    this.#laneWaits = laneWaits
    this.#surroundings = surroundings
    this.#engines = engines
    this.#network = network
    this.#chance = surroundings.chance.fork()
  }

  /** Those that run, frozen or not. */
  of(role: Role): readonly string[] {
    return [...this.#running.values()].filter((process) => process.roles.includes(role)).map(({ name }) => name)
  }

  /** The engines as this process has them, for what is asked of it; undefined where it does not run. */
  enginesOf(name: string): Engines | undefined {
    return this.#running.get(name)?.engines
  }

  /** As a supervisor does: where it cannot start yet it is tried again. */
  start(roles: readonly Role[]): void {
    const name = `${roles[0]?.[0]}${++this.#count}`
    const clock = new ProcessClock(this.#surroundings.clock)
    let engines: Engines
    try {
      engines = this.#engines.connect(name, {
        clock,
        die: () => this.#die(name, roles, clock),
        freeze: (ms) => this.freeze(name, ms),
      })
    } catch {
      this.#startLater(roles, AGAIN_MS)
      return
    }
    const services = roles.map((role) => this.#make(role, name, clock, engines))
    this.#running.set(name, { name, roles, clock, engines, services, isFrozen: false })
    this.#surroundings.trace(() => `${name} starts`)
    for (const service of services) void service.start()
  }

  /** As SIGTERM does: it drains, as long as it takes. Another one is started some time later. */
  stop(name: string, backAfter: number): void {
    const process = this.#take(name)
    if (process === undefined) return
    this.#happened('stopped', process)
    this.#surroundings.trace(() => `${name} stops`)
    this.#network.down(name)
    void this.#drain(process)
    this.#startLater(process.roles, backAfter)
  }

  /** As kill -9 does. */
  kill(name: string, backAfter: number): void {
    const process = this.#take(name)
    if (process === undefined) return
    this.#happened('killed', process)
    this.#end(name, process.clock)
    this.#startLater(process.roles, backAfter)
  }

  /** Kills each one of this role, those too that are stopping: none is left that remembers anything. Others take their places. */
  killAll(role: Role, backAfter: number): void {
    for (const name of this.of(role)) this.kill(name, backAfter)
    for (const [name, { roles, clock }] of [...this.#stopping]) if (roles.includes(role)) this.#end(name, clock)
  }

  /** As SIGSTOP does, and SIGCONT some time later. */
  freeze(name: string, ms: number): void {
    const process = this.#running.get(name)
    if (process === undefined || process.isFrozen) return
    this.#happened('frozen', process)
    this.#surroundings.trace(() => `${name} freezes for ${ms} ms`)
    process.isFrozen = true
    process.clock.freeze()
    this.#engines.freeze(name)
    this.#surroundings.clock.after(ms, () => this.#thaw(process))
  }

  thawAll(): void {
    for (const process of this.#running.values()) this.#thaw(process)
  }

  #thaw(process: Process): void {
    if (!process.isFrozen) return
    process.isFrozen = false
    this.#engines.thaw(process.name)
    process.clock.thaw()
  }

  #take(name: string): Process | undefined {
    const process = this.#running.get(name)
    this.#running.delete(name)
    if (process !== undefined) this.#thaw(process)
    return process
  }

  /** It is killed by what it does itself, running or already stopping. */
  #die(name: string, roles: readonly Role[], clock: ProcessClock): void {
    const isRunning = this.#take(name) !== undefined
    this.#end(name, clock)
    if (isRunning) this.#startLater(roles, this.#chance.below(3_000))
  }

  #end(name: string, clock: ProcessClock): void {
    this.#surroundings.trace(() => `${name} is killed`)
    clock.end()
    this.#stopping.delete(name)
    this.#engines.crash(name)
    this.#network.down(name)
  }

  async #drain(process: Process): Promise<void> {
    const { name, services } = process
    this.#stopping.set(name, process)
    for (const service of services) await service.stop()
    await this.#engines.stopped(name)
    this.#stopping.delete(name)
  }

  #startLater(roles: readonly Role[], ms: number): void {
    this.#surroundings.clock.after(ms, () => this.start(roles))
  }

  #happened(what: string, { roles }: Process): void {
    for (const role of roles) this.#surroundings.sometimes(`process.${what}.${role}`)
  }

  #make(role: Role, name: string, clock: ProcessClock, engines: Engines): Service {
    switch (role) {
      case 'gateway':
        return this.#gateway(name, clock, engines)
      case 'worker':
        return this.#worker(name, clock, engines)
      case 'indexer':
        return this.#indexer(clock, engines)
    }
  }

  #gateway(name: string, clock: ProcessClock, { logs, store }: Engines): Service {
    const { history } = store
    const { turnEnd } = clock
    const users = new KnownUsers(store.users, 100)
    const intake = new Intake({
      log: logs.commands,
      history,
      knows: (user) => users.knows(user),
      clock,
      turnEnd,
      settings: INTAKE_DEFAULTS,
      observer: { accepted() {}, ended() {}, failed() {} },
    })
    const gateway = createGateway({
      logs,
      history,
      intake,
      rate: new Rate(clock, SEND_RATE_DEFAULTS),
      admit: async (token) => admit(users, clock, token),
      clock,
      random: this.#chance.fork(),
      sha256,
      turnEnd,
      logger: SILENT,
      observer: { opened() {}, closed() {}, refused() {}, delivered() {} },
      settings: {
        ...GATEWAY_DEFAULTS,
        resumeEntriesMax: 8,
        fillEntriesMax: 3,
        outboxBytesMax: 16_384,
        sweepMs: 4_000,
        housekeepingMs: 2_000,
      },
    })
    this.#network.listen({ name, connect: (socket) => gateway.connect(socket) })
    return gateway
  }

  #worker(name: string, clock: ProcessClock, { logs, store, failpoint = () => {} }: Engines): Service {
    return createWorker({
      name,
      build: 'simulated',
      logs,
      store,
      clock,
      random: this.#chance.fork(),
      sha256,
      logger: SILENT,
      failpoint,
      settings: {
        ...WORKER_DEFAULTS,
        batchRecordsMax: this.#chance.pick([1, 4, 16]),
        storeAttemptMsMax: this.#chance.pick([2_000, 2_000, 20_000]),
        laneWaitMsMax: this.#chance.pick(this.#laneWaitsMs),
        laneTriesMin: 2,
        laneBackoff: { delayMs: 20, delayMsMax: 500 },
        outageBackoff: { delayMs: 10, delayMsMax: 500 },
        roomsBytesMax: this.#chance.pick([1, 1 << 20]),
        unfinishedRecordsMax: this.#chance.pick([8, 100_000]),
        idleMsMax: IDLE_MS_MAX,
      },
      observer: this.#observer(),
      alert: (kind) => this.#surroundings.sometimes(`alert.${kind}`),
    })
  }

  #indexer(clock: ProcessClock, { logs, store, search }: Engines): Service {
    return createIndexer({
      logs,
      history: store.history,
      search,
      clock,
      random: this.#chance.fork(),
      logger: SILENT,
      settings: {
        ...INDEXER_DEFAULTS,
        outageBackoff: { delayMs: 20, delayMsMax: 1_000 },
        sweepMs: 4_000,
        idleMsMax: IDLE_MS_MAX,
      },
      observer: SILENT_INDEXER,
    })
  }

  #observer(): WorkerObserver {
    const sometimes = (name: string) => this.#surroundings.sometimes(name)
    const laneWaits = this.#laneWaits
    return {
      batch({ adopted, waiting, reused, dead }) {
        if (adopted > 0) sometimes('worker.adopted')
        if (waiting > 0) {
          sometimes('worker.waited')
          laneWaits()
        }
        if (reused > 0) sometimes('worker.reused')
        if (dead.expired + dead.poison + dead.unknown > 0) sometimes('worker.dead')
      },
      latency() {},
      conflict: () => sometimes('worker.conflict'),
      fenced: () => sometimes('worker.fenced'),
      paused: (_, reason) => sometimes(`worker.paused.${reason}`),
      restarted: () => sometimes('worker.restarted'),
    }
  }
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** With users=auto a user is in the store before being let in; whose name begins with `late` the operator registers, some time. */
async function admit(users: UserStore, clock: ProcessClock, token: string): Promise<Identity> {
  if (!token.startsWith('late'))
    await users.put(token, undefined, clock.now()).catch(() => {
      throw new Problem('STORE_UNAVAILABLE')
    })
  return { user: token, administrator: token === ADMINISTRATOR, expires: clock.now() + TOKEN_MS }
}
