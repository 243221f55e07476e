import type { Durability } from '@holdfast/protocol'
import type { AlertKind } from '../core/alert.ts'
import { Failure } from '../ports/failure.ts'
import type { Log, Membership, SharedLog, TailReader } from '../ports/log.ts'
import type { SearchIndex } from '../ports/search.ts'
import type { HistoryStore, LetterStore, UserStore } from '../ports/store.ts'
import type { Clock, Logger } from '../ports/system.ts'
import { type Call, type Event, type Packed, pack, revive, unpackStored } from './wire.ts'

/** What the engine thread offers beside the ports. */
export interface EngineControl {
  status(): Promise<EngineStatus>
  /** The thread's metrics, in Prometheus' text format. */
  metrics(): Promise<string>
  /** Drains worker and indexer and closes the files. */
  stop(): Promise<void>
}

export interface EngineStatus {
  /** One line for each part that waits for something; empty when all is well. */
  readonly waiting: readonly string[]
  readonly indexedThrough: number
}

export interface Engine {
  readonly commands: SharedLog
  readonly feed: SharedLog
  readonly deadLetters: SharedLog
  readonly history: HistoryStore
  readonly letters: LetterStore
  readonly users: UserStore
  readonly search: SearchIndex
  readonly control: EngineControl
}

/** The engines, and how to end the thread they live in. */
export interface EngineThread {
  readonly engine: Engine
  stop(): Promise<void>
}

/** The other thread, as this side sees it: something that takes messages and sends some. */
export interface Thread {
  post(calls: readonly Call[]): void
  onMessage(listener: (events: readonly Event[]) => void): void
  onEnd(listener: (cause: unknown) => void): void
  terminate(): Promise<void>
}

export interface EngineOptions {
  readonly start: () => Thread
  readonly clock: Clock
  readonly logger: Logger
  readonly alert: (kind: AlertKind, fields: Readonly<Record<string, unknown>>) => void
  /** How long to wait before a thread that ended by itself is started again. */
  readonly restartMs: number
}

interface Pending {
  readonly resolve: (value: never) => void
  readonly reject: (error: Failure) => void
}

/**
 * The main thread's end of the engine thread: it numbers calls, sends what one turn collected as one message, and shows the feed
 * to its readers. A thread that ends by itself is started again; what was under way then has an unknown outcome.
 */
export async function connectEngine(options: EngineOptions): Promise<EngineThread> {
  const connection = new Connection(options)
  const { partitions, durability } = await connection.begin().catch(async (cause) => {
    await connection.stop()
    throw cause
  })
  const log = (name: string) => connection.log(name, partitions, durability)
  const engine: Engine = {
    commands: log('commands'),
    feed: log('feed'),
    deadLetters: log('dead-letters'),
    history: connection.proxy<HistoryStore>('history', ['view', 'survey', 'members', 'entriesAt', 'rooms']),
    letters: connection.proxy<LetterStore>('letters', ['list', 'get', 'mark']),
    users: connection.proxy<UserStore>('users', ['put', 'get']),
    search: Object.assign(
      connection.proxy<Omit<SearchIndex, 'visibleAtOnce'>>('search', [
        'write',
        'progress',
        'heads',
        'refresh',
        'query',
      ]),
      { visibleAtOnce: true },
    ),
    control: connection.proxy<EngineControl>('control', ['status', 'metrics', 'stop']),
  }
  return { engine, stop: () => connection.stop() }
}

class Connection {
  private readonly options: EngineOptions
  private readonly pending = new Map<number, Pending>()
  private readonly readers = new Set<TailReader>()
  private outgoing: Call[] = []
  private thread: Thread | undefined
  private calls = 0
  private established = false
  private hasStarted = false
  private stopping = false

  constructor(options: EngineOptions) {
    this.options = options
  }

  /** Starts the thread and resolves when its engines are open; rejects with why they are not. */
  begin(): Promise<{ partitions: number; durability: Durability }> {
    return new Promise((resolve, reject) => {
      const thread = this.options.start()
      this.thread = thread
      thread.onEnd((cause) => {
        const failure = new Failure('ambiguous', `the engine thread ended: ${String(cause)}`, cause)
        reject(failure)
        this.ended(thread, failure)
      })
      thread.onMessage((events) => {
        for (const event of events) {
          if (event.event === 'ready') {
            this.hasStarted = true
            resolve(event)
          } else if (event.event === 'failed') reject(revive(event))
          else this.on(event)
        }
      })
    })
  }

  log(name: string, partitions: number, durability: Durability): SharedLog {
    const calls = this.proxy<Pick<Log, 'range' | 'lag' | 'committed'>>(name, ['range', 'lag', 'committed'])
    return Object.assign(calls, {
      name,
      partitions,
      durability,
      append: (partition: number, records: Parameters<Log['append']>[1]) =>
        this.call<readonly number[]>(name, 'append', [partition, pack(records)]),
      read: async (...args: Parameters<Log['read']>) => {
        const { records, next } = await this.call<{ records: Packed; next: number }>(name, 'read', args)
        return { records: unpackStored(records), next }
      },
      tail: (reader: TailReader): Membership => {
        this.readers.add(reader)
        if (this.established) queueMicrotask(() => this.established && this.readers.has(reader) && reader.established())
        return { stop: async () => void this.readers.delete(reader) }
      },
    })
  }

  /** An object whose methods of these names are calls to the target of this name. */
  proxy<Port extends object>(target: string, methods: readonly (keyof Port & string)[]): Port {
    const entries = methods.map((method) => [method, (...args: unknown[]) => this.call(target, method, args)])
    return Object.fromEntries(entries) as Port
  }

  async stop(): Promise<void> {
    this.stopping = true
    const thread = this.thread
    this.thread = undefined
    await thread?.terminate()
  }

  private call<Value>(target: string, method: string, args: readonly unknown[]): Promise<Value> {
    if (this.thread === undefined) {
      return Promise.reject(new Failure(this.stopping ? 'closed' : 'transient', 'the engine thread is not running'))
    }
    const call = ++this.calls
    if (this.outgoing.length === 0) queueMicrotask(() => this.flush())
    this.outgoing.push({ call, target, method, args })
    return new Promise<Value>((resolve, reject) => this.pending.set(call, { resolve, reject }))
  }

  private flush(): void {
    const calls = this.outgoing
    this.outgoing = []
    this.thread?.post(calls)
  }

  private on(event: Exclude<Event, { event: 'ready' | 'failed' }>): void {
    switch (event.event) {
      case 'result':
        this.settle(event.call)?.resolve(event.value as never)
        return
      case 'error':
        this.settle(event.call)?.reject(revive(event))
        return
      case 'established':
        this.established = true
        for (const reader of this.readers) reader.established()
        return
      case 'records': {
        const records = unpackStored(event.records)
        for (const reader of this.readers) reader.records(records)
        return
      }
      case 'broken':
        this.broken(new Failure('transient', event.message))
        return
      case 'alert':
        this.options.alert(event.kind as AlertKind, event.fields as Readonly<Record<string, unknown>>)
        return
    }
    event satisfies never
  }

  private settle(call: number): Pending | undefined {
    const pending = this.pending.get(call)
    this.pending.delete(call)
    return pending
  }

  private broken(cause: Failure): void {
    if (!this.established) return
    this.established = false
    for (const reader of this.readers) reader.broken(cause)
  }

  /** Whatever was under way may have happened. */
  private ended(thread: Thread, failure: Failure): void {
    if (this.thread === thread) this.thread = undefined
    const pending = [...this.pending.values()]
    this.pending.clear()
    this.outgoing = []
    for (const call of pending) call.reject(failure)
    this.broken(failure)
    // Where the first one ends before it is ready, whoever asked for it is told.
    if (this.stopping || !this.hasStarted) return
    this.options.logger.error({ cause: failure.message }, 'the engine thread ended by itself; it is started again')
    this.options.alert('fault', { cause: failure.message, part: 'engine' })
    this.options.clock.after(this.options.restartMs, () => {
      if (!this.stopping) this.begin().catch(() => {})
    })
  }
}
