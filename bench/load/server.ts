import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from './client.ts'
import { Http } from './http.ts'
import { Tokens } from './token.ts'

const SERVER_MAIN = fileURLToPath(new URL('../../packages/server/src/main.ts', import.meta.url))

/** A real server in a process of its own. */
export class Holdfast {
  readonly url: string
  readonly pid: number
  readonly data: string
  /** From the start of the process until it said where it listens. */
  readonly startedMs: number
  private readonly tokens: Tokens
  private readonly child: ChildProcess
  private readonly ended: Promise<number | string>

  private constructor(options: {
    url: string
    pid: number
    data: string
    startedMs: number
    child: ChildProcess
    ended: Promise<number | string>
  }) {
    this.url = options.url
    this.pid = options.pid
    this.data = options.data
    this.startedMs = options.startedMs
    this.child = options.child
    this.ended = options.ended
    this.tokens = new Tokens(options.data)
  }

  /** Starts it on a free port. Rejects, with what it printed, when it ends instead. */
  static async start({ data, wrap = [], nodeOptions = [], env = {} }: HoldfastOptions): Promise<Holdfast> {
    const [file = '', ...args] = [...wrap, ...serverCommand(data, nodeOptions)]
    const begun = performance.now()
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    const ended = new Promise<number | string>((resolve) =>
      child.on('exit', (code, signal) => resolve(code ?? signal ?? '')),
    )
    const { url, pid, readyAt } = await address(child, ended)
    return new Holdfast({ url, pid, data, startedMs: readyAt - begun, child, ended })
  }

  signIn(user: string, role?: 'administrator'): Promise<Client> {
    return Client.signIn(this.url, this.tokens.of(user, role))
  }

  /** For requests that are measured. */
  http(user: string): Http {
    return new Http(this.url, { authorization: `Bearer ${this.tokens.of(user, 'administrator')}` })
  }

  async get(path: string, user: string): Promise<Response> {
    const response = await fetch(new URL(path, this.url), {
      headers: { authorization: `Bearer ${this.tokens.of(user, 'administrator')}` },
    })
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
    return response
  }

  /** A clean stop. A server that ends otherwise has done something wrong. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) process.kill(this.pid, 'SIGTERM')
    const how = await this.ended
    if (how !== 0) throw new Error(`the server ended with ${how} after SIGTERM`)
  }
}

export interface HoldfastOptions {
  readonly data: string
  /** What to put before the command: a tracer, say. */
  readonly wrap?: readonly string[]
  readonly nodeOptions?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** What a command line of ours begins with. */
export function holdfastCommand(nodeOptions: readonly string[] = []): readonly string[] {
  const options = ['--conditions=@holdfast/source', '--disable-warning=ExperimentalWarning', ...nodeOptions]
  return [process.execPath, ...options, SERVER_MAIN]
}

function serverCommand(data: string, nodeOptions: readonly string[]): readonly string[] {
  return [...holdfastCommand(nodeOptions), 'serve', '--port', '0', '--data', data]
}

/** A folder that is gone afterwards. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))

  /** The same files in another folder: what the server left, for somebody else to go on with. */
  copy(): Folder {
    const folder = new Folder()
    cpSync(this.path, folder.path, { recursive: true })
    return folder
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The banner names the address and the pid: a tracer in front has another pid. */
function address(child: ChildProcess, ended: Promise<unknown>): Promise<{ url: string; pid: number; readyAt: number }> {
  let output = ''
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-OUTPUT_KEPT)
        const url = /(http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1]
        const pid = /pid\s+(\d+)/i.exec(output)?.[1]
        if (url !== undefined && pid !== undefined) resolve({ url, pid: Number(pid), readyAt: performance.now() })
      })
    }
    ended.then((how) => reject(new Error(`the server ended (${how}) before it listened:\n${output}`)))
  })
}

const OUTPUT_KEPT = 10_000
