import { INDEXER_GROUP } from '../indexer/indexer.ts'
import type { Log } from '../ports/log.ts'
import type { Timestamp } from '../ports/store.ts'
import type { Clock } from '../ports/system.ts'

/** Asking brokers for every search would cost more than the search. */
const KNOWN_MS = 500

/** How far the index is, by what the indexers committed, whichever processes they are in. */
export class Freshness {
  readonly #feed: Pick<Log, 'lag'>
  readonly #clock: Clock
  #asked: Promise<Timestamp> | undefined
  #known: Timestamp = 0

  constructor(feed: Pick<Log, 'lag'>, clock: Clock) {
    this.#feed = feed
    this.#clock = clock
  }

  /** Everything whose end was published by then is found; as far as was known last, while the log does not answer. */
  async indexedThrough(): Promise<Timestamp> {
    this.#asked ??= this.#ask()
    return this.#asked
  }

  async #ask(): Promise<Timestamp> {
    this.#clock.after(KNOWN_MS, () => {
      this.#asked = undefined
    })
    // Before the lag is read: what is published meanwhile was not looked at.
    const now = this.#clock.now()
    try {
      const lags = await this.#feed.lag(INDEXER_GROUP)
      this.#known = Math.min(
        ...lags.map(({ records, oldest }) => (records === 0 ? now : (oldest ?? this.#known + 1) - 1)),
      )
    } catch {
      // The log's own outage is told of elsewhere.
    }
    return this.#known
  }
}
