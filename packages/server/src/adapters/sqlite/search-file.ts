import type { DatabaseSync } from 'node:sqlite'
import { Failure } from '../../ports/failure.ts'
import type { Offset } from '../../ports/log.ts'
import type { SearchDocument, SearchDrafts, SearchIndex, SearchQuery, SearchWrite } from '../../ports/search.ts'
import type { RoomId } from '../../ports/store.ts'
import { Connection } from './connection.ts'
import { REPLACEMENT, SearchTables, tablesOf } from './search-tables.ts'

export interface SearchFileOptions {
  readonly file: string
  readonly readOnly: boolean
}

const CACHE_BYTES_MAX = 8 << 20

/**
 * search.db: the index that is searched, and beside it the draft of another one, if somebody is making one: be it in another process.
 * Commits are not synced: documents, heads and progress share one transaction, so a power cut takes them together and the feed brings them again.
 */
export class SearchFile implements SearchIndex, SearchDrafts {
  readonly visibleAtOnce = true
  readonly #connection: Connection
  readonly #searched: SearchTables
  #draft: SearchTables | undefined

  constructor({ file, readOnly }: SearchFileOptions) {
    this.#connection = new Connection({
      file,
      synchronous: 'NORMAL',
      readOnly,
      cacheBytesMax: CACHE_BYTES_MAX,
      // What the first format held is made again: nothing of it is worth moving.
      migrations: [() => {}, create],
    })
    this.#searched = new SearchTables(this.#connection, '')
  }

  async open(): Promise<string> {
    return this.#connection.ask(() => this.#searched.name())
  }

  current(): Promise<string> {
    return this.open()
  }

  async draft(): Promise<string> {
    return this.#connection.transaction(() => {
      if (!this.#hasDraft()) this.#connection.alter(tablesOf('draft_'))
      return this.#draftTables().name()
    })
  }

  async publish(draft: string): Promise<void> {
    this.#connection.transaction(() => {
      if (this.#searched.name() === draft) return
      this.#named(draft)
      this.#connection.alter(REPLACEMENT)
    })
    this.#draft = undefined
  }

  async write({ into, documents, heads, through }: SearchWrite): Promise<readonly SearchDocument[]> {
    let tables: SearchTables | undefined
    try {
      return this.#connection.transaction(() => {
        tables = this.#named(into)
        const refused = tables.put(documents)
        tables.raiseHeads(heads)
        if (through !== undefined) tables.putProgress(through.partition, through.next)
        return refused
      })
    } catch (error) {
      tables?.forgetRows()
      throw error
    }
  }

  async progress(partition: number): Promise<Offset | undefined> {
    return this.#connection.ask(() => this.#searched.progress(partition))
  }

  async heads(rooms: readonly RoomId[], of?: string): Promise<ReadonlyMap<RoomId, number>> {
    return this.#connection.snapshot(() => this.#named(of).heads(rooms))
  }

  async refresh(of?: string): Promise<void> {
    this.#connection.snapshot(() => this.#named(of))
  }

  async seqs(room: RoomId, after: number, seqsMax: number): Promise<readonly number[]> {
    return this.#connection.ask(() => this.#searched.seqs(room, after, seqsMax))
  }

  async query(query: SearchQuery) {
    if (query.wanted.length === 0 || query.rooms.length === 0) return { hits: [], partial: false }
    return { hits: this.#connection.snapshot(() => this.#named(query.of).query(query)), partial: false }
  }

  close(): void {
    this.#connection.close()
  }

  /** Throws a Failure of class lost where there is none of this name. */
  #named(name: string | undefined): SearchTables {
    if (name === undefined || name === this.#searched.name()) return this.#searched
    if (this.#hasDraft() && this.#draftTables().name() === name) return this.#draftTables()
    throw new Failure('lost', 'the search index is another one than it was: it has to be filled anew')
  }

  #hasDraft(): boolean {
    const sql = "SELECT count(*) AS tables FROM sqlite_master WHERE name = 'draft_incarnation'"
    return this.#connection.prepare(sql).get()?.tables === 1
  }

  #draftTables(): SearchTables {
    this.#draft ??= new SearchTables(this.#connection, 'draft_')
    return this.#draft
  }
}

/** What an older index had comes again from the feed and the store. */
function create(database: DatabaseSync): void {
  for (const table of ['words', 'places', 'heads', 'progress']) database.exec(`DROP TABLE IF EXISTS ${table}`)
  for (const sql of tablesOf('')) database.exec(sql)
}
