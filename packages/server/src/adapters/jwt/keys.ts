import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'

/** A key that may have signed a token, and the only algorithms it may have been used with: the token's header never chooses. */
export interface VerificationKey {
  /** The token's `kid`, where keys have one. */
  readonly kid: string | undefined
  readonly algorithms: readonly string[]
  readonly key: KeyObject
}

/** A shared secret: HS256. It has no `kid`, so it is tried on every HS256 token. */
export function secretKey(secret: string | Uint8Array, kid?: string): VerificationKey {
  const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  return { kid, algorithms: ['HS256'], key: createSecretKey(bytes) }
}

/** A public key in PEM: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA). Throws an Error for anything else. */
export function publicKey(pem: string, kid: string | undefined): VerificationKey {
  const key = createPublicKey(pem)
  return { kid, algorithms: algorithmsOf(key), key }
}

function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly string[] {
  switch (type) {
    case 'rsa':
      return ['RS256']
    case 'ed25519':
      return ['EdDSA', 'Ed25519']
    case 'ec':
      if (details?.namedCurve === 'prime256v1') return ['ES256']
  }
  throw new Error(`a key of the kind ${details?.namedCurve ?? type} cannot judge tokens: use RSA, P-256 or Ed25519`)
}
