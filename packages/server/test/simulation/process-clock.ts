import type { Cancel, Clock } from '../../src/ports/system.ts'
import { sleep } from '../support/sleep.ts'
import type { SimulatedClock } from './clock.ts'

/**
 * The clock of one process. Frozen, nothing that falls due happens before it thaws; then all of it does, in order, and finds that
 * it is late. Ended, nothing of it ever happens again.
 */
export class ProcessClock implements Clock {
  readonly #clock: SimulatedClock
  #state: 'running' | 'frozen' | 'ended' = 'running'
  #missed: (() => void)[] = []

  constructor(clock: SimulatedClock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  elapsed(): number {
    return this.#clock.elapsed()
  }

  after(ms: number, call: () => void): Cancel {
    if (this.#state === 'ended') return () => {}
    let isCancelled = false
    const run = () => {
      if (isCancelled || this.#state === 'ended') return
      if (this.#state === 'frozen') this.#missed.push(run)
      else call()
    }
    const cancel = this.#clock.after(ms, run)
    return () => {
      isCancelled = true
      cancel()
    }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(this, ms, signal)
  }

  readonly turnEnd = (call: () => void): void => void this.after(0, call)

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen'
  }

  thaw(): void {
    if (this.#state !== 'frozen') return
    this.#state = 'running'
    const missed = this.#missed
    this.#missed = []
    for (const run of missed) this.#clock.after(0, run)
  }

  end(): void {
    this.#state = 'ended'
    this.#missed = []
  }
}
