import type { HarnessEvent } from './history.ts'
import { countBefore, entryOf, keyOf } from './ordered.ts'

interface Stretch {
  readonly from: number
  to: number
}

/** When which lane may have waited, and so may have been overtaken, or given up. */
export class Waits {
  readonly #stretches = new Map<string, Stretch[]>()

  add(at: number, { type, room, sender }: HarnessEvent & { type: 'lane_waits' | 'lane_goes_on' }): void {
    const stretches = entryOf(this.#stretches, sender === undefined ? keyOf(room) : keyOf(room, sender), () => [])
    const last = stretches.at(-1)
    const isOpen = last?.to === Number.POSITIVE_INFINITY
    if (type === 'lane_waits' && !isOpen) stretches.push({ from: at, to: Number.POSITIVE_INFINITY })
    if (type === 'lane_goes_on' && last !== undefined && isOpen) last.to = at
  }

  /** Whether the lane may have waited at some moment from `from` to `to`. */
  mayHaveWaited(room: string, sender: string, from: number, to: number): boolean {
    return this.#overlaps(keyOf(room), from, to) || this.#overlaps(keyOf(room, sender), from, to)
  }

  #overlaps(key: string, from: number, to: number): boolean {
    const stretches = this.#stretches.get(key) ?? []
    const next = stretches[countBefore(stretches, (stretch) => stretch.to < from)]
    return next !== undefined && next.from <= to
  }
}
