import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type Config, ConfigError } from './config.ts'

/** Judged at the start: a key that cannot be used must not be found out by the first user. */
export function readPublicKey(file: string): Config['publicKeys'][number] {
  const wrong = (what: string) =>
    new ConfigError(
      `The key ${file} of HOLDFAST_JWT_PUBLIC_KEYS ${what}. Give the public key in PEM (RSA from 2,048 bits, P-256 or Ed25519).`,
    )
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch {
    throw wrong('cannot be read')
  }
  if (/-----BEGIN (?:\w+ )*PRIVATE KEY-----/.test(pem)) throw wrong('is a private one, which this server must not have')
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey(pem)
    const isUsable =
      type === 'ed25519' ||
      (type === 'ec' && details?.namedCurve === 'prime256v1') ||
      (type === 'rsa' && (details?.modulusLength ?? 0) >= 2_048)
    if (!isUsable) throw wrong(`is of the kind ${details?.namedCurve ?? type}, which cannot be used`)
  } catch (error) {
    throw error instanceof ConfigError ? error : wrong('is no key')
  }
  return { kid: basename(file).replace(/\.[^.]+$/, ''), pem }
}
