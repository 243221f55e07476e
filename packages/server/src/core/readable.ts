import type { Identity } from '../ports/access.ts'
import type { RoomDocument, RoomView } from '../ports/store.ts'
import { Problem } from './problem.ts'

/**
 * The room, if its reader may see it. Throws a Problem: NOT_FOUND for a room that does not exist or was never theirs, which look the same;
 * NOT_A_MEMBER for one they were removed from. An administrator sees every room.
 */
export function readable(
  { document, member }: Pick<RoomView, 'document' | 'member'>,
  { administrator }: Pick<Identity, 'administrator'>,
): RoomDocument {
  if (document === undefined) throw new Problem('NOT_FOUND')
  if (administrator || member?.role !== undefined) return document
  throw new Problem(member === undefined || member.seq === 0 ? 'NOT_FOUND' : 'NOT_A_MEMBER')
}
