import type { Io } from './command.ts'

/** How often it is written over. */
const SHOWN_MS_MIN = 200

/** What is being done just now: one line of a terminal, and nothing elsewhere. */
export class StatusLine {
  readonly #io: Io
  #shownAt = 0

  constructor(io: Io) {
    this.#io = io
  }

  show(what: string): void {
    const { err, clock } = this.#io
    const now = clock.elapsed()
    if (!err.isTerminal || now - this.#shownAt < SHOWN_MS_MIN) return
    this.#shownAt = now
    err.write(`\r\x1b[K${what}`)
  }

  /** Before anything else is written where it stands. */
  clear(): void {
    if (this.#io.err.isTerminal) this.#io.err.write('\r\x1b[K')
  }
}
