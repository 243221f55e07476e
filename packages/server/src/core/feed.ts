import type { Entry, ErrorCode } from '@holdfast/protocol'
import type { LogRecord, Offset } from '../ports/log.ts'
import type { ClaimDocument, EntryDocument, EntryId, RoomId, UserId } from '../ports/store.ts'
import { subjectsOf } from './room.ts'
import { utf8 } from './utf8.ts'

/**
 * A record of the feed: what came of a command. Everything a gateway decides by stands in the headers,
 * so that a record of a room nobody here is in costs no decoding; the value is the entry as clients see it.
 */
export type FeedRecord =
  | {
      readonly end: 'stored'
      readonly epoch: number
      readonly room: RoomId
      readonly id: EntryId
      readonly digest: string
      readonly seq: number
      readonly at: number
      readonly origin: Offset
      /** Whom it makes a member, or no member any more (G9). */
      readonly subjects: readonly UserId[]
      /** The entry as JSON in UTF-8, ready for a frame; `feedEntry` reads it. */
      readonly value: Uint8Array
    }
  | {
      readonly end: 'refused' | 'dead'
      readonly epoch: number
      readonly room: RoomId
      readonly id: EntryId
      readonly digest: string
      readonly code: ErrorCode
      readonly message: string
    }
  /** The partition's history was restored: a new epoch begins (G6). */
  | { readonly end: 'epoch'; readonly epoch: number }

const DECODER = new TextDecoder()
const NOTHING = new Uint8Array(0)
const EPOCH_KEY = '!epoch'
const NOBODY: readonly UserId[] = []

export function storedRecord(entry: EntryDocument, epoch: number): LogRecord {
  const { room, id, digest, seq, at, origin } = entry
  const subjects = subjectsOf(entry)
  const headers: Record<string, string> = {
    end: 'stored',
    id,
    digest,
    epoch: String(epoch),
    seq: String(seq),
    at: String(at),
    origin: String(origin),
  }
  if (subjects.length > 0) headers.subjects = JSON.stringify(subjects)
  return { key: room, headers, value: utf8(JSON.stringify(wireEntry(entry))) }
}

export function claimRecord(
  claim: Pick<ClaimDocument, 'end' | 'room' | 'id' | 'digest' | 'code' | 'message'>,
  epoch: number,
): LogRecord {
  const { end, room, id, digest, code, message } = claim
  return { key: room, headers: { end, id, digest, epoch: String(epoch), code, message }, value: NOTHING }
}

export function epochRecord(epoch: number): LogRecord {
  return { key: EPOCH_KEY, headers: { end: 'epoch', epoch: String(epoch) }, value: NOTHING }
}

/** The entry as clients see it: in a push, a page and a timeline over HTTP. */
export function wireEntry({ seq, id, sender, at, content }: EntryDocument): Entry {
  const { kind, ...said } = content
  return { seq, id, kind, sender, at, ...said } as Entry
}

/** Reads a record of the feed; undefined for one that is not ours or of a kind this build does not know. */
export function decodeFeed({ key, headers, value }: LogRecord): FeedRecord | undefined {
  const epoch = Number(headers.epoch)
  const { end, id = '', digest = '' } = headers
  switch (end) {
    case 'stored': {
      const subjects = feedSubjects({ headers })
      const [seq, at, origin] = [Number(headers.seq), Number(headers.at), Number(headers.origin)]
      return { end, epoch, room: key, id, digest, seq, at, origin, subjects, value }
    }
    case 'refused':
    case 'dead':
      return {
        end,
        epoch,
        room: key,
        id,
        digest,
        code: headers.code as ErrorCode,
        message: headers.message ?? '',
      }
    case 'epoch':
      return { end, epoch }
    default:
      return undefined
  }
}

/** The entry that a stored record carries. */
export function feedEntry({ value }: Pick<LogRecord, 'value'>): Entry {
  return JSON.parse(DECODER.decode(value)) as Entry
}

/** What the headers say of a record: enough to decide who has to hear of it, without decoding anything. */
export interface FeedHead {
  readonly end: FeedRecord['end']
  readonly epoch: number
  /** 0 where the record is no entry. */
  readonly seq: number
  readonly id: EntryId
}

/** Reads the headers of a record of the feed; undefined for one that `decodeFeed` does not know either. */
export function feedHead({ headers }: Pick<LogRecord, 'headers'>): FeedHead | undefined {
  const { end, id = '' } = headers
  const epoch = Number(headers.epoch)
  switch (end) {
    case 'stored':
      return { end, epoch, seq: Number(headers.seq), id }
    case 'refused':
    case 'dead':
    case 'epoch':
      return { end, epoch, seq: 0, id }
    default:
      return undefined
  }
}

/** The users whose membership the record changes, from its header (G9). */
export function feedSubjects({ headers }: Pick<LogRecord, 'headers'>): readonly UserId[] {
  return headers.subjects === undefined ? NOBODY : (JSON.parse(headers.subjects) as UserId[])
}
