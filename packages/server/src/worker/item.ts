import { ERRORS, type ErrorCode } from '@holdfast/protocol'
import { brokenLimit, type Command, type Decoded, decodeCommand } from '../core/command.ts'
import { claimSeq } from '../core/identity.ts'
import type { Waiter } from '../core/lanes.ts'
import type { Death, Outcome } from '../core/outcome.ts'
import type { LogRecord, StoredRecord } from '../ports/log.ts'
import type { ClaimDocument, Document, EntryId, LetterDocument, Timestamp } from '../ports/store.ts'
import type { Sha256 } from '../ports/system.ts'

/** A record of the command log on its way to its end. */
export interface Item extends Waiter {
  readonly record: StoredRecord
  readonly id: EntryId
  readonly digest: string
  /** undefined where the record could not be decoded. */
  readonly command: Command | undefined
  /** Its sender was a user when it was appended. */
  readonly isSenderKnown: boolean
  /** The version of a record that only a newer build can read. */
  readonly newer: number | undefined
  /** Of a copy inside its batch: the record it is a copy of, whose end it shares. */
  first: Item | undefined
  /** Why it has to die: known from its form, or found out by trying. */
  death: Death | undefined
  /** What it ends in, if the write in flight succeeds. */
  planned: boolean
  outcome: Outcome | undefined
  /** Its end was found in the store, not made now. */
  adopted: boolean
  /** Failed attempts with this record alone. */
  failures: number
  firstFailedAt: Timestamp | undefined
}

/** Never throws: whatever stands in the log must not stop the partition. */
export function itemOf(sha256: Sha256, record: StoredRecord): Item {
  try {
    const decoded = decodeCommand(sha256, record)
    if (decoded.result === 'command') return commandItem(sha256, record, decoded)
    if (decoded.result === 'newer') return { ...strange(record), newer: decoded.version }
    return deadItem(record, 'poison', decoded.reason)
  } catch (cause) {
    return deadItem(record, 'unknown', String(cause))
  }
}

function commandItem(
  sha256: Sha256,
  record: StoredRecord,
  { command, isSenderKnown }: Decoded & { readonly result: 'command' },
): Item {
  const item = blank(record, command.room, command.sender, command.id, command.digest, command, isSenderKnown)
  const broken = brokenLimit(sha256, command)
  if (broken !== undefined) item.death = { class: 'poison', code: broken.code, reason: broken.message }
  return item
}

function deadItem(record: StoredRecord, deathClass: Death['class'], reason: string): Item {
  const item = strange(record)
  item.death = { class: deathClass, code: 'UNPROCESSABLE', reason }
  return item
}

/** There is no sender to tell, so it goes by its place in the log. */
function strange(record: StoredRecord): Item {
  const { partition, offset } = record
  return blank(record, `!dead/${partition}`, '', `commands/${partition}/${offset}`, '', undefined, false)
}

/** Every field is named here, and in one order: objects of one shape keep the hot path fast. */
function blank(
  record: StoredRecord,
  room: string,
  sender: string,
  id: EntryId,
  digest: string,
  command: Command | undefined,
  isSenderKnown: boolean,
): Item {
  return {
    record,
    id,
    digest,
    command,
    isSenderKnown,
    room,
    sender,
    offset: record.offset,
    timestamp: record.timestamp,
    bytes: record.value.length,
    newer: undefined,
    first: undefined,
    death: undefined,
    planned: false,
    outcome: undefined,
    adopted: false,
    failures: 0,
    firstFailedAt: undefined,
    doubts: 0,
    hurried: false,
  }
}

/** Whether this record is finished, or will be when the write in flight succeeds. */
export function ends(item: Item): boolean {
  const { planned, outcome } = item.first ?? item
  return planned || (outcome !== undefined && outcome.end !== 'waiting')
}

/** What stands under the item's key is its end, whoever wrote it, unless it was another command that used the id (design 5.0). */
export function endFrom(item: Item, document: Document, who: Writer): Outcome {
  const { command, digest } = item
  if (document.digest !== digest && command !== undefined) return { end: 'reused', command }
  if (document.end === 'stored') return { end: 'stored', entry: document }
  if (document.end === 'refused') return { end: 'refused', claim: document }
  const death: Death = { class: document.class ?? 'unknown', code: document.code, reason: document.message }
  return { end: 'dead', claim: document, letter: letterOf(item, death, who) }
}

export function claimOf(
  sha256: Sha256,
  item: Item,
  end: ClaimDocument['end'],
  code: ErrorCode,
  message: string,
  deathClass: ClaimDocument['class'],
): ClaimDocument {
  const { id, digest, room, sender, timestamp } = item
  return {
    end,
    id,
    room,
    seq: claimSeq(sha256, id),
    sender,
    at: item.command?.at ?? timestamp,
    digest,
    code,
    message,
    class: deathClass,
  }
}

/** What the sender of a dead command is told: the cause only where it is their own doing. */
export function tellable({ code, reason }: Death): string {
  return code === 'UNPROCESSABLE' ? ERRORS[code].message : reason
}

/** Who writes a letter, and when. */
export interface Writer {
  readonly worker: string
  readonly build: string
  readonly now: Timestamp
}

export function letterOf(item: Item, death: Death, { worker, build, now }: Writer): LetterDocument {
  const { id, digest, record, command } = item
  return {
    id,
    digest,
    room: command?.room,
    sender: command?.sender,
    class: death.class,
    code: death.code,
    reason: death.reason,
    attempts: Math.max(1, item.failures, item.doubts),
    firstFailedAt: item.firstFailedAt ?? now,
    origin: { log: 'commands', partition: record.partition, offset: record.offset, timestamp: record.timestamp },
    key: record.key,
    headers: record.headers,
    value: record.value,
    worker,
    build,
    state: 'open',
    stateAt: undefined,
    stateBy: undefined,
  }
}

/** The letter as a record of the dead-letter log, for other tools: the original untouched, and headers that say why. */
export function letterRecord(letter: LetterDocument): LogRecord {
  const { origin } = letter
  const headers: Record<string, string> = {
    ...letter.headers,
    'hf-dlq-id': letter.id,
    'hf-dlq-digest': letter.digest,
    'hf-dlq-class': letter.class,
    'hf-dlq-code': letter.code,
    'hf-dlq-reason': letter.reason,
    'hf-dlq-attempts': String(letter.attempts),
    'hf-dlq-first-failed-at': String(letter.firstFailedAt),
    'hf-dlq-log': origin.log,
    'hf-dlq-partition': String(origin.partition),
    'hf-dlq-offset': String(origin.offset),
    'hf-dlq-timestamp': String(origin.timestamp),
    'hf-dlq-worker': letter.worker,
    'hf-dlq-build': letter.build,
  }
  if (letter.room !== undefined) headers['hf-dlq-room'] = letter.room
  if (letter.sender !== undefined) headers['hf-dlq-sender'] = letter.sender
  return { key: letter.key, headers, value: letter.value }
}
