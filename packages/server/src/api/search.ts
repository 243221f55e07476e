import { LIMITS, utf8Length } from '@holdfast/protocol'
import { hashOf } from '../core/identity.ts'
import { Problem } from '../core/problem.ts'
import { type SearchParts, searchMessages } from '../core/search-messages.ts'
import type { SearchHit } from '../ports/search.ts'
import type { Timestamp } from '../ports/store.ts'
import type { Sha256 } from '../ports/system.ts'
import { choice, integer, text } from './query.ts'
import { type AnyRoute, json, route } from './route.ts'
import { READING_ERRORS } from './timeline.ts'

export interface SearchRouteParts extends SearchParts {
  /** Every message accepted before this time can be found. */
  readonly indexedThrough: () => Promise<Timestamp>
  readonly queryBytesMax: number
  readonly sha256: Sha256
}

/** Words in the messages of rooms that the caller may read. */
export function searchRoutes(parts: SearchRouteParts): readonly AnyRoute[] {
  const { indexedThrough, queryBytesMax, sha256 } = parts
  return [
    route({
      method: 'GET',
      path: '/v1/search',
      summary:
        'Finds messages that hold all words of the query, without regard to case and accents, in the rooms you are in; an administrator may name any room.',
      access: 'user',
      charge: 'read',
      query: {
        q: text(`The words to look for: 1 to ${queryBytesMax} bytes. Required.`),
        room: text('Only in this room.'),
        sender: text('Only what this user said.'),
        order: choice(
          '`relevance` ranks messages higher that have accents as they were typed, and the words next to each other as in the query.',
          ['newest', 'relevance'],
        ),
        prefix: choice(
          '`true` while it is being typed: of the last word the beginning is enough, from two letters on.',
          ['false', 'true'],
        ),
        cursor: text('The `next` of the page before, of the same query. By default the first page.'),
        limit: integer('At most so many.', 1, LIMITS.searchHitsMax, LIMITS.searchHitsDefault),
      },
      answers: { 200: ['hits'] },
      errors: {
        ...READING_ERRORS,
        TOO_LARGE: `\`q\` is over ${queryBytesMax} bytes.`,
        SEARCH_UNAVAILABLE: '',
      },
      async handle({ identity, query }) {
        const { q = '', room, sender, order, prefix, cursor, limit: hitsMax } = query
        if (q.trim() === '') throw new Problem('BAD_FRAME', 'query: q is empty; say what to look for')
        if (utf8Length(q) > queryBytesMax) throw new Problem('TOO_LARGE', `query: q is over ${queryBytesMax} bytes`)
        const digest = hashOf(sha256, [q, room ?? '', sender ?? '', order, prefix])
        const after = cursor === undefined ? undefined : readCursor(cursor, digest)
        // Before the query, so that the time it names is never later than what was searched.
        const through = await indexedThrough()
        const asked = { text: q, room, sender, order, isPrefix: prefix === 'true', after, hitsMax }
        const { hits, next, behind, partial } = await searchMessages(parts, identity, asked)
        return json(200, {
          hits,
          next: next === undefined ? null : writeCursor(next, digest),
          indexedThrough: through,
          behind,
          partial,
        })
      },
    }),
  ]
}

/** A place among the hits of one query. Nothing rests on nobody having made it: what may be read is judged for each page. */
function writeCursor({ rank, at, room, seq }: SearchHit, digest: string): string {
  return Buffer.from(JSON.stringify([digest, rank, at, seq, room])).toString('base64url')
}

function readCursor(cursor: string, digest: string): SearchHit {
  const [of, rank, at, seq, room] = partsOf(cursor)
  const isPlace = [rank, at, seq].every((number) => Number.isSafeInteger(number) && Number(number) >= 0)
  if (of !== digest || !isPlace || typeof room !== 'string')
    throw new Problem('BAD_FRAME', 'query: cursor is not of this query; leave it out for the first page')
  return { rank: Number(rank), at: Number(at), seq: Number(seq), room }
}

function partsOf(cursor: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(parts) ? parts : []
  } catch {
    return []
  }
}
