import type {
  Document,
  EntryDocument,
  EntryId,
  MemberDocument,
  RoomId,
  RoomOfUser,
  UserId,
} from '../../../src/ports/store.ts'
import { type Collections, firstAbove } from './collections.ts'
import type { Position } from './versioned.ts'

/** What is there under these ids, in these rooms. */
export function found(
  collections: Collections,
  keys: readonly { readonly room: RoomId; readonly id: EntryId }[],
  at: Position,
): Map<EntryId, Document> {
  const documents = new Map<EntryId, Document>()
  for (const { room, id } of keys) {
    const inserted = collections.documents.get(id)
    if (inserted?.document.room === room && inserted.position <= at) documents.set(id, inserted.document)
  }
  return documents
}

/** A room's entries above one seq, and not above another. */
export function entriesIn(
  { rooms }: Collections,
  room: RoomId,
  above: number,
  through: number,
  at: Position,
): EntryDocument[] {
  const entries = rooms.get(room)?.entries ?? []
  const found: EntryDocument[] = []
  for (let i = firstAbove(entries, above); i < entries.length; i++) {
    const inserted = entries[i]
    if (inserted === undefined || inserted.document.seq > through) break
    if (inserted.position <= at) found.push(inserted.document)
  }
  return found
}

export function headOf({ rooms }: Collections, room: RoomId, at: Position): number {
  return rooms.get(room)?.head.at(at) ?? 0
}

/** Those of the users who are, or were, in the room. */
export function membersOf(
  { rooms }: Collections,
  room: RoomId,
  users: readonly UserId[],
  at: Position,
): ReadonlyMap<UserId, MemberDocument> {
  const members = new Map<UserId, MemberDocument>()
  const all = rooms.get(room)?.members
  if (all === undefined) return members
  for (const user of users) {
    const member = all.get(user)?.at(at)
    if (member !== undefined) members.set(user, member)
  }
  return members
}

/** The memberships of a user. */
export function membershipsOf({ rooms, roomsOf }: Collections, user: UserId, at: Position): [RoomId, MemberDocument][] {
  return [...(roomsOf.get(user) ?? [])].flatMap((room): [RoomId, MemberDocument][] => {
    const member = rooms.get(room)?.members.get(user)?.at(at)
    return member === undefined ? [] : [[room, member]]
  })
}

/** The room as this member sees it; none where they are no member, or the room is not projected yet. */
export function roomOfUser(
  collections: Collections,
  room: RoomId,
  { role, seq }: MemberDocument,
  epoch: number,
  at: Position,
): RoomOfUser[] {
  const document = collections.rooms.get(room)?.document.at(at)
  if (document === undefined || role === undefined) return []
  return [{ document, role, since: seq, head: headOf(collections, room, at), epoch }]
}
