import type { DatabaseSync } from 'node:sqlite'
import { Failure } from '../../ports/failure.ts'
import type { Cancel, Clock, Failpoint } from '../../ports/system.ts'
import { AppendQueue } from './appends.ts'
import { Connection } from './connection.ts'
import { type LogFailpoints, SqliteLog } from './log.ts'
import { Partition, tableNames } from './partition.ts'
import { Positions } from './positions.ts'

export interface LogFileOptions {
  readonly file: string
  /** Fixed when the file is made. */
  readonly partitions: number
  readonly clock: Clock
  readonly failpoint: Failpoint
  readonly readOnly: boolean
  /** Rows of a log go once each of these groups has passed them; a log without groups keeps everything. */
  readonly groups: { readonly commands: readonly string[]; readonly feed: readonly string[] }
  /**
   * So many rows below the lowest commit stay, for readers without a commit and for eyes. When one of a partition's tables has so many,
   * the other is emptied: everybody waits for that, and the more it held, the longer (10,000 rows: some 3 ms).
   */
  readonly retainedRecordsMin: number
  /** How much of what was just appended each partition keeps in memory, so that readers who keep up read nothing from the file. */
  readonly recentBytesMax: number
}

const LOGS = ['commands', 'feed', 'dead-letters'] as const
type LogName = (typeof LOGS)[number]

/** How many offsets a log whose last appends a power cut may take jumps ahead: more than one can hold. */
const OFFSETS_SKIPPED = 2 ** 20
/** A commit is in the file at the latest after this. */
const COMMIT_WRITTEN_MS_MAX = 20
const CACHE_BYTES_MAX = 4 << 20

/**
 * log.db: the three logs of an installation and what their groups committed. Commands and dead letters are appended through
 * a connection that syncs each commit; the feed and the commits through one that does not, because what a power cut takes of
 * them is made again: redelivered commands are adopted and published anew. Both write one WAL, and a power cut leaves a prefix
 * of it, so a commit never outlives what it stands on.
 */
export class LogFile {
  readonly commands: SqliteLog
  readonly feed: SqliteLog
  readonly deadLetters: SqliteLog
  readonly #options: LogFileOptions
  readonly #durable: Connection
  readonly #prompt: Connection
  readonly #queues: readonly AppendQueue[]
  readonly #positions: Positions
  readonly #partitions = new Map<LogName, readonly Partition[]>()
  readonly #writing: { write(): void; after(committed: boolean): void }
  #flush: Cancel | undefined

  constructor(options: LogFileOptions) {
    const { file, clock, readOnly, failpoint } = options
    const migrations = [(database: DatabaseSync) => create(database, options.partitions), addTables]
    const shared = { file, readOnly, cacheBytesMax: CACHE_BYTES_MAX, migrations }
    this.#options = options
    this.#durable = new Connection({ ...shared, synchronous: 'FULL' })
    this.#prompt = new Connection({ ...shared, synchronous: 'NORMAL' })
    this.#checkPartitions()
    this.#positions = new Positions(this.#prompt, [this.#durable])
    this.#writing = this.#positions.riderOn(this.#prompt)
    for (const name of LOGS) this.#partitions.set(name, this.#openPartitions(name))
    if (!readOnly) this.#begin()
    const queueOn = (connection: Connection) =>
      new AppendQueue({ connection, now: () => clock.now(), rider: this.#positions.riderOn(connection) })
    const [durable, prompt] = [queueOn(this.#durable), queueOn(this.#prompt)]
    this.#queues = [durable, prompt]
    this.commands = this.#openLog('commands', durable, {
      before: () => failpoint('append:before'),
      midway: () => {},
      after: () => failpoint('append:after'),
    })
    this.feed = this.#openLog('feed', prompt, { ...NO_FAILPOINTS, midway: () => failpoint('feed:partial') })
    this.deadLetters = this.#openLog('dead-letters', durable, NO_FAILPOINTS)
  }

  /** Ends memberships, writes what is not written yet, and closes. May be called twice. */
  async close(): Promise<void> {
    await Promise.all([this.commands.stop(), this.feed.stop(), this.deadLetters.stop()])
    for (const queue of this.#queues) queue.flush()
    this.#flush?.()
    if (!this.#options.readOnly && this.#durable.isOpen) this.#end()
    this.#prompt.close()
    this.#durable.close()
  }

  #openPartitions(log: LogName): readonly Partition[] {
    const writing = log === 'feed' ? this.#prompt : this.#durable
    const { recentBytesMax } = this.#options
    return Array.from(
      { length: this.#options.partitions },
      (_, partition) => new Partition({ reading: this.#prompt, writing, log, partition, recentBytesMax }),
    )
  }

  #openLog(name: LogName, appends: AppendQueue, failpoints: LogFailpoints): SqliteLog {
    return new SqliteLog({
      name,
      partitions: this.#partitions.get(name) ?? [],
      appends,
      positions: this.#positions,
      clock: this.#options.clock,
      readOnly: this.#options.readOnly,
      failpoints,
      passed: () => {
        this.#flush ??= this.#options.clock.after(COMMIT_WRITTEN_MS_MAX, () => this.#flushCommits())
      },
      writeCommits: () => this.#syncCommits(),
    })
  }

  #checkPartitions(): void {
    const { file, partitions } = this.#options
    const made = Number(this.#durable.prepare(PARTITIONS).get()?.value)
    if (made === partitions) return
    this.#prompt.close()
    this.#durable.close()
    throw new Failure(
      'operator',
      `${file} was made with ${made} partitions and cannot be opened with ${partitions}: the number is fixed for the life of an installation`,
    )
  }

  /**
   * After an unclean end the feed jumps ahead: a power cut may have taken its last records, which readers saw,
   * and their offsets must not come again with other records. The mark below is synced, and with it everything before it.
   */
  #begin(): void {
    const clean = this.#durable.prepare(`SELECT value FROM meta WHERE name = 'clean'`).get()?.value === 1
    if (!clean)
      this.#prompt.transaction(() => {
        for (const partition of this.#partitions.get('feed') ?? []) partition.skip(OFFSETS_SKIPPED)
      })
    const mark = this.#durable.prepare(`UPDATE meta SET value = 0 WHERE name = 'clean'`)
    this.#durable.transaction(() => mark.run())
  }

  #end(): void {
    const mark = this.#durable.prepare(`UPDATE meta SET value = 1 WHERE name = 'clean'`)
    try {
      this.#writeCommits()
      this.#durable.transaction(() => mark.run())
    } catch {
      // A disk that takes nothing now makes this an unclean end, and the next opening knows what to do with one.
    }
  }

  #flushCommits(): void {
    this.#flush = undefined
    try {
      this.#writeCommits()
    } catch {
      // A full disk keeps commits waiting; whoever appends is told of it, and the next commit tries again.
    }
  }

  #syncCommits(): void {
    const writing = this.#positions.riderOn(this.#durable)
    let committed = false
    try {
      this.#durable.transaction(() => writing.write())
      committed = true
    } finally {
      writing.after(committed)
    }
  }

  /** Writes commits and, in the same transaction, empties tables: rows never go on the word of a commit that can be lost. */
  #writeCommits(): void {
    const outgrown = [...this.#outgrown('commands'), ...this.#outgrown('feed')]
    if (this.#positions.isWritten && outgrown.length === 0) return
    let committed = false
    try {
      this.#prompt.transaction(() => {
        this.#writing.write()
        for (const partition of outgrown) partition.emptyOther()
      })
      committed = true
    } finally {
      this.#writing.after(committed)
    }
    for (const partition of outgrown) partition.takeOver()
  }

  /** The partitions with a written table of which everybody has passed so much that the other is needed no more. */
  #outgrown(name: 'commands' | 'feed'): readonly Partition[] {
    const { groups, retainedRecordsMin } = this.#options
    const passedMin = Math.max(1, retainedRecordsMin)
    return (this.#partitions.get(name) ?? []).filter((partition) => {
      const commits = groups[name].map((group) => this.#positions.get(name, group, partition.id) ?? 0)
      return commits.length > 0 && partition.writtenBelow(Math.min(...commits)) >= passedMin
    })
  }
}

const NO_FAILPOINTS: LogFailpoints = { before: () => {}, midway: () => {}, after: () => {} }

function create(database: DatabaseSync, partitions: number): void {
  for (const [first] of tablesOf(partitions)) database.exec(`CREATE TABLE ${first} ${COLUMNS}`)
  database.exec(`
    CREATE TABLE positions (
      log TEXT NOT NULL, member_group TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
      PRIMARY KEY (log, member_group, partition)
    ) WITHOUT ROWID;
    CREATE TABLE holes (
      log TEXT NOT NULL, partition INTEGER NOT NULL, first INTEGER NOT NULL, after INTEGER NOT NULL,
      PRIMARY KEY (log, partition, first)
    ) WITHOUT ROWID;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  `)
  database.prepare(`INSERT INTO meta (name, value) VALUES ('partitions', ?), ('clean', 1)`).run(partitions)
}

/** A second table for each partition. What the first schema kept in `floors` is told by rows and holes, now that one table always has rows. */
function addTables(database: DatabaseSync): void {
  const { value } = database.prepare(PARTITIONS).get() ?? {}
  for (const [, second] of tablesOf(Number(value))) database.exec(`CREATE TABLE ${second} ${COLUMNS}`)
  database.exec('DROP TABLE IF EXISTS floors')
}

const PARTITIONS = `SELECT value FROM meta WHERE name = 'partitions'`
const COLUMNS = `(
  offset INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, key TEXT NOT NULL, headers TEXT NOT NULL, value BLOB NOT NULL
)`

function tablesOf(partitions: number): readonly (readonly [string, string])[] {
  return LOGS.flatMap((log) => Array.from({ length: partitions }, (_, partition) => tableNames(log, partition)))
}
