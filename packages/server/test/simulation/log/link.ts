import type { SimulatedClock } from '../clock.ts'

/**
 * A process as the log sees it. Invariant: what a process is told, it is told in order, and only while it lives; frozen, it is told
 * nothing before it thaws; cut off, nothing reaches it and nothing of it arrives.
 */
export class Link {
  readonly process: string
  readonly #clock: SimulatedClock
  readonly #onLost = new Set<() => void>()
  #isFrozen = false
  #isCut = false
  #isCrashed = false
  /** What a frozen process will find when it thaws. */
  #inbox: (() => void)[] = []
  /** What will reach it once it is not cut off any more. */
  #outside: (() => void)[] = []
  #losses = 0

  constructor(process: string, clock: SimulatedClock) {
    this.process = process
    this.#clock = clock
  }

  get isCut(): boolean {
    return this.#isCut
  }

  get isCrashed(): boolean {
    return this.#isCrashed
  }

  get isReachable(): boolean {
    return !this.#isFrozen && !this.#isCut && !this.#isCrashed
  }

  /** How often it ceased to be reachable. */
  get losses(): number {
    return this.#losses
  }

  /** Calls as soon as the process runs: what its own client does, or hears. */
  awake(call: () => void): void {
    if (this.#isCrashed) return
    if (this.#isFrozen || this.#inbox.length > 0) this.#inbox.push(call)
    else call()
  }

  /** Calls as soon as the process runs and is connected: what the log lets it know sooner or later. */
  reach(call: () => void): void {
    if (this.#isCut) this.#outside.push(call)
    else this.awake(call)
  }

  /** Calls whenever it ceases to be reachable, until the function returned is called. */
  onLost(call: () => void): () => void {
    this.#onLost.add(call)
    return () => this.#onLost.delete(call)
  }

  freeze(): void {
    this.#change(() => {
      this.#isFrozen = true
    })
  }

  thaw(): void {
    if (!this.#isFrozen) return
    this.#isFrozen = false
    this.#drain()
  }

  cut(): void {
    this.#change(() => {
      this.#isCut = true
    })
  }

  mend(): void {
    if (!this.#isCut) return
    this.#isCut = false
    const isDraining = this.#inbox.length > 0
    this.#inbox.push(...this.#outside.splice(0))
    if (!isDraining && !this.#isFrozen) this.#drain()
  }

  crash(): void {
    this.#change(() => {
      this.#isCrashed = true
    })
    this.#inbox = []
    this.#outside = []
  }

  #change(change: () => void): void {
    const wasReachable = this.isReachable
    change()
    if (!wasReachable) return
    this.#losses++
    for (const call of this.#onLost) call()
  }

  /** One after the other, each in a turn of its own, as an event loop would. */
  #drain(): void {
    if (this.#inbox.length === 0) return
    this.#clock.after(0, () => {
      if (this.#isFrozen) return
      const call = this.#inbox[0]
      call?.()
      this.#inbox.shift()
      this.#drain()
    })
  }
}
