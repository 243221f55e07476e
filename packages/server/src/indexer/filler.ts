import { documentsOf, indexHead } from '../core/indexed.ts'
import { Failure } from '../ports/failure.ts'
import type { HistoryStore, RoomId, RoomView } from '../ports/store.ts'
import type { IndexerObserver, IndexerSettings } from './settings.ts'
import type { Writer } from './writer.ts'

export interface FillOptions {
  readonly history: HistoryStore
  readonly writer: Writer
  readonly settings: IndexerSettings
  readonly observer: IndexerObserver
}

/** Of a room: which of its entries, and the epoch under which they were asked for. */
export interface Gap {
  readonly room: RoomId
  readonly after: number
  readonly before?: number
  readonly epoch: number
  /** The index that lacks them. */
  readonly into: string
}

/** Brings a room's entries of this gap from the store into the index, page by page. */
export async function fill({ history, writer, settings, observer }: FillOptions, gap: Gap): Promise<void> {
  const { room, into } = gap
  const page = { ...gap, entriesMax: settings.fillEntriesMax }
  for (let { after, epoch: known } = gap; ; ) {
    const { entries, epoch } = await entriesOf({ history, writer }, { ...page, after })
    if (epoch > known) {
      // What the index has below is of a history that may be no more.
      after = 0
      known = epoch
      continue
    }
    const last = entries.at(-1)
    if (last === undefined) return
    const documents = entries.flatMap((entry) => documentsOf(entry, epoch))
    await writer.write({ into, documents, heads: new Map([[room, indexHead(epoch, last.seq)]]), through: undefined })
    observer.filled(documents.length)
    after = last.seq
  }
}

/** A room's entries from the store, as it is in this epoch or in a later one. */
export function entriesOf(
  { history, writer }: Pick<FillOptions, 'history' | 'writer'>,
  { room, after, before, epoch, entriesMax }: Omit<Gap, 'into'> & { readonly entriesMax: number },
): Promise<Pick<RoomView, 'entries' | 'epoch'>> {
  return writer.until(async () => {
    const view = await history.view({ room, user: undefined, after, before, entriesMax })
    // What was read before a restore may be of what is no more.
    if (view.epoch < epoch) throw new Failure('transient', `the store shows epoch ${view.epoch} of ${epoch}`)
    return view
  })
}
