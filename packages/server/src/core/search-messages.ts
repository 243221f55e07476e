import type { Identity } from '../ports/access.ts'
import type { SearchHit, SearchQueries } from '../ports/search.ts'
import type { EntryDocument, EntryId, HistoryStore, RoomId, Timestamp, UserId } from '../ports/store.ts'
import { Problem } from './problem.ts'
import { readable } from './readable.ts'
import { phrases, tokens } from './tokens.ts'

export interface SearchParts {
  readonly history: Pick<HistoryStore, 'survey' | 'view' | 'entriesAt'>
  readonly search: SearchQueries
}

export interface MessageQuery {
  readonly text: string
  /** Only here; undefined for every room of the caller. */
  readonly room: RoomId | undefined
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
}

export interface Found {
  /** Newest first. */
  readonly hits: readonly MessageHit[]
  /** Some of what could have been found was not looked at: the index lags, or parts of it did not answer. */
  readonly partial: boolean
}

/**
 * Messages that hold every phrase of the text, in rooms that the caller may read. The index only says where to look: what is shown
 * comes from the store, must hold the words there too, and the caller's rights are read again after everything else (I11).
 * Rejects with a Problem: NOT_FOUND or NOT_A_MEMBER for the room named, SEARCH_UNAVAILABLE; or with a Failure of the store.
 */
export async function searchMessages(
  { history, search }: SearchParts,
  identity: Identity,
  { text, room, hitsMax }: MessageQuery,
): Promise<Found> {
  const wanted = phrases(text)
  const heads = await readableHeads(history, identity, room)
  if (wanted.length === 0 || heads.size === 0) return { hits: [], partial: false }
  const rooms = [...heads.keys()]
  const [{ hits: places, partial }, indexed] = await Promise.all([
    search.query({ phrases: wanted, rooms, hitsMax }),
    search.heads(rooms),
  ]).catch(unavailable)
  const entries = placed(await history.entriesAt(places))
  const still = await readableHeads(history, identity, room)
  const hits = places
    .filter((place) => still.has(place.room))
    .flatMap((place) => hit(entries.get(keyOf(place)), wanted) ?? [])
  return { hits, partial: partial || rooms.some((room) => (indexed.get(room) ?? 0) < (heads.get(room) ?? 0)) }
}

/** The rooms to be searched, with how far their history goes. */
async function readableHeads(
  history: SearchParts['history'],
  identity: Identity,
  room: RoomId | undefined,
): Promise<ReadonlyMap<RoomId, number>> {
  const { user } = identity
  if (room !== undefined) {
    const view = await history.view({ room, user, after: undefined, before: undefined, entriesMax: 0 })
    readable(view, identity)
    return new Map([[room, view.head]])
  }
  const { rooms } = await history.survey([user], [])
  return new Map((rooms.get(user) ?? []).map(({ document, head }) => [document.room, head]))
}

function unavailable(cause: unknown): never {
  throw new Problem('SEARCH_UNAVAILABLE', undefined, { cause })
}

function placed(entries: readonly EntryDocument[]): ReadonlyMap<string, EntryDocument> {
  return new Map(entries.map((entry) => [keyOf(entry), entry]))
}

function keyOf({ room, seq }: Pick<SearchHit, 'room' | 'seq'>): string {
  return `${seq} ${room}`
}

/** The entry as a hit; undefined where the index was wrong about it: an index may be older than a restored store. */
function hit(entry: EntryDocument | undefined, wanted: readonly (readonly string[])[]): MessageHit | undefined {
  if (entry?.content.kind !== 'message') return undefined
  const { room, seq, id, sender, at, content } = entry
  const said = tokens(content.text)
  if (!wanted.every((phrase) => holds(said, phrase))) return undefined
  return { room, seq, id, kind: content.kind, sender, at, text: content.text }
}

/** Whether the tokens of the phrase stand next to each other somewhere. */
function holds(said: readonly string[], phrase: readonly string[]): boolean {
  return said.some((_, start) => phrase.every((token, i) => said[start + i] === token))
}
