import { ERRORS, type ErrorCode } from '@holdfast/protocol'

/** What only this side can say, beside the protocol's codes. */
const OWN = {
  ABORTED: { retryable: false, message: 'The caller gave up.' },
  CLOSED: { retryable: true, message: 'This client is closed; connect anew.' },
  HISTORY_RESET: { retryable: true, message: 'The history was restored or lost: drop what you have of this room.' },
  NOT_CONNECTED: { retryable: true, message: 'There was no connection; it was not sent.' },
} as const

export type OwnCode = keyof typeof OWN
/** Every code an error of the SDK can have. A newer server may have more: read `retryable`, not only the code. */
export type FailureCode = ErrorCode | OwnCode

/**
 * What is known of a command that failed.
 * `refused`: a rule's final answer; a new try needs a new id. `dead`: it could not be processed, the operator has it.
 * `unknown`: it may or may not have happened; sending the same id again tells. `not-sent`: it certainly never happened.
 */
export type FailureOutcome = 'refused' | 'dead' | 'unknown' | 'not-sent'

export interface FailureDetails {
  readonly message?: string | undefined
  readonly retryable?: boolean | undefined
  readonly retryAfterMs?: number | undefined
  readonly clientId?: string | undefined
  readonly outcome?: FailureOutcome | undefined
  readonly cause?: unknown
}

/** Every rejection and every `error` event of the SDK. */
export class HoldfastError extends Error {
  readonly code: FailureCode
  /** Whether the same request, with the same client id, can succeed later. */
  readonly retryable: boolean
  /** How long the server asks to wait before that. */
  readonly retryAfterMs: number | undefined
  /** Of a command: its identity. */
  readonly clientId: string | undefined
  /** Of a command: what is known of it. */
  readonly outcome: FailureOutcome | undefined

  constructor(code: FailureCode, details: FailureDetails = {}) {
    const known = knownOf(code)
    super(details.message ?? known.message, details.cause === undefined ? undefined : { cause: details.cause })
    // The platform's word for it, so that code which treats aborted work apart needs to know nothing of us.
    this.name = code === 'ABORTED' ? 'AbortError' : 'HoldfastError'
    this.code = code
    this.retryable = details.retryable ?? known.retryable
    this.retryAfterMs = details.retryAfterMs
    this.clientId = details.clientId
    this.outcome = details.outcome
  }
}

/** The code and the sentence of an error frame, or of an end that is none. */
export interface Fault {
  readonly code: FailureCode
  readonly message: string
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
}

/** Reads what a frame says of a failure; a code of a newer server passes through. */
export function faultOf(frame: {
  readonly code: string
  readonly message: string
  readonly retryable?: boolean | undefined
  readonly retryAfterMs?: number | undefined
}): Fault {
  const code = frame.code as FailureCode
  return {
    code,
    message: frame.message,
    retryable: frame.retryable ?? knownOf(code).retryable,
    retryAfterMs: frame.retryAfterMs,
  }
}

/** The same for what this side says. */
export function fault(code: FailureCode, message?: string): Fault {
  const known = knownOf(code)
  return { code, message: message ?? known.message, retryable: known.retryable, retryAfterMs: undefined }
}

function knownOf(code: FailureCode): { readonly retryable: boolean; readonly message: string } {
  const table: Readonly<Record<string, { readonly retryable: boolean; readonly message: string }>> = {
    ...ERRORS,
    ...OWN,
  }
  return table[code] ?? { retryable: false, message: code }
}
