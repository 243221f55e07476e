import type { Timestamp, UserId } from './store.ts'

/** Who a token says its bearer is. */
export interface Identity {
  readonly user: UserId
  readonly administrator: boolean
  /** When the token ends, leeway included. */
  readonly expires: Timestamp
}

/** Judges tokens. Rejects with a Problem: UNAUTHENTICATED or TOKEN_EXPIRED. */
export interface Access {
  verify(token: string): Promise<Identity>
}
