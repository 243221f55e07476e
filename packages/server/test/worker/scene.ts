import { type Call, type Faults, type Memory, openMemory } from '../../src/adapters/memory/memory.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import type { AlertKind } from '../../src/core/alert.ts'
import { type CommandParts, command, encodeCommand } from '../../src/core/command.ts'
import { decodeFeed, type FeedRecord } from '../../src/core/feed.ts'
import { partitionOf } from '../../src/core/identity.ts'
import type { Log, LogRecord, Membership, Offset, OwnedPartition, ReadLimit } from '../../src/ports/log.ts'
import type { Content, Document, EntryDocument } from '../../src/ports/store.ts'
import type { Failpoint, Logger, Random } from '../../src/ports/system.ts'
import type { BatchReport, WorkerObserver } from '../../src/worker/observer.ts'
import { WORKER_DEFAULTS, type WorkerSettings } from '../../src/worker/settings.ts'
import { createWorker, type Worker } from '../../src/worker/worker.ts'
import { FakeClock } from './fake-clock.ts'

export const SILENT_LOGGER: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Numbers from a seed (mulberry32): the same ones every time. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0
      let t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    },
  }
}

export interface SceneOptions {
  readonly partitions?: number
  readonly settings?: Partial<WorkerSettings>
  readonly failpoint?: Failpoint
  readonly random?: Random
  /** Give every member every partition, as a group does that takes a frozen worker for dead. */
  readonly zombies?: boolean
}

/** The real worker on engines in memory, with a clock that stands still until it is driven. */
export class Scene {
  readonly clock = new FakeClock()
  /** What a test does to the engines; replaced at will. */
  faults: Faults = {}
  /** Every call of a port, in order. */
  readonly calls: Call[] = []
  readonly alerts: { readonly kind: AlertKind; readonly fields: Readonly<Record<string, unknown>> }[] = []
  readonly batches: BatchReport[] = []
  readonly counts = { conflicts: 0, fenced: 0, restarted: 0, latencies: 0, paused: [] as string[] }
  readonly memory: Memory
  readonly workers: Worker[] = []
  readonly #options: SceneOptions
  readonly #commands: Log

  constructor(options: SceneOptions = {}) {
    this.#options = options
    this.memory = openMemory({
      partitions: options.partitions ?? 1,
      clock: this.clock,
      faults: {
        before: (call) => {
          this.calls.push(call)
          return this.faults.before?.(call)
        },
        after: (call) => this.faults.after?.(call),
        document: (document, index) => this.faults.document?.(document, index),
      },
    })
    this.#commands = options.zombies ? new SharedLog(this.memory.logs.commands, this.clock) : this.memory.logs.commands
  }

  get partitions(): number {
    return this.#options.partitions ?? 1
  }

  async users(...users: string[]): Promise<void> {
    for (const user of users) await this.memory.store.users.put(user, undefined, this.clock.now())
  }

  createWorker(name = 'w1', settings: Partial<WorkerSettings> = {}): Worker {
    const worker = createWorker({
      name,
      build: 'test',
      logs: { ...this.memory.logs, commands: this.#commands },
      store: this.memory.store,
      clock: this.clock,
      random: this.#options.random ?? seeded(1),
      sha256,
      logger: SILENT_LOGGER,
      failpoint: this.#options.failpoint ?? (() => {}),
      settings: { ...WORKER_DEFAULTS, ...this.#options.settings, ...settings },
      observer: this.#observer(),
      alert: (kind, fields) => this.alerts.push({ kind, fields }),
    })
    this.workers.push(worker)
    return worker
  }

  async start(name?: string, settings?: Partial<WorkerSettings>): Promise<Worker> {
    const worker = this.createWorker(name, settings)
    await worker.start()
    await this.clock.settle()
    return worker
  }

  async stop(): Promise<void> {
    const stopped = Promise.all(this.workers.map((worker) => worker.stop()))
    let done = false
    stopped.then(() => {
      done = true
    })
    await this.clock.until(() => done, 'the workers stop')
  }

  // ---- what is asked for ---------------------------------------------------------------------------------------------

  async send(...commands: readonly Sent[]): Promise<readonly Offset[]> {
    return this.append(...commands.map((sent) => encodeCommand(partsOf(sent))))
  }

  async append(...records: readonly LogRecord[]): Promise<readonly Offset[]> {
    const offsets: Offset[] = []
    for (let i = 0; i < records.length; ) {
      const partition = partitionOf(records[i]?.key ?? '', this.partitions)
      let end = i
      while (end < records.length && partitionOf(records[end]?.key ?? '', this.partitions) === partition) end++
      offsets.push(...(await this.memory.logs.commands.append(partition, records.slice(i, end))))
      i = end
    }
    return offsets
  }

  // ---- what came of it -----------------------------------------------------------------------------------------------

  /** Until everything in the log is committed. */
  async drained(msMax?: number): Promise<void> {
    const { commands } = this.memory.logs
    let lag = 1
    const look = async () => {
      lag = (await commands.lag('worker')).reduce((sum, { records }) => sum + records, 0)
    }
    await look()
    await this.clock.until(
      () => {
        void look()
        return lag === 0
      },
      'the lag returns to 0',
      msMax,
    )
  }

  async documents(): Promise<readonly Document[]> {
    return this.memory.store.audit.documents(undefined, 100_000)
  }

  async entries(room = 'r'): Promise<readonly EntryDocument[]> {
    const { entries } = await this.memory.store.history.view({
      room,
      user: undefined,
      after: 0,
      before: undefined,
      entriesMax: 100_000,
    })
    return entries
  }

  async texts(room = 'r'): Promise<readonly string[]> {
    return (await this.entries(room)).map(({ content }) => (content.kind === 'message' ? content.text : content.kind))
  }

  async document(sent: Sent): Promise<Document | undefined> {
    const { id, room } = command(sha256, partsOf(sent))
    return (await this.memory.store.timeline.find([{ room, id }])).get(id)
  }

  async feed(partition = 0): Promise<readonly FeedRecord[]> {
    const { records } = await this.memory.logs.feed.read(partition, 0, { recordsMax: 100_000, bytesMax: 1 << 30 })
    return records.flatMap((record) => decodeFeed(record) ?? [])
  }

  async deadLetters(partition = 0): Promise<readonly LogRecord[]> {
    const limit = { recordsMax: 100_000, bytesMax: 1 << 30 }
    return (await this.memory.logs.deadLetters.read(partition, 0, limit)).records
  }

  async committed(partition = 0): Promise<Offset | undefined> {
    return this.memory.logs.commands.committed('worker', partition)
  }

  count(call: Call['call']): number {
    return this.calls.filter((made) => made.call === call).length
  }

  #observer(): WorkerObserver {
    const { counts, batches } = this
    return {
      batch: (report) => batches.push(report),
      latency: (_ms, count) => {
        counts.latencies += count
      },
      conflict: () => {
        counts.conflicts++
      },
      fenced: () => {
        counts.fenced++
      },
      paused: (_partition, reason) => counts.paused.push(reason),
      restarted: () => {
        counts.restarted++
      },
    }
  }
}

export interface Sent {
  readonly room?: string
  readonly sender?: string
  readonly clientId: string
  readonly content: Content
  readonly authority?: 'member' | 'administrator'
  readonly replay?: number
}

export function partsOf({
  room = 'r',
  sender = 'al',
  clientId,
  content,
  authority = 'member',
  replay = 0,
}: Sent): CommandParts {
  return { room, sender, clientId, authority, at: undefined, content, replay }
}

export function say(clientId: string, sender = 'al', text = clientId, room = 'r'): Sent {
  return { room, sender, clientId, content: { kind: 'message', text } }
}

export function create(members: readonly string[] = [], room = 'r', sender = 'al'): Sent {
  return { room, sender, clientId: `create ${room}`, content: { kind: 'room_created', roomKind: 'group', members } }
}

export function add(clientId: string, user: string, room = 'r'): Sent {
  return { room, clientId, content: { kind: 'member_added', user } }
}

export function remove(clientId: string, user: string, room = 'r'): Sent {
  return { room, clientId, content: { kind: 'member_removed', user } }
}

/** A log whose group gives each member every partition: nothing may rest on there being one worker (R8). */
class SharedLog implements Log {
  readonly #log: Log
  readonly #clock: FakeClock
  readonly #commit = new Map<number, (next: Offset) => Promise<void>>()

  constructor(log: Log, clock: FakeClock) {
    this.#log = log
    this.#clock = clock
    // One real member holds the partitions for good; the others commit through it.
    log.work('worker', async (owned) => {
      this.#commit.set(owned.id, (next) => owned.commit(next))
      await new Promise<void>((resolve) => owned.signal.addEventListener('abort', () => resolve()))
    })
  }

  get name() {
    return this.#log.name
  }
  get partitions() {
    return this.#log.partitions
  }
  get durability() {
    return this.#log.durability
  }
  append(partition: number, records: readonly LogRecord[]) {
    return this.#log.append(partition, records)
  }
  read(partition: number, from: Offset, limit: ReadLimit) {
    return this.#log.read(partition, from, limit)
  }
  range(partition: number) {
    return this.#log.range(partition)
  }
  tail(reader: Parameters<Log['tail']>[0]) {
    return this.#log.tail(reader)
  }
  lag(group: string) {
    return this.#log.lag(group)
  }
  committed(group: string, partition: number) {
    return this.#log.committed(group, partition)
  }

  work(_group: string, run: (owned: OwnedPartition) => Promise<void>): Membership {
    const stop = new AbortController()
    const runs = Array.from({ length: this.partitions }, async (_, id) => {
      while (!stop.signal.aborted) {
        await run(this.#owned(id, stop.signal)).catch(() => {})
        await this.#clock.sleep(10)
      }
    })
    return {
      stop: async () => {
        stop.abort()
        await Promise.all(runs)
      },
    }
  }

  #owned(id: number, signal: AbortSignal): OwnedPartition {
    const [log, clock] = [this.#log, this.#clock]
    const commits = this.#commit
    let position = 0
    return {
      id,
      signal,
      get position() {
        return position
      },
      seek(offset) {
        position = offset
      },
      async read({ waitMs, ...limit }) {
        const { records, next } = await log.read(id, position, limit)
        position = next
        // Nobody is woken here: who found nothing looks again soon.
        if (records.length === 0 && waitMs > 0) await clock.sleep(Math.min(waitMs, 20), signal)
        return records
      },
      async commit(next) {
        await commits.get(id)?.(next)
      },
    }
  }
}
