import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { AlertSettings, ApiSettings } from './api/settings.ts'
import { INTAKE_DEFAULTS, type IntakeSettings } from './core/intake.ts'
import { type RateSettings, REFUSAL_COST, SEND_RATE_DEFAULTS } from './core/rate.ts'
import { GATEWAY_DEFAULTS, type GatewaySettings } from './gateway/settings.ts'
import { INDEXER_DEFAULTS, type IndexerSettings } from './indexer/settings.ts'
import { WORKER_DEFAULTS, type WorkerSettings } from './worker/settings.ts'

/** Everything that can be set, read once and frozen. Plain data, so that the engine thread can be handed it. */
export type Config = Readonly<Values<typeof GENERAL>> & {
  /** Absolute. */
  readonly data: string
  readonly isLoopback: boolean
  /** Whether any key of the app's backend is set: without one, the installation's own secret and sign-in by name serve. */
  readonly hasKeys: boolean
  readonly publicKeys: readonly { readonly kid: string; readonly pem: string }[]
  readonly worker: WorkerSettings
  readonly gateway: GatewaySettings
  readonly indexer: IndexerSettings
  readonly intake: IntakeSettings
  readonly sendRate: RateSettings
  readonly readRate: RateSettings
  readonly api: ApiSettings
  readonly alert: AlertSettings
  /** Of the commands that talk to a server. */
  readonly client: Readonly<Values<typeof CLIENT>>
  /** For tests of the server as a process. */
  readonly test: { readonly failpoint: string | undefined }
}

/** A setting that is unknown, wrong, or contradicts another: the message says what to change. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}

/** The process's environment: nobody else reads it. */
export const environment: Readonly<Record<string, string | undefined>> = process.env

export interface ConfigSources {
  /** By name without dashes: `{ port: '8080' }`. */
  readonly flags?: Readonly<Record<string, string | undefined>>
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/** Reads every setting: flag over environment over file over default. Throws a ConfigError. */
export function readConfig({ flags = {}, environment: variables = environment }: ConfigSources = {}): Config {
  const file = readFile(flags.config ?? (variables.HOLDFAST_CONFIG || undefined))
  refuseUnknown(flags, variables, file)
  const values = valuesOf(SETTINGS, '', { flags, variables, file }) as Values<typeof SETTINGS>
  const { general, ...groups } = values
  const publicKeys = general.jwtPublicKeys.map(readPublicKey)
  const config: Config = {
    ...groups,
    ...general,
    data: resolve(general.data),
    isLoopback: isLoopback(general.host),
    hasKeys: general.jwtSecrets.length > 0 || publicKeys.length > 0 || general.jwksUrl !== undefined,
    publicKeys,
    test: { failpoint: variables.HFTEST_FAILPOINT || undefined },
  }
  crossCheck(config)
  return frozen(config)
}

// ---- the table -------------------------------------------------------------------------------------------------------

interface Setting<Value> {
  readonly setting: true
  readonly default: Value
  /** What its value may be, in words. */
  readonly type: string
  /** What it is, or which failure it prevents. */
  readonly why: string
  /** Secrets have no flag: arguments of a process are for everybody to see. */
  readonly isSecret: boolean
  /** The value of a text or of the file's JSON; undefined where it is none. */
  parse(value: unknown): Value | undefined
}

interface Table {
  readonly [name: string]: Setting<unknown> | Table
}

type Values<Node extends Table> = {
  readonly [Name in keyof Node]: Node[Name] extends Setting<infer Value>
    ? Value
    : Node[Name] extends Table
      ? Values<Node[Name]>
      : never
}

/** No wait of ours is longer. */
const DAY_MS = 86_400_000

const GENERAL = {
  data: text('./data', 'The folder of log, store, search index and secret: one server at a time.'),
  host: text('127.0.0.1', 'The address to listen on; one that others can reach needs keys to judge tokens by.'),
  port: integer(8_080, 'The port to listen on; 0 takes a free one.', 0, 65_535),
  partitions: integer(
    1,
    'How many parts the log has: fixed when the data folder is made, because a room must never change its part.',
    1,
    256,
  ),
  users: choice(
    ['auto', 'registered'],
    'auto: whoever brings a good token is a user; registered: commands of unknown users wait, and then fail.',
  ),
  jwtSecrets: secret(
    list(
      [],
      'Shared secrets of HS256 tokens, each at least 32 bytes: several at once, so that they can be changed without signing everybody out.',
      'secrets',
    ),
  ),
  jwtPublicKeys: list(
    [],
    "Files with public keys in PEM (RSA, P-256, Ed25519); a file's name without its ending is the key's `kid`.",
    'files',
  ),
  jwksUrl: optional(
    'URL',
    'Where the key set (JWKS) of your identity provider is; it is asked again as keys change.',
    isHttpUrl,
  ),
  jwtIssuer: optional(
    'text',
    'The `iss` a token must have: a token of the same key for another purpose is then refused.',
  ),
  jwtAudience: optional('text', 'The `aud` a token must have: a token meant for another service is then refused.'),
  alertUrl: optional(
    'URL',
    'Where alerts are posted: a dead letter or an outage that nobody hears of is found by users.',
    isHttpUrl,
  ),
  alertSecret: secret(
    optional(
      'text',
      "Signs alerts, so that their receiver can tell them from others'; without it the installation's secret does.",
    ),
  ),
  logLevel: choice(['info', 'debug', 'warn', 'error', 'silent'], 'The least important lines that are still logged.'),
  drainMsMax: ms(
    8_000,
    'A stop finishes what is under way for so long: less than the grace, or the orchestrator kills it in the middle.',
  ),
  graceMsMax: ms(10_000, 'A stop ends after this whatever hangs: the time your orchestrator waits before it kills.'),
  engineRestartMs: ms(
    1_000,
    'An engine thread that ended is started again after this: at once, a lasting fault would spin the machine.',
  ),
  rememberedTokensMax: count(
    10_000,
    'Tokens found good that are not verified again: without a bound, those who come and go would fill the memory.',
  ),
  admittedUsersMax: count(
    100_000,
    'Users remembered as written to the store: without a bound, those who come and go would fill the memory.',
  ),
} as const satisfies Table

const WORKER = {
  batchRecordsMax: count(
    WORKER_DEFAULTS.batchRecordsMax,
    'A batch takes no more records: one transaction must not hold the store for long.',
  ),
  batchBytesMax: bytes(
    WORKER_DEFAULTS.batchBytesMax,
    'A batch takes no more bytes: long texts must not make one transaction huge.',
  ),
  lingerMsMax: integer(
    WORKER_DEFAULTS.lingerMsMax,
    'A batch that is not full waits so long for more; 0 adds no delay.',
    0,
    10_000,
  ),
  idleMsMax: ms(
    WORKER_DEFAULTS.idleMsMax,
    'An idle partition looks around this often, so that a missed wake-up is no hang.',
  ),
  feedRecordsMax: count(
    WORKER_DEFAULTS.feedRecordsMax,
    'One append to the feed takes no more: a large one would delay the first answer in it.',
  ),
  unfinishedRecordsMax: count(
    WORKER_DEFAULTS.unfinishedRecordsMax,
    'Reading ahead of a waiting record stops here: so many records at most come again after a crash.',
  ),
  waitingBytesMax: bytes(
    WORKER_DEFAULTS.waitingBytesMax,
    'Waiting records hold no more memory; past it the oldest lane is given up.',
  ),
  roomsBytesMax: bytes(
    WORKER_DEFAULTS.roomsBytesMax,
    'What is remembered of rooms, per partition: many rooms must not fill the memory.',
  ),
  usersMax: count(
    WORKER_DEFAULTS.usersMax,
    'Registered senders remembered, per partition: many users must not fill the memory.',
  ),
  storeAttemptMsMax: ms(
    WORKER_DEFAULTS.storeAttemptMsMax,
    'One call of a store that can be timed out: a dead connection must not hang a partition.',
  ),
  lookUpMsMax: ms(WORKER_DEFAULTS.lookUpMsMax, 'The look-up behind a doubt: other lanes wait for it.'),
  laneWaitMsMax: ms(
    WORKER_DEFAULTS.laneWaitMsMax,
    'A doubt lasts no longer, from when the log took the record: a lane must not wait for ever.',
  ),
  laneTriesMin: count(
    WORKER_DEFAULTS.laneTriesMin,
    'A doubt gets so many fresh looks even after an outage as long as its wait.',
  ),
  laneBackoff: backoff(WORKER_DEFAULTS.laneBackoff, 'between looks at a waiting lane'),
  outageBackoff: backoff(WORKER_DEFAULTS.outageBackoff, 'between tries while an engine is away'),
  batchMsMax: ms(WORKER_DEFAULTS.batchMsMax, 'A batch that takes longer is an outage: the operator is told.'),
  isolateTriesMax: count(
    WORKER_DEFAULTS.isolateTriesMax,
    'A record alone is tried so often before an unknown error counts as its own.',
  ),
  floodSendersMax: count(
    WORKER_DEFAULTS.floodSendersMax,
    'When commands of more senders die at once, the fault is not theirs: the partition holds.',
  ),
  floodWindowMs: ms(WORKER_DEFAULTS.floodWindowMs, 'Deaths within this time count together.'),
  probeMs: ms(
    WORKER_DEFAULTS.probeMs,
    'A partition that holds tries one record this often, to see whether it still must.',
  ),
  drainMsMax: ms(WORKER_DEFAULTS.drainMsMax, 'A batch in flight has so long to end when the process stops.'),
  revokeMsMax: ms(
    WORKER_DEFAULTS.revokeMsMax,
    'A batch in flight has so long to end when its partition goes to another worker.',
  ),
  stuckMsMax: ms(
    WORKER_DEFAULTS.stuckMsMax,
    'With work to do and no attempt finished for so long, a partition is started again: heartbeats prove the process, not the work.',
  ),
} as const satisfies Table

const GATEWAY = {
  sessionsMax: count(
    GATEWAY_DEFAULTS.sessionsMax,
    'Sockets at once: further ones are refused before they cost memory.',
  ),
  outboxBytesMax: bytes(
    GATEWAY_DEFAULTS.outboxBytesMax,
    "What waits for one reader: one frozen phone must not hold a room's memory.",
  ),
  greetingMsMax: ms(
    GATEWAY_DEFAULTS.greetingMsMax,
    'A socket has so long to sign in: strangers must not hold sockets.',
  ),
  greetingBytesMax: bytes(
    GATEWAY_DEFAULTS.greetingBytesMax,
    'Frames kept from a client that does not wait for `hello`: nobody unknown may fill the memory.',
  ),
  pingMs: ms(
    GATEWAY_DEFAULTS.pingMs,
    'Every session is pinged this often: a peer that left without a word is noticed.',
  ),
  pongMsMax: ms(GATEWAY_DEFAULTS.pongMsMax, 'A pinged peer has so long to show that it lives.'),
  housekeepingMs: ms(GATEWAY_DEFAULTS.housekeepingMs, 'Deadlines of sessions are looked at this often.'),
  closeMsMax: ms(GATEWAY_DEFAULTS.closeMsMax, 'A peer that does not finish closing holds its socket no longer.'),
  drainMsMax: ms(GATEWAY_DEFAULTS.drainMsMax, 'A stop waits so long for the ends of commands.'),
  sweepMs: ms(
    GATEWAY_DEFAULTS.sweepMs,
    'Memberships and heads are read again this often, so that an old read does not last.',
  ),
  resumeEntriesMax: count(
    GATEWAY_DEFAULTS.resumeEntriesMax,
    'A room that resumes is replayed no more entries: a long absence must not flood a phone.',
  ),
  fillEntriesMax: count(
    GATEWAY_DEFAULTS.fillEntriesMax,
    'Entries of one read when a hole is filled: reads of others wait behind it.',
  ),
  pageBytesMax: bytes(
    GATEWAY_DEFAULTS.pageBytesMax,
    'A page ends early rather than being longer: it must fit into the outbox.',
  ),
  requestsInFlightMax: count(
    GATEWAY_DEFAULTS.requestsInFlightMax,
    'Pages and openings under way for one session: one client must not occupy the store.',
  ),
  commandsInFlightMax: count(
    GATEWAY_DEFAULTS.commandsInFlightMax,
    'Commands of one session without an end: one client must not fill the memory.',
  ),
  lanesMax: count(
    GATEWAY_DEFAULTS.lanesMax,
    'Rooms of one session with commands under way or failed: one client must not fill the memory.',
  ),
  readsInFlightMax: count(
    GATEWAY_DEFAULTS.readsInFlightMax,
    'Reads of the store at once for all sessions: a storm of reconnects must not bury the store.',
  ),
  openingsInFlightMax: count(
    GATEWAY_DEFAULTS.openingsInFlightMax,
    'Rooms that one session opens at once: one user of many rooms must not delay the others.',
  ),
  surveyUsersMax: count(
    GATEWAY_DEFAULTS.surveyUsersMax,
    'Users asked about in one read of the sweep: a large one would hold up everything else.',
  ),
  retryMsMin: ms(GATEWAY_DEFAULTS.retryMsMin, 'The first wait before a failed read is repeated, at most.'),
  retryMsMax: ms(
    GATEWAY_DEFAULTS.retryMsMax,
    'The longest wait before a failed read is repeated: a store that came back must be noticed.',
  ),
  openTriesMax: count(
    GATEWAY_DEFAULTS.openTriesMax,
    "Fresh reads that must disagree with a client's position before its history counts as lost.",
  ),
} as const satisfies Table

const INDEXER = {
  batchRecordsMax: count(
    INDEXER_DEFAULTS.batchRecordsMax,
    'One write to the index takes no more: searches wait behind it.',
  ),
  batchBytesMax: bytes(INDEXER_DEFAULTS.batchBytesMax, 'The same in bytes.'),
  idleMsMax: ms(
    INDEXER_DEFAULTS.idleMsMax,
    'An idle partition looks around this often, so that a missed wake-up is no hang.',
  ),
  fillEntriesMax: count(
    INDEXER_DEFAULTS.fillEntriesMax,
    'Entries read from the store at once where the feed left a hole.',
  ),
  sweepMs: ms(
    INDEXER_DEFAULTS.sweepMs,
    'Store and index are compared this often: what was missed is found without an operator.',
  ),
  sweepRoomsMax: count(
    INDEXER_DEFAULTS.sweepRoomsMax,
    'Rooms compared by one read: a large one would hold up everything else.',
  ),
  suspectRoomsMax: count(
    INDEXER_DEFAULTS.suspectRoomsMax,
    'Rooms remembered as behind between two sweeps: many rooms must not fill the memory.',
  ),
  headsMax: count(
    INDEXER_DEFAULTS.headsMax,
    'Rooms whose indexed head is remembered, per partition: many rooms must not fill the memory.',
  ),
  refreshMsMin: ms(
    INDEXER_DEFAULTS.refreshMsMin,
    'An index that has to be refreshed is so at most this often: refreshing is dear.',
  ),
  outageBackoff: backoff(INDEXER_DEFAULTS.outageBackoff, 'between tries while the index is away'),
  drainMsMax: ms(INDEXER_DEFAULTS.drainMsMax, 'A write in flight has so long to end when the process stops.'),
} as const satisfies Table

const INTAKE = {
  appendQueueRecordsMax: count(
    INTAKE_DEFAULTS.appendQueueRecordsMax,
    'Commands in front of the log: one that stalls must not fill the memory.',
  ),
  appendQueueBytesMax: bytes(INTAKE_DEFAULTS.appendQueueBytesMax, 'The same in bytes.'),
  appendBatchRecordsMax: count(
    INTAKE_DEFAULTS.appendBatchRecordsMax,
    'One append takes no more commands: its first must not wait long for its last.',
  ),
  appendBatchBytesMax: bytes(INTAKE_DEFAULTS.appendBatchBytesMax, 'The same in bytes.'),
  appendMsMax: ms(
    INTAKE_DEFAULTS.appendMsMax,
    'An append without a reply for so long is called unknown: its senders must hear something.',
  ),
  waitersMax: count(
    INTAKE_DEFAULTS.waitersMax,
    'Commands waiting for their end: when nothing ends any more, sends are refused instead of remembered.',
  ),
  lookUpCommandsMax: count(
    INTAKE_DEFAULTS.lookUpCommandsMax,
    'Commands looked up by one read: a large one would hold up everything else.',
  ),
  lookUpMsMax: ms(INTAKE_DEFAULTS.lookUpMsMax, 'A look-up without a reply for so long has failed.'),
} as const satisfies Table

/** Sends and reads of one user have a rate each. */
function rate({ perSecond, burst, usersMax }: RateSettings, things: string) {
  return {
    perSecond: count(perSecond, `${things} of one user in a second: one client must not use up what is there for all.`),
    burst: count(burst, `${things} at once after a rest.`),
    usersMax: count(usersMax, 'Users whose rate is remembered: many users must not fill the memory.'),
  }
}

const SEND_RATE = rate(SEND_RATE_DEFAULTS, 'Commands')
const READ_RATE = rate({ perSecond: 200, burst: 1_000, usersMax: 100_000 }, 'Reads over HTTP')

const API = {
  outcomeWaitMsMax: ms(
    10_000,
    'A request that waits for an outcome is answered after this whatever comes: callers have deadlines too.',
  ),
  requestMsMax: ms(
    30_000,
    'A request must have arrived whole within this: a trickle of bytes must not hold a connection.',
  ),
  idleMsMax: ms(72_000, 'A connection without a request is closed after this.'),
  closeMsMax: ms(4_000, 'A stop waits so long for open requests.'),
  slowRequestMsMin: ms(12_000, 'A request that took longer is logged; longer than any wait for an outcome.'),
  roomsPerPageMax: count(1_000, 'Rooms in one answer: a user of many rooms must not make it huge.', 10_000),
  membersPerPageMax: count(1_000, 'Members in one answer: a large room must not make it huge.', 10_000),
  lettersPerPageMax: count(200, 'Dead letters in one answer.', 1_000),
  queryBytesMax: bytes(1_024, 'A search text may be no longer: each word costs a look into the index.'),
  signInTokenMs: ms(3_600_000, 'A token of the sign-in by name lasts so long.'),
} as const satisfies Table

const ALERT = {
  attemptMsMax: ms(5_000, 'One try to deliver an alert: a receiver that hangs must not hold up the next alert.'),
  triesMax: count(6, 'An alert is given up after so many tries: it is in the log.'),
  backoffMsMin: ms(1_000, 'The first wait between tries, at most.'),
  backoffMsMax: ms(30_000, 'The longest wait between tries.'),
  queueAlertsMax: count(1_000, 'Alerts waiting to be delivered: a receiver that is away must not fill the memory.'),
} as const satisfies Table

const CLIENT = {
  url: optional('URL', 'The server that the client commands talk to; by default the local one.', isHttpUrl),
  token: secret(optional('text', 'Their token; by default one signed with the local secret.')),
} as const satisfies Table

const SETTINGS = {
  general: GENERAL,
  worker: WORKER,
  gateway: GATEWAY,
  indexer: INDEXER,
  intake: INTAKE,
  sendRate: SEND_RATE,
  readRate: READ_RATE,
  api: API,
  alert: ALERT,
  client: CLIENT,
} as const satisfies Table

/** Groups whose settings have no prefix: `port`, not `general.port`. */
const UNPREFIXED = new Set(['general', 'client'])

// ---- kinds of settings -----------------------------------------------------------------------------------------------

function setting<Value>(
  type: string,
  initial: Value,
  why: string,
  parse: (value: unknown) => Value | undefined,
): Setting<Value> {
  return { setting: true, type, default: initial, why, isSecret: false, parse }
}

function secret<Value>(setting: Setting<Value>): Setting<Value> {
  return { ...setting, isSecret: true }
}

function integer(initial: number, why: string, min: number, max: number): Setting<number> {
  const type = max === Number.MAX_SAFE_INTEGER ? `integer, at least ${min}` : `integer, ${min} to ${max}`
  return setting(type, initial, why, (value) => {
    const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
    return typeof number === 'number' && Number.isSafeInteger(number) && number >= min && number <= max
      ? number
      : undefined
  })
}

/** A number of things, at least one. */
function count(initial: number, why: string, max: number = Number.MAX_SAFE_INTEGER): Setting<number> {
  return integer(initial, why, 1, max)
}

/** Milliseconds, up to a day. */
function ms(initial: number, why: string): Setting<number> {
  return integer(initial, why, 1, DAY_MS)
}

function bytes(initial: number, why: string): Setting<number> {
  return integer(initial, why, 1, Number.MAX_SAFE_INTEGER)
}

function backoff(initial: { readonly delayMs: number; readonly delayMsMax: number }, when: string) {
  return {
    delayMs: ms(initial.delayMs, `The first wait ${when}, at most; it doubles with each.`),
    delayMsMax: ms(initial.delayMsMax, `The longest wait ${when}.`),
  }
}

function text(initial: string, why: string): Setting<string> {
  return setting('text', initial, why, nonEmpty)
}

function optional(
  type: string,
  why: string,
  accepts: (text: string) => boolean = () => true,
): Setting<string | undefined> {
  return setting<string | undefined>(type, undefined, why, (value) => {
    const text = nonEmpty(value)
    return text !== undefined && accepts(text) ? text : undefined
  })
}

function choice<const Word extends string>(words: readonly [Word, ...Word[]], why: string): Setting<Word> {
  return setting(`one of ${words.join(', ')}`, words[0], why, (value) => words.find((word) => word === value))
}

function list(initial: readonly string[], why: string, things: string): Setting<readonly string[]> {
  return setting(`${things}, with commas between them`, initial, why, (value) => {
    const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value
    const isList = Array.isArray(items) && items.length > 0 && items.every((item) => nonEmpty(item) !== undefined)
    return isList ? (items as string[]) : undefined
  })
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

// ---- reading ---------------------------------------------------------------------------------------------------------

interface Sources {
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly file: { readonly name: string; readonly json: unknown } | undefined
}

/** A setting with the names it has in each place: `worker.batchRecordsMax`, `--worker-batch-records-max`, `HOLDFAST_WORKER_BATCH_RECORDS_MAX`. */
interface Named {
  readonly path: string
  readonly flag: string | undefined
  readonly variable: string
  readonly setting: Setting<unknown>
}

function named(path: string, setting: Setting<unknown>): Named {
  return { path, flag: setting.isSecret ? undefined : words(path), variable: nameOf(path), setting }
}

/** `worker.batchRecordsMax` as `worker-batch-records-max`. */
function words(path: string): string {
  return path.replaceAll('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function isSetting(node: Setting<unknown> | Table): node is Setting<unknown> {
  return node.setting === true
}

function childPath(path: string, name: string): string {
  if (path === '' && UNPREFIXED.has(name)) return ''
  return path === '' ? name : `${path}.${name}`
}

function allNamed(table: Table, path = ''): readonly Named[] {
  return Object.entries(table).flatMap(([name, node]) => {
    const below = childPath(path, name)
    return isSetting(node) ? [named(below, node)] : allNamed(node, below)
  })
}

function valuesOf(table: Table, path: string, sources: Sources): object {
  const entries = Object.entries(table).map(([name, node]) => {
    const below = childPath(path, name)
    return [name, isSetting(node) ? readSetting(named(below, node), sources) : valuesOf(node, below, sources)]
  })
  return Object.fromEntries(entries)
}

/** The value from the first place that has one. An empty variable counts as none: that is how compose files leave one out. */
function readSetting({ path, flag, variable, setting }: Named, { flags, variables, file }: Sources): unknown {
  const places: readonly (readonly [string, unknown])[] = [
    [`--${flag}`, flag === undefined ? undefined : flags[flag]],
    [variable, variables[variable] || undefined],
    [`${path} in ${file?.name}`, valueAt(file?.json, path)],
  ]
  for (const [place, given] of places) {
    if (given === undefined) continue
    const value = setting.parse(given)
    if (value !== undefined) return value
    const shown = setting.isSecret ? '' : ` ${JSON.stringify(given)}`
    throw new ConfigError(`${place}${shown} is not what it must be: ${setting.type}.`)
  }
  return setting.default
}

function valueAt(json: unknown, path: string): unknown {
  let value = json
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

function readFile(name: string | undefined): Sources['file'] {
  if (name === undefined) return undefined
  let json: unknown
  try {
    json = JSON.parse(readFileSync(name, 'utf8'))
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    throw new ConfigError(`The settings file ${name} cannot be read: ${cause}. Mend it, or start without --config.`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new ConfigError(`The settings file ${name} must be one JSON object: {"port": 8080, "worker": {…}}.`)
  return { name, json }
}

// ---- unknown ones ----------------------------------------------------------------------------------------------------

function refuseUnknown(flags: Sources['flags'], variables: Sources['variables'], file: Sources['file']): void {
  const all = allNamed(SETTINGS)
  const known = {
    flags: ['config', ...all.flatMap(({ flag }) => flag ?? [])],
    variables: ['HOLDFAST_CONFIG', ...all.map(({ variable }) => variable)],
    paths: all.map(({ path }) => path),
  }
  for (const flag of Object.keys(flags))
    if (!known.flags.includes(flag))
      throw unknownSetting(
        `--${flag}`,
        known.flags.map((flag) => `--${flag}`),
      )
  for (const variable of Object.keys(variables))
    if (variable.startsWith('HOLDFAST_') && !known.variables.includes(variable))
      throw unknownSetting(variable, known.variables)
  for (const path of pathsIn(file?.json))
    if (!known.paths.includes(path)) throw unknownSetting(`${path} in ${file?.name}`, known.paths)
}

function pathsIn(json: unknown, path = ''): readonly string[] {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return path === '' ? [] : [path]
  return Object.entries(json).flatMap(([name, value]) => pathsIn(value, path === '' ? name : `${path}.${name}`))
}

function unknownSetting(name: string, known: readonly string[]): ConfigError {
  const close = known
    .map((candidate) => ({ candidate, away: distance(candidate, name.split(' ')[0] ?? name) }))
    .filter(({ candidate, away }) => away <= candidate.length / 3)
    .sort((one, other) => one.away - other.away)[0]
  const hint =
    close === undefined ? 'Remove it, or look it up in the reference of settings.' : `Did you mean ${close.candidate}?`
  return new ConfigError(`There is no setting ${name}. ${hint}`)
}

/** How many characters must be put in, left out or changed (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (let i = 0; i < one.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < other.length; j++) {
      const change = (row[j] ?? 0) + (one[i] === other[j] ? 0 : 1)
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[other.length] ?? 0
}

// ---- contradictions --------------------------------------------------------------------------------------------------

/** What no single setting can say: the first must stay below the second, or (`<=`) not exceed it. */
const BOUNDS: readonly (readonly [lower: string, relation: '<' | '<=', upper: string, why: string])[] = [
  ['drainMsMax', '<', 'graceMsMax', 'a stop must end before it is killed'],
  ['worker.drainMsMax', '<=', 'drainMsMax', 'the whole process drains within it'],
  ['gateway.drainMsMax', '<=', 'drainMsMax', 'the whole process drains within it'],
  ['indexer.drainMsMax', '<=', 'drainMsMax', 'the whole process drains within it'],
  ['api.closeMsMax', '<=', 'drainMsMax', 'the whole process drains within it'],
  ['worker.lookUpMsMax', '<', 'worker.batchMsMax', 'other lanes wait for the look-up'],
  ['worker.storeAttemptMsMax', '<', 'worker.batchMsMax', 'a batch holds several attempts'],
  ['worker.storeAttemptMsMax', '<', 'worker.drainMsMax', 'a batch in flight must be able to end'],
  ['worker.batchMsMax', '<', 'worker.stuckMsMax', 'a slow batch is not a stuck one'],
  ['worker.batchRecordsMax', '<=', 'worker.unfinishedRecordsMax', 'reading ahead needs room for a batch'],
  ['worker.laneBackoff.delayMs', '<=', 'worker.laneBackoff.delayMsMax', 'waits only grow'],
  ['worker.outageBackoff.delayMs', '<=', 'worker.outageBackoff.delayMsMax', 'waits only grow'],
  ['indexer.outageBackoff.delayMs', '<=', 'indexer.outageBackoff.delayMsMax', 'waits only grow'],
  ['gateway.retryMsMin', '<=', 'gateway.retryMsMax', 'waits only grow'],
  ['gateway.pageBytesMax', '<', 'gateway.outboxBytesMax', 'a page must fit into the outbox'],
  ['gateway.housekeepingMs', '<', 'gateway.pongMsMax', 'deadlines are looked at only then'],
  ['intake.appendBatchRecordsMax', '<=', 'intake.appendQueueRecordsMax', 'a batch comes from the queue'],
  ['intake.appendBatchBytesMax', '<=', 'intake.appendQueueBytesMax', 'a batch comes from the queue'],
  ['intake.appendMsMax', '<=', 'api.outcomeWaitMsMax', 'a request waits at least for its append'],
  ['alert.backoffMsMin', '<=', 'alert.backoffMsMax', 'waits only grow'],
]

function crossCheck(config: Config): void {
  checkKeys(config)
  for (const [lower, relation, upper, why] of BOUNDS) {
    const [value, bound] = [Number(valueAt(config, lower)), Number(valueAt(config, upper))]
    if (value < bound || (relation === '<=' && value === bound)) continue
    throw new ConfigError(
      `${lower} (${value}) must ${relation === '<' ? 'be less' : 'not be more'} than ${upper} (${bound}): ${why}. ` +
        `Lower ${nameOf(lower)} or raise ${nameOf(upper)}.`,
    )
  }
  if (config.sendRate.burst < REFUSAL_COST)
    throw new ConfigError(
      `sendRate.burst (${config.sendRate.burst}) must be at least ${REFUSAL_COST}, or one refusal shuts its sender out. Raise ${nameOf('sendRate.burst')}.`,
    )
}

/** The variable of a setting: the one name that works everywhere. */
function nameOf(path: string): string {
  return `HOLDFAST_${words(path).replaceAll('-', '_').toUpperCase()}`
}

function checkKeys({
  host,
  isLoopback,
  hasKeys,
  jwtIssuer,
  jwtAudience,
  jwtSecrets,
  alertSecret,
  alertUrl,
}: Config): void {
  if (!isLoopback && !hasKeys)
    throw new ConfigError(
      `The host ${host} can be reached by others, and nothing is set to judge their tokens by. Set HOLDFAST_JWT_SECRETS, ` +
        'HOLDFAST_JWT_PUBLIC_KEYS or HOLDFAST_JWKS_URL to the keys of your backend, or leave the host at 127.0.0.1.',
    )
  if (!hasKeys && (jwtIssuer ?? jwtAudience) !== undefined)
    throw new ConfigError(
      'HOLDFAST_JWT_ISSUER and HOLDFAST_JWT_AUDIENCE say what tokens of your backend must hold, but no key of it is set: set one, or remove them.',
    )
  if (jwtSecrets.some((secret) => Buffer.byteLength(secret) < 32))
    throw new ConfigError(
      'A secret in HOLDFAST_JWT_SECRETS is shorter than 32 bytes, and could be guessed: make one with `openssl rand -base64 48`.',
    )
  if (alertSecret !== undefined && alertUrl === undefined)
    throw new ConfigError(
      'HOLDFAST_ALERT_SECRET signs alerts, but there is nowhere to send them: set HOLDFAST_ALERT_URL, or remove it.',
    )
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/** Judged at the start: a key that cannot be used must not be found out by the first user. */
function readPublicKey(file: string): Config['publicKeys'][number] {
  const wrong = (what: string) =>
    new ConfigError(
      `The key ${file} of HOLDFAST_JWT_PUBLIC_KEYS ${what}. Give the public key in PEM (RSA from 2,048 bits, P-256 or Ed25519).`,
    )
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch {
    throw wrong('cannot be read')
  }
  if (/-----BEGIN (?:\w+ )*PRIVATE KEY-----/.test(pem)) throw wrong('is a private one, which this server must not have')
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey(pem)
    const isUsable =
      type === 'ed25519' ||
      (type === 'ec' && details?.namedCurve === 'prime256v1') ||
      (type === 'rsa' && (details?.modulusLength ?? 0) >= 2_048)
    if (!isUsable) throw wrong(`is of the kind ${details?.namedCurve ?? type}, which cannot be used`)
  } catch (error) {
    throw error instanceof ConfigError ? error : wrong('is no key')
  }
  return { kid: basename(file).replace(/\.[^.]+$/, ''), pem }
}

function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}

// ---- the reference ---------------------------------------------------------------------------------------------------

/** The flags that `serve` takes, with what each is: for its help. */
export function settingFlags(): readonly { readonly flag: string; readonly type: string; readonly why: string }[] {
  return allNamed({ general: GENERAL }).flatMap(({ flag, setting: { type, why } }) =>
    flag === undefined ? [] : [{ flag, type, why }],
  )
}

/** Every setting as a table in Markdown, one for each group. */
export function settingsReference(): string {
  return Object.entries(SETTINGS)
    .map(([group, table]) => {
      const rows = allNamed({ [group]: table }).map(row)
      return `## ${group}\n\n| setting | flag | variable | value | default | why |\n|---|---|---|---|---|---|\n${rows.join('\n')}\n`
    })
    .join('\n')
}

function row({ path, flag, variable, setting }: Named): string {
  const initial = setting.default === undefined || Array.isArray(setting.default) ? '–' : `\`${setting.default}\``
  const cells = [
    `\`${path}\``,
    flag === undefined ? '–' : `\`--${flag}\``,
    `\`${variable}\``,
    setting.type,
    initial,
    setting.why,
  ]
  return `| ${cells.join(' | ')} |`
}
