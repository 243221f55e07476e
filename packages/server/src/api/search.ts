import { LIMITS, utf8Length } from '@holdfast/protocol'
import { Problem } from '../core/problem.ts'
import { type SearchParts, searchMessages } from '../core/search-messages.ts'
import type { Timestamp } from '../ports/store.ts'
import { integer, text } from './query.ts'
import { type AnyRoute, json, route } from './route.ts'
import { READING_ERRORS } from './timeline.ts'

export interface SearchRouteParts extends SearchParts {
  /** Every message accepted before this time can be found. */
  readonly indexedThrough: () => Promise<Timestamp>
  readonly queryBytesMax: number
}

/** Words in the messages of rooms that the caller may read, newest first. */
export function searchRoutes(parts: SearchRouteParts): readonly AnyRoute[] {
  const { indexedThrough, queryBytesMax } = parts
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
        limit: integer('At most so many.', 1, LIMITS.searchHitsMax, LIMITS.searchHitsDefault),
      },
      answers: { 200: ['hits'] },
      errors: {
        ...READING_ERRORS,
        TOO_LARGE: `\`q\` is over ${queryBytesMax} bytes.`,
        SEARCH_UNAVAILABLE: '',
      },
      async handle({ identity, query }) {
        const { q = '', room, limit: hitsMax } = query
        if (q.trim() === '') throw new Problem('BAD_FRAME', 'query: q is empty; say what to look for')
        if (utf8Length(q) > queryBytesMax) throw new Problem('TOO_LARGE', `query: q is over ${queryBytesMax} bytes`)
        // Before the query, so that the time it names is never later than what was searched.
        const through = await indexedThrough()
        const found = await searchMessages(parts, identity, { text: q, room, hitsMax })
        return json(200, { hits: found.hits, indexedThrough: through, partial: found.partial })
      },
    }),
  ]
}
