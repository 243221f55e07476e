import type { DatabaseSync } from 'node:sqlite'
import { partitionOf } from '../../core/identity.ts'
import { Failure } from '../../ports/failure.ts'
import type { AuditStore, Document, RoomId, Store } from '../../ports/store.ts'
import type { Failpoint } from '../../ports/system.ts'
import { Connection } from './connection.ts'
import { Documents } from './documents.ts'
import { SqliteHistory } from './history.ts'
import { SqliteLetters } from './letters.ts'
import { Rooms } from './rooms.ts'
import { SqliteTimeline } from './timeline.ts'
import { SqliteUsers } from './users.ts'

export interface StoreFileOptions {
  readonly file: string
  /** Fixed when the file is made. */
  readonly partitions: number
  readonly failpoint: Failpoint
  readonly readOnly: boolean
}

/** The inner pages of the indices of a million entries: with them a look-up reads one page from the system. */
const CACHE_BYTES_MAX = 16 << 20

/**
 * store.db: what happened. Every commit is synced: `stored` was told on the strength of it, and what came after it in the log
 * would not be decided the same way again.
 */
export class StoreFile implements Store {
  readonly timeline: SqliteTimeline
  readonly history: SqliteHistory
  readonly letters: SqliteLetters
  readonly users: SqliteUsers
  readonly audit: AuditStore
  readonly #connection: Connection

  constructor({ file, partitions, failpoint, readOnly }: StoreFileOptions) {
    const migrations = [(database: DatabaseSync) => create(database, partitions)]
    const connection = new Connection({
      file,
      synchronous: 'FULL',
      readOnly,
      cacheBytesMax: CACHE_BYTES_MAX,
      migrations,
    })
    this.#connection = connection
    this.#checkPartitions(partitions)
    const documents = new Documents(connection)
    const rooms = new Rooms(connection)
    this.letters = new SqliteLetters(connection)
    this.users = new SqliteUsers(connection)
    this.timeline = new SqliteTimeline({
      connection,
      documents,
      rooms,
      letters: this.letters,
      users: this.users,
      failpoint,
    })
    this.history = new SqliteHistory({
      connection,
      documents,
      rooms,
      epochs: () => Array.from({ length: partitions }, (_, partition) => this.timeline.epochOf(partition)),
      epochOfRoom: (room) => this.timeline.epochOf(partitionOf(room, partitions)),
    })
    this.audit = new SqliteAudit(documents)
  }

  close(): void {
    this.#connection.close()
  }

  #checkPartitions(partitions: number): void {
    const made = Number(this.#connection.prepare(`SELECT value FROM meta WHERE name = 'partitions'`).get()?.value)
    if (made === partitions) return
    this.#connection.close()
    throw new Failure(
      'operator',
      `${this.#connection.file} was made with ${made} partitions and cannot be opened with ${partitions}: the number is fixed for the life of an installation`,
    )
  }
}

class SqliteAudit implements AuditStore {
  readonly #documents: Documents

  constructor(documents: Documents) {
    this.#documents = documents
  }

  async documents(
    after: { readonly room: RoomId; readonly seq: number } | undefined,
    documentsMax: number,
  ): Promise<readonly Document[]> {
    return this.#documents.behind(after?.room ?? '', after?.seq ?? 0, documentsMax)
  }
}

function create(database: DatabaseSync, partitions: number): void {
  database.exec(`
    CREATE TABLE documents (
      id TEXT NOT NULL UNIQUE, room TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, sender TEXT NOT NULL,
      at INTEGER NOT NULL, digest TEXT NOT NULL, origin INTEGER NOT NULL, body TEXT NOT NULL,
      UNIQUE (room, seq)
    );
    CREATE TABLE rooms (
      room TEXT PRIMARY KEY, head INTEGER NOT NULL, seq INTEGER NOT NULL DEFAULT 0, document TEXT
    ) WITHOUT ROWID;
    CREATE TABLE members (
      room TEXT NOT NULL, user TEXT NOT NULL, role TEXT, seq INTEGER NOT NULL, PRIMARY KEY (room, user)
    ) WITHOUT ROWID;
    CREATE INDEX rooms_of_user ON members (user, room) WHERE role IS NOT NULL;
    CREATE TABLE users (user TEXT PRIMARY KEY, name TEXT, created_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE letters (
      id TEXT PRIMARY KEY, failed_at INTEGER NOT NULL, state TEXT NOT NULL, state_at INTEGER, state_by TEXT,
      about TEXT NOT NULL, value BLOB NOT NULL
    );
    CREATE INDEX letters_newest ON letters (failed_at, id);
    CREATE INDEX letters_newest_of_state ON letters (state, failed_at, id);
    CREATE TABLE terms (
      partition INTEGER NOT NULL, term INTEGER NOT NULL, worker TEXT NOT NULL, PRIMARY KEY (partition, term)
    ) WITHOUT ROWID;
    CREATE TABLE settled (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL, feed INTEGER NOT NULL);
    CREATE TABLE epochs (partition INTEGER PRIMARY KEY, epoch INTEGER NOT NULL);
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  `)
  database.prepare(`INSERT INTO meta (name, value) VALUES ('partitions', ?)`).run(partitions)
}
