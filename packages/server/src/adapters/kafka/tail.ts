import type { Membership, Offset, StoredRecord, TailReader } from '../../ports/log.ts'
import type { Clients } from './clients.ts'
import { failureOf } from './failures.ts'
import { Fetcher, OutOfRange } from './fetcher.ts'
import type { Positions } from './positions.ts'
import type { Waits } from './waits.ts'

export interface TailParts {
  readonly clients: Clients
  readonly topic: string
  readonly partitions: number
  readonly positions: Positions
  readonly waits: Waits
  readonly reader: TailReader
}

/**
 * Follows every partition from its end. A fetch that fails is repeated from where it was, which misses nothing; only when a partition could
 * not be read for long, or the reader threw, the reader is told, and all are followed anew from their ends.
 */
export class Tail implements Membership {
  readonly #parts: TailParts
  readonly #fetchers: readonly Fetcher[]
  readonly #stopping = new AbortController()
  readonly #living: Promise<void>
  #stopped: Promise<void> | undefined

  constructor(parts: TailParts) {
    const { clients, topic, partitions } = parts
    this.#parts = parts
    this.#fetchers = Array.from({ length: partitions }, () => new Fetcher(clients, topic))
    this.#living = this.#live()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#fetchers.map((fetcher) => fetcher.close()))
    await this.#living
  }

  async #live(): Promise<void> {
    const { clients, topic, waits } = this.#parts
    const { signal } = this.#stopping
    // Following returns before the first callback.
    await undefined
    for (let tries = 0; !signal.aborted; tries++) {
      const follow = new Follow(this.#parts, this.#fetchers, signal)
      const cause = await follow.ended()
      if (signal.aborted) break
      if (follow.isEstablished) tries = 0
      const failure = failureOf(cause, 'ask', `following the topic ${topic}`)
      waits.begin(this, failure.message)
      clients.logger.warn({ topic, error: failure.message }, 'a tail is interrupted')
      await clients.rest(tries, signal)
      waits.end(this)
    }
  }
}

/** From one establishment to the next interruption. */
class Follow {
  isEstablished = false
  readonly #parts: TailParts
  readonly #fetchers: readonly Fetcher[]
  readonly #stopping: AbortSignal
  readonly #ending = new AbortController()
  #cause: unknown

  constructor(parts: TailParts, fetchers: readonly Fetcher[], stopping: AbortSignal) {
    this.#parts = parts
    this.#stopping = stopping
    this.#fetchers = fetchers
    stopping.addEventListener('abort', () => this.#end(undefined), { signal: this.#ending.signal })
    if (stopping.aborted) this.#end(undefined)
  }

  /** Resolves with what ended it, once no fetch of it is under way. Never rejects. */
  async ended(): Promise<unknown> {
    const { signal } = this.#ending
    const { positions, partitions, reader } = this.#parts
    try {
      const ends = await positions.ends([...Array(partitions).keys()], signal)
      // Every partition is read once before the reader is told, so that being established means that all can be read.
      const firsts = await Promise.all(
        this.#fetchers.map(async (fetcher, partition) => {
          const end = ends.get(partition)
          if (end === undefined) throw new Error(`no broker told where partition ${partition} ends`)
          return await fetcher.fetch(partition, end, 0)
        }),
      )
      if (signal.aborted) return this.#cause
      this.isEstablished = true
      call(() => reader.established())
      await Promise.all(
        firsts.map(({ records, next }, partition) => {
          this.#show(records)
          return this.#follow(partition, next)
        }),
      )
    } catch (cause) {
      this.#end(cause)
    }
    return this.#cause
  }

  async #follow(partition: number, first: Offset): Promise<void> {
    const { clients, topic } = this.#parts
    const { clock, timeouts } = clients
    const { signal } = this.#ending
    // A broker that is frozen answers nothing at all, not even with an error.
    const listen = () =>
      clock.after(timeouts.pollMs + timeouts.silentMs, () =>
        this.#end(new Error(`partition ${partition} of the topic ${topic} has not been heard of for long`)),
      )
    let [next, cancel, tries] = [first, listen(), 0]
    while (!signal.aborted) {
      try {
        const fetched = await this.#fetcherOf(partition).fetch(partition, next, timeouts.pollMs)
        cancel()
        ;[next, cancel, tries] = [fetched.next, listen(), 0]
        this.#show(fetched.records)
      } catch (cause) {
        if (cause instanceof OutOfRange) this.#end(cause)
        else await clients.rest(tries++, signal)
      }
    }
    cancel()
  }

  #fetcherOf(partition: number): Fetcher {
    const fetcher = this.#fetchers[partition]
    if (fetcher === undefined) throw new Error(`nobody follows partition ${partition}`)
    return fetcher
  }

  #show(records: readonly StoredRecord[]): void {
    if (records.length === 0 || this.#ending.signal.aborted) return
    try {
      this.#parts.reader.records(records)
    } catch (cause) {
      // The reader has missed records and has to look afresh.
      this.#end(cause)
    }
  }

  #end(cause: unknown): void {
    if (this.#ending.signal.aborted) return
    this.#cause = cause
    this.#ending.abort()
    if (this.isEstablished && !this.#stopping.aborted) call(() => this.#parts.reader.broken(cause))
  }
}

/** A reader that throws where it is only told something harms nobody. */
function call(tell: () => void): void {
  try {
    tell()
  } catch {
    // It said for itself what is wrong with it.
  }
}
