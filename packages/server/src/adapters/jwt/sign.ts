import type { Timestamp, UserId } from '../../ports/store.ts'
import type { Clock } from '../../ports/system.ts'
import { ADMINISTRATOR_SCOPE, OWN_KEY } from './access.ts'

export interface SignOptions {
  readonly user: UserId
  readonly administrator: boolean
  readonly lifetimeMs: number
}

export interface SignedToken {
  readonly token: string
  /** When it ends; servers allow 30 s more. */
  readonly expires: Timestamp
}

/** Signs a token with the installation's own secret: for `holdfast token` and the development sign-in. */
export async function sign(
  secret: Uint8Array,
  clock: Clock,
  { user, administrator, lifetimeMs }: SignOptions,
): Promise<SignedToken> {
  const { SignJWT } = await import('jose')
  const issued = Math.floor(clock.now() / 1_000)
  const expires = issued + Math.ceil(lifetimeMs / 1_000)
  const token = await new SignJWT(administrator ? { scope: ADMINISTRATOR_SCOPE } : {})
    .setProtectedHeader({ alg: 'HS256', kid: OWN_KEY })
    .setSubject(user)
    .setIssuedAt(issued)
    .setExpirationTime(expires)
    .sign(secret)
  return { token, expires: expires * 1_000 }
}
