import { phraseStarts, type SearchPhrase } from '../ports/search.ts'
import { indexable, type Located, locate, phrases } from './tokens.ts'

/** What a query looks for, as the search port asks for it. */
export interface Wanted {
  /** Each has to be there. */
  readonly wanted: readonly SearchPhrase[]
  /** What ranks a message higher; empty where the newest come first. */
  readonly preferred: readonly SearchPhrase[]
}

export interface WantedOptions {
  readonly order: 'newest' | 'relevance'
  /** Whether the last word may go on: it is still being typed. */
  readonly isPrefix: boolean
}

/** Of different words: each costs a look into the index. */
export const WORDS_MAX = 32
/** Ranks are the numbers of preferences met: an index looks for each combination of them. */
const PREFERRED_MAX = 5
/** One letter begins too many words to be worth a look. */
const PREFIX_UNITS_MIN = 2

export function wantedOf(query: string, { order, isPrefix }: WantedOptions): Wanted {
  const all = phrases(query)
  const last = all.at(-1)
  const open = isPrefix && last !== undefined && mayGoOn(query, last) ? last : undefined
  const wanted = distinct(all.map((phrase) => ({ in: 'tokens', tokens: phrase, isPrefix: phrase === open })))
  return { wanted: wanted.slice(0, WORDS_MAX), preferred: order === 'newest' ? [] : preferredOf(query, all, open) }
}

/** Marks as they were typed, and words standing next to each other as in the query. */
function preferredOf(
  query: string,
  all: readonly (readonly string[])[],
  open: readonly string[] | undefined,
): readonly SearchPhrase[] {
  const { exact: marked } = indexable(query)
  const lastExact = open === undefined ? undefined : locate(query).at(-1)?.exact
  const preferred: SearchPhrase[] = marked.map((exact) => ({
    in: 'exact',
    tokens: [exact],
    isPrefix: exact === lastExact,
  }))
  const together = all.filter((phrase) => phrase !== open).flat()
  const isSaidAlready = all.length === 1 || together.length < 2
  if (!isSaidAlready) preferred.unshift({ in: 'tokens', tokens: together, isPrefix: false })
  return preferred.slice(0, PREFERRED_MAX)
}

/** A word that the text ends with; characters of a script without spaces are found by any part anyway. */
function mayGoOn(query: string, last: readonly string[]): boolean {
  const end = locate(query).at(-1)
  return last.length === 1 && end?.end === query.length && end.folded.length >= PREFIX_UNITS_MIN
}

function distinct(phrases: readonly SearchPhrase[]): readonly SearchPhrase[] {
  const byText = new Map<string, SearchPhrase>()
  for (const phrase of phrases) {
    const key = JSON.stringify([phrase.tokens, phrase.isPrefix])
    if (!byText.has(key)) byText.set(key, phrase)
  }
  return [...byText.values()]
}

/** What a text is to a query: how many preferences it meets, and where what was looked for stands. */
export interface Match {
  readonly rank: number
  /** `[start, end)` in UTF-16 units, ascending, none touching another. */
  readonly highlights: readonly (readonly [start: number, end: number])[]
}

/** As an index judges it, from the text itself; undefined where something is missing. */
export function match(text: string, { wanted, preferred }: Wanted): Match | undefined {
  const said = locate(text)
  const folded = said.map((token) => token.folded)
  const spans: [start: number, end: number][] = []
  for (const phrase of wanted) {
    const starts = phraseStarts(folded, phrase)
    if (starts.length === 0) return undefined
    for (const start of starts) {
      const [first, last] = [said[start], said[start + phrase.tokens.length - 1]]
      if (first !== undefined && last !== undefined) spans.push([first.start, last.end])
    }
  }
  return { rank: rankOf(said, folded, preferred), highlights: joined(spans) }
}

function rankOf(said: readonly Located[], folded: readonly string[], preferred: readonly SearchPhrase[]): number {
  if (preferred.length === 0) return 0
  const exact = said.flatMap((token) => token.exact ?? [])
  return preferred.filter((phrase) => phraseStarts(phrase.in === 'exact' ? exact : folded, phrase).length > 0).length
}

function joined(spans: [start: number, end: number][]): Match['highlights'] {
  const found: [start: number, end: number][] = []
  for (const [start, end] of spans.sort(([a, b], [c, d]) => a - c || b - d)) {
    const last = found.at(-1)
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end)
    else found.push([start, end])
  }
  return found
}
