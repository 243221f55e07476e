import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { ERRORS, type ErrorBody, type ErrorCode } from '@holdfast/protocol'
import { CommandError, EXIT } from './command.ts'

/** Where to ask, and as whom. Both may change while a command runs: a server starts again elsewhere, a token grows old. */
export interface Target {
  url(): Promise<URL>
  token(): Promise<string>
}

export interface ConnectionLimits {
  /** Sockets open at once; more requests wait. */
  readonly connectionsMax: number
  /** A socket that is silent for so long during a request is given up: the server is frozen, or gone without a word. */
  readonly silenceMsMax: number
}

const LIMITS: ConnectionLimits = { connectionsMax: 4, silenceMsMax: 30_000 }
/** An answer longer than this is not one of ours. */
const ANSWER_BYTES_MAX = 64 << 20

/** Nobody answered: the server may have stopped, before or after it did what was asked. */
export class Unreachable extends CommandError {
  constructor(url: URL, cause: unknown) {
    super(
      EXIT.unreachable,
      `no answer from ${url.origin} (${reasonOf(cause)}). Is the server running there? \`holdfast serve\` starts one.`,
      cause,
    )
    this.name = 'Unreachable'
  }
}

/** The server said no. */
export class Refusal extends CommandError {
  readonly status: number
  readonly code: ErrorCode
  readonly reason: string
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  /** It is the command's end, whatever its code: no try with the same id will be answered otherwise. */
  readonly isFinal: boolean

  constructor(status: number, { code, message, retryable, retryAfterMs, end }: ErrorAnswer) {
    super(EXIT.refused, `the server refused: ${message} (${code})`)
    this.name = 'Refusal'
    this.status = status
    this.code = code
    this.reason = message
    this.retryable = retryable
    this.retryAfterMs = retryAfterMs
    this.isFinal = end !== undefined
  }
}

/** Whether the same request may succeed later. */
export function mayComeRight(error: unknown): boolean {
  if (error instanceof Refusal) return error.retryable && !error.isFinal
  return error instanceof CommandError && error.exit === EXIT.unreachable
}

type ErrorAnswer = ErrorBody & { readonly end?: 'refused' | 'dead' }

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** A server over HTTP/1.1, on sockets that stay open between requests. */
export class Connection {
  readonly #target: Target
  readonly #limits: ConnectionLimits
  readonly #agents: { readonly http: HttpAgent; readonly https: HttpsAgent }

  constructor(target: Target, limits: ConnectionLimits = LIMITS) {
    this.#target = target
    this.#limits = limits
    const options = { keepAlive: true, maxSockets: limits.connectionsMax, scheduling: 'fifo' } as const
    this.#agents = { http: new HttpAgent(options), https: new HttpsAgent(options) }
  }

  /** Resolves with what a 2xx brought; rejects with `Unreachable` or `Refusal`. `path` is below the server's address, encoded. */
  async request(method: string, path: string, body?: object): Promise<Answer> {
    const url = await this.#target.url()
    const token = await this.#target.token()
    const { status, text } = await this.#exchange(url, path, method, token, body)
    const answer = jsonOf(text)
    if (status >= 200 && status < 300) return { status, body: answer }
    throw new Refusal(status, errorOf(status, answer))
  }

  async get(path: string): Promise<unknown> {
    return (await this.request('GET', path)).body
  }

  close(): void {
    this.#agents.http.destroy()
    this.#agents.https.destroy()
  }

  #exchange(
    url: URL,
    path: string,
    method: string,
    token: string,
    body: object | undefined,
  ): Promise<{ status: number; text: string }> {
    const payload = body === undefined ? undefined : JSON.stringify(body)
    const headers: Record<string, string | number> = { authorization: `Bearer ${token}`, accept: 'application/json' }
    if (payload !== undefined) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = Buffer.byteLength(payload)
    }
    const secure = url.protocol === 'https:'
    const agent = secure ? this.#agents.https : this.#agents.http
    // The path stays as it is: a URL would resolve a user called ".." away.
    const whole = `${url.pathname.replace(/\/$/, '')}${path}`
    const options = { method, headers, agent, path: whole, timeout: this.#limits.silenceMsMax }
    return new Promise((resolve, reject) => {
      const failed = (cause: unknown) => reject(new Unreachable(url, cause))
      const request = (secure ? httpsRequest : httpRequest)(url, options, (response) => {
        read(response, (text) => resolve({ status: response.statusCode ?? 0, text }), failed)
      })
      request.on('error', failed)
      request.on('timeout', () => request.destroy(new Error(`silent for ${this.#limits.silenceMsMax / 1_000} s`)))
      request.end(payload)
    })
  }
}

function read(response: IncomingMessage, done: (text: string) => void, failed: (cause: unknown) => void): void {
  const chunks: Buffer[] = []
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`))
    else chunks.push(chunk)
  })
  response.on('end', () => done(Buffer.concat(chunks).toString('utf8')))
  response.on('error', failed)
  // An answer cut off in the middle ends with `close` alone.
  response.on('close', () => failed(new Error('the answer was cut off')))
}

function jsonOf(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The error as its body says it; a proxy in between may have answered with something else. */
function errorOf(status: number, answer: unknown): ErrorAnswer {
  const body = answer as Partial<ErrorAnswer> | undefined
  if (typeof body?.code === 'string' && typeof body.message === 'string') {
    const known = Object.hasOwn(ERRORS, body.code) ? ERRORS[body.code].retryable : status >= 500
    return { ...body, code: body.code, message: body.message, retryable: body.retryable ?? known }
  }
  return {
    code: 'INTERNAL',
    message: `HTTP ${status} without a reason of ours: is this a Holdfast server?`,
    retryable: status >= 500 || status === 429,
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  // Node gathers what it tried (IPv4, IPv6) in an error without a message of its own.
  const [first] = cause instanceof AggregateError ? cause.errors : []
  return cause.message || (first instanceof Error ? first.message : cause.name)
}
