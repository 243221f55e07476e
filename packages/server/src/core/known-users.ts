import type { Timestamp, UserDocument, UserId, UserStore } from '../ports/store.ts'

/** Look-ups at a time: while the store does not answer they would pile up. */
const LOOK_UPS_MAX = 100

/**
 * The users, and which of them were seen in the store. Nobody ceases to be a user, so where the store does not know one of them any more, it
 * was set back to an earlier time.
 */
export class KnownUsers implements UserStore {
  readonly #store: UserStore
  readonly #usersMax: number
  readonly #known = new Set<UserId>()
  readonly #lookedUp = new Set<UserId>()

  /** Remembers up to `usersMax`: the set must not grow with everybody who ever came. */
  constructor(store: UserStore, usersMax: number) {
    this.#store = store
    this.#usersMax = usersMax
  }

  /** Whether this user was seen in the store. */
  has(user: UserId): boolean {
    return this.#known.has(user)
  }

  /** The same; and who was not is looked up, for the next time. */
  knows(user: UserId): boolean {
    if (this.has(user)) return true
    if (!this.#lookedUp.has(user) && this.#lookedUp.size < LOOK_UPS_MAX) {
      this.#lookedUp.add(user)
      this.get(user)
        .catch(() => {})
        .finally(() => this.#lookedUp.delete(user))
    }
    return false
  }

  async put(user: UserId, name: string | undefined, at: Timestamp): Promise<UserDocument> {
    const document = await this.#store.put(user, name, at)
    this.#remember(user)
    return document
  }

  async get(user: UserId): Promise<UserDocument | undefined> {
    const document = await this.#store.get(user)
    if (document !== undefined) this.#remember(user)
    return document
  }

  #remember(user: UserId): void {
    this.#known.add(user)
    if (this.#known.size <= this.#usersMax) return
    const [oldest] = this.#known
    if (oldest !== undefined) this.#known.delete(oldest)
  }
}
