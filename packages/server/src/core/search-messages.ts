import type { Identity } from '../ports/access.ts'
import { Failure } from '../ports/failure.ts'
import { compareHits, type SearchHit, type SearchQueries } from '../ports/search.ts'
import type { EntryDocument, EntryId, HistoryStore, RoomId, Timestamp, UserId } from '../ports/store.ts'
import { indexedSeq } from './indexed.ts'
import { Problem } from './problem.ts'
import { readable } from './readable.ts'
import { type Match, match, type Wanted, wantedOf } from './wanted.ts'

export interface SearchParts {
  readonly history: Pick<HistoryStore, 'survey' | 'view' | 'entriesAt'>
  readonly search: SearchQueries
}

export interface MessageQuery {
  readonly text: string
  /** Only here; undefined for every room of the caller. */
  readonly room: RoomId | undefined
  /** Only what this one said. */
  readonly sender?: UserId | undefined
  readonly order?: 'newest' | 'relevance'
  /** Whether the last word is still being typed: what it may become is found too. */
  readonly isPrefix?: boolean
  /** Where the page before ended. */
  readonly after?: SearchHit | undefined
  readonly hitsMax: number
}

export interface MessageHit {
  readonly room: RoomId
  readonly seq: number
  readonly id: EntryId
  readonly kind: 'message'
  readonly sender: UserId
  readonly at: Timestamp
  readonly text: string
  /** What was looked for, as `[start, end)` in UTF-16 units of the text. */
  readonly highlights: Match['highlights']
}

export interface Found {
  /** In the order asked for. */
  readonly hits: readonly MessageHit[]
  /** Where the next page begins; undefined at the end. A page may hold fewer hits than asked for, and still be followed by another. */
  readonly next: SearchHit | undefined
  /** How many entries of the rooms searched the index lacks. Those of the newest that were looked at in the store are counted too. */
  readonly behind: number
  /** Some of what could have been found was not looked at. */
  readonly partial: boolean
}

/** What the index lacks is looked at in the store: so many entries, of so many rooms, and no more. */
const TAIL_ENTRIES_MAX = 1_000
const TAIL_ROOMS_MAX = 20

/** A room to be searched: how far its history goes, and the index. */
interface Searched {
  readonly head: number
  readonly epoch: number
  indexed: number
}

/**
 * Messages that hold every phrase of the text, in rooms that the caller may read. The index only says where to look: what is shown
 * comes from the store, must hold the words there too, and the caller's rights are read again after everything else (I11). What the index
 * lacks is looked for in the store; also where there is no index just now.
 * Rejects with a Problem: NOT_FOUND or NOT_A_MEMBER for the room named, SEARCH_UNAVAILABLE; or with a Failure of the store.
 */
export async function searchMessages(parts: SearchParts, identity: Identity, query: MessageQuery): Promise<Found> {
  const { history } = parts
  const { order = 'newest', isPrefix = false, hitsMax } = query
  const wanted = wantedOf(query.text, { order, isPrefix })
  const rooms = await readableRooms(history, identity, query.room)
  if (wanted.wanted.length === 0 || rooms.size === 0) return { hits: [], next: undefined, behind: 0, partial: false }

  const index = await askIndex(parts, rooms, query, wanted)
  const tail = await tailOf(history, rooms)
  const places = new Map(index.hits.map((hit) => [keyOf(hit), hit]))
  const entries = new Map(tail.entries.map((entry) => [keyOf(entry), entry]))
  for (const entry of tail.entries) {
    const hit = hitOf(entry, query, wanted)
    if (hit !== undefined) places.set(keyOf(hit), hit)
  }
  const page = [...places.values()].sort(compareHits).slice(0, hitsMax)
  for (const entry of await history.entriesAt(page.filter((hit) => !entries.has(keyOf(hit)))))
    entries.set(keyOf(entry), entry)

  const still = await readableRooms(history, identity, query.room)
  return {
    hits: page
      .filter(({ room }) => still.has(room))
      .flatMap((hit) => messageHit(entries.get(keyOf(hit)), query, wanted) ?? []),
    next: page.length === hitsMax ? page.at(-1) : undefined,
    behind: lacking(rooms),
    partial: index.partial || tail.partial,
  }
}

/** The rooms to be searched. */
async function readableRooms(
  history: SearchParts['history'],
  identity: Identity,
  room: RoomId | undefined,
): Promise<ReadonlyMap<RoomId, Searched>> {
  const { user } = identity
  if (room !== undefined) {
    const view = await history.view({ room, user, after: undefined, before: undefined, entriesMax: 0 })
    readable(view, identity)
    return new Map([[room, { head: view.head, epoch: view.epoch, indexed: 0 }]])
  }
  const { rooms } = await history.survey([user], [])
  return new Map(
    (rooms.get(user) ?? []).map(({ document, head, epoch }) => [document.room, { head, epoch, indexed: 0 }]),
  )
}

/** Where the index says to look; and how far it is in each room. Without an index it is nowhere: few rooms can be searched even so. */
async function askIndex(
  { search }: SearchParts,
  searched: ReadonlyMap<RoomId, Searched>,
  { sender, after, hitsMax }: MessageQuery,
  wanted: Wanted,
): Promise<{ readonly hits: readonly SearchHit[]; readonly partial: boolean }> {
  const rooms = [...searched.keys()]
  for (let isFirst = true; ; isFirst = false)
    try {
      // Heads come before the query, which then finds whatever they tell of; and of the same index, be it replaced meanwhile.
      const of = await search.current()
      const heads = await search.heads(rooms, of)
      const found = await search.query({ ...wanted, of, rooms, sender, after, hitsMax })
      for (const [room, one] of searched) one.indexed = indexedSeq(heads.get(room), one.epoch)
      return found
    } catch (cause) {
      // Anything else is a mistake of ours, and no trouble of the index.
      if (!(cause instanceof Failure)) throw cause
      if (isFirst && cause.class === 'lost') continue
      if (searched.size > TAIL_ROOMS_MAX) throw new Problem('SEARCH_UNAVAILABLE', undefined, { cause })
      return { hits: [], partial: false }
    }
}

/** The newest entries that the index lacks, as many as may be looked at for one search. */
async function tailOf(
  history: SearchParts['history'],
  searched: ReadonlyMap<RoomId, Searched>,
): Promise<{ readonly entries: readonly EntryDocument[]; readonly partial: boolean }> {
  const late = [...searched].filter(([, { head, indexed }]) => indexed < head)
  // Rooms of which little is lacking are looked at whole: so the more of them are, the better.
  late.sort(([, a], [, b]) => a.head - a.indexed - (b.head - b.indexed))
  let left = TAIL_ENTRIES_MAX
  const reads = late.slice(0, TAIL_ROOMS_MAX).map(async ([room, { head, indexed }], i, { length }) => {
    const share = Math.ceil(left / (length - i))
    const entriesMax = Math.min(head - indexed, share)
    left -= entriesMax
    const { entries } = await history.view({ room, user: undefined, after: undefined, before: head + 1, entriesMax })
    return entries.filter(({ seq }) => seq > indexed)
  })
  const entries = (await Promise.all(reads)).flat()
  return { entries, partial: entries.length < lacking(searched) }
}

function lacking(searched: ReadonlyMap<RoomId, Searched>): number {
  let entries = 0
  for (const { head, indexed } of searched.values()) entries += Math.max(0, head - indexed)
  return entries
}

function keyOf({ room, seq }: Pick<SearchHit, 'room' | 'seq'>): string {
  return `${seq} ${room}`
}

/** What an index would say of this entry. */
function hitOf(entry: EntryDocument, { sender, after }: MessageQuery, wanted: Wanted): SearchHit | undefined {
  const { room, seq, at, content } = entry
  if (content.kind !== 'message' || (sender !== undefined && entry.sender !== sender)) return undefined
  const matched = match(content.text, wanted)
  if (matched === undefined) return undefined
  const hit = { room, seq, at, rank: matched.rank }
  return after === undefined || compareHits(after, hit) < 0 ? hit : undefined
}

/** The entry as it is shown; undefined where the index was wrong about it: an index may be older than a restored store. */
function messageHit(entry: EntryDocument | undefined, query: MessageQuery, wanted: Wanted): MessageHit | undefined {
  if (entry?.content.kind !== 'message') return undefined
  const { room, seq, id, sender, at, content } = entry
  if (query.sender !== undefined && sender !== query.sender) return undefined
  const matched = match(content.text, wanted)
  if (matched === undefined) return undefined
  return { room, seq, id, kind: content.kind, sender, at, text: content.text, highlights: matched.highlights }
}
