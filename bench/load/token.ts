import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const LIFETIME_S = 86_400

/** Signs tokens with the secret of an installation, as `holdfast token` does: thousands of users in no time. */
export class Tokens {
  private readonly secret: Buffer

  constructor(data: string) {
    this.secret = Buffer.from(readFileSync(join(data, 'secret'), 'utf8').trim(), 'base64url')
  }

  /** Administrators have no rate limit. */
  of(user: string, role: 'administrator' | 'member' = 'member'): string {
    const now = Math.floor(Date.now() / 1_000)
    const claims = {
      sub: user,
      iat: now,
      exp: now + LIFETIME_S,
      ...(role === 'administrator' ? { scope: 'holdfast:admin' } : {}),
    }
    const signed = `${part({ alg: 'HS256', kid: 'holdfast' })}.${part(claims)}`
    return `${signed}.${createHmac('sha256', this.secret).update(signed).digest('base64url')}`
  }
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
