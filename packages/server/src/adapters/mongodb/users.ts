import type { ClientSession } from 'mongodb'
import type { Timestamp, UserDocument, UserId, UserStore } from '../../ports/store.ts'
import type { Causality, Connection } from './connection.ts'
import { Row } from './row.ts'
import { encodeText } from './text.ts'
import { insertMissing } from './versions.ts'

const USERS = 'users'

/** Who may take part. */
export class Users implements UserStore {
  readonly #connection: Connection
  readonly #causality: Causality = { operationTime: undefined }

  constructor(connection: Connection) {
    this.#connection = connection
  }

  put(user: UserId, name: string | undefined, at: Timestamp): Promise<UserDocument> {
    return this.#causally(async (session) => {
      const known = await this.#get(user, session)
      if (known !== undefined && (name === undefined || name === known.name)) return known
      const encoded = name === undefined ? undefined : encodeText(name)
      if (known === undefined) {
        const row = { _id: encodeText(user), name: encoded, createdAt: at }
        await insertMissing(this.#connection, USERS, [row], session)
      }
      const stored = await this.#get(user, session)
      if (stored === undefined || name === undefined || stored.name === name)
        return stored ?? { user, name, createdAt: at }
      await this.#connection.update(USERS, encodeText(user), { name: encoded }, { upsert: false, session })
      return { ...stored, name }
    })
  }

  get(user: UserId): Promise<UserDocument | undefined> {
    return this.#causally((session) => this.#get(user, session))
  }

  /** Those of these users who are registered. */
  async registered(users: readonly UserId[]): Promise<ReadonlySet<UserId>> {
    if (users.length === 0) return new Set()
    const rows = await this.#connection.find(USERS, { _id: { $in: users.map(encodeText) } })
    return new Set(rows.map((row) => Row.of(USERS, row).text('_id')))
  }

  async #get(user: UserId, session: ClientSession | undefined): Promise<UserDocument | undefined> {
    const [raw] = await this.#connection.find(USERS, { _id: encodeText(user) }, session)
    if (raw === undefined) return undefined
    const row = Row.of(USERS, raw)
    return { user, name: row.textIfAny('name'), createdAt: row.integer('createdAt') }
  }

  #causally<T>(use: (session: ClientSession | undefined) => Promise<T>): Promise<T> {
    return this.#connection.causally(this.#causality, use)
  }
}
