import { hash } from 'node:crypto'
import { isId, LIMITS } from '@holdfast/protocol'
import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { Problem } from '../../core/problem.ts'
import type { Access, Identity } from '../../ports/access.ts'
import type { Clock } from '../../ports/system.ts'
import { publicKey, secretKey, type VerificationKey } from './keys.ts'

/** The `kid` of tokens that the installation signed itself. They need no issuer and no audience: their key names both. */
export const OWN_KEY = 'holdfast'
export const ADMINISTRATOR_SCOPE = 'holdfast:admin'
const LEEWAY_S = 30
const EXPIRES_MAX = 8_640_000_000_000_000
/** What a key set on the web may sign with: never a shared secret, which would be public there. */
const KEY_SET_ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'Ed25519']
/** A key withdrawn from a key set ends its tokens after this long at the latest. */
const REMEMBERED_MS_MAX = 300_000
const KEY_SET_AGE_MS_MAX = 300_000

/** Where tokens come from, and what they must say. */
export interface AccessOptions {
  /** The installation's own secret. */
  readonly own: Uint8Array
  /** Shared secrets of HS256, each at least 32 bytes. */
  readonly secrets: readonly string[]
  readonly publicKeys: readonly { readonly kid: string; readonly pem: string }[]
  readonly keySetUrl: string | undefined
  readonly issuer: string | undefined
  readonly audience: string | undefined
  /** Tokens found good that are not verified again until they end: a signature costs 0.3 ms. */
  readonly rememberedTokensMax: number
}

/** Judges JSON Web Tokens (RFC 7519) by the keys it was given; several at once, so that keys can be rotated. */
export class JwtAccess implements Access {
  readonly #options: AccessOptions
  readonly #clock: Clock
  readonly #own: VerificationKey
  readonly #keys: readonly VerificationKey[]
  readonly #remembered = new Map<string, { readonly until: number; readonly identity: Promise<Identity> }>()
  #keySet: Promise<JWTVerifyGetKey> | undefined

  constructor(options: AccessOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#own = secretKey(options.own, OWN_KEY)
    this.#keys = [
      ...options.secrets.map((secret) => secretKey(secret)),
      ...options.publicKeys.map(({ kid, pem }) => publicKey(pem, kid)),
    ]
  }

  async verify(token: string): Promise<Identity> {
    if (token.length > LIMITS.tokenBytesMax) throw unauthenticated('The token is too long.')
    // A digest in place of the token: thousands of remembered tokens then cost little, and a heap dump holds none.
    const digest = hash('sha256', token, 'base64url')
    const now = this.#clock.now()
    const known = this.#remembered.get(digest)
    const identity = known !== undefined && now < known.until ? known.identity : this.#begin(digest, token, now)
    const { expires } = await identity
    if (this.#clock.now() >= expires) throw new Problem('TOKEN_EXPIRED')
    return identity
  }

  /** Requests that bring the same new token at the same moment share one verification, and keep their order. */
  #begin(digest: string, token: string, now: number): Promise<Identity> {
    const identity = this.#judge(token)
    this.#remembered.delete(digest)
    this.#remembered.set(digest, { until: now + REMEMBERED_MS_MAX, identity })
    if (this.#remembered.size > this.#options.rememberedTokensMax) {
      const [oldest] = this.#remembered.keys()
      if (oldest !== undefined) this.#remembered.delete(oldest)
    }
    identity.catch(() => this.#remembered.delete(digest))
    return identity
  }

  async #judge(token: string): Promise<Identity> {
    const { decodeProtectedHeader } = await import('jose')
    let header: { alg?: unknown; kid?: unknown }
    try {
      header = decodeProtectedHeader(token)
    } catch {
      throw unauthenticated('This is no JSON Web Token.')
    }
    const { alg, kid } = header
    if (typeof alg !== 'string') throw unauthenticated('The token names no algorithm.')
    if (kid === OWN_KEY && this.#own.algorithms.includes(alg)) {
      const payload = await this.#verified(token, this.#own, {})
      if (payload !== undefined) return identityOf(payload)
    }
    const { issuer, audience } = this.#options
    const expected = { ...(issuer && { issuer }), ...(audience && { audience }) }
    for (const key of this.#candidates(alg, kid)) {
      const payload = await this.#verified(token, key, expected)
      if (payload !== undefined) return identityOf(payload)
    }
    if (this.#options.keySetUrl !== undefined && KEY_SET_ALGORITHMS.includes(alg)) {
      const payload = await this.#verifiedByKeySet(token, this.#options.keySetUrl, expected)
      if (payload !== undefined) return identityOf(payload)
    }
    throw unauthenticated()
  }

  /** The key that the token names; where none has that name, every key of its algorithm is tried. */
  #candidates(alg: string, kid: unknown): readonly VerificationKey[] {
    const usable = this.#keys.filter(({ algorithms }) => algorithms.includes(alg))
    const named = usable.filter((key) => key.kid !== undefined && key.kid === kid)
    return named.length > 0 ? named : usable
  }

  /** What the token says; undefined where this key did not sign it. */
  async #verified(token: string, { key, algorithms }: VerificationKey, expected: Expected) {
    const { jwtVerify, errors } = await import('jose')
    try {
      return (await jwtVerify(token, key, this.#rules(algorithms, expected))).payload
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined
      throw refusalOf(error, errors)
    }
  }

  async #verifiedByKeySet(token: string, url: string, expected: Expected) {
    const { jwtVerify, errors } = await import('jose')
    this.#keySet ??= remoteKeySet(url)
    const rules = this.#rules(KEY_SET_ALGORITHMS, expected)
    try {
      return (await jwtVerify(token, await this.#keySet, rules)).payload
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined
      if (error instanceof errors.JWKSNoMatchingKey) return undefined
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw refusalOf(error, errors)
      for await (const key of error) {
        try {
          return (await jwtVerify(token, key, rules)).payload
        } catch (wrong) {
          if (!(wrong instanceof errors.JWSSignatureVerificationFailed)) throw refusalOf(wrong, errors)
        }
      }
      return undefined
    }
  }

  #rules(algorithms: readonly string[], expected: Expected) {
    return {
      ...expected,
      algorithms: [...algorithms],
      clockTolerance: LEEWAY_S,
      currentDate: new Date(this.#clock.now()),
      requiredClaims: ['sub', 'exp'],
    }
  }
}

interface Expected {
  issuer?: string
  audience?: string
}

async function remoteKeySet(url: string): Promise<JWTVerifyGetKey> {
  const { createRemoteJWKSet } = await import('jose')
  return createRemoteJWKSet(new URL(url), { cacheMaxAge: KEY_SET_AGE_MS_MAX })
}

function identityOf({ sub, exp, scope }: JWTPayload): Identity {
  if (typeof sub !== 'string' || !isId(sub, LIMITS.idBytesMax))
    throw unauthenticated(`The token's sub is no user id: 1 to ${LIMITS.idBytesMax} bytes without control characters.`)
  if (typeof exp !== 'number' || Number.isNaN(exp)) throw unauthenticated("The token's exp is not a time.")
  const administrator = typeof scope === 'string' && scope.split(' ').includes(ADMINISTRATOR_SCOPE)
  // Whole milliseconds: a token may name a fraction of a second (RFC 7519, section 2), a frame may not.
  return { user: sub, administrator, expires: Math.min(Math.ceil((exp + LEEWAY_S) * 1_000), EXPIRES_MAX) }
}

/** The Problem for what jose found wrong with a token; a key set that cannot be fetched is not the token's fault. */
function refusalOf(error: unknown, errors: typeof import('jose').errors): Problem {
  if (error instanceof errors.JWTExpired) return new Problem('TOKEN_EXPIRED')
  if (error instanceof errors.JWTClaimValidationFailed)
    return unauthenticated(`The token's claim ${error.claim} is missing or not what this server asks for.`)
  const aboutToken = [errors.JWTInvalid, errors.JWSInvalid, errors.JOSEAlgNotAllowed, errors.JOSENotSupported]
  if (aboutToken.some((kind) => error instanceof kind)) return unauthenticated()
  return new Problem('INTERNAL', 'The keys that tokens are judged by cannot be fetched now; try again.', {
    cause: error,
  })
}

function unauthenticated(message?: string): Problem {
  return new Problem('UNAUTHENTICATED', message)
}
