import type { Offset } from '../ports/log.ts'
import type { RoomId, Timestamp } from '../ports/store.ts'

/** What is true once a batch is in the index. */
export interface Done {
  /** What is still to be told to the index. */
  readonly heads: ReadonlyMap<RoomId, number>
  /** The position behind it. */
  readonly next: Offset
  /** When its last record was published. */
  readonly timestamp: Timestamp
}

/**
 * What goes on behind the reading: one write at a time, in order, and after each what it makes true is told, while the next is written. What several have
 * made true meanwhile is told at once. Whatever fails is thrown to whoever goes on, and nothing is begun any more.
 */
export class Behind {
  readonly #tell: (done: Done) => Promise<void>
  #writing: Promise<void> = Promise.resolve()
  #telling: Promise<void> = Promise.resolve()
  #done: Done | undefined
  #isTelling = false
  #failure: { readonly cause: unknown } | undefined

  constructor(tell: (done: Done) => Promise<void>) {
    this.#tell = tell
  }

  /** Begins a write once the one before is in. Throws what went wrong before. */
  async write(write: () => Promise<void>, done: Done): Promise<void> {
    await this.written()
    this.#writing = write().then(
      () => {
        this.#done = this.#done === undefined ? done : { ...done, heads: highest(this.#done.heads, done.heads) }
        if (!this.#isTelling) this.#telling = this.#tellAll()
      },
      (cause) => this.#failed(cause),
    )
  }

  /** Resolves when nothing is being written; throws what went wrong before. */
  async written(): Promise<void> {
    await this.#writing
    if (this.#failure !== undefined) throw this.#failure.cause
  }

  /** The same, when also everything was told. */
  async all(): Promise<void> {
    await this.settled()
    if (this.#failure !== undefined) throw this.#failure.cause
  }

  /** Resolves when nothing goes on any more, however it ended. */
  async settled(): Promise<void> {
    await this.#writing
    await this.#telling
  }

  async #tellAll(): Promise<void> {
    this.#isTelling = true
    try {
      for (let done = this.#done; done !== undefined && this.#failure === undefined; done = this.#done) {
        this.#done = undefined
        await this.#tell(done)
      }
    } catch (cause) {
      this.#failed(cause)
    } finally {
      this.#isTelling = false
    }
  }

  #failed(cause: unknown): void {
    this.#failure ??= { cause }
  }
}

function highest(heads: ReadonlyMap<RoomId, number>, more: ReadonlyMap<RoomId, number>): ReadonlyMap<RoomId, number> {
  const all = new Map(heads)
  for (const [room, head] of more) all.set(room, Math.max(head, all.get(room) ?? 0))
  return all
}
