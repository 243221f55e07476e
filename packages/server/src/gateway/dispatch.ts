import { CLOSE, type Request, type Requests } from '@holdfast/protocol'
import { Problem } from '../core/problem.ts'
import type { Context } from './context.ts'
import { addMember } from './handlers/add_member.ts'
import { authenticate } from './handlers/authenticate.ts'
import { createRoom } from './handlers/create_room.ts'
import { page } from './handlers/page.ts'
import { refresh } from './handlers/refresh.ts'
import { removeMember } from './handlers/remove_member.ts'
import { send } from './handlers/send.ts'
import { subscribe } from './handlers/subscribe.ts'
import { type Reading, readRequest } from './requests.ts'
import type { Live, Session } from './session.ts'

type Handler<Type extends keyof Requests> = (
  context: Context,
  session: Session,
  live: Live,
  request: Requests[Type],
) => void

/** What a session that is signed in may ask. */
const HANDLERS: { readonly [Type in Exclude<keyof Requests, 'authenticate'>]: Handler<Type> } = {
  refresh,
  send,
  create_room: createRoom,
  add_member: addMember,
  remove_member: removeMember,
  subscribe,
  page,
}

/** One frame of a client; undefined is a binary one. First: is it legal now? Then: is it well formed? Then to its handler. */
export function dispatch(context: Context, session: Session, text: string | undefined): void {
  const { state } = session
  switch (state.phase) {
    case 'greeting':
      greet(context, session, read(text))
      return
    case 'admitting':
      if (text === undefined || !state.early.keep(text))
        turnAway(
          session,
          null,
          new Problem('UNAUTHENTICATED', 'Wait for `hello` before the next frames.'),
          CLOSE.UNAUTHENTICATED,
        )
      return
    case 'live':
      handle(context, session, state, read(text))
      return
    case 'closing':
      return
  }
  state satisfies never
}

/** The first frame authenticates, or it is the last one. */
function greet(
  context: Context,
  session: Session,
  { request, problem, ...reading }: Reading & { ref?: number | null },
): void {
  if (request?.type === 'authenticate') authenticate(context, session, request)
  else if (request !== undefined) turnAway(session, request.ref, new Problem('UNAUTHENTICATED'), CLOSE.UNAUTHENTICATED)
  else if (problem !== undefined) turnAway(session, reading.ref ?? null, problem, CLOSE.PROTOCOL)
}

function turnAway(session: Session, ref: number | null, problem: Problem, code: 4400 | 4401): void {
  session.fail(ref, problem)
  session.close(code)
}

function handle(context: Context, session: Session, live: Live, reading: Reading): void {
  if (reading.problem !== undefined) session.fail(reading.ref, reading.problem)
  else if (reading.request.type === 'authenticate')
    session.fail(reading.request.ref, new Problem('BAD_FRAME', 'type: this connection is signed in; send `refresh`'))
  else call(context, session, live, reading.request)
}

function call(
  context: Context,
  session: Session,
  live: Live,
  request: Exclude<Request, { type: 'authenticate' }>,
): void {
  const handler = HANDLERS[request.type] as Handler<typeof request.type>
  handler(context, session, live, request as never)
}

function read(text: string | undefined): Reading {
  if (text !== undefined) return readRequest(text)
  return { problem: new Problem('BAD_FRAME', 'Frames are JSON in text; this one was binary.'), ref: null }
}
