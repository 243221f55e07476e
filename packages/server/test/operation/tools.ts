import { spawn, spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import { until } from '../support/server.ts'

/** A small disk of its own: a tmpfs, gone when the test ends. undefined where this process may not mount one. */
export function mountDisk(context: TestContext, folder: string, bytes: number): Disk | undefined {
  const { status, stderr } = run('mount', '-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', folder)
  if (status !== 0) return missing(context, `needs the right to mount a tmpfs: run it as root (${stderr.trim()})`)
  const change = (how: string) => {
    const changed = run('mount', '-o', `remount,${how}`, folder)
    if (changed.status !== 0) throw new Error(changed.stderr)
  }
  return {
    readOnly: () => change('ro'),
    writable: () => change('rw'),
    [Symbol.dispose]: () => void run('umount', '--lazy', folder),
  }
}

export interface Disk extends Disposable {
  /** Only while nobody has a file open for writing. */
  readOnly(): void
  writable(): void
}

/** Whether strace is here and may trace; where everything must run, its absence is a failure. */
export function canTrace(context: TestContext): boolean {
  if (run('strace', '-f', '-e', 'trace=fsync', 'true').status === 0) return true
  missing(context, 'needs strace, and the right to trace: apt-get install strace')
  return false
}

/** Whether a terminal can be made for a command, by util-linux's `script`. */
export function hasTerminal(context: TestContext): boolean {
  if (run('script', '-qec', 'true', '/dev/null').status === 0) return true
  missing(context, 'needs the script of util-linux: apt-get install bsdutils')
  return false
}

/** Makes system calls of a process fail, from now on until the end: strace's `inject` of these calls. */
export async function interfere(pid: number, calls: string, how: string): Promise<AsyncDisposable> {
  const options = ['-f', '-p', String(pid), '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${calls}:${how}`]
  const tracer = spawn('strace', options, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  tracer.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = new Promise((resolve) => tracer.on('exit', resolve))
  await until('strace is attached', () => /attached/.test(said))
  return {
    async [Symbol.asyncDispose]() {
      tracer.kill('SIGINT')
      await ended
    },
  }
}

function run(file: string, ...options: string[]): { readonly status: number | null; readonly stderr: string } {
  const { status, stderr, error } = spawnSync(file, options, { encoding: 'utf8' })
  return { status, stderr: stderr ?? String(error) }
}

function missing(context: TestContext, why: string): undefined {
  if (process.env.CI === 'true') throw new Error(why)
  context.skip(why)
}
