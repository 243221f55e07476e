import { ERRORS, type ErrorBody, type ErrorCode } from '@holdfast/protocol'
import { failureClass } from '../ports/failure.ts'

/** An error on its way to a client: a code from the one table, and what to do. */
export class Problem extends Error {
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined

  constructor(
    code: ErrorCode,
    message: string = ERRORS[code].message,
    options: { retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'Problem'
    this.code = code
    this.retryAfterMs = options.retryAfterMs
  }

  /** As it stands in a frame or an HTTP body. */
  get body(): ErrorBody {
    const { code, message, retryAfterMs } = this
    const { retryable } = ERRORS[code]
    return retryAfterMs === undefined ? { code, message, retryable } : { code, message, retryable, retryAfterMs }
  }
}

/** What a client is told when an append failed: whether it may have happened decides between "no" and "unknown". */
export function appendProblem(cause: unknown): Problem {
  switch (failureClass(cause)) {
    case 'full':
      return new Problem('DISK_FULL', undefined, { cause })
    case 'ambiguous':
    case 'unknown':
      return new Problem('OUTCOME_UNKNOWN', undefined, { cause })
    case 'overload':
      return new Problem('OVERLOADED', undefined, { cause })
    case 'poison':
      return new Problem('TOO_LARGE', 'The log cannot take this record; make it smaller.', { cause })
    case 'closed':
      return new Problem('SHUTTING_DOWN', undefined, { cause })
    case 'transient':
    case 'operator':
    case 'lost':
      return new Problem('LOG_UNAVAILABLE', undefined, { cause })
  }
}

/** What a client is told when a read failed. */
export function readProblem(cause: unknown): Problem {
  return cause instanceof Problem ? cause : new Problem('STORE_UNAVAILABLE', undefined, { cause })
}
