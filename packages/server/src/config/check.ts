import { REFUSAL_COST } from '../core/rate.ts'
import { type Config, ConfigError } from './config.ts'
import { nameOf, valueAt } from './names.ts'

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

/** Throws a ConfigError for settings that contradict each other: it says which to change. */
export function crossCheck(config: Config): void {
  checkKeys(config)
  checkEngines(config)
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

export function isSqlite(url: string): boolean {
  return /^sqlite:/i.test(url)
}

function checkEngines(config: Config): void {
  const { log, store, search, role, kafka, mongodb, opensearch } = config
  for (const [name, url, group] of [
    ['HOLDFAST_LOG', log, 'HOLDFAST_KAFKA'],
    ['HOLDFAST_STORE', store, 'HOLDFAST_MONGODB'],
    ['HOLDFAST_SEARCH', search, 'HOLDFAST_OPENSEARCH'],
  ] as const)
    if (/:\/\/[^/]*@/.test(url))
      throw new ConfigError(
        `${name} holds a name or a password, and URLs are shown in logs: set ${group}_USERNAME and ${group}_PASSWORD instead.`,
      )
  if (isSqlite(log) !== isSqlite(store))
    throw new ConfigError(
      `The log is ${log} and the store ${store}: both are in the data folder (sqlite:), or both are shared (kafka:// and mongodb://). ` +
        'Set HOLDFAST_LOG and HOLDFAST_STORE alike.',
    )
  for (const [name, url] of Object.entries({ log, store }))
    if (isSqlite(url) && url.length > 'sqlite:'.length)
      throw new ConfigError(
        `${nameOf(name)} is ${url}, but log and store are in the data folder: set sqlite: here, and name the folder with HOLDFAST_DATA.`,
      )
  if (isSqlite(log) && !isSqlite(search))
    throw new ConfigError(
      `The search index is ${search}, but log and store are in the data folder, and so is their index. Remove HOLDFAST_SEARCH, or set HOLDFAST_LOG and HOLDFAST_STORE to engines that processes share.`,
    )
  if (isSqlite(log) && role.length < 3)
    throw new ConfigError(
      `The role is ${role.join(',')}, but on SQLite one process does everything. Remove HOLDFAST_ROLE, or set HOLDFAST_LOG and HOLDFAST_STORE to engines that processes share.`,
    )
  for (const [name, { username, password }] of Object.entries({ kafka, mongodb, opensearch }))
    if ((username === undefined) !== (password === undefined))
      throw new ConfigError(
        `${nameOf(`${name}.username`)} and ${nameOf(`${name}.password`)} go together: set both, or neither.`,
      )
  if (kafka.minInSync > kafka.replication)
    throw new ConfigError(
      `kafka.minInSync (${kafka.minInSync}) must not be more than kafka.replication (${kafka.replication}): nothing could be acknowledged. ` +
        `Lower ${nameOf('kafka.minInSync')} or raise ${nameOf('kafka.replication')}.`,
    )
  if (kafka.tlsCaFile !== undefined && kafka.tls === 'off')
    throw new ConfigError('HOLDFAST_KAFKA_TLS_CA_FILE is set, but TLS is off: set HOLDFAST_KAFKA_TLS=on, or remove it.')
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
