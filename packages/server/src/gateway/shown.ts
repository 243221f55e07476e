import type { RoomId } from '../ports/store.ts'
import { isBeyond, type Point } from './point.ts'
import type { Live } from './session.ts'

/** Rooms of which a session remembers what it was shown. */
const SHOWN_MAX = 100

/** Remembers how far a session was shown a room: no later read may be older (G11). Of too many rooms, the latest count. */
export function remember(live: Pick<Live, 'shown'>, room: RoomId, at: Point): void {
  live.shown ??= new Map()
  const known = live.shown.get(room)
  live.shown.delete(room)
  // A page may have shown more than what is pushed now.
  live.shown.set(room, known !== undefined && isBeyond(known.epoch, known.seq, at.epoch, at.seq) ? known : at)
  const [oldest] = live.shown.keys()
  if (live.shown.size > SHOWN_MAX && oldest !== undefined) live.shown.delete(oldest)
}
