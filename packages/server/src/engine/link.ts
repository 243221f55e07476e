import type { AlertKind } from '../core/alert.ts'
import { Failure } from '../ports/failure.ts'
import type { Clock, Logger } from '../ports/system.ts'
import { type Call, type Event, revive } from './wire.ts'

/** Another thread, as this side sees it: something that takes messages and sends some. */
export interface Thread {
  post(calls: readonly Call[]): void
  onMessage(listener: (events: readonly Event[]) => void): void
  onEnd(listener: (cause: unknown) => void): void
  terminate(): Promise<void>
}

export interface LinkOptions {
  /** As it stands in sentences and alerts: the `name` thread. */
  readonly name: string
  readonly start: () => Thread
  readonly clock: Clock
  readonly logger: Logger
  readonly alert: (kind: AlertKind, fields: Readonly<Record<string, unknown>>) => void
  /** How long to wait before a thread that ended by itself is started again; twice as long each time until it is ready. */
  readonly restartMs: number
  /** Whether one that ends before it was ever ready is started again. Otherwise whoever began it is told, and that is all. */
  readonly isStartedAlways: boolean
}

/** What a thread says that is neither an answer nor about itself. */
export type News = Exclude<Event, { readonly event: 'ready' | 'failed' | 'result' | 'error' }>

export interface LinkListener {
  news(news: News): void
  /** The thread ended: what it was asked and had not answered has an unknown outcome. */
  ended(failure: Failure): void
}

interface Pending {
  readonly resolve: (value: never) => void
  readonly reject: (error: Failure) => void
}

const RESTART_MS_MAX = 60_000

/**
 * This end of a thread that answers calls: it numbers them, sends what one turn collected as one message, and matches the answers.
 * A thread that ends by itself is started again.
 */
export class Link {
  readonly #options: LinkOptions
  readonly #listener: LinkListener
  readonly #pending = new Map<number, Pending>()
  #outgoing: Call[] = []
  #thread: Thread | undefined
  #calls = 0
  #restarts = 0
  #hasStarted = false
  #isStopping = false

  constructor(options: LinkOptions, listener: LinkListener) {
    this.#options = options
    this.#listener = listener
  }

  /** Starts the thread. Resolves, with what the thread says of itself, when it is ready; rejects with why it is not. */
  begin(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const thread = this.#options.start()
      this.#thread = thread
      thread.onEnd((cause) => {
        const failure = new Failure('ambiguous', `the ${this.#options.name} thread ended: ${String(cause)}`, cause)
        reject(failure)
        this.#ended(thread, failure)
      })
      thread.onMessage((events) => {
        for (const event of events) {
          if (event.event === 'ready') {
            this.#hasStarted = true
            this.#restarts = 0
            resolve(event.about)
          } else if (event.event === 'failed') reject(revive(event))
          else if (event.event === 'result') this.#settle(event.call)?.resolve(event.value as never)
          else if (event.event === 'error') this.#settle(event.call)?.reject(revive(event))
          else this.#listener.news(event)
        }
      })
    })
  }

  /** An object whose methods are calls to the target of this name. Each is named, so that none of a port can be forgotten. */
  proxy<Port extends object>(target: string, methods: { readonly [Method in keyof Port & string]: true }): Port {
    const entries = Object.keys(methods).map((method) => [
      method,
      (...args: unknown[]) => this.call(target, method, args),
    ])
    return Object.fromEntries(entries) as Port
  }

  call<Value>(target: string, method: string, args: readonly unknown[]): Promise<Value> {
    if (this.#thread === undefined) {
      const sentence = `the ${this.#options.name} thread is not running`
      return Promise.reject(new Failure(this.#isStopping ? 'closed' : 'transient', sentence))
    }
    const call = ++this.#calls
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush())
    this.#outgoing.push({ call, target, method, args })
    return new Promise<Value>((resolve, reject) => this.#pending.set(call, { resolve, reject }))
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    const thread = this.#thread
    this.#thread = undefined
    await thread?.terminate()
  }

  #flush(): void {
    const calls = this.#outgoing
    this.#outgoing = []
    this.#thread?.post(calls)
  }

  #settle(call: number): Pending | undefined {
    const pending = this.#pending.get(call)
    this.#pending.delete(call)
    return pending
  }

  /** Whatever was under way may have happened. */
  #ended(thread: Thread, failure: Failure): void {
    if (this.#thread === thread) this.#thread = undefined
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    this.#outgoing = []
    for (const call of pending) call.reject(failure)
    this.#listener.ended(failure)
    const { name, isStartedAlways, logger, alert, clock, restartMs } = this.#options
    // Where the first one ends before it is ready, whoever asked for it is told.
    if (this.#isStopping || !(this.#hasStarted || isStartedAlways)) return
    logger.error({ cause: failure.message }, `the ${name} thread ended by itself; it is started again`)
    alert('fault', { cause: failure.message, part: name })
    clock.after(Math.min(RESTART_MS_MAX, restartMs * 2 ** this.#restarts++), () => {
      if (!this.#isStopping) this.begin().catch(() => {})
    })
  }
}
