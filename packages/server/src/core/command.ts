import { type ErrorCode, isId, isText, LIMITS } from '@holdfast/protocol'
import type { LogRecord } from '../ports/log.ts'
import type { Content, EntryId, RoomId, Timestamp, UserId } from '../ports/store.ts'
import type { Sha256 } from '../ports/system.ts'
import { directRoomId, entryId, hashOf, replayId } from './identity.ts'
import { utf8 } from './utf8.ts'

/** The version of a command's record. A reader that meets a higher one waits for an operator; it never rejects it. */
export const COMMAND_VERSION = 1

/** What somebody wants. Its identity is (room, sender, clientId), and for a replayed dead letter also which replay it is. */
export interface Command {
  readonly id: EntryId
  /** Of the canonical content: the same id with another digest is refused with ID_REUSED. */
  readonly digest: string
  readonly room: RoomId
  readonly sender: UserId
  readonly clientId: string
  /** An administrator's command about members needs no membership. */
  readonly authority: 'member' | 'administrator'
  /** The original time, where an administrator gave one; else the log's timestamp counts. */
  readonly at: Timestamp | undefined
  readonly content: Content
  /** 0, or which replay of a dead letter this is (R7). */
  readonly replay: number
}

export type CommandParts = Omit<Command, 'id' | 'digest'>

/** Gives a command its identity and digest. */
export function command(sha256: Sha256, parts: CommandParts): Command {
  const id = replayId(entryId(sha256, parts.room, parts.sender, parts.clientId), parts.replay)
  return { ...parts, id, digest: digestOf(sha256, parts) }
}

function digestOf(sha256: Sha256, { content, at }: CommandParts): string {
  return hashOf(sha256, [...canonical(content), at === undefined ? '' : String(at)])
}

function canonical(content: Content): readonly string[] {
  switch (content.kind) {
    case 'message':
      return [content.kind, content.text]
    case 'room_created':
      return [content.kind, content.roomKind, content.name ?? '', ...[...content.members].sort()]
    case 'member_added':
    case 'member_removed':
      return [content.kind, content.user]
  }
  content satisfies never
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The command as a record of the command log. Id and digest are not in it: whoever reads it computes them. `isSenderKnown`: its sender was seen in
 * the store. Then it never waits for them, whatever a store says that was set back since.
 */
export function encodeCommand(
  { room, sender, clientId, authority, at, content, replay }: CommandParts,
  isSenderKnown = false,
): LogRecord {
  const value = {
    v: COMMAND_VERSION,
    room,
    sender,
    known: isSenderKnown ? true : undefined,
    clientId,
    authority,
    at,
    content,
    replay: replay === 0 ? undefined : replay,
  }
  return { key: room, headers: {}, value: utf8(JSON.stringify(value)) }
}

export type Decoded =
  | { readonly result: 'command'; readonly command: Command; readonly isSenderKnown: boolean }
  /** Written by a newer build: the partition waits for an operator. */
  | { readonly result: 'newer'; readonly version: number }
  /** Not a command at all. */
  | { readonly result: 'undecodable'; readonly reason: string }

/** Reads a record of the command log, written by us, by a newer us, or by anybody. */
export function decodeCommand(sha256: Sha256, record: Pick<LogRecord, 'key' | 'value'>): Decoded {
  let value: unknown
  try {
    value = JSON.parse(DECODER.decode(record.value))
  } catch {
    return undecodable('the value is not JSON in UTF-8')
  }
  if (!isObject(value)) return undecodable('the value is not an object')
  const { v, room, sender, known, clientId, authority, at, content, replay } = value
  if (typeof v !== 'number' || !Number.isSafeInteger(v) || v < 1) return undecodable('the field v is not a version')
  if (v > COMMAND_VERSION) return { result: 'newer', version: v }
  if (typeof room !== 'string' || typeof sender !== 'string' || typeof clientId !== 'string') {
    return undecodable('room, sender or clientId is not a string')
  }
  if (room !== record.key) return undecodable('the key is not the room')
  if (authority !== 'member' && authority !== 'administrator')
    return undecodable('authority is neither member nor administrator')
  if (at !== undefined && !isTimestamp(at)) return undecodable('at is not a time')
  if (replay !== undefined && !(Number.isSafeInteger(replay) && (replay as number) > 0))
    return undecodable('replay is not a count')
  const said = decodeContent(content)
  if (said === undefined) return undecodable('the content is of no known kind or shape')
  const parts: CommandParts = {
    room,
    sender,
    clientId,
    authority,
    at,
    content: said,
    replay: (replay as number | undefined) ?? 0,
  }
  return { result: 'command', command: command(sha256, parts), isSenderKnown: known === true }
}

function undecodable(reason: string): Decoded {
  return { result: 'undecodable', reason }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTimestamp(value: unknown): value is Timestamp {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 8_640_000_000_000_000
}

function decodeContent(content: unknown): Content | undefined {
  if (!isObject(content)) return undefined
  const { kind, text, roomKind, name, members, user } = content
  switch (kind) {
    case 'message':
      return typeof text === 'string' ? { kind, text } : undefined
    case 'room_created': {
      if (roomKind !== 'direct' && roomKind !== 'group') return undefined
      if (name !== undefined && typeof name !== 'string') return undefined
      if (!Array.isArray(members) || !members.every((member) => typeof member === 'string')) return undefined
      return name === undefined ? { kind, roomKind, members } : { kind, roomKind, name, members }
    }
    case 'member_added':
    case 'member_removed':
      return typeof user === 'string' ? { kind, user } : undefined
    default:
      return undefined
  }
}

/**
 * What no order of the log can change: limits and form. The gateway refuses such a command before the log (G8);
 * one that is in the log nevertheless is dead under its own id (G4).
 */
export function brokenLimit(
  sha256: Sha256,
  { room, sender, clientId, content }: CommandParts,
): { code: ErrorCode; message: string } | undefined {
  if (!isRoomId(room))
    return broken(
      'BAD_FRAME',
      `room: must be 1 to ${LIMITS.idBytesMax} bytes without control characters, not beginning with "!"`,
    )
  if (!isId(sender, LIMITS.idBytesMax))
    return broken('BAD_FRAME', `sender: must be 1 to ${LIMITS.idBytesMax} bytes without control characters`)
  if (!isId(clientId, LIMITS.idBytesMax))
    return broken('BAD_FRAME', `clientId: must be 1 to ${LIMITS.idBytesMax} bytes without control characters`)
  switch (content.kind) {
    case 'message':
      if (isText(content.text, LIMITS.textBytesMax)) return undefined
      if (!content.text.isWellFormed())
        return broken('BAD_FRAME', 'text: holds a lone surrogate, which is not valid Unicode')
      return content.text === ''
        ? broken('BAD_FRAME', 'text: is empty')
        : broken('TOO_LARGE', `text: is over ${LIMITS.textBytesMax} bytes`)
    case 'room_created':
      return brokenRoom(sha256, room, sender, content)
    case 'member_added':
    case 'member_removed':
      return isId(content.user, LIMITS.idBytesMax)
        ? undefined
        : broken('BAD_FRAME', `user: must be 1 to ${LIMITS.idBytesMax} bytes without control characters`)
  }
  content satisfies never
}

function brokenRoom(
  sha256: Sha256,
  room: RoomId,
  sender: UserId,
  content: Content & { kind: 'room_created' },
): { code: ErrorCode; message: string } | undefined {
  const { roomKind, name, members } = content
  if (members.length > LIMITS.membersPerCommandMax)
    return broken('TOO_LARGE', `members: more than ${LIMITS.membersPerCommandMax}; add the others one by one`)
  if (!members.every((member) => isId(member, LIMITS.idBytesMax)))
    return broken('BAD_FRAME', 'members: one of them is no user id')
  if (name !== undefined && !isText(name, LIMITS.nameBytesMax))
    return broken('BAD_FRAME', `name: must be 1 to ${LIMITS.nameBytesMax} bytes`)
  if (roomKind === 'group')
    return room.startsWith('direct-')
      ? broken('BAD_FRAME', 'room: ids beginning with "direct-" belong to direct rooms')
      : undefined
  const [other] = members
  if (members.length !== 1 || other === undefined || other === sender)
    return broken('BAD_FRAME', 'members: a direct room has exactly one other member')
  if (name !== undefined) return broken('BAD_FRAME', 'name: a direct room has none')
  return room === directRoomId(sha256, sender, other)
    ? undefined
    : broken('BAD_FRAME', "room: a direct room's id is made from its pair; leave it out")
}

function broken(code: ErrorCode, message: string): { code: ErrorCode; message: string } {
  return { code, message }
}

/** Whether this may name a room: an id, and not one of those we keep for ourselves. */
export function isRoomId(room: string): boolean {
  return isId(room, LIMITS.idBytesMax) && !room.startsWith('!')
}
