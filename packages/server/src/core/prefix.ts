import type { Offset } from '../ports/log.ts'

/**
 * Which records of a partition are finished, and up to where all of them are: only that may be committed.
 * Invariant: `#open` holds the unfinished records in rising order of their offsets; everything else below `end` is finished.
 * So what is finished above an unfinished one takes no memory: the ranges are what lies between the open ones.
 */
export class Prefix<Item> {
  readonly #open = new Map<Offset, Item>()
  #end: Offset

  constructor(start: Offset) {
    this.#end = start
  }

  /** A record was read. Offsets rise; numbers left out count as finished. */
  open(offset: Offset, item: Item): void {
    if (offset < this.#end) throw new Error(`offset ${offset} was read after ${this.#end - 1}`)
    this.#open.set(offset, item)
    this.#end = offset + 1
  }

  /** May be repeated. */
  finish(offset: Offset): void {
    this.#open.delete(offset)
  }

  /** Everything below is finished. */
  get next(): Offset {
    for (const offset of this.#open.keys()) return offset
    return this.#end
  }

  /** What `next` will be once every record for which `ends` holds is finished. */
  nextOnce(ends: (item: Item) => boolean): Offset {
    for (const [offset, item] of this.#open) if (!ends(item)) return offset
    return this.#end
  }

  /** One above the highest offset read. */
  get end(): Offset {
    return this.#end
  }

  /** The oldest unfinished record. */
  get oldest(): Item | undefined {
    for (const item of this.#open.values()) return item
    return undefined
  }

  get unfinished(): number {
    return this.#open.size
  }

  /** How far reading is ahead of what may be committed, in offsets: at most this many records come again after a crash. */
  get spread(): number {
    return this.#end - this.next
  }
}
