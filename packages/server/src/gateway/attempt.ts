import { CLOSE, type CommandRequest } from '@holdfast/protocol'
import { brokenLimit, type Command, command } from '../core/command.ts'
import { Problem } from '../core/problem.ts'
import { REFUSAL_COST } from '../core/rate.ts'
import type { End, Submitter } from '../core/submissions.ts'
import type { Content, RoomId } from '../ports/store.ts'
import type { Context } from './context.ts'
import { type Lane, Lanes } from './lane.ts'
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
  live.lanes ??= new Lanes()
  const generation = live.lanes.generationOf(room)
  if (generation !== (request.generation ?? 0)) {
    session.fail(request.ref, new Problem('OUT_OF_ORDER'), { appended: false, generation })
    return
  }
  const parts = {
    room,
    sender: user,
    clientId: request.clientId,
    authority: administrator ? 'administrator' : 'member',
    at: undefined,
    content,
    replay: 0,
  } as const
  const attempt = new Attempt(context, session, live, live.lanes, { lane: live.lanes.of(room), room, ref: request.ref })
  const broken = brokenLimit(context.sha256, parts)
  const problem = (broken && new Problem(broken.code, broken.message)) ?? refusal(context, live)
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
  readonly #lanes: Lanes
  readonly #lane: Lane
  readonly #place: number
  readonly #room: RoomId
  readonly #ref: number
  #id = ''
  #cancel: (() => void) | undefined
  #isDone = false

  constructor(
    context: Context,
    session: Session,
    live: Live,
    lanes: Lanes,
    { lane, room, ref }: { readonly lane: Lane; readonly room: RoomId; readonly ref: number },
  ) {
    this.#context = context
    this.#session = session
    this.#live = live
    this.#lanes = lanes
    this.#lane = lane
    this.#place = lane.enter()
    this.#room = room
    this.#ref = ref
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
    return this.#lane.isOpenTo(this.#place) ? undefined : new Problem('OUT_OF_ORDER')
  }

  accepted(): void {
    const { durability } = this.#context
    this.#session.reply({ type: 'accepted', ref: this.#ref, room: this.#room, id: this.#id, durability })
  }

  ended(end: End): void {
    this.#done()
    const { administrator, user } = this.#live.identity
    if (end.end === 'refused' && end.code !== 'ALREADY' && !administrator) this.#context.rate.charge(user, REFUSAL_COST)
    const head = { ref: this.#ref, room: this.#room, id: this.#id }
    switch (end.end) {
      case 'stored': {
        const { epoch, seq, at, duplicate } = end
        this.#session.reply({ type: 'stored', ...head, epoch, seq, at, duplicate })
        return
      }
      case 'refused':
      case 'dead':
        this.#session.reply({ type: end.end, ...head, code: end.code, message: end.message })
        return
    }
    end satisfies never
  }

  failed(problem: Problem, appended: boolean): void {
    if (problem.body.retryable) this.#lanes.fail(this.#room, this.#lane, this.#place)
    this.#done()
    this.#session.fail(this.#ref, problem, { appended, generation: this.#lanes.generationOf(this.#room) })
    if (this.#lanes.size > this.#context.settings.lanesMax) this.#session.close(CLOSE.UNAVAILABLE)
  }

  #done(): void {
    this.#isDone = true
    this.#lanes.leave(this.#room, this.#lane)
    this.#live.attempts?.delete(this)
  }
}
