import type { ErrorCode, RoomKind } from '@holdfast/protocol'
import type { Offset } from './log.ts'

export type RoomId = string
export type UserId = string
export type EntryId = string
/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Timestamp = number

// ---- documents -------------------------------------------------------------------------------------------------------

/** What an entry says: the part of it that its sender chose. */
export type Content =
  | { readonly kind: 'message'; readonly text: string }
  | {
      readonly kind: 'room_created'
      readonly roomKind: RoomKind
      readonly name?: string
      readonly members: readonly UserId[]
    }
  | { readonly kind: 'member_added'; readonly user: UserId }
  | { readonly kind: 'member_removed'; readonly user: UserId }

/** One line of a timeline. Never changed, never deleted. */
export interface EntryDocument {
  readonly end: 'stored'
  readonly id: EntryId
  readonly room: RoomId
  /** 1, 2, 3 …: unique and gapless in the room. */
  readonly seq: number
  readonly sender: UserId
  readonly at: Timestamp
  /** A digest of the command's canonical content: the same id with another digest is another command. */
  readonly digest: string
  /** The offset of the log record that made it: another record with this id was a repeated send. */
  readonly origin: Offset
  readonly content: Content
}

/** The document under a command's own key that says it will never be an entry. In the same collection as entries. */
export interface ClaimDocument {
  readonly end: 'refused' | 'dead'
  readonly id: EntryId
  readonly room: RoomId
  /** Negative: minus 52 bits of a hash of the id, so that one unique index on (room, seq) serves entries and claims. */
  readonly seq: number
  readonly sender: UserId
  readonly at: Timestamp
  readonly digest: string
  readonly code: ErrorCode
  readonly message: string
  /** Of a dead one: why. */
  readonly class: LetterDocument['class'] | undefined
}

export type Document = EntryDocument | ClaimDocument

export type Role = 'owner' | 'member'

/** What a room is, as of `seq`. */
export interface RoomDocument {
  readonly room: RoomId
  readonly seq: number
  readonly kind: RoomKind
  readonly name: string | undefined
  readonly owner: UserId
  /** The two members of a direct room. */
  readonly pair: readonly [UserId, UserId] | undefined
  readonly createdAt: Timestamp
  readonly memberCount: number
}

/** What somebody is in a room since `seq`; `role` is undefined after a removal. */
export interface MemberDocument {
  readonly user: UserId
  readonly role: Role | undefined
  readonly seq: number
}

/** A command that could not be processed, as it stood in the log. */
export interface LetterDocument {
  readonly id: EntryId
  readonly digest: string
  /** undefined where the record could not be decoded. */
  readonly room: RoomId | undefined
  readonly sender: UserId | undefined
  readonly class: 'poison' | 'expired' | 'unknown'
  readonly code: ErrorCode
  readonly reason: string
  readonly attempts: number
  readonly firstFailedAt: Timestamp
  readonly origin: {
    readonly log: string
    readonly partition: number
    readonly offset: Offset
    readonly timestamp: Timestamp
  }
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly value: Uint8Array
  readonly worker: string
  readonly build: string
  readonly state: 'open' | 'replayed' | 'discarded'
  readonly stateAt: Timestamp | undefined
  readonly stateBy: string | undefined
}

// ---- what the worker needs -------------------------------------------------------------------------------------------

export interface RoomNeed {
  readonly room: RoomId
  /** Whose membership matters. */
  readonly users: readonly UserId[]
}

/** A room as of exactly one seq: the documents, and every entry above `head`, which the reader folds in (R3). */
export interface RoomSnapshot {
  /** What the documents have been projected through. */
  readonly head: number
  readonly document: RoomDocument | undefined
  /** Of the users asked for; who never was a member is not in it. */
  readonly members: ReadonlyMap<UserId, MemberDocument>
  readonly above: readonly EntryDocument[]
}

/** The effect of entries on the documents of one room. Guarded by seq, so repeating it is harmless. */
export interface Projection {
  readonly room: RoomId
  readonly document: RoomDocument | undefined
  readonly members: readonly MemberDocument[]
  /** Written last of all: "projected through". */
  readonly head: number
}

/** How far a partition is, by the store's own account (R9). */
export interface Settled {
  readonly partition: number
  /** Every command below is stored or claimed, with its letter. */
  readonly next: Offset
  /** The end of the feed when this was written: what lies above it was published since. */
  readonly feed: Offset
}

export interface WriteRequest {
  /** Entries and claims, in log order (R5). */
  readonly documents: readonly Document[]
  readonly letters: readonly LetterDocument[]
  readonly projections: readonly Projection[]
  readonly settled: Settled | undefined
}

export type Written =
  /** Everything is in, durably and by majority. */
  | { readonly result: 'all' }
  /** The documents before `at` are in; a unique key stood in the way of this one: read back what stands there. */
  | { readonly result: 'duplicate'; readonly at: number }
  /** The documents before `at` are in; this one (if known) can never be. */
  | { readonly result: 'poison'; readonly at: number | undefined; readonly cause: unknown }
  /** Nobody knows which are in, or will be: forget the rooms, wait, read back. */
  | { readonly result: 'unknown'; readonly cause: unknown }

/**
 * The worker's side of the store. All reads are by majority, in one causally consistent session: one may be old, but not from before a write
 * that this process was told of (R2). Errors are `Failure`s.
 */
export interface TimelineStore {
  /** Synchronous engines cannot be timed out: a deadline around their calls would only lie. */
  readonly canTimeOut: boolean
  /** What is known of these ids in these rooms, claims too. One round trip. [STO1] */
  find(keys: readonly { readonly room: RoomId; readonly id: EntryId }[]): Promise<ReadonlyMap<EntryId, Document>>
  /** The rooms named, each as of exactly one seq, and which of the users are registered. A constant number of round trips. [STO2] */
  load(
    rooms: readonly RoomNeed[],
    users: readonly UserId[],
  ): Promise<{ rooms: ReadonlyMap<RoomId, RoomSnapshot>; users: ReadonlySet<UserId> }>
  /**
   * Inserts the documents in order: all of them or a prefix, each once for ever: unique by id, unique by (room, seq). [STO3]
   * Only when all are in: letters (one that is there already stays as it is), then projections, heads last, then `settled`; each repeatable. [STO4]
   * A constant number of round trips, whatever the number of documents and rooms.
   */
  write(request: WriteRequest): Promise<Written>
  /** Takes the next term of a partition: an insert, so each term has one winner (R8). [STO5] */
  lease(partition: number, worker: string): Promise<{ readonly term: number }>
  /** The highest term anybody took. */
  term(partition: number): Promise<number>
  /** How far the store is in this partition; undefined in a new store. */
  settled(partition: number): Promise<Settled | undefined>
  epoch(partition: number): Promise<number>
  /** Raises the partition's epoch to `epoch`; never lowers it. Returns what holds now. [STO6] */
  raiseEpoch(partition: number, epoch: number): Promise<number>
}

// ---- what readers need -----------------------------------------------------------------------------------------------

/** One room as one reader sees it. */
export interface RoomView {
  readonly epoch: number
  readonly head: number
  readonly document: RoomDocument | undefined
  /** Ascending, none above `head`. */
  readonly entries: readonly EntryDocument[]
  /** Of the user asked for, read last (G5). */
  readonly member: MemberDocument | undefined
}

export interface ViewRequest {
  readonly room: RoomId
  readonly user: UserId | undefined
  /** Exclusive bounds; the newest entries when both are undefined. With `after`, the oldest ones above it; with `before`, the newest below it. */
  readonly after: number | undefined
  readonly before: number | undefined
  /** At most this many entries; 0 for none. */
  readonly entriesMax: number
}

export interface RoomOfUser {
  readonly document: RoomDocument
  readonly role: Role
  readonly since: number
  readonly head: number
  readonly epoch: number
}

export interface Survey {
  readonly epochs: readonly number[]
  readonly rooms: ReadonlyMap<UserId, readonly RoomOfUser[]>
  readonly outcomes: ReadonlyMap<EntryId, Document>
}

/**
 * The readers' side. Reads are by majority, never above `rooms.head`; what one call returns was read in one causally consistent
 * session and under one epoch: where the epoch changed meanwhile, the call reads again (G5, G7). [STO7]
 */
export interface HistoryStore {
  /** (epoch, head), then entries, then membership. [STO8] */
  view(request: ViewRequest): Promise<RoomView>
  /** What G1 reads after the tail is established: epochs, rooms of these users with their heads, and the outcomes of these commands. [STO9] */
  survey(
    users: readonly UserId[],
    commands: readonly { readonly room: RoomId; readonly id: EntryId }[],
  ): Promise<Survey>
  /** Ascending by user; only those who are members now. */
  members(room: RoomId, after: UserId | undefined, membersMax: number): Promise<readonly MemberDocument[]>
  /** Single entries, for search hits; only those asked for by rooms and seqs that exist. */
  entriesAt(places: readonly { readonly room: RoomId; readonly seq: number }[]): Promise<readonly EntryDocument[]>
  /** Every room in ascending order of its id, with its head: for the checker and the indexer. */
  rooms(
    after: RoomId | undefined,
    roomsMax: number,
  ): Promise<readonly { readonly room: RoomId; readonly head: number }[]>
}

export interface LetterStore {
  /** Newest first by (firstFailedAt, id). `next` continues; undefined at the end. */
  list(
    state: LetterDocument['state'] | undefined,
    cursor: string | undefined,
    lettersMax: number,
  ): Promise<{ items: readonly LetterDocument[]; next: string | undefined }>
  get(id: EntryId): Promise<LetterDocument | undefined>
  /** Sets the state of a letter that exists; returns whether it did. Repeatable. [STO10] */
  mark(id: EntryId, state: LetterDocument['state'], at: Timestamp, by: string): Promise<boolean>
}

export interface UserDocument {
  readonly user: UserId
  readonly name: string | undefined
  readonly createdAt: Timestamp
}

export interface UserStore {
  /** Creates the user, or sets the name where one is given; `createdAt` stays. [STO11] */
  put(user: UserId, name: string | undefined, at: Timestamp): Promise<UserDocument>
  get(user: UserId): Promise<UserDocument | undefined>
}

/** The checker's side: everything that is there, whatever `rooms.head` says. */
export interface AuditStore {
  /** Entries and claims, ascending by (room, seq), from the first one behind `after`. A claim's seq is negative: a room's claims come first. [STO12] */
  documents(
    after: { readonly room: RoomId; readonly seq: number } | undefined,
    documentsMax: number,
  ): Promise<readonly Document[]>
}

/** One store, as five small interfaces; the worker sees only the first. */
export interface Store {
  readonly timeline: TimelineStore
  readonly history: HistoryStore
  readonly letters: LetterStore
  readonly users: UserStore
  readonly audit: AuditStore
}
