import type { Cancel, Clock, Random } from '../../src/platform.ts'

interface Timer {
  readonly at: number
  readonly call: () => void
}

/** Time that passes only when a test says so. */
export class ManualClock implements Clock {
  #elapsed = 0
  readonly #timers = new Set<Timer>()
  /** Far from `elapsed`, so that a mix-up of the two shows. */
  readonly #epoch = 1_700_000_000_000

  now(): number {
    return this.#epoch + this.#elapsed
  }

  elapsed(): number {
    return this.#elapsed
  }

  after(ms: number, call: () => void): Cancel {
    const timer = { at: this.#elapsed + ms, call }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  get timers(): number {
    return this.#timers.size
  }

  /** Runs what falls due within `ms`, in order, and lets promises go on in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer)
      this.#elapsed = Math.max(this.#elapsed, timer.at)
      timer.call()
      await turn()
    }
    this.#elapsed = end
    await turn()
  }

  #next(end: number): Timer | undefined {
    const due = [...this.#timers].filter(({ at }) => at <= end)
    return due.sort((a, b) => a.at - b.at)[0]
  }
}

/** Lets everything go on that only waits for promises. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Chance from a seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    fill: (bytes) => {
      for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(next() * 256)
    },
  }
}
