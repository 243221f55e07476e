import { partitionOf } from '../core/identity.ts'
import { documentsOf, indexedSeq, indexHead } from '../core/indexed.ts'
import type { Offset } from '../ports/log.ts'
import type { SearchDocument, SearchDrafts, SearchIndex } from '../ports/search.ts'
import type { HistoryStore, RoomId } from '../ports/store.ts'
import { entriesOf } from './filler.ts'
import type { IndexerSettings } from './settings.ts'
import type { Writer } from './writer.ts'

export interface RebuildOptions {
  readonly history: HistoryStore
  readonly search: SearchIndex & SearchDrafts
  /** Writes to the same index. */
  readonly writer: Writer
  /** Of the feed. */
  readonly partitions: number
  readonly settings: IndexerSettings
  /** Told now and then. */
  readonly progress: (made: Made) => void
}

/** What has been done so far. */
export interface Made {
  /** The first pass brings what there is; each later one what was said during the one before. */
  readonly passes: number
  /** Brought into the new index, events without text included. */
  readonly entries: number
  /** How many there are, as far as is known. */
  readonly all: number
  /** Of the store. */
  readonly rooms: number
}

/** As many as one write of a search cluster takes. */
const BATCH_DOCUMENTS = 1_000

/**
 * Makes the index anew from the store, beside the one that is searched, and puts it in its place (I10). May be broken off at any moment, and begun again:
 * it goes on where it was. What is said while the last pass runs is not in it yet: its indexers find themselves in another index then, and bring the rest.
 * Rejects with a Failure where the index cannot be written at all, and with one of class lost where somebody else has published the draft.
 */
export async function rebuild(options: RebuildOptions): Promise<Made> {
  const { search, writer } = options
  const draft = await search.draft()
  let made: Made = { passes: 0, entries: 0, all: 0, rooms: 0 }
  for (let before = Number.POSITIVE_INFINITY; ; ) {
    const positions = await positionsOf(options)
    const pass = new Pass(options, draft, made)
    made = await pass.run()
    // While people talk there is always something: it is as near as it gets once a pass is no shorter than the one before.
    if (pass.entries > 0 && pass.entries < before) {
      before = pass.entries
      continue
    }
    for (const [partition, next] of positions)
      await writer.write({ into: draft, documents: [], heads: new Map(), through: { partition, next } })
    await writer.until(() => search.publish(draft))
    return made
  }
}

/** Where the feed is: all that was published by now is in the store, and so will be in a draft that a pass goes over from here. */
async function positionsOf({ search, writer, partitions }: RebuildOptions): Promise<ReadonlyMap<number, Offset>> {
  const positions = new Map<number, Offset>()
  for (let partition = 0; partition < partitions; partition++) {
    const next = await writer.until(() => search.progress(partition))
    if (next !== undefined) positions.set(partition, next)
  }
  return positions
}

/** Once over every room. */
class Pass {
  readonly #options: RebuildOptions
  readonly #draft: string
  readonly #before: Made
  /** Brought in by this pass. */
  entries = 0
  #documents: SearchDocument[] = []
  #heads = new Map<RoomId, number>()
  #collected = 0
  #writing: Promise<void> = Promise.resolve()
  #all = 0
  #rooms = 0

  constructor(options: RebuildOptions, draft: string, before: Made) {
    this.#options = options
    this.#draft = draft
    this.#before = before
  }

  async run(): Promise<Made> {
    const { history, search, writer, settings, partitions, progress } = this.#options
    const { epochs } = await writer.until(() => history.survey([], []))
    await writer.until(() => search.refresh(this.#draft))
    await this.#count()
    for await (const page of this.#pages()) {
      const heads = await writer.until(() =>
        search.heads(
          page.map(({ room }) => room),
          this.#draft,
        ),
      )
      for (const { room, head } of page) {
        let epoch = epochs[partitionOf(room, partitions)] ?? 0
        for (let after = indexedSeq(heads.get(room), epoch); after < head; ) {
          const part = await entriesOf({ history, writer }, { room, after, epoch, entriesMax: settings.fillEntriesMax })
          if (part.epoch > epoch) {
            // What the draft has below is of a history that may be no more.
            epoch = part.epoch
            after = 0
            continue
          }
          const last = part.entries.at(-1)
          if (last === undefined) break
          this.#documents.push(...part.entries.flatMap((entry) => documentsOf(entry, part.epoch)))
          this.#heads.set(room, indexHead(part.epoch, last.seq))
          this.#collected += part.entries.length
          after = last.seq
          if (this.#documents.length >= BATCH_DOCUMENTS || this.#heads.size >= BATCH_DOCUMENTS) await this.#write()
        }
      }
    }
    await this.#write()
    await this.#writing
    progress(this.#made)
    return this.#made
  }

  get #made(): Made {
    return {
      passes: this.#before.passes + 1,
      entries: this.#before.entries + this.entries,
      all: this.#all,
      rooms: this.#rooms,
    }
  }

  async #count(): Promise<void> {
    for await (const page of this.#pages()) {
      this.#rooms += page.length
      for (const { head } of page) this.#all += head
    }
  }

  async *#pages(): AsyncGenerator<Awaited<ReturnType<HistoryStore['rooms']>>> {
    const { history, writer, settings } = this.#options
    for (let after: RoomId | undefined; ; ) {
      const from = after
      const page = await writer.until(() => history.rooms(from, settings.sweepRoomsMax))
      after = page.at(-1)?.room
      if (after === undefined) return
      yield page
    }
  }

  /** Begins to write what is collected: the next entries are read meanwhile. */
  async #write(): Promise<void> {
    await this.#writing
    this.#options.progress(this.#made)
    if (this.#collected === 0) return
    const [documents, heads, collected] = [this.#documents, this.#heads, this.#collected]
    this.#documents = []
    this.#heads = new Map()
    this.#collected = 0
    this.#writing = this.#options.writer.write({ into: this.#draft, documents, heads, through: undefined }).then(() => {
      this.entries += collected
    })
    // Whoever waits for it next hears of it.
    this.#writing.catch(() => {})
  }
}
