import type { Session } from './session.ts'

/** Whether the feed is followed in every partition, and who waits for that: nobody is admitted before (G1). */
export class Establishment {
  #isUp = false
  #count = 0
  readonly #waiting = new Map<Session, (isUp: boolean) => void>()

  get isUp(): boolean {
    return this.#isUp
  }

  /** How often it came about: a read that began under another number may have missed records. */
  get count(): number {
    return this.#count
  }

  /** Resolves true when the feed is followed, false when the session gave up before. */
  reached(session: Session): Promise<boolean> {
    if (this.#isUp) return Promise.resolve(true)
    return new Promise((resolve) => this.#waiting.set(session, resolve))
  }

  giveUp(session: Session): void {
    this.#waiting.get(session)?.(false)
    this.#waiting.delete(session)
  }

  establish(): void {
    this.#isUp = true
    this.#count += 1
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const resolve of waiting) resolve(true)
  }

  lose(): void {
    this.#isUp = false
  }
}
