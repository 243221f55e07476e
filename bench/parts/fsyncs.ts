import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Messages } from '../load/messages.ts'
import { groupsOf } from '../load/metrics.ts'
import { createRoom } from '../load/rooms.ts'
import { sendInClosedLoop } from '../load/sender.ts'
import { Folder, Holdfast } from '../load/server.ts'
import type { Progress } from '../main.ts'
import { figure, type PartReport } from '../report.ts'
import type { BenchSettings } from '../settings.ts'
import { spread } from '../stats.ts'

const LEVELS = [1, 16, 64]
const ROOM = 'bench-fsyncs'

interface Counted {
  readonly inFlight: number
  readonly messages: number
  readonly groups: number
  readonly fsyncs: number
  readonly byFile: Readonly<Record<string, number>>
}

/** Counts the fsyncs of the whole server with strace while messages are stored. Its times mean nothing: every sync is traced. */
export async function fsyncs({ seconds }: BenchSettings, progress: Progress): Promise<PartReport> {
  if (spawnSync('strace', ['-V']).status !== 0) return absent()
  using folder = new Folder()
  const trace = join(folder.path, 'trace')
  const windows: Window[] = []
  const server = await Holdfast.start({
    data: join(folder.path, 'data'),
    wrap: ['strace', '-f', '-y', '-ttt', '-e', 'trace=fsync,fdatasync', '-o', trace],
  })
  try {
    const sender = await server.signIn('bench-sender', 'administrator')
    let head = await createRoom(sender, ROOM, [])
    for (const inFlight of LEVELS) {
      const groupsBefore = await groupsOf(server)
      const from = Date.now() / 1_000
      const { messages } = await sendInClosedLoop(sender, new Messages(ROOM), inFlight, head, { seconds })
      const to = Date.now() / 1_000
      windows.push({ inFlight, messages, groups: (await groupsOf(server)) - groupsBefore, from, to })
      head += messages
      progress(`${inFlight} in flight: ${figure(messages)} messages`)
    }
    sender.close()
  } finally {
    await server.stop()
  }
  return report(countIn(windows, readFileSync(trace, 'latin1')))
}

interface Window {
  readonly inFlight: number
  readonly messages: number
  readonly groups: number
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

function report(counted: readonly Counted[]): PartReport {
  const perGroup = spread(counted.map(({ fsyncs, groups }) => fsyncs / groups))
  const perMessage = counted.map(({ fsyncs, messages }) => fsyncs / messages)
  const fall = (perMessage[0] ?? 0) / (perMessage.at(-1) ?? 1)
  return {
    part: 'fsyncs',
    tables: [
      {
        title: 'Fsyncs, counted by strace',
        columns: ['in flight', 'messages', 'groups', 'fsyncs', 'per group', 'per message', 'by file'],
        rows: counted.map(({ inFlight, messages, groups, fsyncs, byFile }) => [
          String(inFlight),
          figure(messages),
          figure(groups),
          figure(fsyncs),
          figure(fsyncs / groups),
          (fsyncs / messages).toFixed(3),
          Object.entries(byFile)
            .map(([file, count]) => `${file} ${count}`)
            .join(', '),
        ]),
      },
    ],
    goals: [
      {
        what: 'fsyncs per group',
        measured: perGroup,
        unit: '',
        better: 'lower',
        must: 2.2,
        aim: 2.1,
        doubt: undefined,
      },
      {
        what: 'fsyncs per message fall from 1 to 64 in flight',
        measured: spread([fall]),
        unit: ' ×',
        better: 'higher',
        must: 10,
        aim: 10,
        doubt: undefined,
      },
    ],
    notes: ['A group is a batch of the worker: one append, one write of the store, one of the feed with the offset.'],
    figures: counted,
  }
}

function absent(): PartReport {
  return {
    part: 'fsyncs',
    tables: [],
    goals: [],
    notes: ['fsyncs were NOT counted: there is no strace here (on Debian: apt-get install strace).'],
    figures: undefined,
  }
}
