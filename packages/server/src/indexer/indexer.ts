import { Life, orAborted } from '../core/life.ts'
import type { Logs, Membership, OwnedPartition } from '../ports/log.ts'
import type { SearchIndex } from '../ports/search.ts'
import type { HistoryStore, Timestamp } from '../ports/store.ts'
import type { Cancel, Clock, Logger, Random, Service } from '../ports/system.ts'
import { Follower } from './follower.ts'
import { Refresher } from './refresher.ts'
import type { IndexerObserver, IndexerSettings } from './settings.ts'
import { Sweep } from './sweep.ts'
import { Writer } from './writer.ts'

export interface IndexerOptions {
  readonly logs: Pick<Logs, 'feed'>
  readonly history: HistoryStore
  readonly search: SearchIndex
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly settings: IndexerSettings
  readonly observer: IndexerObserver
}

export interface Indexer extends Service {
  /** In milliseconds UTC: everything whose end was published by then is found. 0 until that is known. */
  indexedThrough(): Timestamp
}

/**
 * Brings what was stored into the index, beside the storing and never in its way: a consumer of the feed with a position of its own.
 * An index that is slow or gone only makes it late; what the feed does not have (any more), it takes from the store (I10).
 */
export function createIndexer(options: IndexerOptions): Indexer {
  return new FeedConsumer(options)
}

/** Whose commits say how far the index is. */
export const INDEXER_GROUP = 'indexer'

class FeedConsumer implements Indexer {
  readonly #options: IndexerOptions
  readonly #life: Life
  readonly #writer: Writer
  readonly #refresher: Refresher
  readonly #sweep: Sweep
  readonly #followers = new Map<number, Follower>()
  readonly #running = new Set<Promise<unknown>>()
  #membership: Membership | undefined
  #nextSweep: Cancel = () => {}
  #stopped: Promise<void> | undefined

  constructor(options: IndexerOptions) {
    this.#options = options
    this.#life = new Life(options.clock)
    this.#writer = new Writer({ ...options, life: this.#life })
    this.#refresher = new Refresher({ ...options, writer: this.#writer })
    this.#sweep = new Sweep({ ...options, writer: this.#writer, partitions: options.logs.feed.partitions })
  }

  async start(): Promise<void> {
    if (this.#membership !== undefined || this.#life.ending.aborted) return
    this.#membership = this.#options.logs.feed.work(INDEXER_GROUP, (owned) => this.#follow(owned))
    this.#sweepLater()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  indexedThrough(): Timestamp {
    let through = Number.POSITIVE_INFINITY
    for (const follower of this.#followers.values()) through = Math.min(through, follower.through)
    return Number.isFinite(through) ? through : 0
  }

  async #stop(): Promise<void> {
    this.#nextSweep()
    this.#life.end(this.#options.settings.drainMsMax)
    await Promise.all(this.#running)
    await this.#membership?.stop()
    this.#life.close()
  }

  async #follow(owned: OwnedPartition): Promise<void> {
    if (this.#life.ending.aborted) return
    const follower = new Follower({
      ...this.#options,
      owned,
      writer: this.#writer,
      refresher: this.#refresher,
      sweepNow: () => this.#sweepNow(),
    })
    this.#followers.set(owned.id, follower)
    try {
      // What a lost partition still has in flight does no harm: writing to the index may be repeated.
      await this.#tracked(orAborted(follower.run(this.#life), owned.signal))
    } finally {
      this.#followers.delete(owned.id)
    }
  }

  #sweepLater(): void {
    this.#nextSweep()
    this.#nextSweep = this.#options.clock.after(this.#options.settings.sweepMs, () => this.#sweepNow())
  }

  /** One sweep at a time; whoever asks during one gets another after it. */
  #sweepNow(): void {
    this.#nextSweep()
    void this.#tracked(this.#sweep.run(this.#followers)).then(() => {
      if (!this.#life.ending.aborted) this.#sweepLater()
    })
  }

  /** Resolves when the work has ended, or when it is dropped at the end of the drain; it never rejects. */
  async #tracked(work: Promise<unknown>): Promise<void> {
    const running = this.#life.orDropped(work).catch((cause) => {
      if (!this.#life.ending.aborted)
        this.#options.logger.error({ cause }, 'indexing failed; it starts again from its position')
    })
    this.#running.add(running)
    await running
    this.#running.delete(running)
  }
}
