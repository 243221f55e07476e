import { statSync } from 'node:fs'
import { systemRandom } from '../adapters/system/random.ts'
import { type Description, exactly, helpOf, integer, parse } from './arguments.ts'
import { type Command, CommandError, EXIT, type Io, usageError } from './command.ts'
import { type Connection, mayComeRight, Refusal } from './connection.ts'
import { userPath } from './importing/delivery.ts'
import { IMPORT_LIMITS, type ImportCounts, type ImportEnd, Importer } from './importing/importer.ts'
import { type BrokenLine, ImportIds, nameOf } from './importing/line.ts'
import { clearProgress, showProgress } from './importing/progress.ts'
import { openSource, type Source } from './importing/source.ts'
import { CLIENT_EXITS, CLIENT_OPTIONS, connect, target } from './installation.ts'
import { printable } from './printable.ts'
import { coloured, count } from './table.ts'

/** A server that is being started answers within this. */
const FIRST_CONTACT_MS_MAX = 15_000
const FIRST_CONTACT_EVERY_MS = 250
/** After Ctrl-C, what is under way has so long to be answered. */
const STOP_MS_MAX = 15_000

const DESCRIPTION = {
  name: 'import',
  usage: 'FILE.jsonl[.gz] [OPTIONS]',
  about:
    'Imports messages into a running server, one a line: {"room": …, "sender": …, "at": …, "text": …}. `at` is an ISO 8601 instant\n' +
    'with its time zone, or milliseconds since 1970; without it the message is from now. Users, rooms and memberships that are\n' +
    "missing are created; a room belongs to its first sender. Inside a room the file's order is kept.\n\n" +
    'It may be stopped (Ctrl-C) and run again, and the server may be restarted meanwhile: every line has an id of its own, made of\n' +
    "the file's name and the line's number, so nothing is stored twice. Two different files must not share a name (see --name).",
  options: {
    'on-error': {
      type: 'string',
      value: 'stop|skip',
      text: 'what to do at a broken line (default stop: what is before it is imported)',
    },
    name: {
      type: 'string',
      value: 'NAME',
      text: "what the lines' ids are made of (default: the file's name without .jsonl or .jsonl.gz)",
    },
    rooms: { type: 'string', value: 'N', text: `rooms imported at the same time (default ${IMPORT_LIMITS.roomsMax})` },
    patience: {
      type: 'string',
      value: 'SECONDS',
      text: `how long to wait for a server that is gone (default ${IMPORT_LIMITS.patienceMsMax / 1_000})`,
    },
    ...CLIENT_OPTIONS,
  },
  exits: [
    [EXIT.ok, 'every line is stored'],
    [EXIT.failed, 'stopped at a broken line, or skipped some'],
    ...CLIENT_EXITS,
    [EXIT.interrupted, 'stopped by Ctrl-C: run it again to go on'],
  ],
  examples: [
    ['import chat.jsonl.gz', 'into the server of ./data'],
    [
      'import chat.jsonl --on-error skip 2> broken.txt',
      'everything that can be imported; the rest is named in broken.txt',
    ],
    [
      'import chat.jsonl --url https://chat.example.com --token "$TOKEN"',
      "into another machine's server, as an administrator",
    ],
  ],
} as const satisfies Description

export const command: Command = {
  name: 'import',
  summary: 'import messages from a file',
  help: helpOf(DESCRIPTION),
  run,
}

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(DESCRIPTION, args)
  const [path = ''] = exactly('import', ['FILE'], positionals)
  const { 'on-error': onError = 'stop', json } = values
  if (onError !== 'stop' && onError !== 'skip')
    throw usageError(`--on-error must be stop or skip, not ${JSON.stringify(onError)}.`)
  const seconds = integer('patience', values.patience, 1, 1_000_000)
  const limits = {
    ...IMPORT_LIMITS,
    roomsMax: integer('rooms', values.rooms, 1, 1_000) ?? IMPORT_LIMITS.roomsMax,
    patienceMsMax: seconds === undefined ? IMPORT_LIMITS.patienceMsMax : seconds * 1_000,
  }
  const fileBytes = sizeOf(path)
  const reporting: Reporting = { io, json, onError }
  const connection = connect(values, io, { connectionsMax: limits.roomsMax, silenceMsMax: 30_000 })
  try {
    await firstContact(connection, userOf(await target(values, io).token()), io)
    const source = openSource(path)
    const importer = new Importer({
      request: (method, path, body) => connection.request(method, path, body),
      ids: new ImportIds(values.name ?? nameOf(path)),
      clock: io.clock,
      random: systemRandom,
      limits,
      onError,
      problem: (line) => reportProblem(line, reporting),
    })
    return await supervised(importer, source, fileBytes, reporting)
  } finally {
    connection.close()
  }
}

interface Reporting {
  readonly io: Io
  readonly json: boolean
  readonly onError: 'stop' | 'skip'
}

/** Runs it to its end, with progress meanwhile, Ctrl-C heard, and a summary whatever the end. */
async function supervised(
  importer: Importer,
  source: Source,
  fileBytes: number,
  { io, json }: Reporting,
): Promise<number> {
  const { clock } = io
  io.signals().listen({
    clock,
    stopMsMax: STOP_MS_MAX,
    stop: () => importer.interrupt(),
    abandon: () => io.abandon(EXIT.interrupted),
  })
  const begun = clock.elapsed()
  const over = new AbortController()
  const progress = showProgress(
    io.err,
    clock,
    importer.counts,
    () => importer.fraction * (source.bytesRead() / fileBytes),
    over.signal,
  )
  let end: ImportEnd | undefined
  try {
    end = await importer.run(source.lines)
  } finally {
    over.abort()
    await progress
    await summarise(importer.counts, (clock.elapsed() - begun) / 1_000, end, io, json)
  }
  switch (end.end) {
    case 'complete':
      return importer.counts.skipped === 0 ? EXIT.ok : EXIT.failed
    case 'stopped':
      await io.err.write(
        `Stopped at line ${end.at.number}: what is before it is imported. Mend it, or leave such lines out with --on-error skip.\n`,
      )
      return EXIT.failed
    case 'interrupted':
      await io.err.write('Interrupted. Run the same command again to go on: what is there is not stored twice.\n')
      return EXIT.interrupted
  }
  end satisfies never
}

/** Learns whether the server is there and lets us in, before anything is read: a typing error shows at once. */
async function firstContact(connection: Connection, user: string, io: Io): Promise<void> {
  const begun = io.clock.elapsed()
  for (let told = false; ; told = true) {
    try {
      // Commands about members are ours, so we must be known; the letters are an administrator's alone, as an import is.
      await connection.request('PUT', userPath(user), {})
      await connection.get('/v1/dead-letters?limit=1')
      return
    } catch (error) {
      if (error instanceof Refusal && error.code === 'FORBIDDEN')
        throw new CommandError(
          EXIT.refused,
          "an import needs an administrator's token: `holdfast token --user USER --admin` prints one.",
          error,
        )
      if (!mayComeRight(error) || io.clock.elapsed() - begun > FIRST_CONTACT_MS_MAX) throw error
      if (!told)
        await io.err.write(`${(error as Error).message}\nTrying for ${FIRST_CONTACT_MS_MAX / 1_000} seconds …\n`)
      await io.clock.sleep(FIRST_CONTACT_EVERY_MS)
    }
  }
}

/** Whom a token is for, by its own account. */
function userOf(token: string): string {
  try {
    const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
      sub?: unknown
    }
    if (typeof sub === 'string') return sub
  } catch {
    // Said below, like a token without a subject.
  }
  throw usageError('--token is no JSON Web Token with a subject.')
}

function sizeOf(path: string): number {
  try {
    const stat = statSync(path)
    if (stat.isFile()) return stat.size
  } catch (error) {
    throw usageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
  throw usageError(`cannot read ${path}: it is not a file.`)
}

async function reportProblem({ number, problem }: BrokenLine, { io, json, onError }: Reporting): Promise<void> {
  if (json) {
    await io.out.write(`${JSON.stringify({ line: number, problem, skipped: onError === 'skip' })}\n`)
    return
  }
  await clearProgress(io.err)
  await io.err.write(
    `${coloured(io.err, 'red', `line ${number}`)} ${printable(problem)}${onError === 'skip' ? ' (skipped)' : ''}\n`,
  )
}

async function summarise(
  counts: ImportCounts,
  seconds: number,
  end: ImportEnd | undefined,
  { out }: Io,
  json: boolean,
): Promise<void> {
  const { lines, imported, already, repeated, skipped, retries } = counts
  const rate = seconds === 0 ? 0 : Math.round(lines / seconds)
  if (json) {
    const stoppedAt = end?.end === 'stopped' ? end.at.number : undefined
    const summary = {
      end: end?.end ?? 'failed',
      stoppedAt,
      lines,
      imported,
      already,
      repeated,
      skipped,
      retries,
      seconds: Number(seconds.toFixed(3)),
      rate,
    }
    await out.write(`${JSON.stringify(summary)}\n`)
    return
  }
  const rows = [
    ['lines', lines, ''],
    ['imported', imported, ''],
    ['already there', already, ''],
    ['sent again', repeated, repeated === 0 ? '' : 'an answer was lost; each is stored once'],
    ['skipped', skipped, ''],
  ] as const
  const table = rows.map(([name, number, note]) =>
    `${name.padEnd(14)}${count(number).padStart(12)}  ${coloured(out, 'dim', note)}`.trimEnd(),
  )
  await out.write(
    `${table.join('\n')}\n${'seconds'.padEnd(14)}${seconds.toFixed(1).padStart(12)}\n${'lines a second'.padEnd(14)}${count(rate).padStart(12)}\n`,
  )
}
