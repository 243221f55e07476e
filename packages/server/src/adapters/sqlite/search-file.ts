import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Offset } from '../../ports/log.ts'
import type { SearchDocument, SearchHit, SearchIndex, SearchQuery, SearchWrite } from '../../ports/search.ts'
import type { RoomId, Timestamp } from '../../ports/store.ts'
import { Connection } from './connection.ts'
import { isDuplicate, isPoison } from './failures.ts'

export interface SearchFileOptions {
  readonly file: string
  readonly readOnly: boolean
}

const CACHE_BYTES_MAX = 8 << 20

/** The low bits of a row's number: so many messages may share one millisecond. */
const ROWS_PER_MS = 2n ** 16n
/** From here on (the year 4199) rows stand in the order they came: numbers of 63 bits end there. */
const AT_MAX = 2 ** 46 - 1
const END_OF_ROWS = 2n ** 63n - 1n

/**
 * search.db: tokens in FTS5, which keeps no text. A row's number begins with its time, so the newest hits come first out of
 * the index itself: sorting all the hits of a common word would block everybody for as long.
 * Commits are not synced: documents, heads and progress share one transaction, so a power cut takes them together and the feed brings them again.
 */
export class SearchFile implements SearchIndex {
  readonly visibleAtOnce = true
  readonly #connection: Connection
  readonly #rowAt: StatementSync
  readonly #lastRow: StatementSync
  readonly #insertPlace: StatementSync
  readonly #insertTokens: StatementSync
  readonly #deletePlace: StatementSync
  readonly #deleteTokens: StatementSync
  readonly #raiseHead: StatementSync
  readonly #putProgress: StatementSync
  readonly #progress: StatementSync
  readonly #head: StatementSync
  readonly #seqs: StatementSync
  readonly #query: StatementSync
  /** The highest number given, or an upper bound of it; undefined while it has to be read. */
  #newestRow: bigint | undefined

  constructor({ file, readOnly }: SearchFileOptions) {
    const connection = new Connection({
      file,
      synchronous: 'NORMAL',
      readOnly,
      cacheBytesMax: CACHE_BYTES_MAX,
      migrations: [create],
    })
    this.#connection = connection
    // Whatever runs after an insert reports the number of its row, which is too large for anything but a BigInt.
    const prepareBig = (sql: string) => {
      const statement = connection.prepare(sql)
      statement.setReadBigInts(true)
      return statement
    }
    this.#rowAt = prepareBig('SELECT row FROM places WHERE room = ? AND seq = ?')
    this.#lastRow = prepareBig('SELECT max(row) AS row FROM places WHERE row >= ? AND row < ?')
    this.#insertPlace = prepareBig('INSERT INTO places (row, room, seq, at) VALUES (?, ?, ?, ?)')
    this.#insertTokens = prepareBig('INSERT INTO words (rowid, tokens) VALUES (?, ?)')
    this.#deletePlace = prepareBig('DELETE FROM places WHERE row = ?')
    this.#deleteTokens = prepareBig('DELETE FROM words WHERE rowid = ?')
    this.#raiseHead = prepareBig(
      `INSERT INTO heads (room, head) VALUES (?, ?)
       ON CONFLICT (room) DO UPDATE SET head = excluded.head WHERE excluded.head > head`,
    )
    this.#putProgress = prepareBig('INSERT OR REPLACE INTO progress (partition, next) VALUES (?, ?)')
    this.#progress = connection.prepare('SELECT next FROM progress WHERE partition = ?')
    this.#head = connection.prepare('SELECT head FROM heads WHERE room = ?')
    this.#seqs = connection.prepare('SELECT seq FROM places WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?')
    this.#query = connection.prepare(
      `SELECT places.room, places.seq, places.at FROM words JOIN places ON places.row = words.rowid
       WHERE words MATCH ? AND places.room IN (SELECT value FROM json_each(?))
       ORDER BY words.rowid DESC LIMIT ?`,
    )
  }

  async write({ documents, heads, through }: SearchWrite): Promise<readonly SearchDocument[]> {
    try {
      return this.#connection.transaction(() => {
        const refused = documents.filter((document) => !this.#put(document))
        for (const [room, head] of heads) this.#raiseHead.run(room, head)
        if (through !== undefined) this.#putProgress.run(through.partition, through.next)
        return refused
      })
    } catch (error) {
      this.#newestRow = undefined
      throw error
    }
  }

  async progress(partition: number): Promise<Offset | undefined> {
    const next = this.#connection.ask(() => this.#progress.get(partition))?.next
    return typeof next === 'number' ? next : undefined
  }

  async heads(rooms: readonly RoomId[]): Promise<ReadonlyMap<RoomId, number>> {
    return this.#connection.snapshot(() => {
      const heads = new Map<RoomId, number>()
      for (const room of rooms) {
        const head = this.#head.get(room)?.head
        if (typeof head === 'number') heads.set(room, head)
      }
      return heads
    })
  }

  async refresh(): Promise<void> {
    this.#connection.ask(() => {})
  }

  async seqs(room: RoomId, after: number, seqsMax: number): Promise<readonly number[]> {
    return this.#connection.ask(() => this.#seqs.all(room, after, seqsMax)).map(({ seq }) => Number(seq))
  }

  async query({ phrases, rooms, hitsMax }: SearchQuery) {
    const words = phrases.filter((phrase) => phrase.length > 0).map(quoted)
    if (words.length === 0) return { hits: [], partial: false }
    const hits = this.#connection.ask(() => this.#query.all(words.join(' AND '), JSON.stringify(rooms), hitsMax))
    return { hits: hits.map((hit) => ({ ...hit }) as unknown as SearchHit), partial: false }
  }

  close(): void {
    this.#connection.close()
  }

  /** Whether the document is in now. */
  #put({ room, seq, at, tokens }: SearchDocument): boolean {
    const row = this.#freeRow(at)
    try {
      this.#insertTokens.run(row, tokens)
    } catch (error) {
      if (isPoison(error)) return false
      throw error
    }
    this.#place(row, room, seq, at)
    return true
  }

  /** A place is taken only where a document comes again, so nobody looks before: the older one goes then. */
  #place(row: bigint, room: RoomId, seq: number, at: Timestamp): void {
    try {
      this.#insertPlace.run(row, room, seq, at)
    } catch (error) {
      const old = isDuplicate(error) ? this.#rowAt.get(room, seq)?.row : undefined
      if (typeof old !== 'bigint') throw error
      this.#deleteTokens.run(old)
      this.#deletePlace.run(old)
      this.#insertPlace.run(row, room, seq, at)
    }
  }

  /** The number behind the last one of this millisecond, or of the first later one that is not full. */
  #freeRow(at: Timestamp): bigint {
    this.#newestRow ??= this.#lastOf(0n, END_OF_ROWS) ?? -1n
    for (let ms = BigInt(Math.min(at, AT_MAX)); ; ms++) {
      const [first, end] = [ms * ROWS_PER_MS, (ms + 1n) * ROWS_PER_MS]
      // What is new is the newest: only what comes from earlier times has to look for its neighbours.
      const last = this.#newestRow < end ? this.#newestRow : (this.#lastOf(first, end) ?? -1n)
      const row = last < first ? first : last + 1n
      if (row >= end) continue
      if (row > this.#newestRow) this.#newestRow = row
      return row
    }
  }

  #lastOf(first: bigint, end: bigint): bigint | undefined {
    const row = this.#lastRow.get(first, end)?.row
    return typeof row === 'bigint' ? row : undefined
  }
}

/** A phrase in FTS5's query language: adjacent tokens, whatever they contain. */
function quoted(phrase: readonly string[]): string {
  return `"${phrase.join(' ').replaceAll('"', '""')}"`
}

function create(database: DatabaseSync): void {
  // The tokens are ours: this tokenizer only has to part them at the blanks.
  database.exec(`
    CREATE VIRTUAL TABLE words USING fts5 (
      tokens, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '_'"
    );
    CREATE TABLE places (row INTEGER PRIMARY KEY, room TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, UNIQUE (room, seq));
    CREATE TABLE heads (room TEXT PRIMARY KEY, head INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE progress (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);
  `)
}
