import type { Failure } from '../../ports/failure.ts'
import type { Cancel, Clock } from '../../ports/system.ts'

/** How often a server that does not answer is asked whether it does again. */
const PING_MS = 1_000

/** What an error says about the server, and not about what was asked for. */
const OUTAGES = new Set<Failure['class']>(['transient', 'ambiguous', 'overload', 'full', 'operator'])

/**
 * Whether the server answers, as calls find out: an outage begins with a call that fails and ends with one that succeeds. While there is one,
 * the server is pinged, so that it ends also when nobody asks for anything.
 */
export class Health {
  readonly #clock: Clock
  readonly #ping: () => Promise<unknown>
  #outage: string | undefined
  #cancel: Cancel | undefined
  #stopped = false

  constructor(clock: Clock, ping: () => Promise<unknown>) {
    this.#clock = clock
    this.#ping = ping
  }

  get outage(): string | undefined {
    return this.#outage
  }

  answered(): void {
    this.#outage = undefined
    this.#cancel?.()
    this.#cancel = undefined
  }

  failed(failure: Failure): void {
    if (!OUTAGES.has(failure.class) || this.#stopped) return
    this.#outage = failure.message
    this.#pingLater()
  }

  stop(): void {
    this.#stopped = true
    this.answered()
  }

  #pingLater(): void {
    this.#cancel ??= this.#clock.after(PING_MS, () => {
      this.#cancel = undefined
      // It is a call as well, and says itself how it ended.
      this.#ping().catch(() => {})
    })
  }
}
