// The least a process can do that keeps what Holdfast keeps: a loop over node:sqlite that writes the same rows into the same tables in
// the same transactions. It is given a data folder that a server has left, finds there the rows of one message, and writes them over and
// over under new keys. It decides nothing, reads nothing and answers nobody. The rows of the search index are written too, as the server
// does it: beside the three transactions of a group, for many groups together; asked to, the loop leaves them out.
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

export interface Question {
  /** Messages in one group: three transactions. */
  readonly group: number
  readonly seconds: number
  /** Whether the rows of the search index are written too. */
  readonly indexes: boolean
}

export interface Answer {
  readonly messages: number
  readonly seconds: number
}

type Row = Record<string, SQLInputValue>

/** When the server writes to its index: so many documents at most, after so long at most. */
const INDEX_DOCUMENTS_MAX = 500
const INDEX_LINGER_MS = 50
const ROWS_PER_MS = 65_536n

const [data = '.'] = process.argv.slice(2)
const logFile = join(data, 'log.db')

class Loop {
  /** `accepted` says fsync, and so does `stored`; the feed and the offsets can be made again. */
  private readonly durableLog = new File(logFile, 'FULL')
  private readonly promptLog = new File(logFile, 'NORMAL')
  private readonly store = new File(join(data, 'store.db'), 'FULL')
  private readonly search = new File(join(data, 'search.db'), 'NORMAL', { bigRows: true })
  private readonly command = new Inserts(this.durableLog, written(this.durableLog, 'commands_0'), 'offset')
  private readonly feed = new Inserts(this.promptLog, written(this.promptLog, 'feed_0'), 'offset')
  private readonly entry = new Inserts(this.store, 'documents', 'rowid')
  private readonly head = this.store.prepare('UPDATE rooms SET head = ? WHERE room = ?')
  private readonly settled = this.store.prepare(
    'INSERT OR REPLACE INTO settled (partition, next, feed) VALUES (0, ?, ?)',
  )
  private readonly position = this.promptLog.prepare(
    `INSERT OR REPLACE INTO positions (log, member_group, partition, next) VALUES ('commands', 'bench', 0, ?)`,
  )
  private readonly words = this.search.prepare('INSERT INTO words (rowid, tokens, exact, room) VALUES (?, ?, ?, ?)')
  private readonly place = this.search.prepare(
    'INSERT INTO places (row, room, seq, at, sender, version) VALUES (?, ?, ?, ?, ?, ?)',
  )
  private readonly indexHead = this.search.prepare('UPDATE heads SET head = ? WHERE room = ?')
  private readonly progress = this.search.prepare('INSERT OR REPLACE INTO progress (partition, next) VALUES (0, ?)')
  private readonly tokens =
    String(this.entry.sample.body)
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? []
  private indexedSeq = Number(this.entry.sample.seq)
  private indexedAt = 0
  private indexRow = this.highestRow()
  private offset = Number(this.command.sample.offset)
  private feedOffset = Number(this.feed.sample.offset)
  private seq = Number(this.entry.sample.seq)

  run({ group, seconds, indexes }: Question): Answer {
    const begun = performance.now()
    let messages = 0
    this.indexedSeq = this.seq
    this.indexedAt = begun
    for (let now = begun; now - begun < seconds * 1_000; now = performance.now()) {
      this.group(group)
      messages += group
      const waiting = this.seq - this.indexedSeq
      if (indexes && (waiting >= INDEX_DOCUMENTS_MAX || now - this.indexedAt >= INDEX_LINGER_MS))
        this.index(waiting, now)
    }
    if (indexes) this.index(this.seq - this.indexedSeq, performance.now())
    return { messages, seconds: (performance.now() - begun) / 1_000 }
  }

  private group(size: number): void {
    const at = Date.now()
    this.durableLog.transaction(() => {
      for (let i = 1; i <= size; i++) this.command.run({ offset: this.offset + i, timestamp: at })
    })
    this.store.transaction(() => {
      for (let i = 1; i <= size; i++)
        this.entry.run({ id: this.id(at, i), seq: this.seq + i, at, origin: this.offset + i })
      this.head.run(this.seq + size, this.entry.sample.room ?? '')
      this.settled.run(this.offset + size + 1, this.feedOffset + 1)
    })
    this.promptLog.transaction(() => {
      for (let i = 1; i <= size; i++) this.feed.run({ offset: this.feedOffset + i, timestamp: at })
      this.position.run(this.offset + size + 1)
    })
    this.offset += size
    this.feedOffset += size
    this.seq += size
  }

  private index(size: number, now: number): void {
    const room = String(this.entry.sample.room)
    const roomToken = Buffer.from(room).toString('hex')
    const sender = String(this.entry.sample.sender)
    const at = Date.now()
    const first = BigInt(at) * ROWS_PER_MS
    this.search.transaction(() => {
      for (let i = 1; i <= size; i++) {
        const seq = this.indexedSeq + i
        this.indexRow = this.indexRow >= first ? this.indexRow + 1n : first
        // The message's number is a word of its own.
        this.tokens[1] = String(seq).padStart(12, '0')
        this.words.run(this.indexRow, this.tokens.join(' '), '', roomToken)
        this.place.run(this.indexRow, room, seq, at, sender, this.feedOffset)
      }
      this.indexHead.run(this.seq, room)
      this.progress.run(this.feedOffset)
    })
    this.indexedSeq += size
    this.indexedAt = now
  }

  private highestRow(): bigint {
    return BigInt((this.search.prepare('SELECT max(row) AS row FROM places').get()?.row as bigint | null) ?? 0)
  }

  /** Like an entry's id: 26 characters that begin with the time and go on at random. */
  private id(at: number, i: number): string {
    const mixed = Math.imul(this.seq + i, 0x9e3779b1) >>> 0
    return `${at.toString(32).padStart(10, '0')}${mixed.toString(36).padStart(8, '0')}${String(this.seq + i).padStart(8, '0')}`
  }
}

/** Of the two tables of a log, the one with its newest row. */
function written(file: File, table: string): string {
  const other = `${table}_b`
  const last = (each: string) => Number(file.prepare(`SELECT max(offset) AS last FROM ${each}`).get()?.last ?? -1)
  return last(other) > last(table) ? other : table
}

/** Inserts copies of a table's newest row, with some columns replaced. */
class Inserts {
  readonly sample: Row
  private readonly statement: StatementSync
  private readonly columns: readonly string[]
  private readonly values: SQLInputValue[]

  constructor(file: File, table: string, newest: string) {
    const sample = file.prepare(`SELECT * FROM ${table} ORDER BY ${newest} DESC LIMIT 1`).get() as Row | undefined
    if (sample === undefined) throw new Error(`${table} holds no row to copy`)
    this.sample = sample
    this.columns = Object.keys(sample)
    this.values = Object.values(sample)
    this.statement = file.prepare(
      `INSERT INTO ${table} (${this.columns.join(', ')}) VALUES (${this.columns.map(() => '?').join(', ')})`,
    )
  }

  run(replaced: Row): void {
    for (const [i, column] of this.columns.entries()) {
      const value = replaced[column]
      if (value !== undefined) this.values[i] = value
    }
    this.statement.run(...this.values)
  }
}

/** One connection, with the settings that the server's have. */
class File {
  readonly database: DatabaseSync
  private readonly bigRows: boolean
  private readonly begin: StatementSync
  private readonly commit: StatementSync

  /** @param bigRows whether rows have numbers that fit into no `number`: what runs after an insert reports the last one. */
  constructor(file: string, synchronous: 'FULL' | 'NORMAL', { bigRows = false } = {}) {
    this.bigRows = bigRows
    this.database = new DatabaseSync(file, { enableForeignKeyConstraints: false })
    this.database.exec('PRAGMA journal_mode = WAL; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY')
    this.database.exec(`PRAGMA synchronous = ${synchronous}`)
    this.begin = this.prepare('BEGIN IMMEDIATE')
    this.commit = this.prepare('COMMIT')
  }

  prepare(sql: string): StatementSync {
    const statement = this.database.prepare(sql)
    statement.setReadBigInts(this.bigRows)
    return statement
  }

  transaction(change: () => void): void {
    this.begin.run()
    change()
    this.commit.run()
  }
}

const loop = new Loop()
process.on('message', (question: Question) => process.send?.(loop.run(question)))
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
