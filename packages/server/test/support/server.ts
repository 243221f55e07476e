import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** A real server process on a free port. */
export interface ServerProcess {
  readonly url: string
  readonly pid: number
  readonly data: string
  /** Everything it printed so far. */
  output(): string
  signal(signal: NodeJS.Signals): void
  isAlive(): boolean
  /** Stopped by a signal (proc(5): the state behind the name, which may hold anything). */
  isFrozen(): boolean
  /** Resolves with the exit code, or the signal's name, however the process ended. */
  readonly ended: Promise<number | string>
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | string>
  /** Kills it, if it still lives. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface ServerOptions {
  readonly data: string
  /** 0 for a free one. */
  readonly port?: number
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What to put before the command: a tracer, say. */
  readonly wrap?: readonly string[]
}

/** Starts a server and waits until it says where it listens. Rejects, with its output, when it ends before. */
export async function startServer({
  data,
  port = 0,
  args = [],
  env = {},
  wrap = [],
}: ServerOptions): Promise<ServerProcess> {
  const command = [
    ...wrap,
    process.execPath,
    '--conditions=@holdfast/source',
    MAIN,
    'serve',
    '--port',
    String(port),
    '--data',
    data,
    ...args,
  ]
  const [file = '', ...rest] = command
  const child = spawn(file, rest, {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    // The failpoint `hang` waits for its standard input to end.
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const ended = new Promise<number | string>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'unknown')),
  )
  const { url, pid } = await address(child, () => output, ended)
  const isAlive = () => child.exitCode === null && child.signalCode === null
  const signal = (name: NodeJS.Signals) => {
    if (isAlive()) process.kill(pid, name)
  }
  return {
    url,
    pid,
    data,
    output: () => output,
    signal,
    isAlive,
    isFrozen: () => {
      if (!isAlive()) return false
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
    },
    ended,
    stop: () => {
      signal('SIGTERM')
      return ended
    },
    async [Symbol.asyncDispose]() {
      signal('SIGKILL')
      await ended
    },
  }
}

/** The banner names the address and the pid; a tracer in front has another pid. */
function address(
  child: ChildProcess,
  output: () => string,
  ended: Promise<unknown>,
): Promise<{ url: string; pid: number }> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const url = /(http:\/\/127\.0\.0\.1:\d+)/.exec(output())?.[1]
      const pid = /pid\s+(\d+)/i.exec(output())?.[1]
      if (url !== undefined && pid !== undefined) resolve({ url, pid: Number(pid) })
    }
    child.stdout?.on('data', look)
    ended.then((how) => reject(new Error(`the server ended (${how}) before it listened:\n${output()}`)))
  })
}

/** A data folder that is gone when the test is. */
export function temporaryFolder(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** Signs in by name, as the page does on a development installation. */
export async function signIn(url: string, user: string): Promise<string> {
  const response = await fetch(`${url}/v1/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  })
  if (!response.ok) throw new Error(`sign-in as ${user}: ${response.status} ${await response.text()}`)
  const { token } = (await response.json()) as { token: string }
  return token
}

/** Waits until the condition holds; the deadline only ends a test that would hang. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 30_000): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
