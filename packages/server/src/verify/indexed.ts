import { partitionOf } from '../core/identity.ts'
import { indexedSeq } from '../core/indexed.ts'
import type { SearchIndex } from '../ports/search.ts'
import type { RoomId } from '../ports/store.ts'
import { partitionsOf, type Verified } from './verify.ts'

const SEQS_MAX = 1_000

/** Through which seq each of these rooms is indexed, of the history that holds. */
export async function roomsIndexedThrough(
  { search, timeline, feed }: Pick<Verified, 'search' | 'timeline' | 'feed'>,
  rooms: readonly RoomId[],
): Promise<ReadonlyMap<RoomId, number>> {
  const heads = await search.heads(rooms)
  const epochs = await Promise.all(partitionsOf(feed).map((partition) => timeline.epoch(partition)))
  return new Map(
    rooms.map((room) => [room, indexedSeq(heads.get(room), epochs[partitionOf(room, epochs.length)] ?? 0)]),
  )
}

/** The seqs of a room that are in the index, beside the ascending seqs of its entries: asked for in order, held a piece at a time. */
export class IndexedSeqs {
  readonly #search: Pick<SearchIndex, 'seqs'>
  readonly #room: RoomId
  #piece: readonly number[] = []
  #next = 0
  #after = 0
  #isEnded = false
  /** Seqs of the index that no entry asked for. */
  #passed: number[] = []

  constructor(search: Pick<SearchIndex, 'seqs'>, room: RoomId) {
    this.#search = search
    this.#room = room
  }

  /** Whether this seq, above every one asked for before, is in the index. */
  async has(seq: number): Promise<boolean> {
    for (let indexed = await this.#peek(); indexed !== undefined && indexed <= seq; indexed = await this.#peek()) {
      this.#next++
      if (indexed === seq) return true
      this.#passed.push(indexed)
    }
    return false
  }

  /** What the index has between the seqs asked for: it stands for no entry. */
  takePassed(): readonly number[] {
    const passed = this.#passed
    this.#passed = []
    return passed
  }

  /** What is left of the index up to and with this seq. */
  async upTo(seq: number): Promise<readonly number[]> {
    if (await this.has(seq)) this.#passed.push(seq)
    return this.takePassed()
  }

  async #peek(): Promise<number | undefined> {
    if (this.#next < this.#piece.length) return this.#piece[this.#next]
    if (this.#isEnded) return undefined
    this.#piece = await this.#search.seqs(this.#room, this.#after, SEQS_MAX)
    this.#next = 0
    this.#after = this.#piece.at(-1) ?? this.#after
    this.#isEnded = this.#piece.length === 0
    return this.#piece[0]
  }
}
