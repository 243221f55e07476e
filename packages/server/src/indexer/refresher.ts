import type { SearchIndex } from '../ports/search.ts'
import type { Clock } from '../ports/system.ts'
import type { IndexerSettings } from './settings.ts'
import type { Writer } from './writer.ts'

export interface RefresherOptions {
  readonly search: SearchIndex
  readonly writer: Writer
  readonly clock: Clock
  readonly settings: Pick<IndexerSettings, 'refreshMsMin'>
}

/** Makes visible what was written, for all partitions of this process at once, and not more often than is good for the engine. */
export class Refresher {
  readonly #options: RefresherOptions
  /** When the last one began that is done. */
  #doneFrom = Number.NEGATIVE_INFINITY
  #begunAt = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined
  #index = ''

  constructor(options: RefresherOptions) {
    this.#options = options
  }

  /**
   * Whether all that was written to this index by `writtenAt`, in milliseconds of the monotonic clock, is visible now; false where it is too early
   * for another refresh. Rejects with a Failure of class lost where the index is gone.
   */
  async shows(index: string, writtenAt: number): Promise<boolean> {
    const { clock, settings } = this.#options
    if (index !== this.#index) this.#doneFrom = Number.NEGATIVE_INFINITY
    this.#index = index
    // The one that is running may have begun too early for us: then one of those who wait for it begins the next.
    while (this.#doneFrom < writtenAt) {
      if (this.#running === undefined) {
        if (clock.elapsed() - this.#begunAt < settings.refreshMsMin) return false
        this.#running = this.#refresh().finally(() => {
          this.#running = undefined
        })
      }
      await this.#running
    }
    return true
  }

  async #refresh(): Promise<void> {
    const { search, writer, clock } = this.#options
    const begunAt = clock.elapsed()
    const index = this.#index
    this.#begunAt = begunAt
    await writer.until(() => search.refresh(index))
    // Of another one, that has taken its place meanwhile, it shows nothing.
    if (index === this.#index) this.#doneFrom = begunAt
  }
}
