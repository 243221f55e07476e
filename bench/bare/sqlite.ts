// The least a process can do that keeps what Holdfast keeps: a loop over node:sqlite that writes the same rows into the same tables in
// the same transactions. It is given a data folder that a server has left, finds there the rows of one message, and writes them over and
// over under new keys. It decides nothing, reads nothing, answers nobody and indexes nothing.
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

export interface Question {
  /** Messages in one group: three transactions. */
  readonly group: number
  readonly seconds: number
}

export interface Answer {
  readonly messages: number
  readonly seconds: number
}

type Row = Record<string, SQLInputValue>

const [data = '.'] = process.argv.slice(2)
const logFile = join(data, 'log.db')

class Loop {
  /** `accepted` says fsync, and so does `stored`; the feed and the offsets can be made again. */
  private readonly durableLog = new File(logFile, 'FULL')
  private readonly promptLog = new File(logFile, 'NORMAL')
  private readonly store = new File(join(data, 'store.db'), 'FULL')
  private readonly command = new Inserts(this.durableLog, 'commands_0', 'offset')
  private readonly feed = new Inserts(this.promptLog, 'feed_0', 'offset')
  private readonly entry = new Inserts(this.store, 'documents', 'rowid')
  private readonly head = this.store.prepare('UPDATE rooms SET head = ? WHERE room = ?')
  private readonly settled = this.store.prepare(
    'INSERT OR REPLACE INTO settled (partition, next, feed) VALUES (0, ?, ?)',
  )
  private readonly position = this.promptLog.prepare(
    `INSERT OR REPLACE INTO positions (log, member_group, partition, next) VALUES ('commands', 'bench', 0, ?)`,
  )
  private offset = Number(this.command.sample.offset)
  private feedOffset = Number(this.feed.sample.offset)
  private seq = Number(this.entry.sample.seq)

  run({ group, seconds }: Question): Answer {
    const begun = performance.now()
    let messages = 0
    while (performance.now() - begun < seconds * 1_000) {
      this.group(group)
      messages += group
    }
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

  /** Like an entry's id: 26 characters that begin with the time and go on at random. */
  private id(at: number, i: number): string {
    const mixed = Math.imul(this.seq + i, 0x9e3779b1) >>> 0
    return `${at.toString(32).padStart(10, '0')}${mixed.toString(36).padStart(8, '0')}${String(this.seq + i).padStart(8, '0')}`
  }
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
  private readonly begin: StatementSync
  private readonly commit: StatementSync

  constructor(file: string, synchronous: 'FULL' | 'NORMAL') {
    this.database = new DatabaseSync(file, { enableForeignKeyConstraints: false })
    this.database.exec('PRAGMA journal_mode = WAL; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY')
    this.database.exec(`PRAGMA synchronous = ${synchronous}`)
    this.begin = this.database.prepare('BEGIN IMMEDIATE')
    this.commit = this.database.prepare('COMMIT')
  }

  prepare(sql: string): StatementSync {
    return this.database.prepare(sql)
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
