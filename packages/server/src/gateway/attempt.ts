import { CLOSE, type CommandRequest } from '@holdfast/protocol'
import { brokenLimit, type Command, command } from '../core/command.ts'
import { Problem } from '../core/problem.ts'
import { REFUSAL_COST } from '../core/rate.ts'
import type { End, Submitter } from '../core/submissions.ts'
import type { Content, RoomId } from '../ports/store.ts'
import type { Context } from './context.ts'
import type { Live, Session } from './session.ts'

/** Sends what a request asks for on its way: refused at once only for what no order of the log can change (G8). */
export function submit(
  context: Context,
  session: Session,
  live: Live,
  request: CommandRequest,
  { room, content }: { readonly room: RoomId; readonly content: Content },
): void {
  const { user, administrator } = live.identity
  const parts = {
    room,
    sender: user,
    clientId: request.clientId,
    authority: administrator ? 'administrator' : 'member',
    at: undefined,
    content,
    replay: 0,
  } as const
  const attempt = new Attempt(context, session, live, request, room)
  const broken = brokenLimit(context.sha256, parts)
  const problem = attempt.mayAppend() ?? (broken && new Problem(broken.code, broken.message)) ?? refusal(context, live)
  if (problem !== undefined) attempt.failed(problem, false)
  else attempt.begin(command(context.sha256, parts), request.again === true)
}

function refusal({ rate, settings }: Context, { identity, attempts }: Live): Problem | undefined {
  const retryAfterMs = identity.administrator ? undefined : rate.take(identity.user, 1)
  if (retryAfterMs !== undefined) return new Problem('RATE_LIMITED', undefined, { retryAfterMs })
  const isFull = (attempts?.size ?? 0) >= settings.commandsInFlightMax
  return isFull ? new Problem('OVERLOADED', 'Too many commands of this connection have no end yet.') : undefined
}

/** One try of one command on one connection, and what its sender hears of it. */
export class Attempt implements Submitter {
  readonly #context: Context
  readonly #session: Session
  readonly #live: Live
  readonly #ref: number
  readonly #room: RoomId
  /** The number of the room under which it was sent (G2). */
  readonly #generation: number
  #id = ''
  #cancel: (() => void) | undefined
  #isDone = false

  constructor(context: Context, session: Session, live: Live, { ref, generation = 0 }: CommandRequest, room: RoomId) {
    this.#context = context
    this.#session = session
    this.#live = live
    this.#ref = ref
    this.#room = room
    this.#generation = generation
  }

  begin(command: Command, again: boolean): void {
    this.#id = command.id
    this.#live.attempts ??= new Set()
    this.#live.attempts.add(this)
    const cancel = this.#context.submissions.submit(command, this, { again })
    if (!this.#isDone) this.#cancel = cancel
  }

  /** Its socket is gone: nobody waits any more. */
  cancel(): void {
    this.#cancel?.()
  }

  /** Holds behind the socket's end too: what the log still takes of this connection stays in order. */
  mayAppend(): Problem | undefined {
    return this.#generation === this.#current ? undefined : new Problem('OUT_OF_ORDER')
  }

  accepted(): void {
    const { durability } = this.#context
    this.#session.reply({ type: 'accepted', ref: this.#ref, room: this.#room, id: this.#id, durability })
  }

  ended(end: End): void {
    this.#done()
    const { administrator, user } = this.#live.identity
    if (end.end === 'refused' && end.code !== 'ALREADY' && !administrator) this.#context.rate.charge(user, REFUSAL_COST)
    const { end: type, ...what } = end
    this.#session.reply({ type, ref: this.#ref, room: this.#room, id: this.#id, ...what } as Parameters<
      Session['reply']
    >[0])
  }

  failed(problem: Problem, appended: boolean): void {
    this.#done()
    if (problem.body.retryable) this.#raise()
    this.#session.fail(this.#ref, problem, { appended, generation: this.#current })
  }

  /** Closes the room to everything that was sent under the same number, and would pass this one. */
  #raise(): void {
    if (this.#generation !== this.#current) return
    this.#live.generations ??= new Map()
    this.#live.generations.set(this.#room, this.#generation + 1)
    if (this.#live.generations.size > this.#context.settings.generationsMax) this.#session.close(CLOSE.UNAVAILABLE)
  }

  #done(): void {
    this.#isDone = true
    this.#live.attempts?.delete(this)
  }

  get #current(): number {
    return this.#live.generations?.get(this.#room) ?? 0
  }
}
