import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import type { Security } from '../security/security.ts'

/** One side of a talk in which somebody shows who they are. */
export interface SaslClient {
  /** How often it speaks. */
  readonly turns: number
  /** What it says to what the server said last: nothing at first. */
  say(heard: string): string
  /** What the server said at last. */
  hear(heard: string): void
}

/** https://www.rfc-editor.org/rfc/rfc5802, without channel binding, for names and passwords that need no preparation. */
export function scramSha512({
  username,
  password,
}: Pick<Security, 'username' | 'password'>): SaslClient & { isProven(): boolean } {
  const bare = `n=${username},r=${randomBytes(18).toString('base64')}`
  let expected = ''
  let proven = false

  function last(serverFirst: string): string {
    const {
      r = '',
      s = '',
      i = '',
    } = Object.fromEntries(serverFirst.split(',').map((part) => [part[0], part.slice(2)]))
    const salted = pbkdf2Sync(password, Buffer.from(s, 'base64'), Number(i), 64, 'sha512')
    const withoutProof = `c=biws,r=${r}`
    const talk = [bare, serverFirst, withoutProof].join(',')
    const clientKey = hmac(salted, 'Client Key')
    const signature = hmac(createHash('sha512').update(clientKey).digest(), talk)
    const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))
    expected = `v=${hmac(hmac(salted, 'Server Key'), talk).toString('base64')}`
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`
  }

  return {
    turns: 2,
    say: (heard) => (heard === '' ? `n,,${bare}` : last(heard)),
    hear: (heard) => {
      proven = heard === expected
    },
    isProven: () => proven,
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha512', key).update(text).digest()
}
