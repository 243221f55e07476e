import type { StatementSync } from 'node:sqlite'
import type { Offset } from '../../ports/log.ts'
import {
  compareHits,
  type SearchDocument,
  type SearchHit,
  type SearchPhrase,
  type SearchQuery,
} from '../../ports/search.ts'
import type { RoomId, Timestamp } from '../../ports/store.ts'
import type { Connection } from './connection.ts'
import { isDuplicate, isPoison } from './failures.ts'

/** The low bits of a row's number: so many messages may share one millisecond. Of more, pages do not know the order, and may leave some out. */
const ROWS_PER_MS = 2n ** 16n
/** From here on (the year 4199) rows stand in the order they came: numbers of 63 bits end there. */
const AT_MAX = 2 ** 46 - 1
const END_OF_ROWS = 2n ** 63n - 1n

/** Which of a file's indexes: the one that is searched, or the one that is being made beside it. */
export type TablePrefix = '' | 'draft_'

/**
 * The tables of one index: tokens in FTS5, which keeps no text. A row's number begins with its time, so the newest hits come first out of the index
 * itself: sorting all the hits of a common word would block everybody for as long. Whoever calls has begun a transaction, or a snapshot.
 */
export class SearchTables {
  readonly #name: StatementSync
  readonly #others: StatementSync
  readonly #placeOf: StatementSync
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
  readonly #hitsBelow: StatementSync
  readonly #hitsWithin: StatementSync
  /** The highest number given, or an upper bound of it; undefined while it has to be read. */
  #newestRow: bigint | undefined
  /** Whose rows these are, and as of which write of another process: one may have written more, or put another index in this one's place. */
  #rowsOf = ''

  constructor(connection: Connection, prefix: TablePrefix) {
    // Whatever runs after an insert reports the number of its row, which is too large for anything but a BigInt.
    const prepareBig = (sql: string) => {
      const statement = connection.prepare(sql)
      statement.setReadBigInts(true)
      return statement
    }
    this.#placeOf = prepareBig(`SELECT row, version FROM ${prefix}places WHERE room = ? AND seq = ?`)
    this.#lastRow = prepareBig(`SELECT max(row) AS row FROM ${prefix}places WHERE row >= ? AND row < ?`)
    this.#insertPlace = prepareBig(
      `INSERT INTO ${prefix}places (row, room, seq, at, sender, version) VALUES (?, ?, ?, ?, ?, ?)`,
    )
    this.#insertTokens = prepareBig(`INSERT INTO ${prefix}words (rowid, tokens, exact, room) VALUES (?, ?, ?, ?)`)
    this.#deletePlace = prepareBig(`DELETE FROM ${prefix}places WHERE row = ?`)
    this.#deleteTokens = prepareBig(`DELETE FROM ${prefix}words WHERE rowid = ?`)
    this.#raiseHead = prepareBig(
      `INSERT INTO ${prefix}heads (room, head) VALUES (?, ?)
       ON CONFLICT (room) DO UPDATE SET head = excluded.head WHERE excluded.head > head`,
    )
    this.#putProgress = prepareBig(`INSERT OR REPLACE INTO ${prefix}progress (partition, next) VALUES (?, ?)`)
    // Another number behind each write of another connection.
    this.#others = connection.prepare('PRAGMA data_version')
    this.#name = connection.prepare(`SELECT id FROM ${prefix}incarnation`)
    this.#progress = connection.prepare(`SELECT next FROM ${prefix}progress WHERE partition = ?`)
    this.#head = connection.prepare(`SELECT head FROM ${prefix}heads WHERE room = ?`)
    this.#seqs = connection.prepare(`SELECT seq FROM ${prefix}places WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?`)
    const hits = (bounds: string) =>
      `SELECT places.room, places.seq, places.at FROM ${prefix}words AS words JOIN ${prefix}places AS places ON places.row = words.rowid
       WHERE words.${prefix}words MATCH :match AND places.room IN (SELECT value FROM json_each(:rooms))
         AND (:sender IS NULL OR places.sender = :sender) AND ${bounds}
       ORDER BY words.rowid DESC LIMIT :limit`
    this.#hitsBelow = connection.prepare(hits('words.rowid < :end'))
    this.#hitsWithin = connection.prepare(hits('words.rowid >= :begin AND words.rowid < :end'))
  }

  /** What tells this index from every other. */
  name(): string {
    return String(this.#name.get()?.id)
  }

  /** Returns the documents that this engine can never take. */
  put(documents: readonly SearchDocument[]): readonly SearchDocument[] {
    const rowsOf = `${this.name()} ${this.#others.get()?.data_version}`
    if (rowsOf !== this.#rowsOf) this.forgetRows()
    this.#rowsOf = rowsOf
    return documents.filter((document) => !this.#put(document))
  }

  /** What was written was taken back. */
  forgetRows(): void {
    this.#newestRow = undefined
  }

  raiseHeads(heads: ReadonlyMap<RoomId, number>): void {
    for (const [room, head] of heads) this.#raiseHead.run(room, head)
  }

  putProgress(partition: number, next: Offset): void {
    this.#putProgress.run(partition, next)
  }

  progress(partition: number): Offset | undefined {
    const next = this.#progress.get(partition)?.next
    return typeof next === 'number' ? next : undefined
  }

  heads(rooms: readonly RoomId[]): ReadonlyMap<RoomId, number> {
    const heads = new Map<RoomId, number>()
    for (const room of rooms) {
      const head = this.#head.get(room)?.head
      if (typeof head === 'number') heads.set(room, head)
    }
    return heads
  }

  seqs(room: RoomId, after: number, seqsMax: number): readonly number[] {
    return this.#seqs.all(room, after, seqsMax).map(({ seq }) => Number(seq))
  }

  query(query: SearchQuery): readonly SearchHit[] {
    const { wanted, preferred, rooms, after, hitsMax } = query
    const phrases = wanted.map(expressionOf)
    if (rooms.length <= ROOMS_IN_MATCH_MAX) phrases.push(anyOf(rooms.map((room) => [`room : "${tokenOf(room)}"`])))
    const base = phrases.join(' AND ')
    const found: SearchHit[] = []
    for (let rank = after?.rank ?? preferred.length; rank >= 0 && found.length < hitsMax; rank--) {
      const behind = after?.rank === rank ? after : undefined
      const match = withExactly(rank, base, preferred.map(expressionOf))
      found.push(...this.#ranked({ ...query, match, rank }, behind, hitsMax - found.length))
    }
    return found
  }

  /** Hits of one rank, the newest first. Those of one moment stand in the order they came, so they are sorted, all or none of them. */
  #ranked(query: Ranked, after: SearchHit | undefined, hitsMax: number): readonly SearchHit[] {
    const hits = after === undefined ? [] : this.#ofMoment(query, after.at).filter((hit) => compareHits(after, hit) < 0)
    if (hits.length < hitsMax) {
      const end = after === undefined ? END_OF_ROWS : momentOf(after.at)
      const later = this.#hits(this.#hitsBelow, query, { end, limit: hitsMax - hits.length })
      const last = later.at(-1)?.at
      hits.push(...later.filter(({ at }) => at !== last))
      if (last !== undefined) hits.push(...this.#ofMoment(query, last))
    }
    return hits.sort(compareHits).slice(0, hitsMax)
  }

  #ofMoment(query: Ranked, at: Timestamp): SearchHit[] {
    const begin = momentOf(at)
    const end = at >= AT_MAX ? END_OF_ROWS : begin + ROWS_PER_MS
    return this.#hits(this.#hitsWithin, query, { begin, end, limit: Number(ROWS_PER_MS) }).filter(
      (hit) => hit.at === at,
    )
  }

  #hits(statement: StatementSync, { match, rooms, sender, rank }: Ranked, bounds: Record<string, bigint | number>) {
    const parameters = { match, rooms: JSON.stringify(rooms), sender: sender ?? null, ...bounds }
    return statement.all(parameters).map(({ room, seq, at }) => ({ room, seq, at, rank }) as SearchHit)
  }

  /** Whether this engine can take the document: it is in, or what is newer. */
  #put(document: SearchDocument): boolean {
    const row = this.#freeRow(document.at)
    try {
      this.#insertTokens.run(row, document.tokens, document.exact, tokenOf(document.room))
    } catch (error) {
      if (isPoison(error)) return false
      throw error
    }
    this.#place(row, document)
    return true
  }

  /** A place is taken only where a document comes again, so nobody looks before: the older one goes then. */
  #place(row: bigint, document: SearchDocument): void {
    const { room, seq, at, sender, version } = document
    try {
      this.#insertPlace.run(row, room, seq, at, sender, version)
    } catch (error) {
      const there = isDuplicate(error) ? this.#placeOf.get(room, seq) : undefined
      if (typeof there?.row !== 'bigint' || typeof there.version !== 'bigint') throw error
      const isStale = there.version >= BigInt(version)
      this.#deleteTokens.run(isStale ? row : there.row)
      if (isStale) return
      this.#deletePlace.run(there.row)
      this.#insertPlace.run(row, room, seq, at, sender, version)
    }
  }

  /** The number behind the last one of this millisecond, or of the first later one that is not full. */
  #freeRow(at: Timestamp): bigint {
    this.#newestRow ??= this.#lastOf(0n, END_OF_ROWS) ?? -1n
    for (let first = momentOf(at); ; first += ROWS_PER_MS) {
      const end = first + ROWS_PER_MS
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

/** What makes the tables of an index, with a name of its own. */
export function tablesOf(prefix: TablePrefix): readonly string[] {
  // The tokens are ours: this tokenizer only has to part them at the blanks. Beginnings of two and three characters have an index of their own, which costs
  // half as much again: without it whoever types looks up hundreds of words.
  return [
    `CREATE VIRTUAL TABLE ${prefix}words USING fts5 (
      tokens, exact, room, content = '', contentless_delete = 1, prefix = '2 3', tokenize = "ascii tokenchars '_'"
    )`,
    `CREATE TABLE ${prefix}places (
      row INTEGER PRIMARY KEY, room TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, sender TEXT NOT NULL,
      version INTEGER NOT NULL, UNIQUE (room, seq)
    )`,
    `CREATE TABLE ${prefix}heads (room TEXT PRIMARY KEY, head INTEGER NOT NULL) WITHOUT ROWID`,
    `CREATE TABLE ${prefix}progress (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL)`,
    `CREATE TABLE ${prefix}incarnation (id TEXT NOT NULL)`,
    `INSERT INTO ${prefix}incarnation (id) VALUES (lower(hex(randomblob(16))))`,
  ]
}

/** What puts the draft's tables into the place of those that are searched. */
export const REPLACEMENT: readonly string[] = ['words', 'places', 'heads', 'progress', 'incarnation'].flatMap(
  (table) => [`DROP TABLE ${table}`, `ALTER TABLE draft_${table} RENAME TO ${table}`],
)

/** Few rooms are looked for as words are: a common word in a room that hardly has it costs no look at each place where it is. */
const ROOMS_IN_MATCH_MAX = 16

/** A room as one token, whatever its id is made of. */
function tokenOf(room: RoomId): string {
  return Buffer.from(room).toString('hex')
}

type Ranked = SearchQuery & { readonly match: string; readonly rank: number }

/** The first row of this millisecond. */
function momentOf(at: Timestamp): bigint {
  return BigInt(Math.min(at, AT_MAX)) * ROWS_PER_MS
}

/** In FTS5's query language: adjacent tokens, whatever they contain. */
function expressionOf({ in: column, tokens, isPrefix }: SearchPhrase): string {
  return `${column} : "${tokens.join(' ').replaceAll('"', '""')}"${isPrefix ? ' *' : ''}`
}

/**
 * What meets all of it and exactly so many of the others. Asking for one rank after the other finds the highest without sorting, or even reading,
 * all that is below.
 */
function withExactly(count: number, base: string, others: readonly string[]): string {
  const enough = anyOf(combinations(others, count))
  const tooMany = anyOf(combinations(others, count + 1))
  const met = enough === '' ? `(${base})` : `(${base}) AND ${enough}`
  return tooMany === '' ? met : `(${met}) NOT ${tooMany}`
}

function anyOf(all: readonly (readonly string[])[]): string {
  const terms = all.filter((one) => one.length > 0).map((one) => `(${one.join(' AND ')})`)
  return terms.length === 0 ? '' : `(${terms.join(' OR ')})`
}

/** Every choice of so many of them; the empty one for 0, and none where there are not so many. */
function combinations(of: readonly string[], count: number): readonly (readonly string[])[] {
  if (count === 0) return [[]]
  return of.flatMap((first, i) => combinations(of.slice(i + 1), count - 1).map((rest) => [first, ...rest]))
}
