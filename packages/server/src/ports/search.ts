import type { Offset } from './log.ts'
import type { EntryId, RoomId, Timestamp, UserId } from './store.ts'

/** A message as search knows it: tokens, never text (core/tokens.ts makes them for indexing and querying alike). */
export interface SearchDocument {
  readonly room: RoomId
  readonly seq: number
  readonly id: EntryId
  readonly sender: UserId
  readonly at: Timestamp
  /** Of two writes of one place the higher version wins, in whatever order they come: nothing is deleted, a later version has no tokens. */
  readonly version: number
  /** The folded tokens in the order of the text, a blank between each two: none holds one. */
  readonly tokens: string
  /** The exact forms of those that folding changed, each once, in any order, a blank between each two. */
  readonly exact: string
}

export interface SearchWrite {
  /** What `open` gave: heads and position stand on what that index holds. Where another is there now, the call rejects with class lost. [SEA7]
   * undefined for whichever is there. */
  readonly into?: string | undefined
  readonly documents: readonly SearchDocument[]
  /** How far each room is in the index now, or has no text (core/standing.ts makes these numbers). Never lowered. */
  readonly heads: ReadonlyMap<RoomId, number>
  readonly through: { readonly partition: number; readonly next: Offset } | undefined
}

/** Tokens that stand next to each other. */
export interface SearchPhrase {
  /** Among the tokens, or among the exact ones: those have no order, so a phrase of them is one. */
  readonly in: 'tokens' | 'exact'
  readonly tokens: readonly string[]
  /** Whether the last one is only the beginning of what is looked for. */
  readonly isPrefix: boolean
}

export interface SearchQuery {
  /** The index that `current` named; undefined for whichever is there. Where that one is gone, the call rejects with class lost. */
  readonly of?: string | undefined
  /** Each must be there. Without any, nothing is found. */
  readonly wanted: readonly SearchPhrase[]
  /** A hit's rank is how many of these it has as well. At most five. */
  readonly preferred: readonly SearchPhrase[]
  /** Only in these rooms: those the caller may read. */
  readonly rooms: readonly RoomId[]
  readonly sender: UserId | undefined
  /** Only hits that come behind this one, whether or not it is still there. */
  readonly after: SearchHit | undefined
  readonly hitsMax: number
}

export interface SearchHit {
  readonly room: RoomId
  readonly seq: number
  readonly at: Timestamp
  readonly rank: number
}

/** An index beside the store: it may be slow, late, or gone, and nothing but search suffers. Errors are `Failure`s. */
export interface SearchIndex {
  /** Whether what `write` resolved is found by the very next query; otherwise `refresh` makes it so. */
  readonly visibleAtOnce: boolean
  /** Makes the index if there is none. Returns what tells it from one that was there before, or will be. [SEA7] */
  open(): Promise<string>
  /** The same of the index that is searched, as it was last known: heads and hits tell of one another where they are of the same. undefined where there
   * is none. */
  current(): Promise<string | undefined>
  /** In this order: documents (one of a lower version than what is there, or of the same, changes nothing), heads, and the feed position they bring
   * a partition to. [SEA1]
   * Returns the documents that this engine can never take; everything else is durable, or the call throws: then heads and position tell of nothing
   * that is not in, and the same call may be repeated. */
  write(request: SearchWrite): Promise<readonly SearchDocument[]>
  /** The feed position up to which the index holds everything of a partition; undefined in a new index. [SEA2] */
  progress(partition: number): Promise<Offset | undefined>
  /** How far each of these rooms is indexed, as `write` was told; rooms it does not know are left out. What they tell of is found by every query
   * of the same index that begins later. [SEA3] `of` as in a query; it may name a draft. */
  heads(rooms: readonly RoomId[], of?: string): Promise<ReadonlyMap<RoomId, number>>
  refresh(of?: string): Promise<void>
  /** The seqs of this room's documents, ascending, from the first one above `after`: for the checker. [SEA5] */
  seqs(room: RoomId, after: number, seqsMax: number): Promise<readonly number[]>
  /** By rank, the highest first; then newest first by `at`, then by room, then by seq downwards: every engine the same. [SEA4]
   * `partial`: parts of the index did not answer. */
  query(query: SearchQuery): Promise<{ readonly hits: readonly SearchHit[]; readonly partial: boolean }>
}

/** An index may be made anew beside the one that is searched, and take its place. */
export interface SearchDrafts {
  /** Begins one, or finds the one that was begun. Returns its own name, by which it is written and its heads are read: nothing else shows it. [SEA8] */
  draft(): Promise<string>
  /** In one step it is what is searched, and the index before it is gone with its name. Rejects with class lost where there is no such draft; may be
   * repeated. [SEA8] */
  publish(draft: string): Promise<void>
}

/** For those who ask the index and do not write it. */
export type SearchQueries = Pick<SearchIndex, 'current' | 'query' | 'heads'>

/** The order of hits. Rooms by code points, as bytes of UTF-8 are compared: what JavaScript compares are units of UTF-16. */
export function compareHits(a: SearchHit, b: SearchHit): number {
  if (a.rank !== b.rank) return b.rank - a.rank
  if (a.at !== b.at) return b.at - a.at
  if (a.room !== b.room) return isBefore(a.room, b.room) ? -1 : 1
  return b.seq - a.seq
}

function isBefore(a: string, b: string): boolean {
  const [one, other] = [[...a], [...b]]
  const i = one.findIndex((character, at) => character !== other[at])
  return i === -1 || (other[i] !== undefined && (one[i]?.codePointAt(0) ?? 0) < (other[i].codePointAt(0) ?? 0))
}

/** What a document is to a query: the definition that every index has to meet, by looking at it. undefined where it is no hit. */
export function judge(document: SearchDocument, query: Omit<SearchQuery, 'hitsMax'>): SearchHit | undefined {
  const { room, seq, at, sender } = document
  const said = { tokens: document.tokens.split(' '), exact: document.exact.split(' ') }
  const holds = (phrase: SearchPhrase) => phraseStarts(said[phrase.in], phrase).length > 0
  if (query.sender !== undefined && query.sender !== sender) return undefined
  if (query.wanted.length === 0 || !query.rooms.includes(room) || !query.wanted.every(holds)) return undefined
  const hit = { room, seq, at, rank: query.preferred.filter(holds).length }
  return query.after === undefined || compareHits(query.after, hit) < 0 ? hit : undefined
}

/** Where a phrase begins among these tokens. */
export function phraseStarts(said: readonly string[], { tokens, isPrefix }: SearchPhrase): readonly number[] {
  const starts: number[] = []
  const last = tokens.length - 1
  for (let start = 0; start + last < said.length; start++) {
    const fits = tokens.every((token, i) => {
      const there = said[start + i]
      return i === last && isPrefix ? there?.startsWith(token) : there === token
    })
    if (fits && tokens.length > 0) starts.push(start)
  }
  return starts
}
