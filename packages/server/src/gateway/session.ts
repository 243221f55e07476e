import { CLOSE, type CloseCode, type Push, type Reply } from '@holdfast/protocol'
import { Problem, readProblem } from '../core/problem.ts'
import type { Identity } from '../ports/access.ts'
import type { RoomId } from '../ports/store.ts'
import type { Attempt } from './attempt.ts'
import type { Context } from './context.ts'
import { dispatch } from './dispatch.ts'
import type { EarlyFrames } from './early-frames.ts'
import type { Following } from './following.ts'
import { type EntryFrame, PING_FRAME, pushFrame, replyFrame } from './frames.ts'
import type { Lanes } from './lane.ts'
import { Outbox } from './outbox.ts'
import type { Point } from './point.ts'
import type { Socket, SocketListener } from './wire.ts'

/** Where a connection is. A field exists only where it means something. Deadlines are by `Clock.elapsed`. */
export type SessionState =
  /** Nothing but `authenticate` may come. */
  | { readonly phase: 'greeting'; readonly deadline: number }
  /** The token is being judged, or the tail is not established; frames that come early are kept. */
  | { readonly phase: 'admitting'; readonly deadline: number; readonly early: EarlyFrames }
  | Live
  | { readonly phase: 'closing'; readonly code: CloseCode | undefined }

export interface Live {
  readonly phase: 'live'
  identity: Identity
  /** Every room that was the user's at `hello` has been opened. */
  isReady: boolean
  readonly rooms: Map<RoomId, Following>
  /** What pages and removals have shown, of the latest rooms: one that is opened later may not begin before it (G11). Made on first use. */
  shown: Map<RoomId, Point> | undefined
  /** G2: what was sent, room by room. Made on first use. */
  lanes: Lanes | undefined
  /** Commands without an end. Made on first use. */
  attempts: Set<Attempt> | undefined
  /** Pages and openings in progress. */
  requests: number
}

/** One connection: what it is in, what it follows, what it waits for. */
export class Session implements SocketListener {
  state: SessionState
  readonly outbox: Outbox
  readonly #context: Context
  readonly #socket: Socket
  /** When a ping is due; while one is unanswered, when the peer is given up. */
  #pingAt: number
  #isPinged = false

  constructor(context: Context, socket: Socket) {
    const { clock, random, settings, turn } = context
    const now = clock.elapsed()
    this.#context = context
    this.#socket = socket
    this.outbox = new Outbox(socket, turn, settings.outboxBytesMax)
    this.state = { phase: 'greeting', deadline: now + settings.greetingMsMax }
    // Spread out, so that ten thousand sessions of one reconnect storm are not pinged in one turn.
    this.#pingAt = now + settings.pingMs * (0.5 + random.next() / 2)
    context.hub.sessions.add(this)
    context.observer.opened()
  }

  get live(): Live | undefined {
    return this.state.phase === 'live' ? this.state : undefined
  }

  get isClosing(): boolean {
    return this.state.phase === 'closing'
  }

  // ---- what the socket tells -------------------------------------------------------------------------------------------

  message(text: string): void {
    this.#heard()
    dispatch(this.#context, this, text)
  }

  binary(): void {
    this.#heard()
    dispatch(this.#context, this, undefined)
  }

  pong(): void {
    this.#heard()
  }

  drained(): void {
    this.outbox.drained()
  }

  closed(): void {
    this.#end(undefined)
    this.#context.hub.remove(this)
  }

  // ---- what it is told -------------------------------------------------------------------------------------------------

  reply(reply: Reply): void {
    if (!this.isClosing && !this.outbox.push(replyFrame(reply))) this.close(CLOSE.SLOW)
  }

  /** The reply to a request that failed. `more` says of a command what is certain of it, and its room's generation. */
  fail(ref: number | null, problem: Problem, more: { appended?: boolean; generation?: number } = {}): void {
    this.#context.observer.refused(problem.code)
    this.reply({ type: 'error', ref, ...problem.body, ...more })
  }

  push(push: Exclude<Push, { type: 'entry' }>): void {
    if (!this.isClosing && !this.outbox.push(pushFrame(push))) this.close(CLOSE.SLOW)
  }

  pushEntry(frame: EntryFrame): void {
    if (!this.isClosing && !this.outbox.push(frame)) this.close(CLOSE.SLOW)
  }

  // ---- its life --------------------------------------------------------------------------------------------------------

  /** Admits the session: from here on the feed's records reach it. */
  enter(identity: Identity): Live {
    const live: Live = {
      phase: 'live',
      identity,
      isReady: false,
      rooms: new Map(),
      shown: undefined,
      lanes: undefined,
      attempts: undefined,
      requests: 0,
    }
    this.state = live
    this.outbox.user = identity.user
    this.#context.hub.arrive(identity.user, this)
    return live
  }

  /** Runs what outlasts a turn. An error that nobody foresaw ends the session: the client comes again, with nothing half done. */
  spawn(work: Promise<unknown>): void {
    work.catch((cause) => {
      this.#context.logger.error({ cause }, 'a session failed')
      this.close(CLOSE.UNAVAILABLE)
    })
  }

  /** Runs the work of a request that reads; what it throws is the reply. */
  answer(live: Live, ref: number, work: () => Promise<void>): void {
    if (live.requests >= this.#context.settings.requestsInFlightMax) {
      this.fail(ref, new Problem('OVERLOADED', 'Too many requests of this connection are in progress.'))
      return
    }
    live.requests += 1
    const done = work()
      .catch((cause) => this.fail(ref, readProblem(cause)))
      .finally(() => {
        live.requests -= 1
      })
    this.spawn(done)
  }

  /** Looks at the deadlines. `now` is the wall clock's time, `elapsed` that of the clock that never goes back. */
  housekeep(now: number, elapsed: number): void {
    const { state } = this
    switch (state.phase) {
      case 'greeting':
        if (elapsed >= state.deadline) this.close(CLOSE.GREETING_TIMEOUT)
        return
      case 'admitting':
        if (elapsed >= state.deadline) this.close(CLOSE.UNAVAILABLE)
        return
      case 'live':
        if (now >= state.identity.expires) this.close(CLOSE.SESSION_EXPIRED)
        else if (elapsed >= this.#pingAt) this.#ping(elapsed)
        return
      case 'closing':
        return
    }
    state satisfies never
  }

  /** Says everything that is still to be said, and closes. */
  close(code: CloseCode): void {
    if (this.isClosing) return
    // A reader that is slow or gone will not read what is left.
    if (code === CLOSE.SLOW || code === CLOSE.GONE) this.outbox.drop()
    else this.outbox.finish()
    this.#end(code)
    this.#socket.close(code, nameOf(code))
    this.#context.clock.after(this.#context.settings.closeMsMax, () => this.#socket.terminate())
  }

  /** Lets go of everything that others hold for this session: its rooms, its waiters (G1). */
  #end(code: CloseCode | undefined): void {
    const { live } = this
    if (this.isClosing) return
    this.state = { phase: 'closing', code }
    this.outbox.drop()
    this.#context.establishment.giveUp(this)
    this.#context.observer.closed(code)
    if (live === undefined) return
    this.#context.hub.leave(live.identity.user, this)
    for (const following of live.rooms.values()) this.#context.hub.unfollow(following)
    live.rooms.clear()
    for (const attempt of live.attempts ?? []) attempt.cancel()
  }

  #heard(): void {
    if (!this.#isPinged) return
    this.#isPinged = false
    this.#pingAt = this.#context.clock.elapsed() + this.#context.settings.pingMs
  }

  #ping(elapsed: number): void {
    if (this.#isPinged) {
      this.close(CLOSE.GONE)
      return
    }
    this.#isPinged = true
    this.#pingAt = elapsed + this.#context.settings.pongMsMax
    if (!this.outbox.push(PING_FRAME)) this.close(CLOSE.SLOW)
  }
}

function nameOf(code: CloseCode): string {
  return Object.entries(CLOSE).find(([, number]) => number === code)?.[0] ?? ''
}
