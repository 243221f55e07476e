import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where a conversation is held to the protocol. */
export interface Server {
  readonly url: string
  /** A good token. */
  token(user: string): Promise<string>
  /** Only where the server is ours: what kills it, and what makes tokens that it must refuse. */
  readonly own: OwnServer | undefined
}

/** Somebody else's server on this machine, which offers sign-in by name. */
export function foreignServer(url: string): Server {
  return { url, own: undefined, token: (user) => signIn(url, user) }
}

async function signIn(url: string, user: string): Promise<string> {
  const response = await fetch(`${url}/v1/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  })
  if (!response.ok) throw new Error(`${url} does not sign in by name: ${response.status} ${await response.text()}`)
  return ((await response.json()) as { token: string }).token
}

const MAIN = fileURLToPath(new URL('../../packages/server/src/main.ts', import.meta.url))
const LIFETIME_S = 3_600

interface Running {
  readonly child: ChildProcess
  readonly url: string
  readonly ended: Promise<unknown>
}

/** A server in a process of its own, in a folder that is gone afterwards: it may be killed, and set back to a backup. */
export class OwnServer implements Server {
  readonly own = this
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-protocol-'))
  readonly #data = join(this.#folder, 'data')
  #running: Running | undefined

  get url(): string {
    if (this.#running === undefined) throw new Error('the server is not running')
    return this.#running.url
  }

  /** Starts it, again on the same data; resolves when it listens. */
  async start(): Promise<this> {
    const args = ['--conditions=@holdfast/source', MAIN, 'serve', '--port', '0', '--data', this.#data]
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A test runner's own variable would make it report as a test.
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    })
    const ended = new Promise((resolve) => child.on('exit', resolve))
    this.#running = { child, ended, url: await address(child, ended) }
    return this
  }

  /** Ends it by `SIGKILL`, or cleanly by `SIGTERM`. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#running === undefined) return
    const { child, ended } = this.#running
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
    this.#running = undefined
  }

  /** Copies the data of a server that is not running; the result puts it back. */
  backUp(): () => void {
    const copy = join(this.#folder, 'backup')
    cpSync(this.#data, copy, { recursive: true })
    return () => {
      rmSync(this.#data, { recursive: true })
      cpSync(copy, this.#data, { recursive: true })
    }
  }

  async token(user: string): Promise<string> {
    return this.#signed(user, LIFETIME_S)
  }

  expiredToken(user: string): string {
    return this.#signed(user, -LIFETIME_S)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #signed(user: string, lifetimeS: number): string {
    const secret = Buffer.from(readFileSync(join(this.#data, 'secret'), 'utf8').trim(), 'base64url')
    const signed = unsigned({ alg: 'HS256', kid: 'holdfast' }, user, lifetimeS)
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
  }
}

/** Tokens that no server may take, by what is wrong with them. */
export function forgedTokens(user: string): Readonly<Record<string, string>> {
  const { privateKey } = generateKeyPairSync('ed25519')
  const none = `${unsigned({ alg: 'none', kid: 'holdfast' }, user, LIFETIME_S)}.`
  const hmac = unsigned({ alg: 'HS256', kid: 'holdfast' }, user, LIFETIME_S)
  const key = unsigned({ alg: 'EdDSA', kid: 'holdfast' }, user, LIFETIME_S)
  return {
    'alg none': none,
    'signed with another secret': `${hmac}.${createHmac('sha256', 'another secret').update(hmac).digest('base64url')}`,
    'signed with a key nobody knows': `${key}.${sign(null, Buffer.from(key), privateKey).toString('base64url')}`,
    'no token at all': 'eyJ',
  }
}

function unsigned(header: object, user: string, lifetimeS: number): string {
  const now = Math.floor(Date.now() / 1_000)
  return `${part(header)}.${part({ sub: user, iat: now - LIFETIME_S, exp: now + lifetimeS })}`
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** The address that the server prints once it listens. */
function address(child: ChildProcess, ended: Promise<unknown>): Promise<string> {
  let output = ''
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-OUTPUT_KEPT)
        const url = /is listening[\s\S]*(http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1]
        if (url !== undefined) resolve(url)
      })
    }
    ended.then((how) => reject(new Error(`the server ended (${how}) before it listened:\n${output}`)))
  })
}

const OUTPUT_KEPT = 10_000
