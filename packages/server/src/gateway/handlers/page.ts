import { LIMITS, type Requests } from '@holdfast/protocol'
import { wireEntry } from '../../core/feed.ts'
import { partitionOf } from '../../core/identity.ts'
import { Problem } from '../../core/problem.ts'
import { readable } from '../../core/readable.ts'
import type { EntryDocument, RoomView, ViewRequest } from '../../ports/store.ts'
import type { Context } from '../context.ts'
import { isBeyond } from '../point.ts'
import type { Live, Session } from '../session.ts'
import { remember } from '../shown.ts'

/** How often an old answer is asked for again before the client is told to come back. */
const TRIES_MAX = 3

/** A piece of history, ascending. */
export function page(context: Context, session: Session, live: Live, request: Requests['page']): void {
  const { ref, room, before, after, limit = LIMITS.pageEntriesDefault } = request
  const work = async () => {
    // A reader that does not take what it asked for would be closed as slow by the next page.
    if (session.outbox.bytes > context.settings.outboxBytesMax >> 1)
      throw new Problem('OVERLOADED', 'Read what was sent first.')
    const view = await fresh(context, live, { room, user: live.identity.user, before, after, entriesMax: limit })
    readable(view, live.identity)
    const { epoch, head } = view
    remember(live, room, { epoch, seq: head })
    const entries = within(view.entries, context.settings.pageBytesMax, after !== undefined).map(wireEntry)
    session.reply({ type: 'page', ref, room, epoch, head, entries })
  }
  session.answer(live, ref, work)
}

/** A read below what the feed or this session has shown is old (G11). */
async function fresh({ reads, hub, partitions }: Context, live: Live, request: ViewRequest): Promise<RoomView> {
  const { room } = request
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const view = await reads.view(request)
    const shown = [live.rooms.get(room)?.position, live.shown?.get(room)]
    const isOld = shown.some((place) => place && isBeyond(place.epoch, place.seq, view.epoch, view.head))
    if (!isOld && view.epoch >= hub.epochOf(partitionOf(room, partitions))) return view
    await reads.pause(tries)
  }
  throw new Problem('STORE_UNAVAILABLE', 'The store is behind what was shown already; try again.')
}

/** As many entries as fit, from the end that was asked for: at least one. */
function within(entries: readonly EntryDocument[], bytesMax: number, isForward: boolean): readonly EntryDocument[] {
  const ordered = isForward ? entries : entries.toReversed()
  let bytes = 0
  const count = ordered.findIndex((entry) => {
    bytes += JSON.stringify(wireEntry(entry)).length * 3
    return bytes > bytesMax
  })
  if (count < 0) return entries
  return isForward ? entries.slice(0, Math.max(1, count)) : entries.slice(-Math.max(1, count))
}
