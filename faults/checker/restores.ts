import type { HarnessEvent, Standing } from './history.ts'
import { keyOf } from './ordered.ts'

interface Span {
  first: number
  last: number
}

/** When the store was set back, room by room. */
export class Restores {
  /** Of all rooms at once. */
  #all: Span | undefined
  readonly #rooms = new Map<string, Span>()
  readonly #untold: { readonly at: number; readonly rooms: readonly string[] | undefined }[] = []

  /** When each entry that was never published was taken, for the last time. */
  readonly #unpublished = new Map<string, number>()
  readonly #cuts: { readonly at: number; readonly unpublished: readonly Standing[] }[] = []

  add(at: number, { rooms, untold, unpublished = [] }: HarnessEvent & { type: 'restored' }): void {
    if (untold) this.#untold.push({ at, rooms })
    if (unpublished.length > 0) this.#cuts.push({ at, unpublished })
    for (const standing of unpublished) this.#unpublished.set(keyOfStanding(standing), at)
    if (rooms === undefined) this.#all = extended(this.#all, at)
    else for (const room of rooms) this.#rooms.set(room, extended(this.#rooms.get(room), at))
  }

  get areAny(): boolean {
    return this.#all !== undefined || this.#rooms.size > 0
  }

  isEver(room: string): boolean {
    return this.#all !== undefined || this.#rooms.has(room)
  }

  isBefore(room: string, at: number): boolean {
    return isBelow(this.#all?.first, at) || isBelow(this.#rooms.get(room)?.first, at)
  }

  /** By a restore that nobody told the store of. */
  isUntoldBefore(room: string, at: number): boolean {
    return this.#untold.some((one) => one.at < at && (one.rooms === undefined || one.rooms.includes(room)))
  }

  /** Whether it was taken before anything but the store told of it: who was shown it by then, or is still on the way to see it, saw the truth. */
  isUnpublished(standing: Standing): boolean {
    return this.#unpublished.has(keyOfStanding(standing))
  }

  /** The same of what was seen at this moment: what is seen later is held to the room as it is then. */
  isTakenAfter(standing: Standing, at: number): boolean {
    return at < (this.#unpublished.get(keyOfStanding(standing)) ?? Number.NEGATIVE_INFINITY)
  }

  /** How far of a room, known up to `seq` at one moment, is still there at another, although its epoch stayed. */
  left({ room, epoch, seq }: Omit<Standing, 'id'>, known: number, at: number): number {
    let left = seq
    for (const cut of this.#cuts)
      if (known < cut.at && cut.at < at)
        for (const one of cut.unpublished)
          if (one.room === room && one.epoch === epoch) left = Math.min(left, one.seq - 1)
    return left
  }

  /** Whether entries of the room were taken unpublished after this: until then they counted, additions among them. */
  areTakenAfter(room: string, at: number): boolean {
    return this.#cuts.some((cut) => at < cut.at && cut.unpublished.some((one) => one.room === room))
  }

  isBehind(room: string, at: number): boolean {
    return isBelow(at, this.#all?.last) || isBelow(at, this.#rooms.get(room)?.last)
  }
}

function extended(span: Span | undefined, at: number): Span {
  return { first: span?.first ?? at, last: at }
}

function isBelow(one: number | undefined, other: number | undefined): boolean {
  return one !== undefined && other !== undefined && one < other
}

function keyOfStanding({ room, epoch, seq, id }: Standing): string {
  return keyOf(room, epoch, seq, id)
}
