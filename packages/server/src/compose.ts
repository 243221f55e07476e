import { randomUUIDv7 } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { JwtAccess } from './adapters/jwt/access.ts'
import { createSecret } from './adapters/jwt/secret.ts'
import { sign } from './adapters/jwt/sign.ts'
import { systemClock } from './adapters/system/clock.ts'
import { failpointsFrom } from './adapters/system/failpoint.ts'
import { createLogger } from './adapters/system/logger.ts'
import { systemRandom } from './adapters/system/random.ts'
import { sha256 } from './adapters/system/sha256.ts'
import { Alerts } from './api/alerts.ts'
import type { Config } from './config/config.ts'
import { Admission } from './core/admission.ts'
import { Intake } from './core/intake.ts'
import { Rate } from './core/rate.ts'
import { replay } from './core/replay.ts'
import { connectEngine, type Engine, type EngineThread } from './engine/remote.ts'
import { spawnEngine } from './engine/spawn.ts'
import type { Cancel, Clock, Logger, Service, TurnEnd } from './ports/system.ts'
import { joinMetrics, Telemetry } from './telemetry/telemetry.ts'
import { BUILD } from './version.ts'

/** The engine thread may be inside a long write: who asks how it is gets an answer all the same. */
const ANSWER_MS_MAX = 1_000
/** So long after the start, what the first socket would have to wait for is loaded, unless it has come already. */
const LOAD_SCHEMAS_AFTER_MS = 1_000

/** A running installation: everything in one process. */
export interface Holdfast extends Service {
  /** Where it listens, once it was started. */
  readonly url: string
  readonly offersSignIn: boolean
}

const turnEnd: TurnEnd = (call) => void setImmediate(call)

/** Builds the whole server from its settings. The only place that knows roles and adapters. */
export async function compose(config: Config): Promise<Holdfast> {
  const logger = createLogger({ level: config.logLevel, to: 'stdout', fields: { part: 'main' } })
  const telemetry = new Telemetry('main', systemClock)
  // The thread may have something to tell before there is anybody who passes it on.
  const alerts = Promise.withResolvers<Alerts>()
  const starting = startEngine(
    config,
    (kind, fields) => {
      telemetry.alerted(kind)
      void alerts.promise.then(({ alert }) => alert(kind, fields))
    },
    logger,
  )
  const [thread, parts] = await Promise.all([starting, loadParts()])
  try {
    return assemble(config, logger, telemetry, thread, parts, (built) => alerts.resolve(built))
  } catch (error) {
    await thread.stop()
    throw error
  }
}

/** What this thread runs is loaded while the other one opens the engines. */
async function loadParts() {
  const [api, gateway, socket, requests] = await Promise.all([
    import('./api/api.ts'),
    import('./gateway/gateway.ts'),
    import('./gateway/socket.ts'),
    import('./gateway/requests.ts'),
  ])
  return { ...api, ...gateway, ...socket, ...requests }
}

/** Everything around the engine thread. */
function assemble(
  config: Config,
  logger: Logger,
  telemetry: Telemetry,
  { engine, stop: stopEngine }: EngineThread,
  { createApi, createGateway, attach, loadSchemas }: Awaited<ReturnType<typeof loadParts>>,
  alertsBuilt: (alerts: Alerts) => void,
): Holdfast {
  const system = { clock: systemClock, random: systemRandom, logger, sha256 }
  const secret = createSecret(config.data)
  const alerts = new Alerts({
    ...system,
    url: config.alertUrl,
    secret: config.alertSecret ?? secret,
    settings: config.alert,
  })
  alertsBuilt(alerts)
  const access = new JwtAccess(
    {
      own: secret,
      secrets: config.jwtSecrets,
      publicKeys: config.publicKeys,
      keySetUrl: config.jwksUrl,
      issuer: config.jwtIssuer,
      audience: config.jwtAudience,
      rememberedTokensMax: config.rememberedTokensMax,
    },
    systemClock,
  )
  const admission = new Admission(access, engine.users, systemClock, config)
  const sendRate = new Rate(systemClock, config.sendRate)
  const intake = new Intake({
    ...system,
    turnEnd,
    log: engine.commands,
    history: engine.history,
    settings: config.intake,
    observer: telemetry.intake,
  })
  telemetry.watchIntake(() => intake.status)
  const gateway = createGateway({
    ...system,
    turnEnd,
    logs: engine,
    history: engine.history,
    intake,
    rate: sendRate,
    admit: (token) => admission.admit(token),
    observer: telemetry.gateway,
    settings: config.gateway,
  })
  const offersSignIn = config.isLoopback && !config.hasKeys
  const failpoint = failpointsFrom(config.test.failpoint)
  const api = createApi({
    ...system,
    ...engine,
    settings: config.api,
    admission,
    submissions: intake,
    sendRate,
    readRate: new Rate(systemClock, config.readRate),
    durability: engine.commands.durability,
    replay: (id, by) => replay({ ...system, ...engine, failpoint }, id, by),
    indexedThrough: async () => (await engine.control.status()).indexedThrough,
    waiting: () => waiting(engine, gateway.status.isEstablished, systemClock),
    metrics: async () =>
      joinMetrics(await Promise.all([telemetry.text(), within(systemClock, engine.control.metrics(), '')])),
    signIn: offersSignIn
      ? (user) => sign(secret, systemClock, { user, administrator: false, lifetimeMs: config.api.signInTokenMs })
      : undefined,
    webRoot: fileURLToPath(new URL('../../web/dist', import.meta.url)),
    newId: () => randomUUIDv7(),
    observer: telemetry.api,
  })
  attach(api.server, gateway, {
    checkOrigin: (origin, { headers }) => config.hasKeys || isSameOrigin(origin, headers.host),
  })
  let url = ''
  let cancelLoading: Cancel = () => {}
  return {
    get url() {
      return url
    },
    offersSignIn,
    async start() {
      await gateway.start()
      const port = await api.listen(config.host, config.port)
      url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`
      telemetry.load()
      cancelLoading = systemClock.after(LOAD_SCHEMAS_AFTER_MS, () => loadEarly(loadSchemas, logger))
      // The client commands on this machine find the server by it.
      writeFileSync(join(config.data, 'address.json'), JSON.stringify({ url, pid: process.pid }))
    },
    async stop() {
      cancelLoading()
      await Promise.all([gateway.stop(), api.close()])
      try {
        await engine.control.stop()
      } finally {
        await stopEngine()
        await alerts.stop()
      }
    },
  }
}

function loadEarly(load: () => unknown, logger: Logger): void {
  try {
    load()
  } catch (error) {
    logger.error({ error }, 'the schemas of frames cannot be loaded: sockets are refused until they can')
  }
}

function startEngine(config: Config, alert: Alerts['alert'], logger: Logger): Promise<EngineThread> {
  const data = {
    folder: config.data,
    partitions: config.partitions,
    logLevel: config.logLevel,
    failpoint: config.test.failpoint,
    name: `${hostname()}/${process.pid}`,
    build: BUILD,
    worker: config.worker,
    indexer: config.indexer,
    restartMs: config.engineRestartMs,
    // What the gateway's drain, which comes first, leaves of it.
    workOffMsMax: config.drainMsMax - config.gateway.drainMsMax,
  }
  return connectEngine({
    start: () => spawnEngine(data),
    clock: systemClock,
    logger,
    alert,
    restartMs: config.engineRestartMs,
  })
}

/** What the parts wait for, a line each; a thread that does not answer is one of them. */
async function waiting(engine: Engine, isEstablished: boolean, clock: Clock): Promise<readonly string[]> {
  const silent = { waiting: ['engine: does not answer'], indexedThrough: 0 }
  const { waiting } = await within(clock, engine.control.status(), silent)
  return isEstablished ? waiting : [...waiting, 'gateway: the feed is not followed yet']
}

/** The answer, or this value where it does not come in time or fails. */
async function within<Value>(clock: Clock, answer: Promise<Value>, otherwise: Value): Promise<Value> {
  const answered = new AbortController()
  try {
    return await Promise.race([answer, clock.sleep(ANSWER_MS_MAX, answered.signal).then(() => otherwise)])
  } catch {
    return otherwise
  } finally {
    answered.abort()
  }
}

/** Where sign-in by name is offered, a page of another origin must not speak for whoever has this browser. */
function isSameOrigin(origin: string | undefined, host: string | undefined): boolean {
  return origin === undefined || (host !== undefined && origin.toLowerCase() === `http://${host.toLowerCase()}`)
}
