import { AssertionError } from 'node:assert'
import { randomUUID } from 'node:crypto'
import { JwtAccess } from '../../src/adapters/jwt/access.ts'
import { sign } from '../../src/adapters/jwt/sign.ts'
import type { Faults, Memory } from '../../src/adapters/memory/memory.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { systemRandom } from '../../src/adapters/system/random.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { type Api, type ApiParts, createApi } from '../../src/api/api.ts'
import { readConfig } from '../../src/config/read.ts'
import { Admission } from '../../src/core/admission.ts'
import { Intake } from '../../src/core/intake.ts'
import { KnownUsers } from '../../src/core/known-users.ts'
import { Rate, type RateSettings } from '../../src/core/rate.ts'
import { replay } from '../../src/core/replay.ts'
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts'
import type { Logger } from '../../src/ports/system.ts'
import { Telemetry } from '../../src/telemetry/telemetry.ts'
import { createWorker, type Worker } from '../../src/worker/worker.ts'
import { memoryEngines } from '../support/adapters.ts'
import { deviation } from './contract.ts'

const OWN = new Uint8Array(32).fill(7)
const TOKEN_MS = 600_000
/** So much that no test meets it by accident. */
const PLENTY: RateSettings = { perSecond: 1_000_000, burst: 1_000_000, usersMax: 100 }

export interface SceneOptions {
  readonly faults?: Faults
  readonly sendRate?: RateSettings
  readonly users?: 'auto' | 'registered'
  /** Without one, commands are accepted and nothing comes of them. */
  readonly hasWorker?: boolean
  /** How long a request waits for an outcome. */
  readonly waitMs?: number
  readonly parts?: Partial<ApiParts>
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

export interface RequestOptions {
  readonly token?: string | undefined
  readonly body?: unknown
  readonly raw?: string | Uint8Array<ArrayBuffer> | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** The API on real engines in memory, with the real worker behind it, over real HTTP. */
export class Scene implements AsyncDisposable {
  readonly engines: Memory
  readonly intake: Intake
  readonly api: Api
  readonly telemetry = new Telemetry('main', systemClock)
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] = []
  url = ''
  readonly #worker: Worker
  readonly #gateway: Gateway
  readonly #hasWorker: boolean

  static async open(options: SceneOptions = {}): Promise<Scene> {
    const scene = new Scene(options)
    await scene.#gateway.start()
    if (scene.#hasWorker) await scene.#worker.start()
    scene.url = `http://127.0.0.1:${await scene.api.listen('127.0.0.1', 0)}`
    return scene
  }

  private constructor({
    faults = {},
    sendRate = PLENTY,
    users = 'auto',
    hasWorker = true,
    waitMs = 10_000,
    parts = {},
  }: SceneOptions) {
    const config = readConfig({ environment: {} })
    const clock = systemClock
    const turnEnd = (call: () => void) => void setImmediate(call)
    const logger = this.#logger()
    const { telemetry } = this
    this.#hasWorker = hasWorker
    this.engines = memoryEngines({ faults })
    const { logs, store, search } = this.engines
    const access = new JwtAccess(
      {
        own: OWN,
        secrets: [],
        publicKeys: [],
        keySetUrl: undefined,
        issuer: undefined,
        audience: undefined,
        rememberedTokensMax: 100,
      },
      clock,
    )
    const known = new KnownUsers(store.users, 100)
    const admission = new Admission(access, known, clock, users)
    this.intake = new Intake({
      log: logs.commands,
      history: store.history,
      knows: (user) => known.knows(user),
      clock,
      turnEnd,
      settings: config.intake,
      observer: telemetry.intake,
    })
    const rate = new Rate(clock, sendRate)
    const shared = { logs, clock, random: systemRandom, sha256, logger }
    this.#gateway = createGateway({
      ...shared,
      history: store.history,
      intake: this.intake,
      rate,
      admit: (token) => admission.admit(token),
      turnEnd,
      observer: telemetry.gateway,
      settings: config.gateway,
    })
    this.#worker = createWorker({
      ...shared,
      name: 'test',
      build: 'test',
      store,
      failpoint: () => {},
      settings: { ...config.worker, laneWaitMsMax: 300, laneTriesMin: 1 },
      observer: telemetry.worker,
      alert: () => {},
    })
    this.api = createApi({
      settings: { ...config.api, closeMsMax: 2_000, outcomeWaitMsMax: waitMs },
      admission,
      history: store.history,
      users: known,
      letters: store.letters,
      search,
      submissions: this.intake,
      sendRate: rate,
      readRate: new Rate(clock, PLENTY),
      durability: logs.commands.durability,
      replay: (id, by) => {
        const { letters } = store
        return replay({ letters, commands: logs.commands, sha256, clock, failpoint: () => {} }, id, by)
      },
      indexedThrough: async () => 42,
      waiting: async () => [],
      metrics: () => telemetry.text(),
      signIn: async (user) => sign(OWN, clock, { user, administrator: false, lifetimeMs: TOKEN_MS }),
      isForEveryOrigin: false,
      webRoot: undefined,
      clock,
      sha256,
      newId: randomUUID,
      logger,
      observer: telemetry.api,
      ...parts,
    })
  }

  #logger(): Logger {
    const write = (level: string) => (fields: object, message: string) =>
      void this.lines.push({ level, fields, message })
    return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  }

  async token(user: string, administrator = false): Promise<string> {
    return (await sign(OWN, systemClock, { user, administrator, lifetimeMs: TOKEN_MS })).token
  }

  async expiredToken(user: string): Promise<string> {
    return (await sign(OWN, systemClock, { user, administrator: false, lifetimeMs: -60_000 })).token
  }

  /** One request, to this path exactly as it is written. Rejects an answer that its route does not name: no test may see one. */
  async request(method: string, path: string, { token, body, raw, headers = {} }: RequestOptions = {}): Promise<Reply> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...((body !== undefined || raw !== undefined) && { body: raw ?? JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false
    const answered = isJson && text !== '' ? JSON.parse(text) : { text }
    const wrong = deviation(method, path, response.status, answered)
    if (wrong !== undefined) throw new AssertionError({ message: wrong })
    return { status: response.status, headers: response.headers, body: answered }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api.close()
    await this.#gateway.stop()
    await this.#worker.stop()
    await this.engines.close()
  }
}
