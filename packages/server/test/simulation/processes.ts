import { sha256 } from '../../src/adapters/system/sha256.ts'
import { INTAKE_DEFAULTS, Intake } from '../../src/core/intake.ts'
import { Problem } from '../../src/core/problem.ts'
import { Rate, SEND_RATE_DEFAULTS } from '../../src/core/rate.ts'
import { createGateway } from '../../src/gateway/gateway.ts'
import { GATEWAY_DEFAULTS } from '../../src/gateway/settings.ts'
import { createIndexer } from '../../src/indexer/indexer.ts'
import { INDEXER_DEFAULTS, SILENT_INDEXER } from '../../src/indexer/settings.ts'
import type { Identity } from '../../src/ports/access.ts'
import type { Logs } from '../../src/ports/log.ts'
import type { SearchIndex } from '../../src/ports/search.ts'
import type { Store } from '../../src/ports/store.ts'
import type { Logger, Service } from '../../src/ports/system.ts'
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
}

/** Engines that all processes share, and that know of each whether it lives. */
export interface SharedEngines {
  connect(process: string): Engines
  crash(process: string): void
  freeze(process: string): void
  thaw(process: string): void
  /** Nothing goes wrong any more, and what is under way ends. */
  heal(): void
  /** Commands that the store can never take: they die. */
  readonly poisoned: ReadonlySet<string>
  /** Messages that the index can never take: search does without them. */
  readonly unindexable: ReadonlySet<string>
}

export type Role = 'gateway' | 'worker' | 'indexer'

interface Process {
  readonly name: string
  readonly role: Role
  readonly clock: ProcessClock
  readonly service: Service
  isFrozen: boolean
}

/** Who a token's bearer is: tokens are names, and `root` is the administrator. */
export const ADMINISTRATOR = 'root'
const TOKEN_MS = 3_600_000

/** The processes of an installation: they are started, stopped, killed and frozen, and others take their places. */
export class Processes {
  readonly #surroundings: Surroundings
  readonly #engines: SharedEngines
  readonly #network: SimulatedNetwork
  readonly #chance: Chance
  readonly #running = new Map<string, Process>()
  #count = 0

  constructor(surroundings: Surroundings, engines: SharedEngines, network: SimulatedNetwork) {
    this.#surroundings = surroundings
    this.#engines = engines
    this.#network = network
    this.#chance = surroundings.chance.fork()
  }

  /** Those that run, frozen or not. */
  of(role: Role): readonly string[] {
    return [...this.#running.values()].filter((process) => process.role === role).map(({ name }) => name)
  }

  start(role: Role): void {
    const name = `${role[0]}${++this.#count}`
    const clock = new ProcessClock(this.#surroundings.clock)
    const engines = this.#engines.connect(name)
    const service = this.#make(role, name, clock, engines)
    this.#running.set(name, { name, role, clock, service, isFrozen: false })
    this.#surroundings.trace(() => `${name} starts`)
    void service.start()
  }

  /** As SIGTERM does: it drains, as long as it takes. */
  stop(name: string): void {
    const process = this.#take(name)
    if (process === undefined) return
    this.#surroundings.sometimes(`process.stopped.${process.role}`)
    this.#surroundings.trace(() => `${name} stops`)
    if (process.role === 'gateway') this.#network.down(name)
    void process.service.stop()
  }

  /** As kill -9 does. */
  kill(name: string): void {
    const process = this.#take(name)
    if (process === undefined) return
    this.#surroundings.sometimes(`process.killed.${process.role}`)
    this.#surroundings.trace(() => `${name} is killed`)
    process.clock.end()
    this.#engines.crash(name)
    if (process.role === 'gateway') this.#network.down(name)
  }

  /** As SIGSTOP does, and SIGCONT some time later. */
  freeze(name: string, ms: number): void {
    const process = this.#running.get(name)
    if (process === undefined || process.isFrozen) return
    this.#surroundings.sometimes(`process.frozen.${process.role}`)
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
    const intake = new Intake({
      log: logs.commands,
      history,
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
      admit: async (token) => admit(store, clock, token),
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
        sweepMs: 10_000,
      },
    })
    this.#network.listen({ name, connect: (socket) => gateway.connect(socket) })
    return gateway
  }

  #worker(name: string, clock: ProcessClock, { logs, store }: Engines): Service {
    return createWorker({
      name,
      build: 'simulated',
      logs,
      store,
      clock,
      random: this.#chance.fork(),
      sha256,
      logger: SILENT,
      failpoint: () => {},
      settings: {
        ...WORKER_DEFAULTS,
        batchRecordsMax: this.#chance.pick([1, 4, 16]),
        laneWaitMsMax: this.#chance.pick([500, 5_000]),
        laneTriesMin: 2,
        laneBackoff: { delayMs: 20, delayMsMax: 500 },
        outageBackoff: { delayMs: 10, delayMsMax: 500 },
        roomsBytesMax: this.#chance.pick([1, 1 << 20]),
        unfinishedRecordsMax: this.#chance.pick([8, 100_000]),
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
      settings: { ...INDEXER_DEFAULTS, outageBackoff: { delayMs: 20, delayMsMax: 1_000 }, sweepMs: 20_000 },
      observer: SILENT_INDEXER,
    })
  }

  #observer(): WorkerObserver {
    const sometimes = (name: string) => this.#surroundings.sometimes(name)
    return {
      batch({ adopted, waiting, reused, dead }) {
        if (adopted > 0) sometimes('worker.adopted')
        if (waiting > 0) sometimes('worker.waited')
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
async function admit(store: Store, clock: ProcessClock, token: string): Promise<Identity> {
  if (!token.startsWith('late'))
    await store.users.put(token, undefined, clock.now()).catch(() => {
      throw new Problem('STORE_UNAVAILABLE')
    })
  return { user: token, administrator: token === ADMINISTRATOR, expires: clock.now() + TOKEN_MS }
}
