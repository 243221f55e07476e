import type { SearchHit, SearchOptions, SearchResult } from '@holdfast/client'

/** What is looked for: words, and where. */
export interface SearchQuery {
  readonly words: string
  /** Only in this room. */
  readonly room: string | undefined
  /** Only what this one said; blank for everybody. */
  readonly sender: string
}

export interface SearchState {
  readonly query: SearchQuery
  /** What was found last, also while the next answer is on its way; undefined while nothing was asked. */
  readonly hits: readonly SearchHit[] | undefined
  /** There are more than these. */
  readonly hasMore: boolean
  /** Some of what could have been found was not looked at. */
  readonly isPartial: boolean
  readonly isAsking: boolean
  readonly problem: string | undefined
}

export interface MessageSearchOptions {
  readonly find: (words: string, options: SearchOptions) => Promise<SearchResult>
  /** How long somebody who types is waited for. */
  readonly delayMs?: number
}

const NOTHING: SearchState = {
  query: { words: '', room: undefined, sender: '' },
  hits: undefined,
  hasMore: false,
  isPartial: false,
  isAsking: false,
  problem: undefined,
}

/** Searches while somebody types: only the answer to what stands there now is ever shown. */
export class MessageSearch {
  readonly #find: MessageSearchOptions['find']
  readonly #delayMs: number
  readonly #listeners = new Set<() => void>()
  #state = NOTHING
  #next: string | undefined
  #asking = new AbortController()

  constructor({ find, delayMs = 150 }: MessageSearchOptions) {
    this.#find = find
    this.#delayMs = delayMs
  }

  get state(): SearchState {
    return this.#state
  }

  /** Whether somebody is looking for something: then what was found stands where the rooms are listed. */
  get isOpen(): boolean {
    const { words, room } = this.#state.query
    return words !== '' || room !== undefined
  }

  /** Calls after every change. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Looks for something else. */
  change(change: Partial<SearchQuery>): void {
    const query = { ...this.#state.query, ...change }
    if (query.words.trim() !== '') void this.#ask({ ...this.#state, query }, undefined, this.#delayMs)
    else {
      this.#asking.abort()
      this.#become({ ...NOTHING, query })
    }
  }

  clear(): void {
    this.change(NOTHING.query)
  }

  /** The same once more, after a problem. */
  again(): void {
    void this.#ask(this.#state, undefined, 0)
  }

  more(): void {
    if (!this.#state.isAsking) void this.#ask(this.#state, this.#next, 0)
  }

  async #ask(state: SearchState, cursor: string | undefined, delayMs: number): Promise<void> {
    this.#asking.abort()
    const asking = new AbortController()
    this.#asking = asking
    this.#become({ ...state, isAsking: true, problem: undefined })
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    if (asking.signal.aborted) return
    try {
      const { words, options } = questionOf(state.query)
      const result = await this.#find(words, { ...options, ...(cursor && { cursor }), signal: asking.signal })
      if (asking.signal.aborted) return
      this.#next = result.next
      this.#become({
        ...this.#state,
        hits: cursor === undefined ? result.hits : [...(state.hits ?? []), ...result.hits],
        hasMore: result.next !== undefined,
        isPartial: result.partial,
        isAsking: false,
      })
    } catch (error) {
      if (asking.signal.aborted) return
      this.#become({ ...this.#state, isAsking: false, problem: (error as Error).message })
    }
  }

  #become(state: SearchState): void {
    this.#state = state
    for (const listener of [...this.#listeners]) listener()
  }
}

function questionOf({ words, room, sender }: SearchQuery): { words: string; options: SearchOptions } {
  const options = {
    // Behind a blank the last word is whole.
    prefix: !/\s$/u.test(words),
    ...(room !== undefined && { room }),
    ...(sender.trim() !== '' && { sender: sender.trim() }),
  }
  return { words: words.trim(), options }
}

/** A piece of a text that was found: what was looked for, or what stands around it. */
export interface Piece {
  readonly text: string
  readonly isMatch: boolean
}

const BEFORE_UNITS = 40
const EXCERPT_UNITS = 240

/** So much of a found text as fits under a hit: it begins a few words before the first match. */
export function excerpt({ text, highlights }: Pick<SearchHit, 'text' | 'highlights'>): readonly Piece[] {
  const begin = beginOf(text, highlights[0]?.[0] ?? 0)
  const end = wholeAt(text, Math.min(text.length, begin + EXCERPT_UNITS))
  const pieces: Piece[] = []
  let at = begin
  const add = (to: number, isMatch: boolean) => {
    if (to > at) pieces.push({ text: text.slice(at, to), isMatch })
    at = Math.max(at, to)
  }
  for (const [from, to] of highlights) {
    if (from >= end) break
    add(Math.min(from, end), false)
    add(Math.min(to, end), true)
  }
  add(end, false)
  if (begin > 0) pieces.unshift({ text: '…', isMatch: false })
  if (end < text.length) pieces.push({ text: '…', isMatch: false })
  return pieces
}

/** Where an excerpt begins, so that what stands at `match` is in it: at the beginning of a word, where there is one. */
function beginOf(text: string, match: number): number {
  if (match <= BEFORE_UNITS) return 0
  const earliest = wholeAt(text, match - BEFORE_UNITS)
  const blank = text.slice(earliest, match).search(/\s/u)
  return blank === -1 ? earliest : earliest + blank + 1
}

/** The same place, or the one before it, where it would part a surrogate pair. */
function wholeAt(text: string, at: number): number {
  return /[\uDC00-\uDFFF]/.test(text.charAt(at)) && /[\uD800-\uDBFF]/.test(text.charAt(at - 1)) ? at - 1 : at
}
