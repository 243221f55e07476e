import { randomUUIDv7 } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { JwtAccess } from '../adapters/jwt/access.ts'
import { createSecret } from '../adapters/jwt/secret.ts'
import { sign } from '../adapters/jwt/sign.ts'
import { systemClock } from '../adapters/system/clock.ts'
import { failpointsFrom } from '../adapters/system/failpoint.ts'
import { systemRandom } from '../adapters/system/random.ts'
import { sha256 } from '../adapters/system/sha256.ts'
import { Alerts } from '../api/alerts.ts'
import type { Config } from '../config/config.ts'
import { Admission } from '../core/admission.ts'
import { Intake } from '../core/intake.ts'
import { KnownUsers } from '../core/known-users.ts'
import { Rate } from '../core/rate.ts'
import { replay } from '../core/replay.ts'
import { RetentionGuard } from '../core/retention.ts'
import type { Engine } from '../engine/remote.ts'
import type { Cancel, Clock, Logger, Service, TurnEnd } from '../ports/system.ts'
import { joinMetrics, type Telemetry } from '../telemetry/telemetry.ts'
import { GROUP as WORKER_GROUP } from '../worker/start.ts'

/** The engine thread may be inside a long write: who asks how it is gets an answer all the same. */
const ANSWER_MS_MAX = 1_000
/** So long after the start, what the first socket would have to wait for is loaded, unless it has come already. */
const LOAD_SCHEMAS_AFTER_MS = 1_000

const turnEnd: TurnEnd = (call) => void setImmediate(call)

type Library = Awaited<ReturnType<typeof loadFront>>

export interface Front extends Service {
  /** Where it listens, once it was started. */
  readonly url: string
  readonly offersSignIn: boolean
}

export interface FrontOptions {
  readonly config: Config
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly engine: Engine
  /** What `loadFront` gave. */
  readonly library: Library
}

/** The code of gateway and HTTP: it takes as long to load as engines take to open. */
export async function loadFront() {
  const [api, gateway, socket, requests] = await Promise.all([
    import('../api/api.ts'),
    import('../gateway/gateway.ts'),
    import('../gateway/socket.ts'),
    import('../gateway/requests.ts'),
  ])
  return { ...api, ...gateway, ...socket, ...requests }
}

/** Alerts to where the settings say, signed. */
export function createAlerts({ data, alertUrl, alertSecret, alert }: Config, logger: Logger): Alerts {
  return new Alerts({
    clock: systemClock,
    random: systemRandom,
    logger,
    url: alertUrl,
    secret: alertSecret ?? createSecret(data),
    settings: alert,
  })
}

/** What people and programs talk to: sockets and HTTP, in front of engines wherever they are. */
export function createFront({ config, logger, telemetry, engine, library }: FrontOptions): Front {
  const { createApi, createGateway, attach, loadSchemas } = library
  const system = { clock: systemClock, random: systemRandom, logger, sha256 }
  const secret = createSecret(config.data)
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
  const users = new KnownUsers(engine.users, config.admittedUsersMax)
  const admission = new Admission(access, users, systemClock, config.users)
  const sendRate = new Rate(systemClock, config.sendRate)
  const retention = new RetentionGuard({
    ...system,
    log: engine.commands,
    group: WORKER_GROUP,
    settings: config.intake,
  })
  const intake = new Intake({
    ...system,
    turnEnd,
    log: retention.log,
    history: engine.history,
    knows: (user) => users.knows(user),
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
    users,
    settings: config.api,
    admission,
    submissions: intake,
    sendRate,
    readRate: new Rate(systemClock, config.readRate),
    durability: engine.commands.durability,
    replay: (id, by) => replay({ ...system, ...engine, commands: retention.log, failpoint }, id, by),
    indexedThrough: async () => (await engine.control.status()).indexedThrough,
    waiting: async () => [
      ...(await waiting(engine, gateway.status.isEstablished, systemClock)),
      ...[retention.refusal ?? []].flat(),
    ],
    metrics: async () =>
      joinMetrics(await Promise.all([telemetry.text(), within(systemClock, engine.control.metrics(), '')])),
    signIn: offersSignIn
      ? (user) => sign(secret, systemClock, { user, administrator: false, lifetimeMs: config.api.signInTokenMs })
      : undefined,
    isForEveryOrigin: config.hasKeys,
    webRoot: fileURLToPath(new URL('../../../web/dist', import.meta.url)),
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
      await retention.start()
      await gateway.start()
      const port = await api.listen(config.host, config.port)
      url = urlOf(config.host, port)
      telemetry.load()
      cancelLoading = systemClock.after(LOAD_SCHEMAS_AFTER_MS, () => loadEarly(loadSchemas, logger))
      // The client commands on this machine find the server by it.
      writeFileSync(join(config.data, 'address.json'), JSON.stringify({ url, pid: process.pid }))
    },
    /** Takes no more, and waits for the ends of what is under way. The engines are somebody else's to stop. */
    async stop() {
      cancelLoading()
      await Promise.all([gateway.stop(), api.close(), retention.stop()])
    },
  }
}

/** An address of IPv6 stands in brackets. */
export function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function loadEarly(load: () => unknown, logger: Logger): void {
  try {
    load()
  } catch (error) {
    logger.error({ error }, 'the schemas of frames cannot be loaded: sockets are refused until they can')
  }
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
