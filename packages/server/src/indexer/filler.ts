import { tokens } from '../core/tokens.ts'
import type { SearchDocument } from '../ports/search.ts'
import type { EntryDocument, HistoryStore, RoomId } from '../ports/store.ts'
import type { IndexerObserver, IndexerSettings } from './settings.ts'
import type { Writer } from './writer.ts'

export interface FillOptions {
  readonly history: HistoryStore
  readonly writer: Writer
  readonly settings: IndexerSettings
  readonly observer: IndexerObserver
}

/** Brings a room's entries above `after` and below `before` from the store into the index, page by page. Returns the seq it reached. */
export async function fill(
  { history, writer, settings, observer }: FillOptions,
  room: RoomId,
  after: number,
  before: number | undefined,
): Promise<number> {
  const page = { room, user: undefined, before, entriesMax: settings.fillEntriesMax }
  for (let reached = after; ; ) {
    const { entries } = await writer.until(() => history.view({ ...page, after: reached }))
    const last = entries.at(-1)
    if (last === undefined) return reached
    const documents = entries.flatMap(documentOf)
    await writer.write({ documents, heads: new Map([[room, last.seq]]), through: undefined })
    observer.filled(documents.length)
    reached = last.seq
  }
}

/** What search knows of an entry: nothing, where it has no text. */
function documentOf({ room, seq, id, sender, at, content }: EntryDocument): SearchDocument[] {
  return content.kind === 'message' ? [{ room, seq, id, sender, at, tokens: tokens(content.text).join(' ') }] : []
}
