import { systemClock } from '../adapters/system/clock.ts'
import { createLogger } from '../adapters/system/logger.ts'
import { systemRandom } from '../adapters/system/random.ts'
import type { Api } from '../api/api.ts'
import type { Config } from '../config/config.ts'
import { Problem } from '../core/problem.ts'
import type { EngineControl } from '../engine/remote.ts'
import type { Logger } from '../ports/system.ts'
import { joinMetrics, Telemetry } from '../telemetry/telemetry.ts'
import type { Holdfast } from './compose.ts'
import { Ends } from './ends.ts'
import { makeFolder } from './engines.ts'
import { createAlerts, createFront, type Front, loadFront, urlOf } from './front.ts'
import { openNetworked } from './networked.ts'
import { Opening } from './opening.ts'

/** This process's share of a cluster: some roles, on engines that other processes share. */
export async function composeCluster(config: Config): Promise<Holdfast> {
  return new Member(config, await loadFront())
}

type Library = Awaited<ReturnType<typeof loadFront>>

class Member implements Holdfast {
  readonly offersSignIn: boolean
  readonly #config: Config
  readonly #library: Library
  readonly #logger: Logger
  readonly #main = new Telemetry('main', systemClock)
  readonly #engine = new Telemetry('engine', systemClock)
  readonly #stopping = new AbortController()
  readonly #ends: Ends
  #url = ''
  #starting: Promise<void> | undefined

  constructor(config: Config, library: Library) {
    this.#config = config
    this.#library = library
    this.#logger = createLogger({ level: config.logLevel, to: 'stdout', fields: { part: config.role.join(',') } })
    this.#ends = new Ends(this.#logger)
    this.offersSignIn = config.role.includes('gateway') && config.isLoopback && !config.hasKeys
  }

  get url(): string {
    return this.#url
  }

  /** Resolves when it is at work; until its engines are there it waits, and says for what. */
  start(asked: AbortSignal): Promise<void> {
    asked.addEventListener('abort', () => this.#stopping.abort(), { once: true })
    this.#starting ??= this.#start()
    return this.#starting
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#starting?.catch(() => {})
    await this.#ends.run()
  }

  async #start(): Promise<void> {
    makeFolder(this.#config.data)
    const alerts = createAlerts(this.#config, this.#logger)
    this.#ends.add(() => alerts.stop())
    const system = { clock: systemClock, random: systemRandom, logger: this.#logger }
    const opening = new Opening({ ...system, signal: this.#stopping.signal })
    const early = this.#healthApi(async () => opening.waiting, STARTING)
    this.#ends.add(() => early.close())
    const port = await early.listen(this.#config.host, this.#config.port)
    const config = { ...this.#config, port }
    const engine = await openNetworked({
      config,
      logger: this.#logger,
      opening,
      telemetry: this.#engine,
      alert: (kind, fields) => {
        this.#main.alerted(kind)
        alerts.alert(kind, fields)
      },
    })
    this.#ends.add(() => engine.control.stop())
    await early.close()
    const options = { config, logger: this.#logger, telemetry: this.#main, engine, library: this.#library }
    const front = config.role.includes('gateway') ? createFront(options) : this.#healthFront(engine.control, config)
    this.#ends.add(() => front.stop())
    await front.start()
    this.#url = front.url
  }

  /** Of a process that nobody talks to but those who look after processes. */
  #healthFront({ status }: EngineControl, { host, port }: Config): Front {
    const api = this.#healthApi(async () => (await status()).waiting)
    return {
      url: urlOf(host, port),
      offersSignIn: false,
      start: async () => void (await api.listen(host, port)),
      stop: () => api.close(),
    }
  }

  #healthApi(waiting: () => Promise<readonly string[]>, elsewhere?: Problem): Api {
    return this.#library.createHealthApi({
      clock: systemClock,
      logger: this.#logger,
      settings: this.#config.api,
      observer: this.#main.api,
      waiting,
      metrics: async () => joinMetrics(await Promise.all([this.#main.text(), this.#engine.text()])),
      ...(elsewhere === undefined ? {} : { elsewhere }),
    })
  }
}

const STARTING = new Problem(
  'STORE_UNAVAILABLE',
  'The server is starting, and waits for its engines: /readyz says which.',
)
