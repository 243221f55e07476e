import type { ClientSession, Db, MongoClientOptions, Timestamp } from 'mongodb'
import { Failure } from '../../ports/failure.ts'
import type { Clock } from '../../ports/system.ts'
import { addressOf } from './address.ts'
import { Client, Hang } from './client.ts'
import { failureOf } from './failures.ts'
import { Health } from './health.ts'
import type { Raw } from './row.ts'
import { askServer, type ServerFacts } from './server.ts'

export interface ConnectionOptions {
  /** `mongodb://…` or `mongodb+srv://…`; the path names the database, `holdfast` by default. */
  readonly url: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** A file with the certificates of the authorities to trust, PEM. */
  readonly tlsCaFile?: string | undefined
  readonly clock: Clock
  readonly timeouts?: Partial<Timeouts> | undefined
}

export interface Timeouts {
  /** Until a server is found that takes the call: nothing was sent before. */
  readonly selectMsMax: number
  readonly connectMsMax: number
  /** Just above the deadline that the worker puts around each call. Without it a call to a frozen server never ends. */
  readonly socketMsMax: number
  /** More than all of these together: what takes so long hangs (see client.ts). */
  readonly hangMs: number
  readonly connectionsMax: number
}

const TIMEOUTS: Timeouts = {
  selectMsMax: 2_000,
  connectMsMax: 2_000,
  socketMsMax: 5_000,
  hangMs: 10_000,
  connectionsMax: 10,
}

/** Named with each call, because what stands in the URL goes before what the client was made with (R2). */
const READ_CONCERN = { level: 'majority' } as const

/** `j` as well: without it a majority of machines that lose power together loses what it acknowledged. */
const MAJORITY = { w: 'majority', j: true } as const

/** So many documents fit into one answer, which would otherwise hold 101; where their bytes do not fit, there are more answers. */
const BATCH_SIZE = 10_000

/** Up to where the reads of one caller go at least: what it was told of is never missing in a later answer (R2). */
export interface Causality {
  operationTime: Timestamp | undefined
}

/** One error of an unordered or ordered insert, as the server says it. */
export interface WriteError {
  readonly index: number
  readonly code: number
  readonly message: string
}

export interface FindOptions {
  readonly sort?: Readonly<Record<string, 1 | -1>>
  /** 0 would be no limit to MongoDB: whoever wants nothing does not ask. */
  readonly limit?: number
  readonly hint?: Readonly<Record<string, 1>>
}

/** One client of one server or cluster at a time, for as long as the process lives. Every error leaves as a Failure. */
export class Connection {
  readonly name: string
  readonly server: ServerFacts
  readonly #makeClient: () => Client
  /** Which client a session is of. */
  readonly #clients = new WeakMap<ClientSession, Client>()
  readonly #closing = new Set<Promise<void>>()
  readonly #health: Health
  #client: Client
  #closed = false

  private constructor(name: string, makeClient: () => Client, client: Client, server: ServerFacts, clock: Clock) {
    this.name = name
    this.server = server
    this.#makeClient = makeClient
    this.#client = client
    this.#health = new Health(clock, () => this.#ping())
  }

  /** Rejects with a Failure of class transient where nobody answers, and of class operator where trying again cannot help; then nothing is left behind. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { hosts, database } = addressOf(options.url)
    const name = `MongoDB at ${hosts}`
    const makeClient = () => clientOf(options, database)
    const client = makeClient()
    try {
      // A client whose first connect failed never comes to life again: whoever tries once more makes another one. One that did connect finds
      // its servers again by itself, as often as it takes, unless it hangs.
      const server = await client.inTime(async () => {
        await client.mongo.connect()
        return await askServer(client.database)
      })
      return new Connection(name, makeClient, client, server, options.clock)
    } catch (error) {
      await client.close()
      throw failureOf(error, 'read', name)
    }
  }

  /** One sentence about what does not work now. */
  get outage(): string | undefined {
    return this.#health.outage
  }

  /**
   * The session's reads see what the caller was told before, on a server that knows sessions of that kind; elsewhere there is one machine, or
   * none that would keep the promise. A session carries one command at a time.
   */
  async causally<T>(causality: Causality, use: (session: ClientSession | undefined) => Promise<T>): Promise<T> {
    this.#checkOpen()
    if (!this.server.isCausal) return use(undefined)
    const client = this.#client
    const session = client.mongo.startSession({ causalConsistency: true })
    this.#clients.set(session, client)
    try {
      if (causality.operationTime !== undefined) session.advanceOperationTime(causality.operationTime)
      return await use(session)
    } finally {
      const time = session.operationTime
      const known = causality.operationTime
      if (time !== undefined && (known === undefined || time.greaterThan(known))) causality.operationTime = time
      await session.endSession()
    }
  }

  find(collection: string, filter: Raw, session?: ClientSession, options: FindOptions = {}): Promise<readonly Raw[]> {
    return this.#call(
      'read',
      (database) =>
        database
          .collection(collection)
          .find(filter, { readConcern: READ_CONCERN, batchSize: BATCH_SIZE, ...options, ...withSession(session) })
          .toArray(),
      session,
    )
  }

  /**
   * One command, whose own answer tells which documents are not in: the driver's bulk writes hide an error of the network behind counts that
   * are made up. `ordered` stops at the first document that fails.
   */
  async insert(
    collection: string,
    documents: readonly Raw[],
    ordered: boolean,
    session?: ClientSession,
  ): Promise<readonly WriteError[]> {
    const reply = await this.#write({ insert: collection, documents, ordered, writeConcern: MAJORITY }, session)
    return errorsOf(reply)
  }

  /** Sets fields of one document, which is made where it is missing and `upsert` says so; returns whether it is there. */
  async update(
    collection: string,
    id: string,
    changes: Raw,
    { upsert, session }: { readonly upsert: boolean; readonly session?: ClientSession | undefined },
  ): Promise<boolean> {
    const updates = [{ q: { _id: id }, u: { $set: changes }, upsert }]
    const reply = await this.#write({ update: collection, updates, writeConcern: MAJORITY }, session)
    const [error] = errorsOf(reply)
    // Two who made it at the same time: the other one was told that its own is in, and this one may say so again.
    if (error !== undefined) throw new Failure('ambiguous', `${this.name}: ${error.message}`)
    return Number(reply.n) > 0
  }

  /** Removes what is superseded: nothing waits for it to be durable, and nothing is wrong when it stays. */
  async remove(collection: string, filter: Raw): Promise<void> {
    await this.#write({ delete: collection, deletes: [{ q: filter, limit: 0 }], writeConcern: { w: 1 } })
  }

  /** For setting up, whose every step may be repeated. */
  administer<T>(use: (database: Db) => Promise<T>): Promise<T> {
    return this.#call('read', use)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#health.stop()
    await Promise.all([...this.#closing, this.#client.close()])
  }

  #write(command: Raw, session?: ClientSession): Promise<Raw> {
    return this.#call(
      'write',
      (database) => database.command(command, { ignoreUndefined: true, ...withSession(session) }),
      session,
    )
  }

  async #call<T>(kind: 'read' | 'write', call: (database: Db) => Promise<T>, session?: ClientSession): Promise<T> {
    this.#checkOpen()
    const client = (session && this.#clients.get(session)) ?? this.#client
    try {
      const result = await client.inTime(() => call(client.database))
      this.#health.answered()
      return result
    } catch (error) {
      if (error instanceof Hang || client.hasLostServer) this.#giveUp(client)
      const failure = this.#closed ? this.#closedMeanwhile(kind, error) : failureOf(error, kind, this.name)
      this.#health.failed(failure)
      throw failure
    }
  }

  /** The next call makes a connection of another client. What this one has under way fails, as if the server were gone. */
  #giveUp(client: Client): void {
    if (this.#closed || client !== this.#client) return
    this.#client = this.#makeClient()
    const closed = client.close()
    this.#closing.add(closed)
    closed.finally(() => this.#closing.delete(closed))
  }

  #ping(): Promise<Raw> {
    return this.#call('read', (database) => database.command({ ping: 1 }))
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closedFailure()
  }

  #closedFailure(): Failure {
    return new Failure('closed', `${this.name} was closed`)
  }

  /** Whatever the driver says of a call that it ended itself: whether a write had been sent is not known. */
  #closedMeanwhile(kind: 'read' | 'write', cause: unknown): Failure {
    return new Failure(kind === 'read' ? 'closed' : 'ambiguous', `${this.name} was closed meanwhile`, cause)
  }
}

function clientOf(
  { url, username, password, tlsCaFile, timeouts, clock }: ConnectionOptions,
  database: string,
): Client {
  const { selectMsMax, connectMsMax, socketMsMax, hangMs, connectionsMax } = { ...TIMEOUTS, ...timeouts }
  const options: MongoClientOptions = {
    appName: 'holdfast',
    // One attempt, whose error is about that attempt: an error of a second one would not tell what became of the first, and whoever calls
    // tries again anyway, after having looked.
    retryWrites: false,
    retryReads: false,
    readPreference: 'primary',
    ignoreUndefined: true,
    maxPoolSize: connectionsMax,
    waitQueueTimeoutMS: selectMsMax,
    serverSelectionTimeoutMS: selectMsMax,
    connectTimeoutMS: connectMsMax,
    socketTimeoutMS: socketMsMax,
    ...(tlsCaFile === undefined ? {} : { tls: true, tlsCAFile: tlsCaFile }),
    ...(username === undefined ? {} : { auth: { username, password: password ?? '' } }),
  }
  try {
    return new Client(url, database, options, clock, hangMs)
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new Failure('operator', `the URL of the store, with the database ${database}, is not usable: ${said}`, cause)
  }
}

function withSession(session: ClientSession | undefined): { session?: ClientSession } {
  return session === undefined ? {} : { session }
}

function errorsOf(reply: Raw): readonly WriteError[] {
  const { writeErrors } = reply
  if (!Array.isArray(writeErrors)) return []
  return writeErrors.map(({ index, code, errmsg }) => ({
    index: Number(index),
    code: Number(code),
    message: String(errmsg),
  }))
}
