import type { Entry } from '@holdfast/protocol'
import { type Fault, fault, faultOf, HoldfastError } from './errors.ts'
import type { Clock, Fetch } from './platform.ts'
import type { Settings } from './settings.ts'

export interface SearchOptions {
  /** Only in this room; by default in every room of ours. */
  readonly room?: string
  /** Only what this user said. */
  readonly sender?: string
  /** `relevance`: messages with accents as typed, and with the words next to each other, come first. `newest` by default. */
  readonly order?: 'newest' | 'relevance'
  /** The last word is still being typed: its beginning is enough, from two letters on. */
  readonly prefix?: boolean
  /** 1 to 100, 20 by default. */
  readonly limit?: number
  /** The `next` of the page before. */
  readonly cursor?: string
  readonly signal?: AbortSignal
}

export type SearchHit = Extract<Entry, { kind: 'message' }> & {
  readonly room: string
  /** Where the words stand in the text: `[start, end)` in UTF-16 units, as `slice` takes them. Ascending. */
  readonly highlights: readonly (readonly [start: number, end: number])[]
}

export interface SearchResult {
  /** May be fewer than `limit`, even none, and still be followed by more. */
  readonly hits: readonly SearchHit[]
  /** The `cursor` of what follows; undefined at the end. */
  readonly next: string | undefined
  /** Every message accepted before this time can be found: milliseconds since 1970. */
  readonly indexedThrough: number
  /** So many entries of these rooms are not in the index yet; the newest of them were looked at one by one. */
  readonly behind: number
  /** Something that could have been found was not looked at. */
  readonly partial: boolean
}

export interface SearchParts {
  /** Of the resource. */
  readonly url: string
  readonly getToken: () => string | Promise<string>
  readonly fetch: Fetch
  readonly clock: Clock
  readonly settings: Settings
  /** Undefined while the client lives. */
  readonly closed: () => Fault | undefined
  /** Whatever must end with the client. */
  readonly endings: Set<(why: Fault) => void>
}

/** One search, over HTTP: asked once, answered once. Rejects with a HoldfastError. */
export async function search(parts: SearchParts, words: string, options: SearchOptions): Promise<SearchResult> {
  const { clock, settings, closed, endings } = parts
  const { signal } = options
  const why = closed()
  if (why !== undefined) throw new HoldfastError(why.code, why)
  if (signal?.aborted) throw new HoldfastError('ABORTED', { cause: signal.reason })

  const giveUp = new AbortController()
  const end = (why: Fault) => giveUp.abort(new HoldfastError(why.code, why))
  const onAbort = () => giveUp.abort(new HoldfastError('ABORTED', { cause: signal?.reason }))
  const late = clock.after(settings.answerMsMax, () => end(fault('NOT_CONNECTED', 'The search had no answer in time.')))
  endings.add(end)
  signal?.addEventListener('abort', onAbort)
  try {
    return await Promise.race([ask(parts, words, options, giveUp.signal), aborted(giveUp.signal)])
  } finally {
    late()
    endings.delete(end)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Not every platform's getToken or fetch hears of it. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

async function ask(
  parts: SearchParts,
  words: string,
  options: SearchOptions,
  signal: AbortSignal,
): Promise<SearchResult> {
  const token = await tokenFrom(parts)
  signal.throwIfAborted()
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetched(parts, addressOf(parts.url, words, options), { headers, signal })
  const body: unknown = await response.json().catch(() => undefined)
  if (isAnswer(body)) return { ...body, next: body.next ?? undefined }
  const why = isFault(body) ? faultOf(body) : fault('INTERNAL', `The server answered ${response.status}.`)
  throw new HoldfastError(why.code, why)
}

async function fetched({ fetch }: SearchParts, ...request: Parameters<Fetch>): Promise<Awaited<ReturnType<Fetch>>> {
  try {
    return await fetch(...request)
  } catch (cause) {
    throw new HoldfastError('NOT_CONNECTED', { message: 'The server could not be reached.', cause })
  }
}

type Answer = Omit<SearchResult, 'next'> & { readonly next: string | null }

function isAnswer(body: unknown): body is Answer {
  return typeof body === 'object' && body !== null && 'hits' in body
}

function isFault(body: unknown): body is Fault {
  return typeof body === 'object' && body !== null && 'code' in body && 'message' in body
}

async function tokenFrom({ getToken }: SearchParts): Promise<string> {
  try {
    return await getToken()
  } catch (cause) {
    throw new HoldfastError('UNAUTHENTICATED', { message: 'getToken gave no token.', retryable: true, cause })
  }
}

function addressOf(url: string, words: string, { room, sender, order, prefix, limit, cursor }: SearchOptions): string {
  const query = new URLSearchParams({ q: words })
  if (room !== undefined) query.set('room', room)
  if (sender !== undefined) query.set('sender', sender)
  if (order !== undefined) query.set('order', order)
  if (prefix === true) query.set('prefix', 'true')
  if (limit !== undefined) query.set('limit', String(limit))
  if (cursor !== undefined) query.set('cursor', cursor)
  return `${url}?${query}`
}
