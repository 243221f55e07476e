import type { Requests } from '@holdfast/protocol'
import { Problem } from '../../core/problem.ts'
import type { Context } from '../context.ts'
import { follow } from '../following.ts'
import type { Live, Session } from '../session.ts'

/** Opens a room again: from a position, or from its head. */
export function subscribe(context: Context, session: Session, live: Live, request: Requests['subscribe']): void {
  const { ref, room, epoch, seq } = request
  const work = async () => {
    if ((epoch === undefined) !== (seq === undefined)) throw new Problem('BAD_FRAME', 'seq: comes together with epoch')
    const place = epoch === undefined || seq === undefined ? undefined : { epoch, seq }
    live.rooms.get(room)?.leave()
    await follow(context, session, room, { place, asked: () => session.reply({ type: 'subscribed', ref, room }) })
  }
  session.answer(live, ref, work)
}
