import type { Offset } from './log.ts'
import type { EntryId, RoomId, Timestamp, UserId } from './store.ts'

/** A message as search knows it: tokens, never text (core/tokens.ts makes them for indexing and querying alike). */
export interface SearchDocument {
  readonly room: RoomId
  readonly seq: number
  readonly id: EntryId
  readonly sender: UserId
  readonly at: Timestamp
  /** The folded tokens in the order of the text, a blank between each two: none holds one. */
  readonly tokens: string
}

export interface SearchWrite {
  readonly documents: readonly SearchDocument[]
  /** Every entry of the room up to this seq is in the index, or has no text. Never lowered. */
  readonly heads: ReadonlyMap<RoomId, number>
  readonly through: { readonly partition: number; readonly next: Offset } | undefined
}

export interface SearchQuery {
  /** Every phrase must be there; the tokens of one phrase stand next to each other. */
  readonly phrases: readonly (readonly string[])[]
  /** Only in these rooms: those the caller may read. */
  readonly rooms: readonly RoomId[]
  readonly hitsMax: number
}

export interface SearchHit {
  readonly room: RoomId
  readonly seq: number
  readonly at: Timestamp
}

/** An index beside the store: it may be slow, late, or gone, and nothing but search suffers. Errors are `Failure`s. */
export interface SearchIndex {
  /** Whether what `write` resolved is found by the very next query; otherwise `refresh` makes it so. */
  readonly visibleAtOnce: boolean
  /** In one step: documents (the same place again replaces itself), heads, and the feed position they bring a partition to. [SEA1]
   * Returns the documents that this engine can never take; everything else is durable, or the call throws. */
  write(request: SearchWrite): Promise<readonly SearchDocument[]>
  /** The feed position up to which the index holds everything of a partition; undefined in a new index. [SEA2] */
  progress(partition: number): Promise<Offset | undefined>
  /** How far each of these rooms is indexed, as `write` was told; rooms it does not know are left out. [SEA3] */
  heads(rooms: readonly RoomId[]): Promise<ReadonlyMap<RoomId, number>>
  refresh(): Promise<void>
  /** The seqs of this room's documents, ascending, from the first one above `after`: for the checker. [SEA5] */
  seqs(room: RoomId, after: number, seqsMax: number): Promise<readonly number[]>
  /** Newest first by `at`. `partial`: parts of the index did not answer. [SEA4] */
  query(query: SearchQuery): Promise<{ readonly hits: readonly SearchHit[]; readonly partial: boolean }>
}

/** For those who ask the index and do not write it. */
export type SearchQueries = Pick<SearchIndex, 'query' | 'heads'>
