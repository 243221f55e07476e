import type { Alert } from '../core/alert.ts'
import { Halt, type Life } from '../core/life.ts'
import { waitMs } from '../core/retry.ts'
import { failureClass } from '../ports/failure.ts'
import type { Timestamp } from '../ports/store.ts'
import type { Clock, Logger, Random } from '../ports/system.ts'
import type { PauseReason, WorkerObserver } from './observer.ts'
import type { WorkerSettings } from './settings.ts'

export interface PausesOptions {
  readonly partition: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly observer: WorkerObserver
  readonly alert: Alert
  readonly settings: WorkerSettings
  readonly life: Life
}

/**
 * An outage is not a message's fault: the partition waits, keeps its membership, and tries again without limit.
 * It tells the operator once it has lasted longer than a batch may.
 */
export class Pauses {
  readonly #options: PausesOptions
  #pause: Pause | undefined

  constructor(options: PausesOptions) {
    this.#options = options
  }

  get current(): Readonly<Pause> | undefined {
    return this.#pause
  }

  /** Repeats the call until it succeeds. Throws only a `Halt`. */
  async until<T>(reason: PauseReason, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      try {
        const result = await call()
        this.over()
        return result
      } catch (cause) {
        await this.failed(reason, cause, signal)
      }
    }
  }

  /** An attempt failed: waits before the next one, or until the signal (by default: the batch is dropped) says that there is none. */
  async failed(reason: PauseReason, cause: unknown, signal = this.#options.life.dropped): Promise<void> {
    if (cause instanceof Halt) throw cause
    const { clock, random, settings } = this.#options
    const pause = this.begin(reason, cause)
    if (!pause.alerted && clock.elapsed() - pause.startedAt >= settings.batchMsMax) this.#tell(pause, cause)
    await clock.sleep(waitMs(random, settings.outageBackoff, pause.tries++), signal)
    if (signal.aborted) throw new Halt('stopped')
  }

  begin(reason: PauseReason, cause: unknown): Pause {
    if (this.#pause?.reason === reason) return this.#pause
    this.over()
    const { clock, logger, partition } = this.#options
    this.#pause = { reason, since: clock.now(), startedAt: clock.elapsed(), tries: 0, alerted: false }
    logger.warn({ partition, reason, class: failureClass(cause), cause }, 'partition paused')
    return this.#pause
  }

  over(): void {
    const pause = this.#pause
    if (pause === undefined) return
    this.#pause = undefined
    const { clock, logger, observer, partition } = this.#options
    const ms = clock.elapsed() - pause.startedAt
    observer.paused(partition, pause.reason, ms)
    logger.info({ partition, reason: pause.reason, ms }, 'partition goes on')
  }

  #tell(pause: Pause, cause: unknown): void {
    pause.alerted = true
    const { alert, partition } = this.#options
    const { reason, since } = pause
    alert('outage', { partition, reason, since, class: failureClass(cause), error: String(cause) })
  }
}

interface Pause {
  readonly reason: PauseReason
  readonly since: Timestamp
  readonly startedAt: number
  tries: number
  alerted: boolean
}
