import type { Failure } from '../../ports/failure.ts'
import type { LogRecord, StoredRecord } from '../../ports/log.ts'
import type { Connection } from './connection.ts'
import { failureOf, isCertain } from './failures.ts'
import type { Partition } from './partition.ts'

/** One call of `append`, on its way through a transaction. */
export interface Append {
  readonly partition: Partition
  readonly records: readonly LogRecord[]
  /** Called in the transaction when half of the records are in. */
  midway(): void
  /** Committed. It may throw: then the caller is told that nobody knows. */
  done(stored: readonly StoredRecord[]): void
  failed(failure: Failure): void
}

export interface AppendQueueOptions {
  readonly connection: Connection
  readonly now: () => number
  /** Written in front of the records, in the same transaction; `after` says whether it was committed. */
  readonly rider: { write(): void; after(committed: boolean): void }
}

/**
 * What one turn of the event loop wants to append through one connection goes into one transaction, so it costs one sync.
 * Where that fails for certain, each append is tried alone: one record that no file can take must not fail its neighbours.
 */
export class AppendQueue {
  readonly #connection: Connection
  readonly #now: () => number
  readonly #rider: AppendQueueOptions['rider']
  #queue: Append[] = []

  constructor({ connection, now, rider }: AppendQueueOptions) {
    this.#connection = connection
    this.#now = now
    this.#rider = rider
  }

  add(append: Append): void {
    if (this.#queue.length === 0) queueMicrotask(() => this.flush())
    this.#queue.push(append)
  }

  flush(): void {
    const appends = this.#queue
    this.#queue = []
    if (appends.length === 0) return
    const failure = this.#attempt(appends)
    if (failure === undefined) return
    if (appends.length === 1 || !isCertain(failure)) {
      for (const append of appends) append.failed(failure)
      return
    }
    for (const append of appends) {
      const alone = this.#attempt([append])
      if (alone !== undefined) append.failed(alone)
    }
  }

  #attempt(appends: readonly Append[]): Failure | undefined {
    const stored: (readonly StoredRecord[])[] = []
    const timestamp = this.#now()
    try {
      this.#connection.transaction(() => {
        this.#rider.write()
        for (const { partition, records, midway } of appends) stored.push(partition.insert(records, timestamp, midway))
      })
    } catch (error) {
      this.#rider.after(false)
      for (const [i, { partition, records }] of appends.entries()) if (i < stored.length) partition.undo(records)
      return failureOf(error, 'before commit', this.#connection.file)
    }
    this.#rider.after(true)
    for (const [i, { partition }] of appends.entries()) partition.remember(stored[i] ?? [])
    for (const [i, append] of appends.entries()) append.done(stored[i] ?? [])
    return undefined
  }
}
