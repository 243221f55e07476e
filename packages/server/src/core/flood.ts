export interface FloodSettings {
  /** Senders whose commands may die within the window: past it, the fault is more likely ours than theirs. */
  readonly floodSendersMax: number
  readonly floodWindowMs: number
}

/**
 * Tells one broken client from a broken system: counts the senders whose commands died of poison or of an unknown cause.
 * One sender counts once, however many of their commands die; refusals, repeats and expired doubts are never counted.
 * Invariant: the map holds at most `floodSendersMax` senders and one for each probe of the last window, oldest death first.
 */
export class FloodGuard {
  readonly #settings: FloodSettings
  readonly #deaths = new Map<string, number>()

  constructor(settings: FloodSettings) {
    this.#settings = settings
  }

  /** Whether a command of this sender may die now, and if so, counts it. A probe always may. */
  admit(sender: string, now: number, probe: boolean): boolean {
    this.#forget(now - this.#settings.floodWindowMs)
    const full = this.#deaths.size >= this.#settings.floodSendersMax
    if (full && !probe && !this.#deaths.has(sender)) return false
    this.#deaths.delete(sender)
    this.#deaths.set(sender, now)
    return true
  }

  #forget(before: number): void {
    for (const [sender, at] of this.#deaths) {
      if (at > before) return
      this.#deaths.delete(sender)
    }
  }
}
