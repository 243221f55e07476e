import { INTAKE_DEFAULTS } from '../core/intake.ts'
import { type RateSettings, SEND_RATE_DEFAULTS } from '../core/rate.ts'
import { RETENTION_DEFAULTS } from '../core/retention.ts'
import { GATEWAY_DEFAULTS } from '../gateway/settings.ts'
import { INDEXER_DEFAULTS } from '../indexer/settings.ts'
import { WORKER_DEFAULTS } from '../worker/settings.ts'
import {
  backoff,
  bytes,
  choice,
  choices,
  count,
  hasScheme,
  integer,
  isHttpUrl,
  list,
  ms,
  optional,
  optionalInteger,
  secret,
  type Table,
  text,
} from './kinds.ts'

/** Where an engine is. What follows the scheme is read by whoever opens it. */
function engine(schemes: readonly string[], why: string) {
  const { parse } = optional('URL', why, hasScheme(...schemes))
  return { ...text('sqlite:', why, 'URL'), parse, type: `URL that begins with ${schemes.join(' or ')}` }
}

const GENERAL = {
  data: text('./data', 'The folder of log, store, search index and secret: on SQLite one server at a time.', 'DIR'),
  host: text(
    '127.0.0.1',
    'The address to listen on; one that others can reach needs keys to judge tokens by.',
    'ADDRESS',
  ),
  port: integer(8_080, 'The port to listen on; 0 takes a free one.', 0, 65_535),
  role: choices(
    ['gateway', 'worker', 'indexer'],
    'What this process does; less than all only in a cluster, where other processes do the rest.',
  ),
  log: engine(
    ['sqlite:', 'kafka:'],
    'The log: `sqlite:` in the data folder, or `kafka://HOST:PORT,HOST:PORT/PREFIX`. Both log and store are in the folder, or neither.',
  ),
  store: engine(
    ['sqlite:', 'mongodb:', 'mongodb+srv:'],
    'The store: `sqlite:` in the data folder, or `mongodb://HOST:PORT,HOST:PORT/DATABASE?replicaSet=NAME`.',
  ),
  search: engine(
    ['sqlite:', 'http:', 'https:'],
    'The search index: `sqlite:`, in the data folder, or `sqlite:FILE`, which one machine’s processes can share; in a cluster also `https://HOST:PORT,HOST:PORT/PREFIX` of OpenSearch or Elasticsearch.',
  ),
  partitions: optionalInteger(
    'How many parts the log has: fixed when it is made, because a room must never change its part. 1 in a data folder, 12 in a cluster.',
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
  logLevel: choice(
    ['info', 'debug', 'warn', 'error', 'silent'],
    'The least important lines that are still logged; on a terminal `warn` by default.',
  ),
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
    'Users remembered as seen in the store: without a bound, those who come and go would fill the memory.',
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
  openDoubtMs: ms(
    GATEWAY_DEFAULTS.openDoubtMs,
    'For so long they must disagree: a database server that was replaced may answer until it notices.',
  ),
} as const satisfies Table

const INDEXER = {
  batchRecordsMax: count(
    INDEXER_DEFAULTS.batchRecordsMax,
    'One write to the index takes no more: searches wait behind it.',
  ),
  batchBytesMax: bytes(INDEXER_DEFAULTS.batchBytesMax, 'The same in bytes.'),
  gatherRecords: count(
    INDEXER_DEFAULTS.gatherRecords,
    'A write waits for so many documents, because one of many is far cheaper than many of one.',
  ),
  lingerMsMax: integer(INDEXER_DEFAULTS.lingerMsMax, 'It waits so long at most: search is so much later.', 0, 10_000),
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
  lagPercentMax: integer(
    RETENTION_DEFAULTS.lagPercentMax,
    'A worker that is behind by more of the log’s retention stops sends: what it has not read would be deleted.',
    1,
    100,
  ),
  lagLookMs: ms(RETENTION_DEFAULTS.lagLookMs, 'That is looked at this often.'),
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

const KAFKA = {
  mechanism: choice(
    ['scram-sha-512', 'scram-sha-256', 'plain'],
    'How brokers are shown who we are, where a name is set.',
  ),
  username: optional('text', 'The name for SASL; without one there is none.'),
  password: secret(optional('text', 'Its password.')),
  tls: choice(['off', 'on'], 'Whether connections to brokers are encrypted.'),
  tlsCaFile: optional(
    'file',
    'Authorities in PEM by which their certificates are judged, in place of the public ones.',
  ),
  replication: count(3, 'Copies of each topic that `holdfast setup` makes, and asks for where it finds one.', 16),
  minInSync: count(2, 'Copies that must have a record before it is acknowledged: of two, one may be lost.', 16),
  sessionMs: ms(10_000, 'A member that is silent for so long has lost its partitions to others.'),
} as const satisfies Table

const MONGODB = {
  username: optional('text', 'The name to sign in with; without one there is none.'),
  password: secret(optional('text', 'Its password.')),
  tlsCaFile: optional(
    'file',
    'Authorities in PEM by which certificates are judged, in place of the public ones; it turns TLS on.',
  ),
} as const satisfies Table

const OPENSEARCH = {
  username: optional('text', 'The name to sign in with; without one there is none.'),
  password: secret(optional('text', 'Its password.')),
  tlsCaFile: optional(
    'file',
    'Authorities in PEM by which certificates are judged, in place of the public ones, where the URL begins with https.',
  ),
} as const satisfies Table

const CLIENT = {
  url: optional('URL', 'The server that the client commands talk to; by default the local one.', isHttpUrl),
  token: secret(optional('text', 'Their token; by default one signed with the local secret.')),
} as const satisfies Table

export const SETTINGS = {
  general: GENERAL,
  worker: WORKER,
  gateway: GATEWAY,
  indexer: INDEXER,
  intake: INTAKE,
  sendRate: SEND_RATE,
  readRate: READ_RATE,
  api: API,
  alert: ALERT,
  kafka: KAFKA,
  mongodb: MONGODB,
  opensearch: OPENSEARCH,
  client: CLIENT,
} as const satisfies Table

/** What the settings of a group are about. */
export const GROUPS: Readonly<Record<keyof typeof SETTINGS, string>> = {
  general: 'Where it listens and keeps its data, who may come in, where alerts go, and how it stops.',
  worker: 'Turning commands into entries: batches, waiting lanes, dead letters.',
  gateway: 'Sockets: sessions, what waits for slow readers, resuming and paging.',
  indexer: 'Keeping the search index up with history.',
  intake: 'The way into the log: group commit, and who waits for the end of a command.',
  sendRate: 'How much one user may send, over sockets and HTTP together.',
  readRate: 'How much one user may read over HTTP.',
  api: 'HTTP: how long requests may take, and how long answers may be.',
  alert: 'How alerts are delivered.',
  kafka: 'The brokers of a cluster’s log.',
  mongodb: 'The database of a cluster’s store.',
  opensearch: 'The search cluster, OpenSearch or Elasticsearch.',
  client: 'For the commands that talk to a server; `serve` has no use for them.',
}

/** Groups whose settings have no prefix: `port`, not `general.port`. */
export const UNPREFIXED = new Set(['general', 'client'])
