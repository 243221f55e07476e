import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Messages } from './messages.ts'
import { groupsOf } from './metrics.ts'
import { createRoom } from './rooms.ts'
import { sendInClosedLoop, type Until } from './sender.ts'
import { Folder, Holdfast } from './server.ts'

/** How many messages are on their way at any time, and for how long. */
export interface Level {
  readonly inFlight: number
  readonly until: Until
}

export interface Counted {
  readonly inFlight: number
  readonly messages: number
  /** Batches of the worker: one append, one write of the store, one of the feed with the offset. */
  readonly groups: number
  readonly fsyncs: number
  readonly byFile: Readonly<Record<string, number>>
}

const ROOM = 'bench-fsyncs'
/** The filter in the kernel leaves every other call at its own speed, so that groups are as large as they would be. */
const STRACE = ['strace', '-f', '--seccomp-bpf', '-e', 'trace=fsync,fdatasync']

/** Whether strace is here, and may trace. */
export function canCountFsyncs(): boolean {
  const [file = '', ...options] = STRACE
  return spawnSync(file, [...options, 'true']).status === 0
}

/**
 * Counts the fsyncs of a whole server, in all its threads, while messages are stored at one level after the other. Every message
 * is checked like in any other measurement; times mean nothing, because every sync is traced.
 */
export async function countFsyncs(levels: readonly Level[], told: (window: Window) => void): Promise<Counted[]> {
  using folder = new Folder()
  const trace = join(folder.path, 'trace')
  const windows: Window[] = []
  const server = await Holdfast.start({
    data: join(folder.path, 'data'),
    wrap: [...STRACE, '-y', '-ttt', '-o', trace],
  })
  try {
    const sender = await server.signIn('bench-sender', 'administrator')
    let head = await createRoom(sender, ROOM, [])
    for (const { inFlight, until } of levels) {
      const groupsBefore = await groupsOf(server)
      const from = Date.now() / 1_000
      const { messages } = await sendInClosedLoop(sender, new Messages(ROOM), inFlight, head, until)
      const to = Date.now() / 1_000
      const window = { inFlight, messages, groups: (await groupsOf(server)) - groupsBefore, from, to }
      windows.push(window)
      head += messages
      told(window)
    }
    sender.close()
  } finally {
    await server.stop()
  }
  return countIn(windows, readFileSync(trace, 'latin1'))
}

interface Window extends Omit<Counted, 'fsyncs' | 'byFile'> {
  /** Seconds since 1970, as strace writes them. */
  readonly from: number
  readonly to: number
}

/** Lines such as `1234 1700000000.123456 fdatasync(23</data/log.db-wal>) = 0`, or the same with `<unfinished ...>` at its end. */
function countIn(windows: readonly Window[], trace: string): Counted[] {
  const calls = [...trace.matchAll(/^\d+ +(\d+\.\d+) (?:fsync|fdatasync)\(\d+<([^>]*)>/gm)].map(([, at, file]) => ({
    at: Number(at),
    file: basename(file ?? ''),
  }))
  return windows.map(({ inFlight, messages, groups, from, to }) => {
    const byFile: Record<string, number> = {}
    const within = calls.filter(({ at }) => at >= from && at <= to)
    for (const { file } of within) byFile[file] = (byFile[file] ?? 0) + 1
    return { inFlight, messages, groups, fsyncs: within.length, byFile }
  })
}
