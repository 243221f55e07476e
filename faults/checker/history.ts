/**
 * The history of a run: what clients asked for, heard and saw, which faults were made, and what was read when all was over.
 * One process writes it, each event at the moment it knows of it: a `begin` before anything leaves, an answer when it has arrived.
 * So the order of the events is their order in time; `t`, in milliseconds of one monotonic clock, is for durations only, because
 * in a simulated run many events share a moment. As a file it has one JSON object a line.
 */
export type HistoryEvent = TryEvent | SessionEvent | HarnessEvent | FinalEvent

/** What a client asks for, which is one operation however often it is tried: from its first `begin` to its first answer. */
export interface Command {
  readonly room: string
  readonly sender: string
  readonly clientId: string
  /** Of the content. The same (room, sender, clientId) with another hash is a rival: at most one of them may win. */
  readonly hash: string
  /** `message`, `room_created`, `member_added`, `member_removed`. */
  readonly kind: string
  /** Whom it makes a member, its sender among them where it creates a room. */
  readonly adds?: readonly string[]
  readonly removes?: readonly string[]
  /** The entry's id, if it can be told beforehand. Without it contents should be unique, or what turns up late cannot be told apart. */
  readonly id?: string
  /** The n-th replay of the dead letter of this command: an operation of its own. */
  readonly replay?: number
  /** Given with an administrator's authority: it needs no membership. */
  readonly administrator?: true
  /** It cannot be processed, and may therefore end as dead. */
  readonly poison?: true
}

/** One try of a command, from `begin` on. A try without an end may or may not have happened. */
export type TryEvent =
  | Begin
  | { readonly type: 'accepted'; readonly t: number; readonly try: string; readonly id: string }
  | Answer
  /** An error that came in the place of `accepted`: this try was certainly not appended. */
  | { readonly type: 'failed'; readonly t: number; readonly try: string; readonly code: string }
  /** A time-out, a lost connection, an error that leaves it open: nobody waits for this try any more. */
  | { readonly type: 'unknown'; readonly t: number; readonly try: string; readonly why: string }
  /** The client took the command of this try back: if it ever comes again, then at a new place in its client's order. */
  | { readonly type: 'abandoned'; readonly t: number; readonly try: string }

export interface Begin {
  readonly type: 'begin'
  readonly t: number
  readonly try: string
  readonly command: Command
  /** The connection it is sent on. */
  readonly session?: string
  /**
   * Who keeps the order of its commands: an SDK over all its connections, or one pipelined connection. It sends, after a failure,
   * every command of the room that has not been accepted, oldest first. Absent where nobody promises that.
   */
  readonly client?: string
}

/** One of the three ends, told to one try. */
export type Answer =
  | {
      readonly type: 'stored'
      readonly t: number
      readonly try: string
      readonly id: string
      readonly epoch: number
      readonly seq: number
      readonly duplicate: boolean
    }
  | { readonly type: 'refused' | 'dead'; readonly t: number; readonly try: string; readonly code: string }

/** What one connection was shown. An HTTP client is a session that only pages, searches and hears errors. */
export type SessionEvent =
  | {
      readonly type: 'connected'
      readonly t: number
      readonly session: string
      readonly user: string
      /** May read every room. */
      readonly administrator?: true
    }
  /** The client had asked for the room to be opened anew: what was open is closed, and `joined`, `resumed` or an `error` follows. */
  | { readonly type: 'subscribed'; readonly t: number; readonly session: string; readonly room: string }
  | Joined
  | Resumed
  | Push
  | Gap
  | { readonly type: 'left'; readonly t: number; readonly session: string; readonly room: string }
  /** An error that is about a room. */
  | {
      readonly type: 'error'
      readonly t: number
      readonly session: string
      readonly room: string
      readonly code: string
    }
  | Page
  | Search

export interface Joined {
  readonly type: 'joined'
  readonly t: number
  readonly session: string
  readonly room: string
  readonly epoch: number
  readonly head: number
}

export interface Resumed {
  readonly type: 'resumed'
  readonly t: number
  readonly session: string
  readonly room: string
  readonly epoch: number
  readonly seq: number
  readonly recovered: boolean
  /** The position that the client had named. */
  readonly from: { readonly epoch: number; readonly seq: number }
}

export interface Push {
  readonly type: 'entry'
  readonly t: number
  readonly session: string
  readonly room: string
  readonly epoch: number
  readonly entry: Entry
}

export interface Gap {
  readonly type: 'gap'
  readonly t: number
  readonly session: string
  readonly room: string
  readonly epoch: number
  readonly from: number
  readonly to: number
}

export interface Page {
  readonly type: 'page'
  readonly t: number
  /** The `t` at which it was asked for. */
  readonly begun: number
  readonly session: string
  readonly room: string
  readonly epoch: number
  readonly head: number
  readonly entries: readonly Entry[]
}

export interface Search {
  readonly type: 'search'
  readonly t: number
  readonly begun: number
  readonly session: string
  readonly hits: readonly (Entry & { readonly room: string })[]
}

/** An entry as somebody saw it; the hash is of the content that was seen. */
export interface Entry {
  readonly seq: number
  readonly id: string
  readonly sender: string
  readonly hash: string
}

/** That this entry stands there. */
export interface Standing {
  readonly room: string
  readonly epoch: number
  readonly seq: number
  readonly id: string
}

/** What was done to the system, and what else is known of it. */
export type HarnessEvent =
  | FaultEvent
  /**
   * The store was set back to an older state: a higher epoch follows. In these rooms; in all, where none is named. `untold`: nobody raised
   * the epoch with it, so that the old one is read, as it was set back, until a worker notices.
   */
  | {
      readonly type: 'restored'
      readonly t: number
      readonly rooms?: readonly string[]
      readonly untold?: true
      /**
       * What it took of partitions in which no worker can notice it: the store had these entries, and neither the feed nor the log's commit
       * told of them or of anything else that is gone. So the epoch stays, and others may come to stand in their places.
       */
      readonly unpublished?: readonly Standing[]
    }
  /**
   * From here on this lane may wait (its sender is not registered, say), and so may be overtaken; without `sender` every lane of the
   * room: what would be refused behind a lane that waits waits too, and its lane behind it.
   */
  | {
      readonly type: 'lane_waits' | 'lane_goes_on'
      readonly t: number
      readonly room: string
      readonly sender?: string
    }
  /** A record that is no command was put into the log: dead under this id. */
  | { readonly type: 'poison'; readonly t: number; readonly id: string }
  /** The last fault is over. */
  | { readonly type: 'healed'; readonly t: number }
  /** Something interesting happened so many times: a stale commit, a rebalance with a batch in flight. */
  | { readonly type: 'counted'; readonly t: number; readonly name: string; readonly times: number }

export interface FaultEvent {
  readonly type: 'fault_start' | 'fault_stop'
  readonly t: number
  readonly name: string
  readonly target: string
  /** What shows that it took place: another pid, bytes that were dropped. Empty where that is not known yet. */
  readonly evidence: string
}

/** What was read after healing, when nothing moved any more. */
export type FinalEvent =
  /** What each consumer group still had to do when everything was drained, or given up. */
  | { readonly type: 'drained'; readonly t: number; readonly lag: Readonly<Record<string, number>> }
  | FinalHistory
  | { readonly type: 'claims'; readonly t: number; readonly claims: readonly Claim[] }
  | { readonly type: 'letters'; readonly t: number; readonly letters: readonly Letter[] }
  /** Whose records the dead-letter log holds, repeated or not. */
  | { readonly type: 'letter_log'; readonly t: number; readonly ids: readonly string[] }
  /** The messages that search finds in a room, all of them. */
  | {
      readonly type: 'found'
      readonly t: number
      readonly room: string
      readonly ids: readonly string[]
      readonly partial: boolean
    }
  /** The members as the server lists them. */
  | { readonly type: 'members'; readonly t: number; readonly room: string; readonly users: readonly string[] }
  /** These sessions were open to the end, and have read everything they were sent. */
  | { readonly type: 'quiet'; readonly t: number; readonly sessions: readonly string[] }

/** A whole room, read from its beginning. A room that does not exist has head 0. */
export interface FinalHistory {
  readonly type: 'history'
  readonly t: number
  readonly gateway: string
  readonly room: string
  readonly epoch: number
  readonly head: number
  readonly entries: readonly Entry[]
}

/** The document that says that a command will never be an entry. */
export interface Claim {
  readonly id: string
  readonly end: 'refused' | 'dead'
  readonly code: string
  /** Of the content that was claimed, where that can be read. */
  readonly hash?: string
}

export interface Letter {
  readonly id: string
  readonly state: 'open' | 'replayed' | 'discarded'
  /** The identity of the new try. */
  readonly replayedAs?: string
}

export function toLines(history: readonly HistoryEvent[]): string {
  return history.map((event) => `${JSON.stringify(event)}\n`).join('')
}

/** Throws with the number of the first line that is no event. */
export function fromLines(text: string): HistoryEvent[] {
  return text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [eventOf(line, i + 1)]))
}

function eventOf(line: string, number: number): HistoryEvent {
  try {
    const event: unknown = JSON.parse(line)
    if (typeof event === 'object' && event !== null && 'type' in event && 't' in event) return event as HistoryEvent
  } catch {
    // Said below: whatever is wrong with it, the line is no event.
  }
  throw new Error(`line ${number} of the history is no event: ${line.slice(0, 80)}`)
}
