import type { Entry } from '@holdfast/protocol'

/**
 * What a room's window shows, made from what is known of its history and of one's own messages that have no place there yet.
 * Entries are ascending, each seq once. Where numbers are missing the timeline has a hole: unread history at the top,
 * what was missed while offline in the middle or at the end. All are filled in the same way.
 */
export type Line =
  | { readonly line: 'hole'; readonly key: string; readonly from: number; readonly to: number }
  | { readonly line: 'day'; readonly key: string; readonly at: number }
  | { readonly line: 'unread'; readonly key: string }
  | { readonly line: 'event'; readonly key: string; readonly entry: Exclude<Entry, { kind: 'message' }> }
  | MessageLine

export interface MessageLine {
  readonly line: 'message'
  readonly key: string
  readonly sender: string
  readonly at: number
  readonly text: string
  /** Begins and ends a run of messages by one sender. */
  readonly first: boolean
  readonly last: boolean
  /** How far one's own message has come; undefined for everybody else's. */
  readonly status: Status | undefined
  /** Whether the status is said here: a run of stored messages, or of waiting ones, says it once, at its end. */
  readonly tells: boolean
  /** Of a message without a place in history: its identity, to try again by. */
  readonly clientId: string | undefined
  /** Its place in history, once it has one there. */
  readonly seq: number | undefined
}

export type Status =
  | { readonly state: 'sending' }
  | { readonly state: 'accepted' }
  | { readonly state: 'stored'; readonly seq: number }
  | { readonly state: 'failed'; readonly outcome: FailedOutcome; readonly message: string }

/** Decides what "try again" means: a new id after a final answer, the same one where nothing final is known. */
export type FailedOutcome = 'refused' | 'dead' | 'unknown' | 'not-sent'

/** One's own message that history does not show yet. */
export interface Pending {
  readonly clientId: string
  readonly text: string
  /** When it was written, by this device's clock. */
  readonly at: number
  readonly status: Status
  /** The entry's id, from when the server first named it. */
  readonly id: string | undefined
}

export interface TimelineInput {
  readonly entries: readonly Entry[]
  /** The highest seq the room is known to have. */
  readonly head: number
  readonly pending: readonly Pending[]
  readonly me: string
  /** The first entry above this one gets the "new" mark before it; undefined shows none. */
  readonly seenAtOpen: number | undefined
  /** Names the day of a moment; equal names are the same day. */
  readonly dayOf: (at: number) => string
}

const RUN_MS_MAX = 5 * 60_000

export function timeline({ entries, head, pending, me, seenAtOpen, dayOf }: TimelineInput): readonly Line[] {
  const lines: Line[] = []
  let seq = 0
  let day: string | undefined
  let marked = seenAtOpen === undefined

  const dayBefore = (at: number, key: string) => {
    const next = dayOf(at)
    if (next !== day) lines.push({ line: 'day', key: `day:${key}`, at })
    day = next
  }

  for (const entry of entries) {
    if (entry.seq > seq + 1) {
      lines.push(hole(seq + 1, entry.seq - 1))
      day = undefined
    }
    seq = entry.seq
    if (!isShown(entry)) continue
    dayBefore(entry.at, entry.id)
    if (!marked && entry.seq > (seenAtOpen ?? 0)) {
      marked = true
      if (entry.sender !== me) lines.push({ line: 'unread', key: 'unread' })
    }
    lines.push(entry.kind === 'message' ? said(entry, me) : { line: 'event', key: entry.id, entry })
  }
  if (head > seq) lines.push(hole(seq + 1, head))
  for (const message of unplaced(pending, entries, me)) {
    dayBefore(message.at, message.clientId)
    lines.push(waiting(message, me))
  }
  return grouped(lines)
}

/**
 * The messages that still need a line of their own. Dropped are those whose entry is here, and stored ones below the newest entry:
 * what is missing there is a hole, which will bring them.
 */
export function unplaced(pending: readonly Pending[], entries: readonly Entry[], me: string): readonly Pending[] {
  if (pending.length === 0) return pending
  const ids = new Set(entries.map(({ id }) => id))
  const last = entries.at(-1)?.seq ?? 0
  return pending.filter((message) => {
    if (message.status.state === 'stored' && message.status.seq <= last) return false
    if (message.id !== undefined) return !ids.has(message.id)
    return !entries.some((entry) => isEntryOf(entry, message, me))
  })
}

/** Entries of two reads as one ascending list. What was there first stays: history never changes. */
export function merged(entries: readonly Entry[], more: readonly Entry[]): readonly Entry[] {
  const [last, next] = [entries.at(-1), more[0]]
  if (next === undefined) return entries
  if (last === undefined || next.seq > last.seq) return [...entries, ...more]
  const bySeq = new Map(more.map((entry) => [entry.seq, entry]))
  for (const entry of entries) bySeq.set(entry.seq, entry)
  return [...bySeq.values()].sort((one, other) => one.seq - other.seq)
}

function isShown(entry: Entry): boolean {
  return ['message', 'room_created', 'member_added', 'member_removed'].includes(entry.kind)
}

function hole(from: number, to: number): Line {
  return { line: 'hole', key: `hole:${from}-${to}`, from, to }
}

function said({ id, sender, at, text, seq }: Entry & { kind: 'message' }, me: string): MessageLine {
  const status = sender === me ? ({ state: 'stored', seq } as const) : undefined
  return { line: 'message', key: id, sender, at, text, status, clientId: undefined, seq, ...UNGROUPED }
}

function waiting({ clientId, text, at, status }: Pending, me: string): MessageLine {
  return { line: 'message', key: clientId, sender: me, at, text, status, clientId, seq: undefined, ...UNGROUPED }
}

const UNGROUPED = { first: true, last: true, tells: true }

function grouped(lines: readonly Line[]): readonly Line[] {
  return lines.map((line, i) => {
    if (line.line !== 'message') return line
    const next = follows(line, lines[i + 1])
    return {
      ...line,
      first: follows(lines[i - 1], line) === undefined,
      last: next === undefined,
      tells: !isSaidOnce(line.status) || next?.status?.state !== line.status?.state,
    }
  })
}

function isSaidOnce(status: Status | undefined): boolean {
  return status?.state === 'stored' || status?.state === 'sending'
}

/** `next`, if it goes on with the run that `line` is in. */
function follows(line: Line | undefined, next: Line | undefined): MessageLine | undefined {
  if (line?.line !== 'message' || next?.line !== 'message') return undefined
  return line.sender === next.sender && next.at - line.at <= RUN_MS_MAX ? next : undefined
}

/**
 * Whether this entry is what the message became, although the server never named its id to us: the connection ended before
 * the answer came, and the entry was pushed on the next one. An entry's id begins with the time of its UUIDv7 client id.
 */
function isEntryOf(entry: Entry, { clientId, text }: Pending, me: string): boolean {
  return (
    entry.kind === 'message' &&
    entry.sender === me &&
    entry.text === text &&
    timeOfId(entry.id) === timeOfUuid(clientId)
  )
}

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'

/** The 48 bits of time at the beginning of an entry's id: nine base-32 digits and three bits of the tenth. */
function timeOfId(id: string): number {
  let time = 0
  for (const digit of id.slice(0, 9)) time = time * 32 + DIGITS.indexOf(digit)
  return time * 8 + (DIGITS.indexOf(id.charAt(9)) >> 2)
}

function timeOfUuid(uuid: string): number {
  return Number.parseInt(`${uuid.slice(0, 8)}${uuid.slice(9, 13)}`, 16)
}
