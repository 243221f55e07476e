import type { SearchHit, SearchPhrase, SearchQuery } from '../../ports/search.ts'
import { field } from './failures.ts'
import { RESULTS_MAX, ROOMS_MAX } from './layout.ts'

/** Beginnings of a phrase's last word that are looked up: more than a chat has words that begin alike. */
const EXPANSIONS_MAX = 10_000

/** The query in the engines' language. Nothing of it is scored but how many preferences are met. */
export function requestOf({ wanted, preferred, rooms, sender, after, hitsMax }: SearchQuery): object {
  const byRank = preferred.length > 0
  return {
    query: {
      bool: {
        filter: [
          { terms: { room: rooms.slice(0, ROOMS_MAX) } },
          ...(sender === undefined ? [] : [{ term: { sender } }]),
          ...wanted.map(clauseOf),
        ],
        should: preferred.map((phrase) => ({ constant_score: { filter: clauseOf(phrase), boost: 1 } })),
        minimum_should_match: 0,
      },
    },
    _source: false,
    track_total_hits: false,
    size: Math.min(hitsMax, RESULTS_MAX),
    sort: [...(byRank ? [{ _score: 'desc' }] : []), { at: 'desc' }, { room: 'asc' }, { seq: 'desc' }],
    ...(after === undefined
      ? {}
      : { search_after: [...(byRank ? [after.rank] : []), after.at, after.room, after.seq] }),
  }
}

export function hitsIn(answer: unknown): readonly SearchHit[] {
  return rowsIn(answer).map((row) => {
    const values = field(row, 'sort') as readonly unknown[]
    const [at, room, seq] = values.slice(-3)
    return { room: String(room), seq: Number(seq), at: Number(at), rank: values.length > 3 ? Number(values[0]) : 0 }
  })
}

export function rowsIn(answer: unknown): readonly unknown[] {
  const rows = field(field(answer, 'hits'), 'hits')
  return Array.isArray(rows) ? rows : []
}

const FIELDS = { tokens: 'f', exact: 'x' } as const

function clauseOf({ in: where, tokens, isPrefix }: SearchPhrase): object {
  const name = FIELDS[where]
  const [only = '', ...others] = tokens
  if (others.length === 0) return isPrefix ? { prefix: { [name]: only } } : { term: { [name]: only } }
  const query = tokens.join(' ')
  return isPrefix
    ? { match_phrase_prefix: { [name]: { query, max_expansions: EXPANSIONS_MAX } } }
    : { match_phrase: { [name]: { query } } }
}
