import { indexedSeq } from '../../packages/server/src/core/indexed.ts'
import type { SearchIndex } from '../../packages/server/src/ports/search.ts'
import { EPOCH } from './indexed.ts'
import type { Lane } from './lanes.ts'
import { sleep } from './machine.ts'
import { textOf } from './messages.ts'
import { Samples } from './samples.ts'
import type { Holdfast } from './server.ts'

/** How often the index is asked how far it goes: so much later it may seem. */
const LOOK_MS = 20
const STALLED_MS_MAX = 60_000
/** A search at a time, and so long nothing between two. */
const PAUSE_MS = 200
const NUMBER = /\d+/

/**
 * Watches how late the index is with what is stored in these rooms. It asks the index itself: a search finds what the index lacks by looking
 * into the store. What the index tells of a room is found there by every search that begins later.
 */
export class Watch {
  readonly #index: SearchIndex
  readonly #lanes: readonly Lane[]
  readonly #late = new Samples()
  /** Of each room: when each message was stored, by its number. */
  readonly #storedAt: ReadonlyMap<string, number[]>
  readonly #seen = new Map<string, number>()

  constructor(index: SearchIndex, lanes: readonly Lane[]) {
    this.#index = index
    this.#lanes = lanes
    this.#storedAt = new Map(lanes.map(({ room }) => [room, []]))
  }

  stored(room: string, number: number, at: number): void {
    const times = this.#storedAt.get(room)
    if (times !== undefined) times[number] = at
  }

  /** Goes on until all that `sent` resolves with is indexed. Resolves with milliseconds from stored to found, for each message, ascending. */
  async run(sent: Promise<readonly number[]>): Promise<Float64Array> {
    let goal = Number.POSITIVE_INFINITY
    let stalledAt = Number.POSITIVE_INFINITY
    const ended = sent.then((counts) => {
      goal = counts.reduce((sum, count) => sum + count, 0)
      stalledAt = performance.now() + STALLED_MS_MAX
    })
    let failure: unknown
    ended.catch((error: unknown) => {
      failure = error
    })
    for (let seen = 0; seen < goal; await sleep(LOOK_MS)) {
      if (failure !== undefined) throw failure
      seen = await this.#look()
      if (performance.now() > stalledAt) throw new Error(`the index has ${seen} of ${goal} messages, long afterwards`)
    }
    return this.#late.sorted()
  }

  /** How many messages are found. */
  async #look(): Promise<number> {
    const heads = await this.#index.heads(this.#lanes.map(({ room }) => room))
    const now = performance.now()
    let found = 0
    for (const { room, head } of this.#lanes) {
      const times = this.#storedAt.get(room) ?? []
      const through = indexedSeq(heads.get(room), EPOCH) - head
      let number = this.#seen.get(room) ?? 0
      // What is indexed before its sender knows that it is stored, is judged once it does: it was not late.
      for (; number < Math.min(through, times.length); number++)
        this.#late.add(Math.max(0, now - (times[number] ?? now)))
      this.#seen.set(room, number)
      found += number
    }
    return found
  }
}

/** Searches for messages that were stored this moment, one at a time, as somebody would who has just read them. */
export class Searches {
  readonly #server: Holdfast
  readonly #found = new Samples()
  readonly #told = new Samples()
  #next = 0
  #running: Promise<void> | undefined
  #failure: unknown

  constructor(server: Holdfast) {
    this.#server = server
  }

  stored(room: string, number: number, at: number): void {
    if (this.#running !== undefined || at < this.#next) return
    this.#running = this.#find(room, number, at)
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => {
        this.#next = performance.now() + PAUSE_MS
        this.#running = undefined
      })
  }

  /** Milliseconds, ascending: from stored to found; and how far in the past the `indexedThrough` of those answers lay. */
  async end(): Promise<{ readonly found: Float64Array; readonly told: Float64Array }> {
    await this.#running
    if (this.#failure !== undefined) throw this.#failure
    return { found: this.#found.sorted(), told: this.#told.sorted() }
  }

  async #find(room: string, number: number, at: number): Promise<void> {
    const text = textOf(number)
    const path = `/v1/search?q=${NUMBER.exec(text)?.[0]}&room=${encodeURIComponent(room)}`
    for (;;) {
      const answer = await (await this.#server.get(path, 'bench-sender')).json()
      const { hits, indexedThrough, partial } = answer as Answer
      this.#told.add(Date.now() - indexedThrough)
      if (hits.some((hit) => hit.text === text)) break
      // Of very many that the index lacks, only the newest are looked at, and that is said.
      if (!partial)
        throw new Error(`${room}: message ${number} is stored, and a search that looks at everything misses it`)
      if (performance.now() - at > STALLED_MS_MAX) throw new Error(`${room}: message ${number} is never found`)
    }
    this.#found.add(performance.now() - at)
  }
}

interface Answer {
  readonly hits: readonly { readonly text: string }[]
  readonly indexedThrough: number
  readonly partial: boolean
}
