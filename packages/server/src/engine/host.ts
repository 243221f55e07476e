import { openSqlite, type Sqlite } from '../adapters/sqlite/sqlite.ts'
import { systemClock } from '../adapters/system/clock.ts'
import { failpointsFrom } from '../adapters/system/failpoint.ts'
import { createLogger, type LogLevel } from '../adapters/system/logger.ts'
import { systemRandom } from '../adapters/system/random.ts'
import { sha256 } from '../adapters/system/sha256.ts'
import type { Alert } from '../core/alert.ts'
import type { IndexerSettings } from '../indexer/settings.ts'
import type { Log, StoredRecord } from '../ports/log.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import type { WorkerSettings } from '../worker/settings.ts'
import type { Send } from './outgoing.ts'
import type { EngineAbout, EngineControl } from './remote.ts'
import { createRoles, pausesOf, type Roles } from './roles.ts'
import { connectSearch } from './search/remote.ts'
import { spawnSearch } from './spawn.ts'
import { type Call, describe, type Packed, packStored, unpack } from './wire.ts'
import { workOff } from './work-off.ts'

/** What the engine thread has to know: plain data, since it is cloned into it. */
export interface EngineData {
  readonly folder: string
  readonly partitions: number
  readonly logLevel: LogLevel
  readonly failpoint: string | undefined
  /** The worker's name in leases and letters, and the build that wrote them. */
  readonly name: string
  readonly build: string
  readonly worker: WorkerSettings
  readonly indexer: IndexerSettings
  /** How long to wait before a search thread that ended is started again. */
  readonly restartMs: number
  /** A stop lets the worker come to the end of what was accepted for so long. */
  readonly workOffMsMax: number
}

export interface Host {
  answer(calls: readonly Call[]): void
}

/** Opens the engines, starts worker and indexer beside them, and answers the main thread's calls. */
export async function openEngine(data: EngineData, send: Send): Promise<Host> {
  try {
    return await new EngineHost(data, send).start()
  } catch (error) {
    send({ event: 'failed', ...describe(error) })
    throw error
  }
}

type Target = Readonly<Record<string, unknown>>

class EngineHost implements Host {
  readonly #send: Send
  readonly #sqlite: Sqlite
  readonly #roles: Roles
  readonly #telemetry = new Telemetry('engine', systemClock)
  readonly #targets: Readonly<Record<string, Target>>
  readonly #logs: Readonly<Record<string, Log>>
  readonly #workOffMsMax: number

  constructor(data: EngineData, send: Send) {
    const logger = createLogger({ level: data.logLevel, to: 'stdout', fields: { part: 'engine' } })
    this.#send = send
    this.#workOffMsMax = data.workOffMsMax
    const failpoint = failpointsFrom(data.failpoint)
    const alert: Alert = (kind, fields) => send({ event: 'alert', kind, fields: plain(fields) })
    this.#sqlite = openSqlite({
      folder: data.folder,
      partitions: data.partitions,
      clock: systemClock,
      failpoint,
      openSearch: ({ file }) =>
        connectSearch({ start: () => spawnSearch(file), clock: systemClock, logger, alert, restartMs: data.restartMs }),
    })
    const { logs, store, search } = this.#sqlite
    this.#roles = createRoles({
      name: data.name,
      build: data.build,
      logs,
      store: this.#telemetry.observeStore(store),
      search: this.#telemetry.observeSearch(search),
      clock: systemClock,
      random: systemRandom,
      sha256,
      logger,
      failpoint,
      settings: data,
      observers: this.#telemetry,
      alert,
    })
    this.#telemetry.watchWorker(() => this.#roles.worker.status())
    this.#telemetry.watchLag(logs.commands, ['worker'])
    this.#telemetry.watchLag(logs.feed, ['indexer'])
    this.#logs = { commands: logs.commands, feed: logs.feed, 'dead-letters': logs.deadLetters }
    const control: EngineControl = {
      status: () => this.#status(),
      metrics: () => this.#telemetry.text(),
      stop: () => this.#stop(),
    }
    this.#targets = { ...this.#logs, ...store, search, control } as unknown as Record<string, Target>
  }

  async start(): Promise<this> {
    const { logs } = this.#sqlite
    logs.feed.tail({
      established: () => this.#send({ event: 'established' }),
      records: (records) => this.#send({ event: 'records', records: packStored(records) }),
      broken: (cause) => this.#send({ event: 'broken', message: describe(cause).message }),
    })
    await this.#roles.services.start()
    const { partitions, durability } = logs.commands
    const about: EngineAbout = { partitions, durability }
    this.#send({ event: 'ready', about })
    // Counting begins after the start: loading the library takes as long as everything else here.
    void this.#telemetry.load()
    return this
  }

  answer(calls: readonly Call[]): void {
    for (const { call, target, method, args } of calls)
      this.#call(target, method, args).then(
        (value) =>
          this.#send(
            { event: 'result', call, value: method === 'read' ? packedRead(value) : value },
            !isLone(method, args),
          ),
        (error) => this.#send({ event: 'error', call, ...describe(error) }),
      )
  }

  async #call(target: string, method: string, args: readonly unknown[]): Promise<unknown> {
    if (method === 'append') {
      const [partition, records] = args as [number, Packed]
      return this.#logs[target]?.append(partition, unpack(records))
    }
    const receiver = this.#targets[target]
    const called = receiver?.[method]
    if (typeof called !== 'function') throw new Error(`the engine thread has no ${target}.${method}`)
    return called.apply(receiver, args)
  }

  async #status() {
    const waiting = pausesOf(this.#roles.worker)
    return { waiting, indexedThrough: this.#roles.indexer.indexedThrough() }
  }

  async #stop(): Promise<void> {
    const { worker, services } = this.#roles
    const { commands } = this.#sqlite.logs
    await workOff({ worker, commands, clock: systemClock, msMax: this.#workOffMsMax })
    await services.stop()
    await this.#sqlite.close()
  }
}

/**
 * Whether it is the append of one record. The worker stores that in the same turn, so its answer waits for what comes of it: a crossing
 * costs as much as the append. The answer to a larger group leaves at once, because the next group is gathered meanwhile.
 */
function isLone(method: string, args: readonly unknown[]): boolean {
  return method === 'append' && (args[1] as Packed).keys.length === 1
}

/** Errors and other classes do not cross threads as they are. */
function plain(fields: Readonly<Record<string, unknown>>): object {
  return JSON.parse(JSON.stringify(fields, (_, value) => (value instanceof Error ? value.message : value)))
}

function packedRead(value: unknown): unknown {
  const { records, next } = value as { records: readonly StoredRecord[]; next: number }
  return { records: packStored(records), next }
}
