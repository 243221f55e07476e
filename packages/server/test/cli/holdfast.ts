import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface Ran {
  /** The exit code, or the signal's name. */
  readonly exit: number | string
  readonly out: string
  readonly err: string
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess
  out(): string
  err(): string
  readonly ended: Promise<Ran>
}

export interface HoldfastOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Starts `holdfast` with these arguments, as a process of its own. */
export function start(args: readonly string[], { env = {}, cwd }: HoldfastOptions = {}): Running {
  const child = spawn(process.execPath, ['--conditions=@holdfast/source', MAIN, ...args], {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  const text = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text.out += piece
  })
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    text.err += piece
  })
  const ended = new Promise<Ran>((resolve) => {
    child.on('close', (code, signal) => resolve({ exit: code ?? signal ?? 'unknown', ...text }))
  })
  return { child, out: () => text.out, err: () => text.err, ended }
}

/** Runs `holdfast` with these arguments to its end. */
export function holdfast(args: readonly string[], options: HoldfastOptions = {}): Promise<Ran> {
  return start(args, options).ended
}

/** The JSON lines of an output. */
export function linesOf(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
