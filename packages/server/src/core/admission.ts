import type { Access, Identity } from '../ports/access.ts'
import type { UserId } from '../ports/store.ts'
import type { Clock } from '../ports/system.ts'
import type { KnownUsers } from './known-users.ts'
import { readProblem } from './problem.ts'

/** `auto`: whoever brings a good token is a user from then on. `registered`: only who was put there; others' commands wait. */
export type UsersPolicy = 'auto' | 'registered'

/** The one way in for sockets and HTTP alike: who is this, and are they known to the store? */
export class Admission {
  readonly #access: Access
  readonly #users: Pick<KnownUsers, 'has' | 'put'>
  readonly #clock: Clock
  readonly #policy: UsersPolicy
  /** Those whose first token is being looked at. */
  readonly #coming = new Map<UserId, Promise<unknown>>()

  constructor(access: Access, users: Pick<KnownUsers, 'has' | 'put'>, clock: Clock, policy: UsersPolicy) {
    this.#access = access
    this.#users = users
    this.#clock = clock
    this.#policy = policy
  }

  /**
   * Who the token's bearer is. Where users come by themselves, they are in the store before this resolves, so that their first
   * command finds them. Rejects with a Problem: UNAUTHENTICATED, TOKEN_EXPIRED, STORE_UNAVAILABLE, or INTERNAL where keys could not be fetched.
   */
  async admit(token: string): Promise<Identity> {
    const identity = await this.#access.verify(token)
    if (this.#policy === 'auto' && !this.#users.has(identity.user)) await this.#write(identity.user)
    return identity
  }

  #write(user: UserId): Promise<unknown> {
    let written = this.#coming.get(user)
    if (written === undefined) {
      written = this.#users
        .put(user, undefined, this.#clock.now())
        .catch((cause) => {
          throw readProblem(cause)
        })
        .finally(() => this.#coming.delete(user))
      this.#coming.set(user, written)
    }
    return written
  }
}
