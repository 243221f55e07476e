import type { RoomId } from '../ports/store.ts'

/**
 * A room's commands on one connection under one number (G2). The first that failed closes it to those behind it, wherever they are;
 * those before it are not touched. Whoever was refused comes again under the next number, in order.
 */
export class Lane {
  readonly generation: number
  #count = 0
  #open = 0
  #failedAt = Number.POSITIVE_INFINITY

  constructor(generation: number) {
    this.generation = generation
  }

  /** A command comes: returns its place in the lane. */
  enter(): number {
    this.#open += 1
    return this.#count++
  }

  leave(): void {
    this.#open -= 1
  }

  isOpenTo(place: number): boolean {
    return place < this.#failedAt
  }

  failAt(place: number): void {
    this.#failedAt = Math.min(this.#failedAt, place)
  }

  /** Nothing is known of it that a new one would not know. */
  get isBlank(): boolean {
    return this.#open === 0 && this.generation === 0
  }
}

/** The lanes of one connection. */
export class Lanes {
  readonly #current = new Map<RoomId, Lane>()

  /** The lane that takes the room's commands now. */
  of(room: RoomId): Lane {
    let lane = this.#current.get(room)
    if (lane === undefined) {
      lane = new Lane(0)
      this.#current.set(room, lane)
    }
    return lane
  }

  generationOf(room: RoomId): number {
    return this.#current.get(room)?.generation ?? 0
  }

  /** A command failed: its lane is closed behind it, and the room's number rises unless it has done so already. */
  fail(room: RoomId, lane: Lane, place: number): void {
    lane.failAt(place)
    if (this.#current.get(room) === lane) this.#current.set(room, new Lane(lane.generation + 1))
  }

  /** Forgets a lane that says nothing: a connection may send to any number of rooms. */
  leave(room: RoomId, lane: Lane): void {
    lane.leave()
    if (lane.isBlank && this.#current.get(room) === lane) this.#current.delete(room)
  }

  get size(): number {
    return this.#current.size
  }
}
