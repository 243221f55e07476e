import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Failure } from '../../ports/failure.ts'
import { failureOf, type Step } from './failures.ts'

export interface ConnectionOptions {
  readonly file: string
  /** FULL: a commit survives a power cut. NORMAL: a power cut may take the last commits, and never one before another. */
  readonly synchronous: 'FULL' | 'NORMAL'
  readonly readOnly: boolean
  readonly cacheBytesMax: number
  /** The whole history of the file's schema, first step first: its version is how many of them it has. */
  readonly migrations: readonly Migration[]
}

/** How long a statement waits for another process that writes the file: only a mistake makes that happen. */
const BUSY_MS = 500

/** One step from one version of a file's schema to the next. */
export type Migration = (database: DatabaseSync) => void

/**
 * One connection to one file in WAL mode. Everything is synchronous, so between two calls no transaction is open and
 * what one call reads is from one moment. Every error leaves as a Failure.
 */
export class Connection {
  readonly file: string
  readonly readOnly: boolean
  readonly #database: DatabaseSync
  readonly #begin: StatementSync
  readonly #beginReading: StatementSync
  readonly #commit: StatementSync
  readonly #rollback: StatementSync
  #isSuspect = false

  constructor({ file, synchronous, readOnly, cacheBytesMax, migrations }: ConnectionOptions) {
    this.file = file
    this.readOnly = readOnly
    this.#database = open(file, readOnly)
    try {
      if (!readOnly) this.#database.exec('PRAGMA journal_mode = WAL')
      this.#database.exec(`PRAGMA synchronous = ${synchronous}`)
      this.#database.exec(`PRAGMA cache_size = -${Math.ceil(cacheBytesMax / 1024)}`)
      this.#database.exec('PRAGMA temp_store = MEMORY')
      this.#begin = this.#database.prepare('BEGIN IMMEDIATE')
      this.#beginReading = this.#database.prepare('BEGIN')
      this.#commit = this.#database.prepare('COMMIT')
      this.#rollback = this.#database.prepare('ROLLBACK')
      // They report the number of the last row inserted, which need not fit into a number.
      for (const statement of [this.#begin, this.#beginReading, this.#commit, this.#rollback])
        statement.setReadBigInts(true)
      this.#migrate(migrations)
    } catch (error) {
      this.#database.close()
      throw failureOf(error, 'before commit', file)
    }
  }

  /** Compiles a statement; done once for each at opening, never for a batch or a message. */
  prepare(sql: string): StatementSync {
    try {
      return this.#database.prepare(sql)
    } catch (error) {
      throw failureOf(error, 'before commit', this.file)
    }
  }

  /** Changes tables, in a transaction. Nothing is asked for an answer, which would be the last row's number, and that need not fit into one. */
  alter(statements: readonly string[]): void {
    for (const sql of statements) this.#database.exec(sql)
  }

  /** All of `change`, or nothing of it; a Failure of class ambiguous says that nobody knows which. */
  transaction<T>(change: () => T): T {
    this.#checkOpen()
    if (this.readOnly) throw new Failure('operator', `${this.file} was opened for reading only`)
    let step: Step = 'before commit'
    try {
      if (this.#isSuspect) this.#mend()
      this.#begin.run()
      const result = change()
      step = 'commit'
      this.#commit.run()
      return result
    } catch (error) {
      const failure = failureOf(error, step, this.file)
      this.#rollBack()
      if (step === 'commit' && failure.class === 'ambiguous') this.#suspect()
      throw failure
    }
  }

  /** What `read` finds is from one moment, also while another process writes. */
  snapshot<T>(read: () => T): T {
    this.#checkOpen()
    try {
      this.#beginReading.run()
      const result = read()
      this.#commit.run()
      return result
    } catch (error) {
      this.#rollBack()
      throw failureOf(error, 'before commit', this.file)
    }
  }

  /** One statement's answer, with its errors as Failures. */
  ask<T>(read: () => T): T {
    this.#checkOpen()
    try {
      return read()
    } catch (error) {
      throw failureOf(error, 'before commit', this.file)
    }
  }

  get isOpen(): boolean {
    return this.#database.isOpen
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  #migrate(migrations: readonly Migration[]): void {
    const versionNow = () => Number(this.prepare('PRAGMA user_version').get()?.user_version)
    const version = versionNow()
    const newest = migrations.length
    if (version > newest)
      throw new Failure(
        'operator',
        `${this.file} was written by a newer Holdfast (schema ${version}; this one knows ${newest}): start that one, or restore a backup from before the upgrade`,
      )
    if (version === newest) return
    if (this.readOnly)
      throw new Failure(
        'operator',
        version === 0
          ? `${this.file} holds no data of Holdfast yet: start the server once`
          : `${this.file} has the older schema ${version}: start the server once, which brings it to ${newest}`,
      )
    this.transaction(() => {
      // Another process that shares the file may have come first.
      for (const migration of migrations.slice(versionNow())) migration(this.#database)
      this.#database.exec(`PRAGMA user_version = ${newest}`)
    })
  }

  #checkOpen(): void {
    if (!this.#database.isOpen) throw new Failure('closed', `${this.file} was closed`)
  }

  #rollBack(): void {
    // SQLite ends the transaction by itself after some errors.
    if (this.#database.isOpen && this.#database.isTransaction) this.#rollback.run()
  }

  /** Mends at once, while the pages are still in memory; where that fails, the next transaction has to. */
  #suspect(): void {
    this.#isSuspect = true
    try {
      this.#mend()
    } catch {
      // Whoever wanted to commit is told of that failure.
    }
  }

  /**
   * After a failed sync the kernel may call pages clean that never reached the disk, and what is appended to such a WAL may be lost
   * with them. So nothing is: its whole content goes to the database file first, and the WAL begins anew. Another connection to the
   * same file has a descriptor of its own, which is told of the failure at its own next sync, and then does the same.
   */
  #mend(): void {
    const { busy } = this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? {}
    if (busy !== 0)
      throw new Failure('transient', `${this.file}: its WAL cannot be written back while somebody reads it`)
    this.#isSuspect = false
  }
}

function open(file: string, readOnly: boolean): DatabaseSync {
  try {
    return new DatabaseSync(file, { readOnly, timeout: BUSY_MS, enableForeignKeyConstraints: false })
  } catch (cause) {
    throw new Failure('operator', `${file} cannot be opened: ${failureOf(cause, 'before commit', file).message}`, cause)
  }
}
