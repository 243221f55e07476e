import type { RoomId } from '../ports/store.ts'
import type { Point } from './following.ts'
import type { Live } from './session.ts'

/** Rooms that are not open, of which a session remembers what it was shown. */
const SHOWN_MAX = 100

/** Remembers what a session was shown of a room: no later read may be older (G11). Of too many rooms, the latest count. */
export function remember(live: Live, room: RoomId, at: Point): void {
  live.shown ??= new Map()
  live.shown.delete(room)
  live.shown.set(room, at)
  const [oldest] = live.shown.keys()
  if (live.shown.size > SHOWN_MAX && oldest !== undefined) live.shown.delete(oldest)
}
