import type { Push, Reply } from '@holdfast/protocol'
import { wireEntry } from '../core/feed.ts'
import { subjectsOf } from '../core/room.ts'
import type { LogRecord } from '../ports/log.ts'
import type { EntryDocument, RoomId, UserId } from '../ports/store.ts'

/** What an outbox holds: a whole WebSocket frame, and as much of its meaning as it needs to make room. */
export type Frame =
  | {
      readonly kind: 'plain'
      readonly bytes: Buffer
      /** The room whose position it sets: entries before and after it never join in one gap. */
      readonly room: RoomId | undefined
    }
  | EntryFrame

/** An entry: serialised once, framed once, and the same bytes for every session. */
export interface EntryFrame {
  readonly kind: 'entry'
  readonly bytes: Buffer
  readonly room: RoomId
  readonly epoch: number
  readonly seq: number
  /** Whose membership it changes: to them it is never replaced by a gap. */
  readonly subjects: readonly UserId[]
  /** Whether it takes the subjects' membership away. */
  readonly removes: boolean
}

const TEXT = 0x81
const NOBODY: readonly UserId[] = []

/** A ping without a payload, as RFC 6455 wants it of a server: not masked. */
export const PING_FRAME: Frame = { kind: 'plain', bytes: Buffer.from([0x89, 0]), room: undefined }

export function replyFrame(reply: Reply): Frame {
  return { kind: 'plain', bytes: textFrame(JSON.stringify(reply)), room: undefined }
}

/** A push about a room's position, or `ready`. */
export function pushFrame(push: Exclude<Push, { type: 'entry' }>): Frame {
  return { kind: 'plain', bytes: textFrame(JSON.stringify(push)), room: 'room' in push ? push.room : undefined }
}

/** The frame of a record of the feed: its value is the entry as clients see it, so nothing is decoded. */
export function frameOfRecord(
  { key, value }: LogRecord,
  { epoch, seq }: { readonly epoch: number; readonly seq: number },
  subjects: readonly UserId[],
): EntryFrame {
  const before = entryHead(key, epoch)
  const bytes = frameBytes(Buffer.byteLength(before) + value.length + 1)
  const from = bytes.start + bytes.buffer.write(before, bytes.start)
  bytes.buffer.set(value, from)
  bytes.buffer.write('}', from + value.length)
  return {
    kind: 'entry',
    bytes: bytes.buffer,
    room: key,
    epoch,
    seq,
    subjects,
    removes: subjects.length > 0 && takesAway(value),
  }
}

/** The frame of an entry that was read from the store. */
export function frameOfEntry(entry: EntryDocument, epoch: number): EntryFrame {
  const { room, seq, content } = entry
  return {
    kind: 'entry',
    bytes: textFrame(`${entryHead(room, epoch)}${JSON.stringify(wireEntry(entry))}}`),
    room,
    epoch,
    seq,
    subjects: content.kind === 'message' ? NOBODY : subjectsOf(entry),
    removes: content.kind === 'member_removed',
  }
}

export function gapBytes(gap: { room: RoomId; epoch: number; from: number; to: number }): Buffer {
  const { room, epoch, from, to } = gap
  return textFrame(JSON.stringify({ type: 'gap', room, epoch, from, to }))
}

function entryHead(room: RoomId, epoch: number): string {
  return `{"type":"entry","room":${JSON.stringify(room)},"epoch":${epoch},"entry":`
}

function takesAway(value: Uint8Array): boolean {
  const { kind } = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as {
    kind?: unknown
  }
  return kind === 'member_removed'
}

/** One whole, final, unmasked text frame (RFC 6455, section 5.2). */
export function textFrame(payload: string): Buffer {
  const { buffer, start } = frameBytes(Buffer.byteLength(payload))
  buffer.write(payload, start)
  return buffer
}

function frameBytes(length: number): { buffer: Buffer; start: number } {
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const buffer = Buffer.allocUnsafe(start + length)
  buffer[0] = TEXT
  if (start === 2) buffer[1] = length
  else if (start === 4) {
    buffer[1] = 126
    buffer.writeUInt16BE(length, 2)
  } else {
    buffer[1] = 127
    buffer.writeUInt32BE(0, 2)
    buffer.writeUInt32BE(length, 6)
  }
  return { buffer, start }
}
