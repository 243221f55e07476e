import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Admin } from '@platformatic/kafka'
import { type Db, MongoClient } from 'mongodb'
import { type Kafka, openKafka } from '../../packages/server/src/adapters/kafka/kafka.ts'
import { openMongodb } from '../../packages/server/src/adapters/mongodb/mongodb.ts'
import { askServer } from '../../packages/server/src/adapters/mongodb/server.ts'
import { type OpenedSearch, openSearch } from '../../packages/server/src/adapters/opensearch/opensearch.ts'
import { systemClock } from '../../packages/server/src/adapters/system/clock.ts'
import { systemRandom } from '../../packages/server/src/adapters/system/random.ts'
import type { SearchIndex } from '../../packages/server/src/ports/search.ts'
import type { Logger } from '../../packages/server/src/ports/system.ts'
import type { Engines } from './engines.ts'
import { Folder, Holdfast, holdfastCommand } from './server.ts'

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const SYSTEM = { clock: systemClock, random: systemRandom, logger: SILENT }
const FORGET_MS_MAX = 10_000
const TOPICS = ['commands', 'feed', 'dead-letters']

/** One installation of several processes: topics, a database and perhaps an index of its own, which are gone afterwards. */
export class Cluster implements AsyncDisposable {
  /** Of the topics, of the database and of the index. */
  readonly name: string
  readonly partitions: number
  readonly #engines: Engines
  readonly #folder = new Folder()
  #client: MongoClient | undefined
  #opened: OpenedSearch | undefined
  readonly #environment: Readonly<Record<string, string>>

  private constructor(engines: Engines, partitions: number) {
    this.partitions = partitions
    this.name = `hfbench-${process.pid}-${++count}`
    this.#engines = engines
    this.#environment = {
      HOLDFAST_LOG: `kafka://${engines.kafka}/${this.name}`,
      HOLDFAST_STORE: engines.mongodb.replace(/^(mongodb(?:\+srv)?:\/\/[^/]+)\/?[^?]*/, `$1/${this.name}`),
      HOLDFAST_DATA: this.#folder.path,
      HOLDFAST_KAFKA_REPLICATION: '1',
      HOLDFAST_KAFKA_MIN_IN_SYNC: '1',
      ...(engines.search === undefined ? {} : { HOLDFAST_SEARCH: `${engines.search.url}/${this.name}` }),
    }
  }

  /** Sets up topics and indexes, as `holdfast setup` does on one broker: each batch is flushed. */
  static async open(engines: Engines, partitions: number): Promise<Cluster> {
    const cluster = new Cluster(engines, partitions)
    const [file = '', ...args] = [...holdfastCommand(), 'setup', '--partitions', String(partitions)]
    try {
      await promisify(execFile)(file, args, { env: { ...process.env, ...cluster.#environment } })
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
    return cluster
  }

  get mongodb(): string {
    return this.#engines.mongodb
  }

  get folder(): string {
    return this.#folder.path
  }

  /** Starts one process with this role. */
  start(role: 'gateway' | 'worker' | 'indexer', options: ProcessOptions = {}): Promise<Holdfast> {
    const env = { ...this.#environment, HOLDFAST_ROLE: role, ...options.env }
    return Holdfast.start({ data: this.folder, ...options, env })
  }

  /** Its logs, to write to and to read beside the server. */
  async log(): Promise<Kafka & AsyncDisposable> {
    const url = this.#environment.HOLDFAST_LOG ?? ''
    const kafka = await openKafka({ url, partitions: this.partitions, clientName: 'bench', ...SYSTEM })
    return { ...kafka, [Symbol.asyncDispose]: () => kafka.close() }
  }

  /** As a user who has signed in before. */
  async register(user: string): Promise<void> {
    const url = this.#environment.HOLDFAST_STORE ?? ''
    const { store, close } = await openMongodb({ url, partitions: this.partitions, ...SYSTEM })
    try {
      await store.users.put(user, undefined, systemClock.now())
    } finally {
      await close()
    }
  }

  /** The store, to look into it. */
  get database(): Db {
    this.#client ??= new MongoClient(this.mongodb)
    return this.#client.db(this.name)
  }

  /** How many documents the worker puts into one insert. */
  async documentsMax(): Promise<number> {
    return (await askServer(this.database)).documentsMax
  }

  /** Where its index is, in the search engine. */
  get searchUrl(): string {
    return this.#environment.HOLDFAST_SEARCH ?? ''
  }

  /** The index, to look into it. */
  get index(): SearchIndex {
    this.#opened ??= openSearch({ url: this.searchUrl }, systemClock)
    return this.#opened.search
  }

  /** After an indexer has run: leaves things as if none ever had. */
  async forgetIndex(): Promise<void> {
    await this.#withAdmin((admin) => admin.deleteGroups({ groups: [`${this.name}.feed.indexer`] }))
    await this.#deleteIndex()
  }

  async #deleteIndex(): Promise<void> {
    const signal = AbortSignal.timeout(FORGET_MS_MAX)
    const answer = await fetch(`${this.searchUrl}-1?ignore_unavailable=true`, { method: 'DELETE', signal })
    if (!answer.ok) throw new Error(`the index of ${this.name} cannot be removed: ${await answer.text()}`)
  }

  async #withAdmin(work: (admin: Admin) => Promise<unknown>): Promise<void> {
    const admin = new Admin({ clientId: 'bench', bootstrapBrokers: this.#engines.kafka.split(',') })
    try {
      await work(admin)
    } finally {
      await admin.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const topics = TOPICS.map((log) => `${this.name}.${log}`)
      // Where setting up failed, some of it is not there.
      await this.#withAdmin((admin) => admin.deleteTopics({ topics }).catch(() => {}))
      await this.database.dropDatabase()
      // An engine of our own takes it along, even from trouble.
      if (this.#engines.search !== undefined && this.#engines.search.own === undefined) await this.#deleteIndex()
    } finally {
      await Promise.all([this.#client?.close(), this.#opened?.close()])
      this.#folder[Symbol.dispose]()
    }
  }
}

let count = 0

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly nodeOptions?: readonly string[]
}
