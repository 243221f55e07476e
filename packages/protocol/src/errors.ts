interface ErrorKind {
  /** The HTTP status that goes with the code. */
  readonly status: number
  /** Whether the same request, with the same id, can succeed later. */
  readonly retryable: boolean
  /** What to do, in a sentence: the default message. */
  readonly message: string
}

function final(status: number, message: string): ErrorKind {
  return { status, retryable: false, message }
}

function retryable(status: number, message: string): ErrorKind {
  return { status, retryable: true, message }
}

/** Every error code there is: the same in a frame, an HTTP body, a dead letter and a log line. */
export const ERRORS = {
  BAD_FRAME: final(400, 'The request is not what its schema asks for; the message names the first difference.'),
  UNKNOWN_TYPE: final(400, 'No request has this type or path; see the protocol reference.'),
  UNAUTHENTICATED: final(
    401,
    'Sign in first: the token is missing, malformed, or signed with a key this server does not know.',
  ),
  TOKEN_EXPIRED: final(401, 'The token has expired; get a new one and try again.'),
  FORBIDDEN: final(403, 'Your role does not allow this.'),
  NOT_A_MEMBER: final(403, 'The sender is not a member of this room.'),
  NOT_FOUND: final(404, 'There is nothing here that you may see.'),
  METHOD_NOT_ALLOWED: final(405, 'This path does not answer that method.'),
  ALREADY: final(200, 'What was asked for is so already.'),
  ID_REUSED: final(409, 'This id was used for another content; send with a new one.'),
  CONFLICT: final(409, 'The state of the room does not allow this.'),
  OUT_OF_ORDER: retryable(
    409,
    'An earlier command of this room failed; send every unaccepted one again, oldest first, under `generation`.',
  ),
  TOO_LARGE: final(413, 'This is over a limit; the message names it.'),
  UNSUPPORTED_MEDIA_TYPE: final(415, 'Send JSON, with content-type: application/json.'),
  SENDER_UNKNOWN: final(422, 'The sender is not registered; PUT /v1/users/{user} first.'),
  UNPROCESSABLE: final(422, 'The command could not be processed; an operator finds it among the dead letters.'),
  RATE_LIMITED: retryable(429, 'Too many requests; wait for retryAfterMs.'),
  INTERNAL: retryable(500, 'An error of the server; its log has the details.'),
  LOG_UNAVAILABLE: retryable(503, 'The log cannot be written now; send the same id again.'),
  STORE_UNAVAILABLE: retryable(503, 'The store cannot be read now; try again.'),
  SEARCH_UNAVAILABLE: retryable(503, 'Search cannot answer now; everything else works.'),
  OVERLOADED: retryable(503, 'The server has more to do than it may hold; try again.'),
  SHUTTING_DOWN: retryable(503, 'The server is stopping; connect again.'),
  OUTCOME_UNKNOWN: retryable(
    504,
    'No answer in time: it may or may not have happened. Send the same id again to learn.',
  ),
  DISK_FULL: retryable(
    507,
    'The disk is full or read-only; nothing was accepted. Free space, then send the same id again.',
  ),
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** An error as it crosses a boundary. */
export interface ErrorBody {
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
  readonly retryAfterMs?: number
}

/** Why a socket was closed. 44xx: do not connect again as you are. 45xx: do. */
export const CLOSE = {
  /** What was sent is not this protocol. */
  PROTOCOL: 4400,
  /** The first frame did not authenticate. */
  UNAUTHENTICATED: 4401,
  SHUTTING_DOWN: 4500,
  /** The token ran out and was not refreshed: connect with a new one. */
  SESSION_EXPIRED: 4501,
  /** The reader did not keep up. */
  SLOW: 4502,
  /** The server cannot admit this session now. */
  UNAVAILABLE: 4503,
  /** Pings were not answered. */
  GONE: 4504,
  /** No `authenticate` came in time: as well the fault of the network as of the client. */
  GREETING_TIMEOUT: 4505,
} as const

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE]
