import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { openKafka } from '../../src/adapters/kafka/kafka.ts'
import { openMongodb } from '../../src/adapters/mongodb/mongodb.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { systemRandom } from '../../src/adapters/system/random.ts'
import { type Ran, type Running, start } from '../cli/holdfast.ts'
import type { Engines, Installation } from '../crash/operator.ts'
import { type ServerProcess, startServer, temporaryFolder, until } from '../support/server.ts'

export interface EngineUrls {
  /** Bootstrap servers: `host:port,host:port`. */
  readonly kafka: string
  /** A MongoDB URI; the database is the installation's own. */
  readonly mongodb: string
}

export interface ClusterOptions {
  readonly partitions?: number
  /** Of each process. */
  readonly env?: Readonly<Record<string, string>>
  /** Of topics; by default one copy, as on one broker. */
  readonly replication?: number
  readonly minInSync?: number
  readonly isSetUp?: boolean
  /** A search cluster; by default the index is a file in the folder. */
  readonly search?: string
}

/** A process that died is missed after this: brokers for tests allow less than real ones do. */
const SESSION_MS = '3000'

/** One installation of several processes on shared engines, as they would stand on one machine: the secret and the search index are in one folder. */
export class Cluster implements Installation, AsyncDisposable {
  readonly data: string
  /** Where log and store are. */
  readonly log: string
  readonly store: string
  /** Empty where the index is a file. */
  readonly search: string
  readonly #folder = temporaryFolder()
  readonly #environment: Readonly<Record<string, string>>
  readonly #processes: ServerProcess[] = []

  private constructor(
    { kafka, mongodb }: EngineUrls,
    search: string | undefined,
    env: Readonly<Record<string, string>>,
  ) {
    this.data = this.#folder.path
    const name = `hf-${process.pid}-${++count}`
    this.log = `kafka://${kafka}/${name}`
    this.store = mongodb.replace(/^(mongodb:\/\/[^/]+)\/?/, `$1/${name}`)
    this.search = search === undefined ? '' : `${search}/${name}`
    this.#environment = {
      HOLDFAST_LOG: this.log,
      HOLDFAST_STORE: this.store,
      HOLDFAST_SEARCH: this.search,
      HOLDFAST_DATA: this.data,
      HOLDFAST_KAFKA_SESSION_MS: SESSION_MS,
      ...env,
    }
  }

  /** Sets up topics and indexes, unless told not to. */
  static async open(engines: EngineUrls, options: ClusterOptions = {}): Promise<Cluster> {
    const { partitions = 4, replication = 1, minInSync = 1, env = {}, isSetUp = true, search } = options
    const cluster = new Cluster(engines, search, {
      HOLDFAST_KAFKA_REPLICATION: String(replication),
      HOLDFAST_KAFKA_MIN_IN_SYNC: String(minInSync),
      ...env,
    })
    if (isSetUp) await cluster.setUp(partitions)
    return cluster
  }

  async setUp(partitions = 4): Promise<void> {
    const { exit, out, err } = await this.run(['setup', '--partitions', String(partitions)])
    assert.equal(exit, 0, `${out}\n${err}`)
  }

  /** Starts one process that may have to wait before it is at work. */
  async spawn(role: string, { env = {} }: Pick<ProcessOptions, 'env'> = {}): Promise<Spawned> {
    const port = await freePort()
    const settings = { ...this.#environment, HOLDFAST_ROLE: role, HOLDFAST_PORT: String(port), ...env }
    const { child, out, err, ended } = start(['serve'], { env: settings })
    return {
      url: `http://127.0.0.1:${port}`,
      output: () => out() + err(),
      async stop() {
        child.kill('SIGTERM')
        return (await ended).exit
      },
      async [Symbol.asyncDispose]() {
        child.kill('SIGKILL')
        await ended
      },
    }
  }

  /** Starts one process with these roles, and waits until it is at work. */
  async start(role: string, { env = {}, port = 0 }: ProcessOptions = {}): Promise<ServerProcess> {
    const settings = { ...this.#environment, HOLDFAST_ROLE: role, ...env }
    const process = await startServer({ data: this.data, port, env: settings })
    this.#processes.push(process)
    return process
  }

  /** Runs a command of this installation to its end. */
  run(args: readonly string[]): Promise<Ran> {
    return this.begin(args).ended
  }

  /** Starts a command of this installation. */
  begin(args: readonly string[]): Running {
    return start(args, { env: this.#environment })
  }

  /** Waits until the operator's own check finds nothing wrong and nothing that waits; says what it found last. */
  async isQuiet(): Promise<void> {
    let found = ''
    const looked = until('nothing waits any more', async () => {
      const { exit, out, err } = await this.run(['verify', '--strict'])
      found = `${out}\n${err}`
      return exit === 0
    })
    await looked.catch((error: unknown) => assert.fail(`${String(error)}\n${found}`))
  }

  /** Opens log and store in this process, to look into them or to work on them. */
  async engines(): Promise<Engines> {
    const kafka = await openKafka({ ...SYSTEM, url: this.log, partitions: undefined, clientName: 'holdfast-test' })
    const { partitions } = kafka.logs.commands
    const mongodb = await openMongodb({ ...SYSTEM, url: this.store, partitions }).catch(async (error) => {
      await kafka.close()
      throw error
    })
    return {
      logs: kafka.logs,
      store: mongodb.store,
      close: async () => void (await Promise.all([kafka.close(), mongodb.close()])),
    }
  }

  /** The operator's own check, which may find that something waits. */
  async verify(): Promise<void> {
    const { exit, out, err } = await this.run(['verify'])
    assert.equal(exit, 0, `${out}\n${err}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process[Symbol.asyncDispose]()))
    this.#folder[Symbol.dispose]()
  }
}

let count = 0

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}

/** A process, from before it is at work. */
export interface Spawned extends AsyncDisposable {
  readonly url: string
  output(): string
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | string>
}

const SYSTEM = { clock: systemClock, random: systemRandom, logger: { debug() {}, info() {}, warn() {}, error() {} } }

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly port?: number
}
