import type { Access, Identity } from '../ports/access.ts'
import type { UserId, UserStore } from '../ports/store.ts'
import type { Clock } from '../ports/system.ts'
import { readProblem } from './problem.ts'

/** `auto`: whoever brings a good token is a user from then on. `registered`: only who was put there; others' commands wait. */
export type UsersPolicy = 'auto' | 'registered'

export interface AdmissionOptions {
  readonly users: UsersPolicy
  /** Users remembered as written: the set must not grow with everybody who ever came. Who is forgotten is written again. */
  readonly admittedUsersMax: number
}

/** The one way in for sockets and HTTP alike: who is this, and are they known to the store? */
export class Admission {
  readonly #access: Access
  readonly #users: UserStore
  readonly #clock: Clock
  readonly #options: AdmissionOptions
  readonly #admitted = new Map<UserId, Promise<unknown>>()

  constructor(access: Access, users: UserStore, clock: Clock, options: AdmissionOptions) {
    this.#access = access
    this.#users = users
    this.#clock = clock
    this.#options = options
  }

  /**
   * Who the token's bearer is. Where users come by themselves, they are in the store before this resolves, so that their first
   * command finds them. Rejects with a Problem: UNAUTHENTICATED, TOKEN_EXPIRED, STORE_UNAVAILABLE, or INTERNAL where keys could not be fetched.
   */
  async admit(token: string): Promise<Identity> {
    const identity = await this.#access.verify(token)
    if (this.#options.users === 'auto') await this.#known(identity.user)
    return identity
  }

  #known(user: UserId): Promise<unknown> {
    const known = this.#admitted.get(user)
    if (known !== undefined) return known
    const written = this.#users.put(user, undefined, this.#clock.now()).catch((cause) => {
      this.#admitted.delete(user)
      throw readProblem(cause)
    })
    this.#admitted.set(user, written)
    if (this.#admitted.size > this.#options.admittedUsersMax) {
      const [oldest] = this.#admitted.keys()
      if (oldest !== undefined) this.#admitted.delete(oldest)
    }
    return written
  }
}
