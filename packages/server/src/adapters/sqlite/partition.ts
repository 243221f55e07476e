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
 * One partition of one log: a table whose primary key is the offset.
 * Invariant: `next` is above every offset that any reader may have seen; `recent` holds every record from its first one on.
 */
export class Partition {
  readonly log: string
  readonly id: number
  readonly table: string
  readonly #connection: Connection
  readonly #recentBytesMax: number
  readonly #insert: StatementSync
  readonly #selectRows: StatementSync
  readonly #selectFirst: StatementSync
  readonly #selectLast: StatementSync
  readonly #selectFloor: StatementSync
  readonly #selectHoles: StatementSync
  readonly #selectStep: StatementSync
  readonly #deleteBelow: StatementSync
  readonly #deleteHoles: StatementSync
  readonly #upsertFloor: StatementSync
  readonly #insertHole: StatementSync
  #begin: Offset = 0
  #next: Offset = 0
  #holes: Hole[] = []
  #recent: StoredRecord[] = []
  #recentBytes = 0

  constructor({ reading, writing, log, partition, recentBytesMax }: PartitionOptions) {
    this.log = log
    this.id = partition
    this.table = tableName(log, partition)
    this.#connection = reading
    this.#recentBytesMax = recentBytesMax
    this.#insert = writing.prepare(
      `INSERT INTO ${this.table} (offset, timestamp, key, headers, value) VALUES (?, ?, ?, ?, ?)`,
    )
    this.#selectRows = reading.prepare(
      `SELECT offset, timestamp, key, headers, value FROM ${this.table} WHERE offset >= ? ORDER BY offset LIMIT ?`,
    )
    this.#selectFirst = reading.prepare(`SELECT min(offset) AS offset FROM ${this.table}`)
    this.#selectLast = reading.prepare(`SELECT max(offset) AS offset FROM ${this.table}`)
    this.#selectFloor = reading.prepare(`SELECT next FROM floors WHERE log = ? AND partition = ?`)
    this.#selectHoles = reading.prepare(
      `SELECT first AS begin, after AS end FROM holes WHERE log = ? AND partition = ? ORDER BY first`,
    )
    this.#selectStep = reading.prepare(`SELECT offset FROM ${this.table} ORDER BY offset LIMIT 1 OFFSET ?`)
    this.#deleteBelow = reading.prepare(`DELETE FROM ${this.table} WHERE offset < ?`)
    this.#deleteHoles = reading.prepare(`DELETE FROM holes WHERE log = ? AND partition = ? AND after <= ?`)
    this.#upsertFloor = reading.prepare(`INSERT OR REPLACE INTO floors (log, partition, next) VALUES (?, ?, ?)`)
    this.#insertHole = reading.prepare(`INSERT INTO holes (log, partition, first, after) VALUES (?, ?, ?, ?)`)
    this.refresh()
  }

  get begin(): Offset {
    return this.#begin
  }

  get next(): Offset {
    return this.#next
  }

  /** Reads anew what is kept in memory about the table: at opening, and for a reader beside the process that writes. */
  refresh(): void {
    const offset = (statement: StatementSync) => {
      const value = this.#connection.ask(() => statement.get())?.offset
      return typeof value === 'number' ? value : undefined
    }
    const floor = this.#connection.ask(() => this.#selectFloor.get(this.log, this.id))
    const last = offset(this.#selectLast)
    this.#next = Math.max(Number(floor?.next ?? 0), last === undefined ? 0 : last + 1)
    this.#begin = offset(this.#selectFirst) ?? this.#next
    this.#holes = this.#connection.ask(() => this.#selectHoles.all(this.log, this.id)) as unknown as Hole[]
  }

  /** Leaves `offsets` numbers out. In a transaction of the caller. */
  skip(offsets: number): void {
    const hole = { begin: this.#next, end: this.#next + offsets }
    this.#insertHole.run(this.log, this.id, hole.begin, hole.end)
    this.#upsertFloor.run(this.log, this.id, hole.end)
    this.#holes.push(hole)
    if (this.#begin === this.#next) this.#begin = hole.end
    this.#next = hole.end
  }

  /** Writes down which offset comes next, for the day when no row is left to tell. In a transaction of the caller. */
  writeFloor(): void {
    this.#upsertFloor.run(this.log, this.id, this.#next)
  }

  /** Inserts the records in a transaction of the caller, who says afterwards whether it was committed. */
  insert(records: readonly LogRecord[], timestamp: number, midway?: () => void): readonly StoredRecord[] {
    const half = Math.ceil(records.length / 2)
    const stored: StoredRecord[] = []
    for (const { key, headers, value } of records) {
      const offset = this.#next + stored.length
      this.#insert.run(offset, timestamp, key, packed(headers), value)
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

  /** The offset below which rows may go, if `records` rows below `offset` shall stay. */
  back(offset: Offset, records: number): Offset {
    let [at, left] = [offset, records]
    for (const { begin, end } of this.#holes.toReversed()) {
      if (begin >= at) continue
      const above = Math.max(0, at - end)
      if (above >= left) break
      left -= above
      at = begin
    }
    return at - left
  }

  /** Deletes at most `rowsMax` of the oldest rows below `offset`, in a transaction of the caller; returns where the log would begin. */
  deleteBelow(offset: Offset, rowsMax: number): Offset {
    const step = this.#selectStep.get(rowsMax)?.offset
    const below = typeof step === 'number' ? Math.min(offset, step) : offset
    this.#deleteBelow.run(below)
    this.#deleteHoles.run(this.log, this.id, below)
    this.writeFloor()
    return below
  }

  /** The deletion was committed. */
  beginAt(offset: Offset): void {
    this.#begin = offset
    this.#holes = this.#holes.filter(({ end }) => end > offset)
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

interface Row {
  readonly offset: Offset
  readonly timestamp: number
  readonly key: string
  readonly headers: string
  readonly value: Uint8Array
}

export function tableName(log: string, partition: number): string {
  return `${log.replaceAll('-', '_')}_${partition}`
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
