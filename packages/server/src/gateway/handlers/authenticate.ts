import { CLOSE, type CloseCode, type Requests } from '@holdfast/protocol'
import { type Problem, readProblem } from '../../core/problem.ts'
import type { Identity } from '../../ports/access.ts'
import type { RoomId } from '../../ports/store.ts'
import type { Context } from '../context.ts'
import { dispatch } from '../dispatch.ts'
import { EarlyFrames } from '../early-frames.ts'
import { follow } from '../following.ts'
import type { Point } from '../point.ts'
import type { Live, Session } from '../session.ts'

/** The first frame of every connection: judges the token, waits for the tail, says hello, opens every room of the user. */
export function authenticate(context: Context, session: Session, request: Requests['authenticate']): void {
  if (session.state.phase !== 'greeting') return
  const early = new EarlyFrames(context.settings.greetingBytesMax)
  session.state = { phase: 'admitting', deadline: session.state.deadline, early }
  session.spawn(admit(context, session, request))
}

async function admit(
  context: Context,
  session: Session,
  { ref, token, resume = [] }: Requests['authenticate'],
): Promise<void> {
  let identity: Identity
  try {
    identity = await context.admit(token)
  } catch (cause) {
    return reject(session, ref, readProblem(cause))
  }
  if (!(await context.establishment.reached(session)) || session.state.phase !== 'admitting') return
  const { early } = session.state
  const live = session.enter(identity)
  const { user, expires } = identity
  session.reply({ type: 'hello', ref, user, durability: context.durability, expires, now: context.clock.now() })
  for (const text of early.texts) dispatch(context, session, text)
  await openRooms(context, session, live, new Map(resume.map(({ room, epoch, seq }) => [room, { epoch, seq }])))
}

function reject(session: Session, ref: number, problem: Problem): void {
  session.fail(ref, problem)
  session.close(closeCodeOf(problem))
}

function closeCodeOf({ code, body }: Problem): CloseCode {
  if (code === 'TOKEN_EXPIRED') return CLOSE.SESSION_EXPIRED
  return body.retryable ? CLOSE.UNAVAILABLE : CLOSE.UNAUTHENTICATED
}

/** Opens what is the user's and what the client wants to resume; again from the start where the tail was interrupted meanwhile. */
async function openRooms(context: Context, session: Session, live: Live, places: Map<RoomId, Point>): Promise<void> {
  const { establishment, reads, hub } = context
  const isHere = () => session.live === live
  for (let count = -1; count !== establishment.count || !establishment.isUp; ) {
    if (!(await establishment.reached(session))) return
    count = establishment.count
    const survey = await reads.untilRead(() => reads.survey([live.identity.user]), isHere)
    if (survey === undefined) return
    for (const [partition, epoch] of survey.epochs.entries()) hub.sawEpoch(partition, epoch)
    const mine = survey.rooms.get(live.identity.user)?.map(({ document }) => document.room) ?? []
    await openSome(context, session, new Set([...places.keys(), ...mine]), places)
    if (!isHere()) return
  }
  live.isReady = true
  session.push({ type: 'ready' })
}

/** A few rooms at a time, each with its place once: what was closed again is not resumed. */
async function openSome(
  context: Context,
  session: Session,
  rooms: Iterable<RoomId>,
  places: Map<RoomId, Point>,
): Promise<void> {
  const next = rooms[Symbol.iterator]()
  const opener = async () => {
    for (let { value: room } = next.next(); room !== undefined; { value: room } = next.next()) {
      const place = places.get(room)
      places.delete(room)
      await follow(context, session, room, { place })
    }
  }
  await Promise.all(Array.from({ length: context.settings.openingsInFlightMax }, opener))
}
