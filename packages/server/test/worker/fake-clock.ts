import type { Cancel, Clock } from '../../src/ports/system.ts'
import { sleep } from '../support/sleep.ts'

interface Timer {
  readonly at: number
  readonly order: number
  readonly call: () => void
}

/**
 * A clock that moves only when a test drives it. Everything in memory is done in microtasks, so one turn of the event loop
 * between two timers is enough for whatever the first one set off.
 */
export class FakeClock implements Clock {
  #now = 1_700_000_000_000
  #timers: Timer[] = []
  #order = 0

  now(): number {
    return this.#now
  }

  elapsed(): number {
    return this.#now
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(this, ms, signal)
  }

  after(ms: number, call: () => void): Cancel {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, call }
    this.#timers.push(timer)
    return () => {
      const at = this.#timers.indexOf(timer)
      if (at >= 0) this.#timers.splice(at, 1)
    }
  }

  /** Lets everything that is ready happen, without moving the time. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Moves the time by so much, timer by timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await this.settle()
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) await this.#fire(next)
    this.#now = end
    await this.settle()
  }

  /** Moves the time, timer by timer, until the condition holds; fails when nothing more can happen, or not in so much time. */
  async until(holds: () => boolean, what: string, msMax = 600_000): Promise<void> {
    const end = this.#now + msMax
    await this.settle()
    while (!holds()) {
      // What the condition asked for may be known a turn later.
      await this.settle()
      if (holds()) return
      const next = this.#next()
      if (next === undefined || next.at > end) throw new Error(`never came true: ${what}`)
      await this.#fire(next)
    }
  }

  #next(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers)
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
    return next
  }

  async #fire(timer: Timer): Promise<void> {
    this.#timers.splice(this.#timers.indexOf(timer), 1)
    this.#now = Math.max(this.#now, timer.at)
    timer.call()
    await this.settle()
  }
}
