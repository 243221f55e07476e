import { closeSync, fdatasyncSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Below this the disk or the scheduler is busy with something else, and times say nothing about us. */
export const PROBE_PER_SECOND_MIN = 3_000
const PROBE_MS = 250
const PROBE_BYTES = 4_096
const TICKS_PER_SECOND = 100

/** How many `fdatasync` a second this folder's disk does now: a block written over and over, each time made durable. */
export function probeDisk(folder: string): number {
  const file = join(folder, 'probe')
  const descriptor = openSync(file, 'w')
  try {
    const block = Buffer.alloc(PROBE_BYTES)
    const start = performance.now()
    let count = 0
    while (performance.now() - start < PROBE_MS) {
      writeSync(descriptor, block, 0, PROBE_BYTES, 0)
      fdatasyncSync(descriptor)
      count++
    }
    return Math.round((count * 1_000) / (performance.now() - start))
  } finally {
    closeSync(descriptor)
    rmSync(file)
  }
}

/** Seconds of CPU (proc(5): utime + stime). */
export interface Cpu {
  /** The whole process, in all its threads. */
  readonly all: number
  /** Its first thread: in Node, the one with the sockets. */
  readonly main: number
  /** The threads named so, if there are any. */
  readonly engine: number
  readonly search: number
}

/** What a process has used so far. */
export function cpuSeconds(pid: number): Cpu {
  const threads = readdirSync(`/proc/${pid}/task`)
  const named = (name: string) => {
    const thread = threads.find((thread) => readProc(`${pid}/task/${thread}/comm`).trim() === name)
    return thread === undefined ? 0 : ticksOf(`${pid}/task/${thread}/stat`)
  }
  return {
    all: ticksOf(`${pid}/stat`),
    main: ticksOf(`${pid}/task/${pid}/stat`),
    engine: named('engine'),
    search: named('search'),
  }
}

/**
 * The same once the process has fallen quiet: what it still does for the messages of a pass, such as indexing them,
 * belongs to the pass.
 */
export async function cpuSecondsWhenQuiet(pid: number): Promise<Cpu> {
  let before = cpuSeconds(pid)
  for (let tries = 0; tries < QUIET_TRIES_MAX; tries++) {
    await sleep(QUIET_MS)
    const now = cpuSeconds(pid)
    if (now.all - before.all <= 1.5 / TICKS_PER_SECOND) return now
    before = now
  }
  return before
}

const QUIET_MS = 150
const QUIET_TRIES_MAX = 100

/** Microseconds of CPU for each of `count`, between two readings. */
export function microsPer(count: number, before: Cpu, after: Cpu): Cpu {
  const each = (pick: (cpu: Cpu) => number) => ((pick(after) - pick(before)) * 1e6) / count
  return {
    all: each(({ all }) => all),
    main: each(({ main }) => main),
    engine: each(({ engine }) => engine),
    search: each(({ search }) => search),
  }
}

function ticksOf(path: string): number {
  const stat = readProc(path)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function readProc(path: string): string {
  return readFileSync(`/proc/${path}`, 'latin1')
}

/** The resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Number(line?.[1]) * 1_024
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
