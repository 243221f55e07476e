import type { Durability } from '@holdfast/protocol'
import type { AlertKind } from '../core/alert.ts'
import { Failure } from '../ports/failure.ts'
import type { Log, Membership, SharedLog, TailReader } from '../ports/log.ts'
import type { SearchQueries } from '../ports/search.ts'
import type { HistoryStore, LetterStore, UserStore } from '../ports/store.ts'
import { Link, type LinkOptions, type News } from './link.ts'
import { type Packed, pack, unpackStored } from './wire.ts'

/** What comes with the engines beside the ports: how worker and indexer are that work on them. */
export interface EngineControl {
  status(): Promise<EngineStatus>
  /** Their metrics, in Prometheus' text format. */
  metrics(): Promise<string>
  /** Drains worker and indexer and closes the engines. */
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
  readonly search: SearchQueries
  readonly control: EngineControl
}

/** The engines, and how to end the thread they live in. */
export interface EngineThread {
  readonly engine: Engine
  stop(): Promise<void>
}

export type EngineOptions = Omit<LinkOptions, 'name' | 'isStartedAlways'>

/** What the engine thread says of itself when it is ready. */
export interface EngineAbout {
  readonly partitions: number
  readonly durability: Durability
}

/** The main thread's end of the engine thread. Rejects with why the engines cannot be opened. */
export async function connectEngine(options: EngineOptions): Promise<EngineThread> {
  const connection = new Connection(options)
  const { partitions, durability } = await connection.begin().catch(async (cause) => {
    await connection.stop()
    throw cause
  })
  const { link } = connection
  const log = (name: string) => connection.log(name, partitions, durability)
  const engine: Engine = {
    commands: log('commands'),
    feed: log('feed'),
    deadLetters: log('dead-letters'),
    history: link.proxy<HistoryStore>('history', {
      view: true,
      survey: true,
      members: true,
      entriesAt: true,
      rooms: true,
    }),
    letters: link.proxy<LetterStore>('letters', { list: true, get: true, mark: true }),
    users: link.proxy<UserStore>('users', { put: true, get: true }),
    search: link.proxy<SearchQueries>('search', { current: true, query: true, heads: true }),
    control: link.proxy<EngineControl>('control', { status: true, metrics: true, stop: true }),
  }
  return { engine, stop: () => connection.stop() }
}

/** Calls of the engine thread, and its feed shown to the readers here. */
class Connection {
  readonly link: Link
  readonly #alert: EngineOptions['alert']
  readonly #readers = new Set<TailReader>()
  #isEstablished = false

  constructor(options: EngineOptions) {
    this.#alert = options.alert
    const listener = {
      news: (news: News) => this.#hear(news),
      ended: (failure: Failure) => this.#break(failure),
    }
    this.link = new Link({ ...options, name: 'engine', isStartedAlways: false }, listener)
  }

  async begin(): Promise<EngineAbout> {
    return (await this.link.begin()) as EngineAbout
  }

  stop(): Promise<void> {
    return this.link.stop()
  }

  log(name: string, partitions: number, durability: Durability): SharedLog {
    const { link } = this
    const calls = link.proxy<Pick<Log, 'range' | 'lag' | 'committed'>>(name, {
      range: true,
      lag: true,
      committed: true,
    })
    return Object.assign(calls, {
      name,
      partitions,
      durability,
      append: (partition: number, records: Parameters<Log['append']>[1]) =>
        link.call<readonly number[]>(name, 'append', [partition, pack(records)]),
      read: async (...args: Parameters<Log['read']>) => {
        const { records, next } = await link.call<{ records: Packed; next: number }>(name, 'read', args)
        return { records: unpackStored(records), next }
      },
      tail: (reader: TailReader): Membership => {
        this.#readers.add(reader)
        if (this.#isEstablished)
          queueMicrotask(() => this.#isEstablished && this.#readers.has(reader) && reader.established())
        return { stop: async () => void this.#readers.delete(reader) }
      },
    })
  }

  #hear(news: News): void {
    switch (news.event) {
      case 'established':
        this.#isEstablished = true
        for (const reader of this.#readers) reader.established()
        return
      case 'records': {
        const records = unpackStored(news.records)
        for (const reader of this.#readers) reader.records(records)
        return
      }
      case 'broken':
        this.#break(new Failure('transient', news.message))
        return
      case 'alert':
        this.#alert(news.kind as AlertKind, news.fields as Readonly<Record<string, unknown>>)
        return
    }
    news satisfies never
  }

  #break(cause: Failure): void {
    if (!this.#isEstablished) return
    this.#isEstablished = false
    for (const reader of this.#readers) reader.broken(cause)
  }
}
