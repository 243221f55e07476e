import { errors } from '@opensearch-project/opensearch'
import { Failure, type FailureClass } from '../../ports/failure.ts'
import { NoAnswer } from './hanging.ts'

/**
 * What the answer to a request, or about one item of a bulk, means. Every write here may be repeated, so that nobody knows what became of one
 * is no more than that nobody answered.
 */
const STATUSES: Readonly<Record<number, FailureClass>> = {
  400: 'operator',
  401: 'operator',
  403: 'operator',
  404: 'operator',
  405: 'operator',
  408: 'transient',
  // Too much at once, whichever document it is: the caller finds that out by asking for less.
  413: 'poison',
  429: 'overload',
  500: 'unknown',
  502: 'transient',
  503: 'transient',
  504: 'transient',
}

/** By the server's own name for it, which says more than the status does. */
const TYPES: Readonly<Record<string, FailureClass>> = {
  mapper_parsing_exception: 'poison',
  document_parsing_exception: 'poison',
  strict_dynamic_mapping_exception: 'poison',
  rejected_execution_exception: 'overload',
  es_rejected_execution_exception: 'overload',
  circuit_breaking_exception: 'overload',
  // A disk that is too full, or an index that an operator closed to writes.
  cluster_block_exception: 'full',
  index_closed_exception: 'full',
  unavailable_shards_exception: 'transient',
  process_cluster_event_timeout_exception: 'transient',
  security_exception: 'operator',
  // Written by the name of one index only, so it is gone, whatever stands in its place.
  index_not_found_exception: 'lost',
}

/** What an operator can do. */
const HINTS: Readonly<Record<string, string>> = {
  cluster_block_exception: 'make room on its disks, or open the index for writes again',
  index_closed_exception: 'open the index again',
  security_exception: 'check the user, its password, and that it may read, write and create these indexes',
}

/** What a server says went wrong, of a request or of one item. */
export interface Complaint {
  readonly status: number
  readonly type: string
  readonly reason: string
}

export function classOf({ status, type }: Complaint): FailureClass {
  return TYPES[type] ?? STATUSES[status] ?? 'unknown'
}

export function failureFrom(complaint: Complaint, server: string, cause?: unknown): Failure {
  const hint = HINTS[complaint.type] ?? (complaint.status === 401 ? HINTS.security_exception : undefined)
  const said = `${complaint.reason || complaint.type || `status ${complaint.status}`}`
    .replace(/\s+/g, ' ')
    .slice(0, 500)
  const text = `${server}: ${said}${hint === undefined ? '' : `: please ${hint}`}`
  return new Failure(classOf(complaint), text, cause)
}

/** An error of the client as a Failure. */
export function failureOf(error: unknown, server: string): Failure {
  if (error instanceof Failure) return error
  if (error instanceof errors.ResponseError) return failureFrom(complaintIn(error), server, error)
  if (error instanceof errors.RequestAbortedError)
    return new Failure('closed', `${server}: the search index was closed`)
  const said = error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error)
  if (error instanceof errors.TimeoutError) return new NoAnswer('transient', `${server} does not answer in time`, error)
  if (error instanceof errors.ConnectionError || error instanceof errors.NoLivingConnectionsError)
    return new Failure('transient', `${server} cannot be reached: ${said}`, error)
  if (error instanceof errors.ConfigurationError) return new Failure('operator', `${server}: ${said}`, error)
  return new Failure('unknown', `${server}: ${said}`, error)
}

/** The first cause is the one that says something: those around it only that a shard, or all, failed. */
export function complaintIn({ statusCode, body }: { readonly statusCode: number; readonly body: unknown }): Complaint {
  const error = field(body, 'error')
  const root = field(field(error, 'root_cause'), '0')
  const [type, reason] = [field(root, 'type') ?? field(error, 'type'), field(root, 'reason') ?? field(error, 'reason')]
  return {
    status: statusCode,
    type: String(type ?? ''),
    reason: String(reason ?? (typeof error === 'string' ? error : '')),
  }
}

export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}
