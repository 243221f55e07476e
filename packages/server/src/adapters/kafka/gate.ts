import type { Clock } from '../../ports/system.ts'

/** Holds reads back while a group changes hands, so that no new batch begins. */
export class Gate {
  readonly #clock: Clock
  #isOpen = true
  readonly #waiting = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  close(): void {
    this.#isOpen = false
  }

  open(): void {
    this.#isOpen = true
    for (const wake of [...this.#waiting]) wake()
  }

  /** Resolves when it is open, after `ms`, or when the signal aborts. */
  opened(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#isOpen || signal.aborted || ms <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, wake)
      const waiting = this.#waiting
      function wake(): void {
        cancel()
        signal.removeEventListener('abort', wake)
        waiting.delete(wake)
        resolve()
      }
      waiting.add(wake)
      signal.addEventListener('abort', wake)
    })
  }
}
