import { Failure, type FailureClass } from '../../ports/failure.ts'

/**
 * What a broker's answers mean for whoever asked, by protocol error id. https://kafka.apache.org/protocol#protocol_error_codes
 * An id that is missing here is unknown.
 */
const CLASSES: Readonly<Record<string, FailureClass>> = {
  // Refused before anything was written: somebody else leads the partition, or nobody yet, or too few copies are there.
  LEADER_NOT_AVAILABLE: 'transient',
  NOT_LEADER_OR_FOLLOWER: 'transient',
  FENCED_LEADER_EPOCH: 'transient',
  UNKNOWN_LEADER_EPOCH: 'transient',
  REPLICA_NOT_AVAILABLE: 'transient',
  BROKER_NOT_AVAILABLE: 'transient',
  PREFERRED_LEADER_NOT_AVAILABLE: 'transient',
  NEW_LEADER_ELECTED: 'transient',
  NOT_ENOUGH_REPLICAS: 'transient',
  NOT_CONTROLLER: 'transient',
  COORDINATOR_LOAD_IN_PROGRESS: 'transient',
  COORDINATOR_NOT_AVAILABLE: 'transient',
  NOT_COORDINATOR: 'transient',
  OFFSET_NOT_AVAILABLE: 'transient',
  UNSTABLE_OFFSET_COMMIT: 'transient',
  // A new topic is not known everywhere at once; that one is missing for good is seen at opening.
  UNKNOWN_TOPIC_OR_PARTITION: 'transient',
  UNKNOWN_TOPIC_ID: 'transient',
  INCONSISTENT_TOPIC_ID: 'transient',
  // The batch was damaged on its way.
  CORRUPT_MESSAGE: 'transient',
  FETCH_SESSION_ID_NOT_FOUND: 'transient',
  INVALID_FETCH_SESSION_EPOCH: 'transient',
  FETCH_SESSION_TOPIC_ID_ERROR: 'transient',
  OPERATION_NOT_ATTEMPTED: 'transient',
  REBALANCE_IN_PROGRESS: 'transient',
  UNKNOWN_MEMBER_ID: 'transient',
  ILLEGAL_GENERATION: 'transient',
  MEMBER_ID_REQUIRED: 'transient',
  FENCED_INSTANCE_ID: 'transient',
  THROTTLING_QUOTA_EXCEEDED: 'overload',

  // The leader wrote it, and nobody knows whether it will stay.
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'ambiguous',
  REQUEST_TIMED_OUT: 'ambiguous',
  NETWORK_EXCEPTION: 'ambiguous',
  // The disk failed in the middle of an append: what was written before may come back with the next leader.
  KAFKA_STORAGE_ERROR: 'ambiguous',
  LOG_DIR_NOT_FOUND: 'ambiguous',
  UNKNOWN_SERVER_ERROR: 'ambiguous',
  // What the broker remembers of our earlier batches does not agree with us, so one of them may stand there.
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'ambiguous',
  DUPLICATE_SEQUENCE_NUMBER: 'ambiguous',
  UNKNOWN_PRODUCER_ID: 'ambiguous',
  INVALID_PRODUCER_EPOCH: 'ambiguous',

  MESSAGE_TOO_LARGE: 'poison',
  RECORD_LIST_TOO_LARGE: 'poison',
  INVALID_RECORD: 'poison',
  INVALID_TIMESTAMP: 'poison',

  TOPIC_AUTHORIZATION_FAILED: 'operator',
  GROUP_AUTHORIZATION_FAILED: 'operator',
  CLUSTER_AUTHORIZATION_FAILED: 'operator',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'operator',
  SASL_AUTHENTICATION_FAILED: 'operator',
  UNSUPPORTED_SASL_MECHANISM: 'operator',
  ILLEGAL_SASL_STATE: 'operator',
  SECURITY_DISABLED: 'operator',
  UNSUPPORTED_VERSION: 'operator',
  UNSUPPORTED_FOR_MESSAGE_FORMAT: 'operator',
  UNSUPPORTED_COMPRESSION_TYPE: 'operator',
  INVALID_TOPIC_EXCEPTION: 'operator',
  INVALID_REQUIRED_ACKS: 'operator',
  INVALID_REQUEST: 'operator',
  INVALID_GROUP_ID: 'operator',
  INVALID_SESSION_TIMEOUT: 'operator',
  INCONSISTENT_GROUP_PROTOCOL: 'operator',
  GROUP_MAX_SIZE_REACHED: 'operator',
  TOPIC_ALREADY_EXISTS: 'operator',
  INVALID_PARTITIONS: 'operator',
  INVALID_REPLICATION_FACTOR: 'operator',
  INVALID_REPLICA_ASSIGNMENT: 'operator',
  INVALID_CONFIG: 'operator',
  POLICY_VIOLATION: 'operator',
}

/** Where a request names several errors, the first of these decides: what is in doubt must never look certain. */
const GRAVEST_FIRST: readonly FailureClass[] = ['unknown', 'ambiguous', 'operator', 'poison', 'overload', 'transient']

/** What TLS says of a certificate that nobody here vouches for. */
const UNTRUSTED = /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CERT_|ERR_TLS_CERT|ERR_SSL_WRONG_VERSION|HOSTNAME_MISMATCH)/

/** `ask`: nothing is changed by it, or repeating it is harmless. `write`: records were on their way. */
export type Step = 'ask' | 'write'

/** The error as a Failure; `what` begins its message and says what could not be done. */
export function failureOf(error: unknown, step: Step, what: string): Failure {
  if (error instanceof Failure) return error
  const tree = [...treeOf(error)]
  const text = `${what}: ${saidIn(tree)}`
  return new Failure(classOf(tree, step), text, error)
}

/** Whether a broker's answer to this request, and no lost connection, is the reason. */
export function isAnswer(error: unknown): boolean {
  return error instanceof Failure || idsOf(error).size > 0
}

/** The ids of the protocol errors that a broker answered with, wherever the library wrapped them. */
export function idsOf(error: unknown): ReadonlySet<string> {
  const ids = new Set<string>()
  for (const { apiId } of treeOf(error)) if (typeof apiId === 'string') ids.add(apiId)
  return ids
}

/** The name of the topic that no broker knows, where that is the reason. */
export function unknownTopicIn(error: unknown): string | undefined {
  for (const { message } of treeOf(error)) {
    const name = /^Unknown topic (\S+)\.$/.exec(String(message))?.[1]
    if (name !== undefined) return name
  }
  return undefined
}

interface Seen {
  readonly apiId?: unknown
  readonly code?: unknown
  readonly message?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/** The error, and all that it was caused by or gathers: the library nests both ways. */
function* treeOf(error: unknown, depth = 0): Generator<Seen> {
  if (typeof error !== 'object' || error === null || depth > 10) return
  const seen: Seen = error
  yield seen
  if (Array.isArray(seen.errors)) for (const one of seen.errors) yield* treeOf(one, depth + 1)
  yield* treeOf(seen.cause, depth + 1)
}

function classOf(tree: readonly Seen[], step: Step): FailureClass {
  if (tree.some(isRefusedSignIn)) return 'operator'
  const answers = tree.flatMap(({ apiId }) => (typeof apiId === 'string' ? [CLASSES[apiId] ?? 'unknown'] : []))
  const answer = GRAVEST_FIRST.find((one) => answers.includes(one))
  if (step === 'write') return answer ?? 'ambiguous'
  // Nothing was to be changed, so nothing is in doubt.
  return answer === undefined || answer === 'ambiguous' || answer === 'unknown' ? 'transient' : answer
}

/** Wrong credentials, or no trust between us: a connection lost during the sign-in is neither. */
function isRefusedSignIn(seen: Seen): boolean {
  if (typeof seen.code === 'string' && UNTRUSTED.test(seen.code)) return true
  if (seen.message === 'Broker requires TLS.') return true
  if (seen.code !== 'PLT_KFK_AUTHENTICATION') return false
  const below = [...treeOf(seen.cause)]
  return below.some(({ apiId }) => apiId !== undefined) || below.every(({ code }) => code !== 'PLT_KFK_NETWORK')
}

/** What the innermost errors say: the outer ones only count how often. */
function saidIn(tree: readonly Seen[]): string {
  const inner = tree.filter(({ errors, cause }) => !Array.isArray(errors) && (cause === undefined || cause === null))
  const texts = (inner.length > 0 ? inner : tree).map(({ apiId, message, code }) => {
    const text = String(message ?? '') || String(code ?? 'no reason given')
    return typeof apiId === 'string' ? `${apiId}: ${text}` : text
  })
  return [...new Set(texts)].slice(0, 3).join('; ') || 'no reason given'
}
