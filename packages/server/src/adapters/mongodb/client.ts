import { type Db, MongoClient, type MongoClientOptions } from 'mongodb'
import type { Clock } from '../../ports/system.ts'

/**
 * A client of the driver, and whether something in it hangs. The driver (7.9.0) waits without end for a socket to drain that was closed while
 * it wrote: such a call never ends and keeps its connection, and where it was the check of a server, that server is never found again. Whoever
 * uses a client that hangs makes another one.
 */
export class Client {
  readonly mongo: MongoClient
  readonly database: Db
  readonly #clock: Clock
  readonly #hangMs: number
  readonly #checks = new Map<string, { readonly begun: number; readonly isAwaited: boolean }>()

  /** Nothing that the driver does takes `hangMs`, unless it hangs. Throws the driver's error about what it cannot use. */
  constructor(url: string, database: string, options: MongoClientOptions, clock: Clock, hangMs: number) {
    this.mongo = new MongoClient(url, options)
    this.database = this.mongo.db(database)
    this.#clock = clock
    this.#hangMs = hangMs
    this.mongo.on('serverHeartbeatStarted', ({ connectionId, awaited }) =>
      this.#checks.set(connectionId, { begun: clock.elapsed(), isAwaited: awaited }),
    )
    this.mongo.on('serverHeartbeatSucceeded', ({ connectionId }) => this.#checks.delete(connectionId))
    this.mongo.on('serverHeartbeatFailed', ({ connectionId }) => this.#checks.delete(connectionId))
    this.mongo.on('serverClosed', ({ address }) => this.#checks.delete(address))
  }

  /** Whether the driver began to check a server, and forgot it. */
  get hasLostServer(): boolean {
    const now = this.#clock.elapsed()
    // A server that is asked to answer when it changes has so long to say that it did not.
    const { heartbeatFrequencyMS } = this.mongo.options
    return [...this.#checks.values()].some(
      ({ begun, isAwaited }) => now - begun > this.#hangMs + (isAwaited ? heartbeatFrequencyMS : 0),
    )
  }

  /** What `use` comes to, or a rejection with a Hang. */
  inTime<T>(use: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(this.#hangMs, () =>
        reject(new Hang(`neither an answer nor an error within ${this.#hangMs} ms`)),
      )
      use().then(resolve, reject).finally(cancel)
    })
  }

  /** Never rejects: what is left of a client that hangs has no connection any more. */
  close(): Promise<void> {
    return this.inTime(() => this.mongo.close()).catch(() => {})
  }
}

/** What took so long that it will never come to an end; a write may have reached the server before. */
export class Hang extends Error {}
