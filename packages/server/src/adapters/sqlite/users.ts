import type { StatementSync } from 'node:sqlite'
import type { Timestamp, UserDocument, UserId, UserStore } from '../../ports/store.ts'
import type { Connection } from './connection.ts'

/** Who may take part. */
export class SqliteUsers implements UserStore {
  readonly #connection: Connection
  readonly #put: StatementSync
  readonly #get: StatementSync
  readonly #exists: StatementSync

  constructor(connection: Connection) {
    this.#connection = connection
    this.#put = connection.prepare(
      `INSERT INTO users (user, name, created_at) VALUES (?, ?, ?)
       ON CONFLICT (user) DO UPDATE SET name = coalesce(excluded.name, name)
       RETURNING user, name, created_at`,
    )
    this.#get = connection.prepare('SELECT user, name, created_at FROM users WHERE user = ?')
    this.#exists = connection.prepare('SELECT 1 FROM users WHERE user = ?')
  }

  async put(user: UserId, name: string | undefined, at: Timestamp): Promise<UserDocument> {
    return this.#connection.transaction(() => userOf(this.#put.get(user, name ?? null, at)))
  }

  async get(user: UserId): Promise<UserDocument | undefined> {
    const row = this.#connection.ask(() => this.#get.get(user))
    return row === undefined ? undefined : userOf(row)
  }

  isRegistered(user: UserId): boolean {
    return this.#connection.ask(() => this.#exists.get(user)) !== undefined
  }
}

function userOf(row: unknown): UserDocument {
  const { user, name, created_at } = row as { user: UserId; name: string | null; created_at: Timestamp }
  return { user, name: name ?? undefined, createdAt: created_at }
}
