import type { Cancel, Clock } from '../ports/system.ts'

/** Why the work on a partition ends before its time. Passes through every retry. */
export class Halt extends Error {
  readonly why: 'stopped' | 'taken_over' | 'fault'

  constructor(why: Halt['why'], cause?: unknown) {
    super(`the work on the partition was ${why === 'fault' ? 'broken off by a fault' : why}`, { cause })
    this.name = 'Halt'
    this.why = why
  }
}

/**
 * How long the work on a partition goes on. `ending`: nothing new is begun, and the batch in flight is finished.
 * `dropped`: the batch in flight is left as it is: nothing of it is committed, so it comes again.
 */
export class Life {
  readonly #clock: Clock
  readonly #ending = new AbortController()
  readonly #dropped = new AbortController()
  #deadline: Cancel | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get ending(): AbortSignal {
    return this.#ending.signal
  }

  get dropped(): AbortSignal {
    return this.#dropped.signal
  }

  /** Finish within so many milliseconds, or be dropped. May be repeated: the first deadline stands. */
  end(withinMs: number): void {
    if (this.#ending.signal.aborted) return
    this.#ending.abort()
    this.#deadline = this.#clock.after(withinMs, () => this.drop())
  }

  drop(): void {
    this.close()
    this.#ending.abort()
    this.#dropped.abort()
  }

  /** Nothing runs any more. */
  close(): void {
    this.#deadline?.()
  }

  /** Before a step whose effect others see: who was dropped takes none. */
  check(): void {
    if (this.#dropped.signal.aborted) throw new Halt('stopped')
  }

  /** The answer, or undefined as soon as the work is ending; then a late answer counts for nothing. */
  orEnding<T>(answer: Promise<T>): Promise<T | undefined> {
    return orAborted(answer, this.#ending.signal)
  }

  orDropped<T>(answer: Promise<T>): Promise<T | undefined> {
    return orAborted(answer, this.#dropped.signal)
  }
}

/** The answer, or undefined as soon as the signal aborts. */
export function orAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = () => resolve(undefined)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
