import type { Entry, RoomAbout } from '@holdfast/protocol'

/** A place in a room. The epoch changes only when history was restored or lost. */
export interface Position {
  readonly epoch: number
  readonly seq: number
}

/** Who wants a room's entries: told of every change of what there is. */
export interface TimelineReader {
  /** The first that is known of the room. */
  began(position: Position): void
  /** The next entry, or one further on. */
  pushed(entry: Entry): void
  /** There is more, up to `through`, that will not be pushed: page it. */
  moved(): void
  /** What was read is not this history any more. */
  reset(position: Position): void
  left(): void
}

/**
 * What this client was told of one room: how far, and whether it is a member. Holds no entries.
 * `through` is where a new connection goes on. It is not where a reader is: each reader keeps its own end of its contiguous prefix
 * and pages what lies between (G10), so a gap needs to be told only once.
 */
export class Timeline {
  readonly room: string
  readonly readers = new Set<TimelineReader>()
  epoch: number | undefined
  through = 0
  /** The highest seq that is known to exist: a page may know of more than the pushes. */
  head = 0
  isMember = false
  /** Whether this connection opened it. */
  isOpen = false
  about: RoomAbout | undefined

  constructor(room: string) {
    this.room = room
  }

  get place(): Position | undefined {
    return this.epoch === undefined ? undefined : { epoch: this.epoch, seq: this.through }
  }

  /** `joined` and `resumed`: the next push is seq + 1. Below our own place in the same epoch it is an old read, and repeats are dropped. */
  opened(epoch: number, seq: number, about: RoomAbout | undefined): void {
    this.isOpen = true
    this.isMember = true
    this.about = about ?? this.about
    if (this.epoch === undefined) this.#begin(epoch, seq)
    else if (this.epoch !== epoch) this.reset(epoch, seq)
    else this.#move(seq)
    // Also where nothing moved: a reader that stopped in a gap when we left goes on now.
    for (const reader of [...this.readers]) reader.moved()
  }

  /** History was restored or lost. */
  reset(epoch: number, seq: number): void {
    this.epoch = epoch
    this.through = seq
    this.head = seq
    for (const reader of [...this.readers]) reader.reset({ epoch, seq })
  }

  /** Returns whether it is new: a repeat is dropped. */
  entry(epoch: number, entry: Entry): boolean {
    if (!this.#isPresent(epoch, entry.seq - 1) || entry.seq <= this.through) return false
    this.through = entry.seq
    this.head = Math.max(this.head, entry.seq)
    for (const reader of [...this.readers]) reader.pushed(entry)
    return true
  }

  gap(epoch: number, to: number): void {
    if (this.#isPresent(epoch, to) && this.#move(to)) for (const reader of [...this.readers]) reader.moved()
  }

  left(): void {
    this.isMember = false
    this.isOpen = false
    for (const reader of [...this.readers]) reader.left()
  }

  /** Whether a push belongs to the history we are in. One of a later history begins it; one of an earlier is dropped. */
  #isPresent(epoch: number, before: number): boolean {
    if (this.epoch === undefined) this.#begin(epoch, before)
    else if (epoch > this.epoch) this.reset(epoch, before)
    return epoch === this.epoch
  }

  #begin(epoch: number, seq: number): void {
    this.epoch = epoch
    this.through = seq
    this.head = Math.max(this.head, seq)
    for (const reader of [...this.readers]) reader.began({ epoch, seq })
  }

  #move(through: number): boolean {
    if (through <= this.through) return false
    this.through = through
    this.head = Math.max(this.head, through)
    return true
  }
}
