import { Failure } from '../../ports/failure.ts'
import type { Offset } from '../../ports/log.ts'
import {
  compareHits,
  judge,
  type SearchDocument,
  type SearchDrafts,
  type SearchIndex,
  type SearchQuery,
  type SearchWrite,
} from '../../ports/search.ts'
import type { RoomId } from '../../ports/store.ts'
import { between, type Faults } from './faults.ts'

/** One index: what is searched, or a draft. */
class Index {
  readonly name: string
  readonly rooms = new Map<RoomId, Map<number, SearchDocument>>()
  readonly heads = new Map<RoomId, number>()
  readonly progress = new Map<number, Offset>()

  constructor(name: string) {
    this.name = name
  }

  put(document: SearchDocument): void {
    const room = this.rooms.get(document.room) ?? new Map<number, SearchDocument>()
    this.rooms.set(document.room, room)
    const there = room.get(document.seq)
    if (there === undefined || document.version > there.version) room.set(document.seq, { ...document })
  }
}

/** An index in memory that looks at every message of the rooms asked for. */
export class MemorySearch implements SearchIndex, SearchDrafts {
  readonly visibleAtOnce = true
  readonly #faults: Faults
  #made = 1
  #searched = new Index('memory-1')
  #draft: Index | undefined
  #closed = false

  constructor(faults: Faults) {
    this.#faults = faults
  }

  open(): Promise<string> {
    return this.#ask(() => this.#searched.name)
  }

  async current(): Promise<string> {
    this.#checkOpen()
    return this.#searched.name
  }

  draft(): Promise<string> {
    return this.#ask(() => {
      this.#draft ??= new Index(`memory-${++this.#made}`)
      return this.#draft.name
    })
  }

  publish(draft: string): Promise<void> {
    return this.#ask(() => {
      this.#searched = this.#named(draft)
      if (this.#searched === this.#draft) this.#draft = undefined
    })
  }

  write(request: SearchWrite): Promise<readonly SearchDocument[]> {
    return between(this.#faults, { call: 'index', request }, () => {
      this.#checkOpen()
      const index = this.#named(request.into)
      for (const document of request.documents) index.put(document)
      for (const [room, head] of request.heads) index.heads.set(room, Math.max(head, index.heads.get(room) ?? 0))
      if (request.through !== undefined) index.progress.set(request.through.partition, request.through.next)
      return []
    })
  }

  progress(partition: number): Promise<Offset | undefined> {
    return this.#ask(() => this.#searched.progress.get(partition))
  }

  heads(rooms: readonly RoomId[], of?: string): Promise<ReadonlyMap<RoomId, number>> {
    return this.#ask(() => {
      const index = this.#named(of)
      const heads = new Map<RoomId, number>()
      for (const room of rooms) {
        const head = index.heads.get(room)
        if (head !== undefined) heads.set(room, head)
      }
      return heads
    })
  }

  refresh(of?: string): Promise<void> {
    return this.#ask(() => void this.#named(of))
  }

  seqs(room: RoomId, after: number, seqsMax: number): Promise<readonly number[]> {
    return this.#ask(() =>
      [...(this.#searched.rooms.get(room)?.keys() ?? [])]
        .filter((seq) => seq > after)
        .sort((a, b) => a - b)
        .slice(0, seqsMax),
    )
  }

  query(request: SearchQuery) {
    return between(this.#faults, { call: 'query', request }, () => {
      this.#checkOpen()
      const { rooms } = this.#named(request.of)
      const hits = [...new Set(request.rooms)]
        .flatMap((room) => [...(rooms.get(room)?.values() ?? [])])
        .flatMap((document) => judge(document, request) ?? [])
        .sort(compareHits)
        .slice(0, request.hitsMax)
      return { hits, partial: false }
    })
  }

  close(): void {
    this.#closed = true
  }

  /** Throws a Failure of class lost. */
  #named(name: string | undefined): Index {
    const index = [this.#searched, this.#draft].find((index) => name === undefined || index?.name === name)
    if (index === undefined) throw new Failure('lost', `the index is another one than ${name}`)
    return index
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
