import type { Logger } from '../ports/system.ts'

/** What was opened, and how each of it ends: in the reverse order, all of it, whatever fails. */
export class Ends {
  readonly #logger: Logger
  readonly #ends: (() => Promise<void>)[] = []
  #running: Promise<void> | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  add(end: () => Promise<void>): void {
    this.#ends.push(end)
  }

  /** May be called again. */
  run(): Promise<void> {
    this.#running ??= this.#run()
    return this.#running
  }

  async #run(): Promise<void> {
    for (const end of this.#ends.reverse())
      try {
        await end()
      } catch (error) {
        this.#logger.error({ error }, 'a part did not stop cleanly')
      }
  }
}
