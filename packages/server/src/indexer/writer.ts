import { Halt, type Life } from '../core/life.ts'
import { waitMs } from '../core/retry.ts'
import { failureClass } from '../ports/failure.ts'
import type { SearchDocument, SearchIndex, SearchWrite } from '../ports/search.ts'
import type { RoomId } from '../ports/store.ts'
import type { Clock, Logger, Random } from '../ports/system.ts'
import type { IndexerObserver, IndexerSettings } from './settings.ts'

export interface WriterOptions {
  readonly search: SearchIndex
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly settings: IndexerSettings
  readonly observer: IndexerObserver
  readonly life: Life
}

const NO_HEADS: ReadonlyMap<RoomId, number> = new Map()

/** Writes to the index until it has happened, however long the index is away. Throws only a `Halt`, or a Failure of class lost. */
export class Writer {
  readonly #options: WriterOptions

  constructor(options: WriterOptions) {
    this.#options = options
  }

  async write(request: SearchWrite): Promise<void> {
    const { search, observer } = this.#options
    const { documents } = request
    const answer = await this.until(() => search.write(request).catch(keepPoison(documents.length > 0)))
    if (answer !== 'poison') {
      if (documents.length > answer.length) observer.indexed(documents.length - answer.length)
      this.#drop(answer, 'the index refused it')
      return
    }
    await this.#isolate(documents, request.into)
    // Heads and position go on whatever became of the documents: they say what was looked at.
    await this.write({ ...request, documents: [] })
  }

  /** Repeats a call of the index or the store until it succeeds; throws where the index is no more what it was. */
  async until<T>(call: () => Promise<T>): Promise<T> {
    const { clock, random, settings, observer, logger, life } = this.#options
    for (let tries = 0; ; tries++) {
      life.check()
      try {
        return await call()
      } catch (cause) {
        if (cause instanceof Halt || failureClass(cause) === 'lost') throw cause
        observer.failed()
        if (tries === 0) logger.warn({ cause, class: failureClass(cause) }, 'indexing waits')
        // Nothing is lost by stopping here: the feed is the queue.
        await clock.sleep(waitMs(random, settings.outageBackoff, tries), life.ending)
        if (life.ending.aborted) throw new Halt('stopped')
      }
    }
  }

  async #isolate(documents: readonly SearchDocument[], into: string | undefined): Promise<void> {
    if (documents.length === 1) return this.#drop(documents, 'the index can never take it')
    const middle = documents.length >> 1
    for (const half of [documents.slice(0, middle), documents.slice(middle)])
      await this.write({ into, documents: half, heads: NO_HEADS, through: undefined })
  }

  #drop(documents: readonly SearchDocument[], why: string): void {
    const { logger, observer } = this.#options
    if (documents.length === 0) return
    observer.dropped(documents.length)
    for (const { room, seq } of documents) logger.warn({ room, seq, why }, 'message left out of search')
  }
}

/** A poison failure of a write with documents is an answer: one of them is at fault. */
function keepPoison(hasDocuments: boolean) {
  return (cause: unknown): 'poison' => {
    if (hasDocuments && failureClass(cause) === 'poison') return 'poison'
    throw cause
  }
}
