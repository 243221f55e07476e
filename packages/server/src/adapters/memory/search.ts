import { Failure } from '../../ports/failure.ts'
import type { Offset } from '../../ports/log.ts'
import {
  compareHits,
  judge,
  type SearchDocument,
  type SearchIndex,
  type SearchQuery,
  type SearchWrite,
} from '../../ports/search.ts'
import type { RoomId } from '../../ports/store.ts'
import { between, type Faults } from './faults.ts'

/** There is only ever one. */
const NAME = 'memory'

/** An index in memory that looks at every message of the rooms asked for. */
export class MemorySearch implements SearchIndex {
  readonly visibleAtOnce = true
  readonly #faults: Faults
  readonly #rooms = new Map<RoomId, Map<number, SearchDocument>>()
  readonly #heads = new Map<RoomId, number>()
  readonly #progress = new Map<number, Offset>()
  #closed = false

  constructor(faults: Faults) {
    this.#faults = faults
  }

  open(): Promise<string> {
    return this.#ask(() => NAME)
  }

  write(request: SearchWrite): Promise<readonly SearchDocument[]> {
    return between(this.#faults, { call: 'index', request }, () => {
      this.#checkOpen()
      if (request.into !== undefined && request.into !== NAME)
        throw new Failure('lost', 'the index is another one than it was')
      for (const document of request.documents) this.#put(document)
      for (const [room, head] of request.heads) this.#heads.set(room, Math.max(head, this.#heads.get(room) ?? 0))
      if (request.through !== undefined) this.#progress.set(request.through.partition, request.through.next)
      return []
    })
  }

  progress(partition: number): Promise<Offset | undefined> {
    return this.#ask(() => this.#progress.get(partition))
  }

  heads(rooms: readonly RoomId[]): Promise<ReadonlyMap<RoomId, number>> {
    return this.#ask(() => {
      const heads = new Map<RoomId, number>()
      for (const room of rooms) {
        const head = this.#heads.get(room)
        if (head !== undefined) heads.set(room, head)
      }
      return heads
    })
  }

  refresh(): Promise<void> {
    return this.#ask(() => {})
  }

  seqs(room: RoomId, after: number, seqsMax: number): Promise<readonly number[]> {
    return this.#ask(() =>
      [...(this.#rooms.get(room)?.keys() ?? [])]
        .filter((seq) => seq > after)
        .sort((a, b) => a - b)
        .slice(0, seqsMax),
    )
  }

  query(request: SearchQuery) {
    return between(this.#faults, { call: 'query', request }, () => {
      this.#checkOpen()
      const hits = [...new Set(request.rooms)]
        .flatMap((room) => [...(this.#rooms.get(room)?.values() ?? [])])
        .flatMap((document) => judge(document, request) ?? [])
        .sort(compareHits)
        .slice(0, request.hitsMax)
      return { hits, partial: false }
    })
  }

  close(): void {
    this.#closed = true
  }

  #put(document: SearchDocument): void {
    const room = this.#rooms.get(document.room) ?? new Map<number, SearchDocument>()
    this.#rooms.set(document.room, room)
    const there = room.get(document.seq)
    if (there === undefined || document.version > there.version) room.set(document.seq, { ...document })
  }

  #ask<T>(answer: () => T): Promise<T> {
    return between(this.#faults, { call: 'indexed' }, () => {
      this.#checkOpen()
      return answer()
    })
  }

  #checkOpen(): void {
    if (this.#closed) throw new Failure('closed', 'the search index was closed')
  }
}
