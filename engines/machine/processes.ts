import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that is still told from another that got its pid later. */
export interface ProcessMark {
  readonly pid: number
  /** When it was started, and since which boot that counts. */
  readonly started: string
}

const POLL_MS = 50

/** undefined when there is no such process, or nothing of it but an exit code that nobody fetched. */
export function markOf(pid: number): ProcessMark | undefined {
  const started = process.platform === 'linux' ? startedOnLinux(pid) : startedByPs(pid)
  return started === undefined ? undefined : { pid, started }
}

export function isAlive({ pid, started }: ProcessMark): boolean {
  return markOf(pid)?.started === started
}

/** Does nothing to another process that has the pid now. */
export function signal(mark: ProcessMark, name: NodeJS.Signals): void {
  if (!isAlive(mark)) return
  try {
    process.kill(mark.pid, name)
  } catch (error) {
    // It ended between the question and the signal.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Whether all of them ended within this time. */
export async function ended(marks: readonly ProcessMark[], patienceMs: number): Promise<boolean> {
  return await holds(() => !marks.some(isAlive), patienceMs)
}

/** Whether it was frozen within this time. A process of many threads goes on for moments after SIGSTOP, each until it sees the signal. */
export async function frozen(mark: ProcessMark, patienceMs: number): Promise<boolean> {
  return await holds(() => isFrozen(mark), patienceMs)
}

async function holds(condition: () => boolean, patienceMs: number): Promise<boolean> {
  const until = performance.now() + patienceMs
  while (!condition()) {
    if (performance.now() > until) return false
    await sleep(POLL_MS)
  }
  return true
}

/** Resident bytes, those shared with others included. */
export function memoryOf(mark: ProcessMark): number | undefined {
  if (!isAlive(mark)) return undefined
  const kib =
    process.platform === 'linux'
      ? /^VmRSS:\s+(\d+) kB$/m.exec(textOf(`/proc/${mark.pid}/status`) ?? '')?.[1]
      : ps(mark.pid, 'rss')
  return kib === undefined ? undefined : Number(kib) * 1_024
}

function isFrozen({ pid }: ProcessMark): boolean {
  if (process.platform !== 'linux') return ps(pid, 'stat')?.startsWith('T') === true
  const threads = namesIn(`/proc/${pid}/task`)
  return threads.length > 0 && threads.every((thread) => fieldsOf(`/proc/${pid}/task/${thread}/stat`)?.[0] === 'T')
}

function startedOnLinux(pid: number): string | undefined {
  const fields = fieldsOf(`/proc/${pid}/stat`)
  if (fields === undefined || fields[0] === 'X') return undefined
  // The first of its threads may have ended before the others, which still hold its ports and files.
  if (fields[0] === 'Z' && Number(fields[17]) <= 1) return undefined
  return `${textOf('/proc/sys/kernel/random/boot_id')?.trim()} ${fields[19]}`
}

/** The command's name, in parentheses, may hold anything; behind it come the state and, 19 fields later, ticks since the boot. */
function fieldsOf(stat: string): string[] | undefined {
  return textOf(stat)
    ?.replace(/^.*\)\s/s, '')
    .split(' ')
}

function startedByPs(pid: number): string | undefined {
  return ps(pid, 'stat')?.startsWith('Z') === false ? ps(pid, 'lstart') : undefined
}

function ps(pid: number, column: string): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' })
  return stdout?.trim() || undefined
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
