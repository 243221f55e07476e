import type { HarnessEvent } from './history.ts'

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

  add(at: number, { rooms, untold }: HarnessEvent & { type: 'restored' }): void {
    if (untold) this.#untold.push({ at, rooms })
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
