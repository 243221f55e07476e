import { SUBPROTOCOL } from '@holdfast/protocol'
import { backoffMs } from './backoff.ts'
import { type Fault, fault, HoldfastError } from './errors.ts'
import type { Cancel, Clock, Random, WebSocketConstructor, WebSocketLike } from './platform.ts'
import type { Session } from './session.ts'
import type { Settings } from './settings.ts'

/** `waiting` is between two tries to connect; `closed` is for good. */
export type ConnectionState = 'connecting' | 'live' | 'waiting' | 'closed'

interface Parts {
  readonly url: string
  readonly getToken: () => string | Promise<string>
  readonly webSocket: WebSocketConstructor
  readonly session: Session
  readonly clock: Clock
  readonly random: Random
  readonly settings: Settings
  readonly changed: (state: ConnectionState) => void
  readonly report: (error: HoldfastError) => void
  /** The server does not want us back as we are. */
  readonly ended: (fault: Fault) => void
}

/** One try to be connected: from asking for a token to the loss of the socket. Whatever belongs to an earlier one is not heard. */
interface Attempt {
  socket: WebSocketLike | undefined
  token: string
  /** When it said hello. */
  liveAt: number | undefined
  /** What the server answered to `authenticate`, where that was no. */
  refused: Fault | undefined
  refresh: Cancel | undefined
  readonly timers: Set<Cancel>
}

/** Keeps the session connected: tokens, sockets, back-off, and noticing that nobody is there any more. */
export class Connection {
  readonly #parts: Parts
  #state: ConnectionState = 'connecting'
  #attempt: Attempt | undefined
  #waiting: Cancel | undefined
  #failures = 0

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get state(): ConnectionState {
    return this.#state
  }

  start(): void {
    if (this.#state !== 'closed') void this.#connect()
  }

  close(): void {
    this.#waiting?.()
    this.#become('closed')
    this.#hangUp()
  }

  /** Gives the connection up and opens another. */
  drop(): void {
    this.#lost(this.#attempt, 1006, '')
  }

  greeted(expires: number, now: number): void {
    const attempt = this.#attempt
    if (attempt === undefined) return
    const { clock } = this.#parts
    for (const cancel of attempt.timers) cancel()
    attempt.timers.clear()
    attempt.liveAt = clock.elapsed()
    // Only differences of the server's clock and of ours are compared, so that a wrong one does not matter.
    this.#skewMs = now - attempt.liveAt
    this.#planRefresh(attempt, expires)
    this.#watch(attempt)
    this.#become('live')
  }

  refreshed(expires: number): void {
    if (this.#attempt !== undefined) this.#planRefresh(this.#attempt, expires)
  }

  refused(why: Fault): void {
    if (this.#attempt !== undefined) this.#attempt.refused = why
  }

  /** The server's clock minus our monotonic one. */
  #skewMs = 0

  async #connect(): Promise<void> {
    const attempt: Attempt = {
      socket: undefined,
      token: '',
      liveAt: undefined,
      refused: undefined,
      refresh: undefined,
      timers: new Set(),
    }
    this.#attempt = attempt
    this.#become('connecting')
    this.#after(attempt, this.#parts.settings.connectMsMax, () => this.#lost(attempt, 1006, 'timeout'))
    try {
      attempt.token = await this.#parts.getToken()
    } catch (cause) {
      if (this.#attempt !== attempt) return
      this.#reportToken(cause)
      return this.#lost(attempt, 1006, '')
    }
    if (this.#attempt !== attempt) return
    try {
      this.#open(attempt)
    } catch (cause) {
      this.#parts.report(new HoldfastError('NOT_CONNECTED', { message: 'No socket could be made.', cause }))
      this.#lost(attempt, 1006, '')
    }
  }

  #open(attempt: Attempt): void {
    const { webSocket, url, session } = this.#parts
    const socket = new webSocket(url, SUBPROTOCOL)
    attempt.socket = socket
    let isOpen = false
    const heard = (call: () => void) => () => {
      if (this.#attempt === attempt) call()
    }
    socket.addEventListener(
      'open',
      heard(() => {
        isOpen = true
        session.attach((text) => socket.send(text), attempt.token)
      }),
    )
    socket.addEventListener('message', ({ data }) => {
      if (this.#attempt === attempt) session.hear(String(data))
    })
    socket.addEventListener('close', ({ code, reason }) => this.#lost(attempt, code, reason))
    // Not every platform says `close` to a socket that never opened.
    socket.addEventListener(
      'error',
      heard(() => {
        if (!isOpen) this.#lost(attempt, 1006, '')
      }),
    )
  }

  #lost(attempt: Attempt | undefined, code: number, reason: string): void {
    if (attempt === undefined || this.#attempt !== attempt) return
    this.#hangUp()
    if (code >= 4400 && code < 4500) this.#parts.ended(whyClosed(code, reason, attempt.refused))
    else this.#wait(attempt)
  }

  #wait(attempt: Attempt): void {
    const { clock, random, settings } = this.#parts
    const isStable = attempt.liveAt !== undefined && clock.elapsed() - attempt.liveAt >= settings.stableMs
    if (isStable) this.#failures = 0
    this.#waiting = clock.after(backoffMs(this.#failures++, settings, random), () => void this.#connect())
    this.#become('waiting')
  }

  #hangUp(): void {
    const attempt = this.#attempt
    if (attempt === undefined) return
    this.#attempt = undefined
    for (const cancel of attempt.timers) cancel()
    this.#parts.session.detach()
    attempt.socket?.close(1000)
  }

  #planRefresh(attempt: Attempt, expires: number): void {
    const { clock, settings } = this.#parts
    const leftMs = expires - (clock.elapsed() + this.#skewMs)
    // Past its end the server closes, and the next connection asks for a token anyway.
    if (leftMs <= 0) return
    const waitMs = leftMs - Math.min(settings.refreshAheadMs, leftMs / 5)
    attempt.refresh?.()
    attempt.refresh = this.#after(attempt, Math.max(REFRESH_MS_MIN, waitMs), () => void this.#refresh(attempt, expires))
  }

  async #refresh(attempt: Attempt, expires: number): Promise<void> {
    try {
      const token = await this.#parts.getToken()
      if (this.#attempt !== attempt) return
      attempt.token = token
      this.#parts.session.refresh(token)
    } catch (cause) {
      if (this.#attempt !== attempt) return
      this.#reportToken(cause)
      this.#planRefresh(attempt, expires)
    }
  }

  /**
   * A browser cannot ping, so silence is broken by a question every platform can ask: the token it has, once more. A connection on
   * which a question stays without an answer and nothing else is heard is dead; so is one that answers others but not this one.
   */
  #watch(attempt: Attempt): void {
    const { session, settings } = this.#parts
    const { answerMsMax, silenceMsMax } = settings
    this.#after(attempt, Math.min(answerMsMax, silenceMsMax) / 3, () => {
      const { heardMs, unansweredMs } = session.silence()
      if (unansweredMs === undefined) {
        if (heardMs >= silenceMsMax) session.refresh(attempt.token)
      } else if (unansweredMs >= 4 * answerMsMax || (unansweredMs >= answerMsMax && heardMs >= answerMsMax)) {
        return this.drop()
      }
      this.#watch(attempt)
    })
  }

  #after(attempt: Attempt, ms: number, call: () => void): Cancel {
    const cancel = this.#parts.clock.after(ms, () => {
      attempt.timers.delete(cancel)
      if (this.#attempt === attempt) call()
    })
    attempt.timers.add(cancel)
    return () => {
      cancel()
      attempt.timers.delete(cancel)
    }
  }

  #become(state: ConnectionState): void {
    if (this.#state === state || this.#state === 'closed') return
    this.#state = state
    this.#parts.changed(state)
  }

  #reportToken(cause: unknown): void {
    const message = 'getToken gave no token; it is asked again.'
    this.#parts.report(new HoldfastError('UNAUTHENTICATED', { message, retryable: true, cause }))
  }
}

/** However wrong the clocks are, a token is not asked for without a pause. */
const REFRESH_MS_MIN = 1_000

function whyClosed(code: number, reason: string, refused: Fault | undefined): Fault {
  if (refused !== undefined) return refused
  const message = `The server closed the connection for good: ${code}${reason === '' ? '' : ` (${reason})`}.`
  if (code === 4400) return fault('BAD_FRAME', message)
  if (code === 4401) return fault('UNAUTHENTICATED', message)
  return { ...fault('CLOSED', message), retryable: false }
}
