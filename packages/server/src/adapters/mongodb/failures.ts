import {
  MongoAPIError,
  MongoClientClosedError,
  MongoCompatibilityError,
  MongoDriverError,
  MongoError,
  MongoNotConnectedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} from 'mongodb'
import { Failure, type FailureClass } from '../../ports/failure.ts'
import { Hang } from './client.ts'

/**
 * What MongoDB's codes mean for a write. What a server says while it loses or gives up its role, or runs out of time, may have come after the
 * write: it is ambiguous. https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
 */
const CLASSES: Readonly<Record<number, FailureClass>> = {
  1: 'ambiguous', // InternalError: also what FerretDB says when the database behind it is gone
  6: 'ambiguous', // HostUnreachable
  7: 'ambiguous', // HostNotFound
  13: 'operator', // Unauthorized
  17: 'operator', // ProtocolError
  18: 'operator', // AuthenticationFailed
  20: 'operator', // IllegalOperation
  24: 'ambiguous', // LockTimeout
  26: 'operator', // NamespaceNotFound: not set up
  43: 'ambiguous', // CursorNotFound
  46: 'ambiguous', // LockBusy
  50: 'ambiguous', // MaxTimeMSExpired
  59: 'operator', // CommandNotFound
  64: 'ambiguous', // WriteConcernTimeout
  72: 'operator', // InvalidOptions
  79: 'ambiguous', // UnknownReplWriteConcern
  89: 'ambiguous', // NetworkTimeout
  91: 'ambiguous', // ShutdownInProgress
  100: 'ambiguous', // UnsatisfiableWriteConcern
  112: 'ambiguous', // WriteConflict
  115: 'operator', // CommandNotSupported
  134: 'ambiguous', // ReadConcernMajorityNotAvailableYet
  146: 'overload', // ExceededMemoryLimit
  148: 'operator', // ReadConcernMajorityNotEnabled
  175: 'ambiguous', // QueryPlanKilled
  189: 'ambiguous', // PrimarySteppedDown
  202: 'ambiguous', // NetworkInterfaceExceededTimeLimit
  237: 'ambiguous', // CursorKilled
  262: 'ambiguous', // ExceededTimeLimit
  317: 'ambiguous', // ConnectionPoolExpired
  384: 'ambiguous', // ConnectionError
  462: 'overload', // IngressRequestRateLimitExceeded
  8000: 'operator', // AtlasError: credentials
  9001: 'ambiguous', // SocketException
  10058: 'ambiguous', // NotPrimary, as old servers say it
  10107: 'ambiguous', // NotWritablePrimary
  10334: 'poison', // BSONObjectTooLarge
  11600: 'ambiguous', // InterruptedAtShutdown
  11601: 'ambiguous', // Interrupted
  11602: 'ambiguous', // InterruptedDueToReplStateChange
  13435: 'ambiguous', // NotPrimaryNoSecondaryOk
  13436: 'ambiguous', // NotPrimaryOrSecondary
  14031: 'full', // OutOfDiskSpace
  17280: 'poison', // KeyTooLong
  17419: 'poison', // too large after an update
  17420: 'poison', // too large
}

/** FerretDB hands on what PostgreSQL behind it says, as an InternalError with PostgreSQL's code in its text. */
const SQL_STATES: Readonly<Record<string, number>> = {
  '28000': 18, // the user is none
  '28P01': 18, // the password is wrong
  '53100': 14031, // the disk is full
}

/** The server's code, in MongoDB's own words. */
function codeOf(error: MongoServerError): number {
  const [, state = ''] = Number(error.code) === 1 ? (/\(SQLSTATE (\w{5})\)/.exec(error.message) ?? []) : []
  return SQL_STATES[state] ?? Number(error.code)
}

/** What an operator can do, said behind what the server says. */
const HINTS: Readonly<Record<number, string>> = {
  13: 'give this user the role readWrite on the database',
  18: 'check the user, the password, and in the URL the authSource',
  8000: 'check the user, the password, and in the URL the authSource',
}

/** Codes that, said of one document of an insert, mean that this document can never be. */
const REFUSED_DOCUMENTS = new Set([2, 9, 14, 22, 52, 57, 121, 10334, 17280, 17419, 17420])

export const DUPLICATE_KEY = 11000

/** A server's own word that the fault is not what was written. */
const RETRYABLE = 'RetryableWriteError'

/** What the server's word about one document of an insert means. */
export function documentClass(code: number): 'duplicate' | FailureClass {
  if (code === DUPLICATE_KEY) return 'duplicate'
  return REFUSED_DOCUMENTS.has(code) ? 'poison' : (CLASSES[code] ?? 'unknown')
}

/** The error as a Failure. What is ambiguous for a write is merely no answer to a read, and asking again can help. */
export function failureOf(error: unknown, kind: 'read' | 'write', server: string): Failure {
  if (error instanceof Failure) return error
  const found = classOf(error)
  // One line: some servers say what failed behind them line by line.
  const said = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ')
  const hint = error instanceof MongoServerError ? HINTS[codeOf(error)] : undefined
  const text = hint === undefined ? `${server}: ${said}` : `${server}: ${said.replace(/\.$/, '')}: please ${hint}`
  return new Failure(found === 'ambiguous' && kind === 'read' ? 'transient' : found, text, error)
}

/** Whether this says for certain that nothing happened. */
export function isCertain(failure: Failure): boolean {
  return failure.class !== 'ambiguous' && failure.class !== 'unknown'
}

function classOf(error: unknown): FailureClass {
  // A write concern that was not met comes as one too: the write happened here, and may yet be rolled back.
  if (error instanceof MongoWriteConcernError) return 'ambiguous'
  if (error instanceof MongoServerError)
    return CLASSES[codeOf(error)] ?? (error.hasErrorLabel(RETRYABLE) ? 'ambiguous' : 'unknown')
  // The driver does not try a second time on its own (see connection.ts), so where it found no server it sent nothing.
  if (error instanceof MongoServerSelectionError)
    return error.cause instanceof MongoCompatibilityError ? 'operator' : 'transient'
  if (
    error instanceof MongoTopologyClosedError ||
    error instanceof MongoNotConnectedError ||
    error instanceof MongoClientClosedError
  )
    return 'ambiguous'
  // No connection of the pool became free: nothing was sent. The driver does not export the class.
  if (error instanceof MongoDriverError && error.name === 'WaitQueueTimeoutError') return 'transient'
  if (error instanceof MongoAPIError) return 'operator'
  if (error instanceof MongoError || error instanceof Hang) return 'ambiguous'
  // Before there is a connection: a file that cannot be read, or a name that nobody can tell the address of.
  if (error instanceof Error && 'syscall' in error) return error.syscall === 'open' ? 'operator' : 'transient'
  return 'unknown'
}
