import type { StatementSync } from 'node:sqlite'
import type { LogRecord, Offset, ReadLimit, StoredRecord } from '../../ports/log.ts'
import type { Connection } from './connection.ts'

/** Rows are taken out of the file in pieces, so that a limit in bytes is kept without reading much beyond it. */
const ROWS_PER_PIECE = 64

/** Offsets that were left out and belong to no record: `end` is exclusive. */
interface Hole {
  readonly begin: Offset
  readonly end: Offset
}

export interface PartitionOptions {
  readonly reading: Connection
  /** The connection whose transactions append here. */
  readonly writing: Connection
  readonly log: string
  readonly partition: number
  /** How much of what was just appended stays in memory, for readers that keep up. */
  readonly recentBytesMax: number
}

/**
 * One partition of one log: two tables whose primary key is the offset. One is written; once the rows of the other are needed no more,
 * that one is emptied and takes over. Emptying a whole table frees its pages unwritten, where rows deleted one by one write each page anew.
 * Invariant: every row of the written table has an offset of `split` or more, and every other row a smaller one, so the written table
 * is known by its rows; `next` is above every offset that any reader may have seen; `recent` holds every record from its first one on.
 */
export class Partition {
  readonly log: string
  readonly id: number
  readonly #connection: Connection
  readonly #recentBytesMax: number
  readonly #tables: readonly [Table, Table]
  readonly #selectRows: StatementSync
  readonly #selectEnds: StatementSync
  readonly #selectHoles: StatementSync
  readonly #deleteHoles: StatementSync
  readonly #insertHole: StatementSync
  #written: 0 | 1 = 0
  #begin: Offset = 0
  #split: Offset = 0
  #next: Offset = 0
  #holes: Hole[] = []
  #recent: StoredRecord[] = []
  #recentBytes = 0

  constructor({ reading, writing, log, partition, recentBytesMax }: PartitionOptions) {
    this.log = log
    this.id = partition
    this.#connection = reading
    this.#recentBytesMax = recentBytesMax
    const names = tableNames(log, partition)
    const [first, second] = names
    const prepared = (table: string): Table => ({
      insert: writing.prepare(`INSERT INTO ${table} (offset, timestamp, key, headers, value) VALUES (?, ?, ?, ?, ?)`),
      empty: reading.prepare(`DELETE FROM ${table}`),
    })
    this.#tables = [prepared(first), prepared(second)]
    // Each table gives its rows in order, and SQLite merges them: a reader beside the server needs not know which one is written.
    const rows = names.map((table) => `SELECT offset, timestamp, key, headers, value FROM ${table} WHERE offset >= ?1`)
    this.#selectRows = reading.prepare(`${rows.join(' UNION ALL ')} ORDER BY offset LIMIT ?2`)
    const ends = names.map(
      (table, i) =>
        `SELECT ${i} AS "table", (SELECT min(offset) FROM ${table}) AS first, (SELECT max(offset) FROM ${table}) AS last`,
    )
    this.#selectEnds = reading.prepare(`${ends.join(' UNION ALL ')} ORDER BY last DESC, "table"`)
    this.#selectHoles = reading.prepare(
      `SELECT first AS begin, after AS end FROM holes WHERE log = ? AND partition = ? ORDER BY first`,
    )
    this.#deleteHoles = reading.prepare(`DELETE FROM holes WHERE log = ? AND partition = ? AND after <= ?`)
    this.#insertHole = reading.prepare(`INSERT INTO holes (log, partition, first, after) VALUES (?, ?, ?, ?)`)
    this.refresh()
  }

  get begin(): Offset {
    return this.#begin
  }

  get next(): Offset {
    return this.#next
  }

  /** Reads anew what is kept in memory about the tables: at opening, and for a reader beside the process that writes. */
  refresh(): void {
    const { ends, holes } = this.#connection.snapshot(() => ({
      ends: this.#selectEnds.all() as unknown as Ends[],
      holes: this.#selectHoles.all(this.log, this.id) as unknown as Hole[],
    }))
    const [written, other] = ends
    this.#written = written?.table ?? 0
    this.#next = Math.max((written?.last ?? -1) + 1, holes.at(-1)?.end ?? 0)
    this.#split = written?.first ?? this.#next
    this.#begin = other?.first ?? this.#split
    this.#holes = holes
  }

  /** Leaves `offsets` numbers out. In a transaction of the caller. */
  skip(offsets: number): void {
    const hole = { begin: this.#next, end: this.#next + offsets }
    this.#insertHole.run(this.log, this.id, hole.begin, hole.end)
    this.#holes.push(hole)
    if (this.#begin === this.#next) this.#begin = this.#split = hole.end
    this.#next = hole.end
  }

  /** Inserts the records in a transaction of the caller, who says afterwards whether it was committed. */
  insert(records: readonly LogRecord[], timestamp: number, midway?: () => void): readonly StoredRecord[] {
    const { insert } = this.#tables[this.#written]
    const half = Math.ceil(records.length / 2)
    const stored: StoredRecord[] = []
    for (const { key, headers, value } of records) {
      const offset = this.#next + stored.length
      insert.run(offset, timestamp, key, packed(headers), value)
      stored.push({ partition: this.id, offset, timestamp, key, headers, value })
      if (stored.length === half) midway?.()
    }
    this.#next += records.length
    return stored
  }

  /** The insert was rolled back: its offsets were seen by nobody. */
  undo(records: readonly LogRecord[]): void {
    this.#next -= records.length
  }

  /** The insert is durable: who reads at the end gets these records from memory. */
  remember(records: readonly StoredRecord[]): void {
    for (const record of records) {
      this.#recent.push(record)
      this.#recentBytes += bytesOf(record)
    }
    if (this.#recentBytes <= this.#recentBytesMax) return
    // In strides of half, so that not every append moves the whole list.
    let drop = 0
    for (const record of this.#recent) {
      if (this.#recentBytes <= this.#recentBytesMax / 2) break
      this.#recentBytes -= bytesOf(record)
      drop++
    }
    this.#recent = this.#recent.slice(drop)
  }

  read(from: Offset, limit: ReadLimit): { records: readonly StoredRecord[]; next: Offset } {
    const [oldest] = this.#recent
    const start = Math.max(from, this.#begin)
    const isRecent = oldest !== undefined && start >= oldest.offset
    const records = isRecent ? this.#readRecent(start, limit) : this.#readFile(start, limit)
    const last = records.at(-1)
    return { records, next: last === undefined ? from : last.offset + 1 }
  }

  /** When the first record at or above `from` was taken. */
  timestampAt(from: Offset): number | undefined {
    return this.read(from, { recordsMax: 1, bytesMax: 1 }).records[0]?.timestamp
  }

  /** How many records have offsets in from..to-1: offsets left out are none. */
  count(from: Offset, to: Offset): number {
    let records = Math.max(0, to - from)
    for (const { begin, end } of this.#holes) records -= Math.max(0, Math.min(end, to) - Math.max(begin, from))
    return records
  }

  /** How many records of the written table have offsets below this one. */
  writtenBelow(offset: Offset): number {
    return this.count(this.#split, Math.min(offset, this.#next))
  }

  /** Empties the table that is not written, in a transaction of the caller. */
  emptyOther(): void {
    this.#tables[this.#other].empty.run()
    this.#deleteHoles.run(this.log, this.id, this.#split)
  }

  /** The emptying was committed: the empty table is written from now on. */
  takeOver(): void {
    this.#written = this.#other
    this.#begin = this.#split
    this.#split = this.#next
    this.#holes = this.#holes.filter(({ end }) => end > this.#begin)
  }

  get #other(): 0 | 1 {
    return this.#written === 0 ? 1 : 0
  }

  #readRecent(from: Offset, { recordsMax, bytesMax }: ReadLimit): readonly StoredRecord[] {
    const start = firstFrom(this.#recent, from)
    let [end, bytes] = [start, 0]
    for (; end < this.#recent.length && end - start < recordsMax; end++) {
      bytes += this.#recent[end]?.value.length ?? 0
      if (bytes > bytesMax && end > start) break
    }
    return this.#recent.slice(start, end)
  }

  #readFile(from: Offset, { recordsMax, bytesMax }: ReadLimit): readonly StoredRecord[] {
    const records: StoredRecord[] = []
    let bytes = 0
    for (let at = from; records.length < recordsMax; ) {
      const rowsMax = Math.min(ROWS_PER_PIECE, recordsMax - records.length)
      const rows = this.#connection.ask(() => this.#selectRows.all(at, rowsMax)) as unknown as Row[]
      for (const row of rows) {
        bytes += row.value.length
        // One record is always given, or a reader would never get past a long one.
        if (bytes > bytesMax && records.length > 0) return records
        records.push({ ...row, partition: this.id, headers: unpacked(row.headers) })
        at = row.offset + 1
      }
      if (rows.length < rowsMax) break
    }
    return records
  }
}

interface Table {
  readonly insert: StatementSync
  readonly empty: StatementSync
}

/** The first and the last offset of a table, if it has any. */
interface Ends {
  readonly table: 0 | 1
  readonly first: Offset | null
  readonly last: Offset | null
}

interface Row {
  readonly offset: Offset
  readonly timestamp: number
  readonly key: string
  readonly headers: string
  readonly value: Uint8Array
}

export function tableNames(log: string, partition: number): readonly [string, string] {
  const name = `${log.replaceAll('-', '_')}_${partition}`
  return [name, `${name}_b`]
}

const NO_HEADERS: Readonly<Record<string, string>> = {}

/** Commands have no headers: an empty text says so without any JSON. */
function packed(headers: Readonly<Record<string, string>>): string {
  for (const _ in headers) return JSON.stringify(headers)
  return ''
}

function unpacked(text: string): Readonly<Record<string, string>> {
  return text === '' ? NO_HEADERS : JSON.parse(text)
}

/** What a record holds on to in memory, roughly. */
function bytesOf({ key, value }: StoredRecord): number {
  return value.length + key.length + 256
}

/** Where the first record at or above this offset stands. */
function firstFrom(records: readonly StoredRecord[], offset: Offset): number {
  let [low, high] = [0, records.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((records[middle]?.offset ?? 0) >= offset) high = middle
    else low = middle + 1
  }
  return low
}
