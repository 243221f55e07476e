import { ERRORS, type ErrorCode, LIMITS } from '@holdfast/protocol'
import type { Content, UserId } from '../ports/store.ts'
import type { Command } from './command.ts'
import type { RoomState } from './room.ts'

/** What the rules say of one command in one state of its room. */
export type Decision =
  | { readonly decision: 'entry'; readonly content: Content }
  /** Final, but only if nothing of the room is waiting before it (R6). */
  | { readonly decision: 'refusal'; readonly code: ErrorCode; readonly message: string }
  /** Something not known yet that may become known soon: the lane waits. */
  | { readonly decision: 'doubt'; readonly doubt: Doubt }

export type Doubt = { readonly code: 'SENDER_UNKNOWN'; readonly user: UserId }

/** Whose membership a decision about this command looks at. */
export function usersNeeded({ sender, content }: Command): readonly UserId[] {
  switch (content.kind) {
    case 'message':
      return [sender]
    case 'member_added':
    case 'member_removed':
      return [sender, content.user]
    case 'room_created':
      return [sender]
  }
  content satisfies never
}

/** The rules of the product: a pure function, without clock and without I/O. */
export function decide(room: RoomState, command: Command, isSenderKnown: boolean): Decision {
  const { sender, content } = command
  if (!isSenderKnown) return { decision: 'doubt', doubt: { code: 'SENDER_UNKNOWN', user: sender } }
  switch (content.kind) {
    case 'room_created':
      return create(room, command, content)
    case 'message':
      return outsider(room, sender) ?? entry(content)
    case 'member_added':
      return mayManage(room, command, content.user) ?? add(room, content)
    case 'member_removed':
      return mayManage(room, command, content.user) ?? remove(room, content)
  }
  content satisfies never
}

function create(room: RoomState, { sender }: Command, content: Content & { kind: 'room_created' }): Decision {
  if (room.document === undefined) return entry(content)
  const same = content.roomKind === 'direct' && room.document.pair?.includes(sender)
  return same ? refusal('ALREADY') : refusal('CONFLICT', 'A room with this id exists; choose another id.')
}

function add(room: RoomState, content: Content & { kind: 'member_added' }): Decision {
  if (role(room, content.user) !== undefined) return refusal('ALREADY')
  if ((room.document?.memberCount ?? 0) >= LIMITS.membersPerRoomMax)
    return refusal('CONFLICT', `The room has ${LIMITS.membersPerRoomMax} members, which is the most it can have.`)
  return entry(content)
}

function remove(room: RoomState, content: Content & { kind: 'member_removed' }): Decision {
  if (role(room, content.user) === undefined) return refusal('ALREADY')
  if (role(room, content.user) === 'owner')
    return refusal('CONFLICT', 'The owner of a room cannot leave it or be removed.')
  return entry(content)
}

/** The refusal of a membership command, or undefined where its sender may give it. */
function mayManage(room: RoomState, { sender, authority }: Command, subject: UserId): Decision | undefined {
  if (authority === 'member') {
    const refused = outsider(room, sender)
    if (refused !== undefined) return refused
  }
  if (room.document === undefined) return refusal('NOT_FOUND')
  if (room.document.kind === 'direct') return refusal('FORBIDDEN', 'The members of a direct room never change.')
  const leaves = subject === sender && role(room, subject) !== undefined
  if (authority === 'administrator' || role(room, sender) === 'owner' || leaves) return undefined
  return refusal('FORBIDDEN', 'Only the owner of a room may add or remove members.')
}

/** A room that does not exist and one that was never yours look the same. */
function outsider(room: RoomState, user: UserId): Decision | undefined {
  if (room.document === undefined) return refusal('NOT_FOUND')
  if (role(room, user) !== undefined) return undefined
  return (room.members.get(user)?.seq ?? 0) === 0 ? refusal('NOT_FOUND') : refusal('NOT_A_MEMBER')
}

function role(room: RoomState, user: UserId) {
  return room.members.get(user)?.role
}

function entry(content: Content): Decision {
  return { decision: 'entry', content }
}

function refusal(code: ErrorCode, message: string = ERRORS[code].message): Decision {
  return { decision: 'refusal', code, message }
}
