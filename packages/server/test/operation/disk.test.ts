import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/cli/command.ts'
import { holdfast } from '../cli/holdfast.ts'
import { type ServerProcess, startServer, temporaryFolder, until } from '../support/server.ts'
import { verify } from './folder.ts'
import { Ledger, Speaker, type Told } from './ledger.ts'
import { Talk } from './talk.ts'
import { canTrace, interfere, mountDisk } from './tools.ts'

const PEOPLE = ['anna', 'ben', 'cara']
const DISK_BYTES = 12 << 20
const BALLAST_BYTES = 5 << 20
/** Long ones fill a disk sooner. */
const TEXT_BYTES = 4_000

test('[OPS26] a disk that runs full under load: sends are refused, nothing is lost, reads go on, and space is enough to go on', {
  timeout: 120_000,
}, async (context) => {
  using folder = temporaryFolder()
  using disk = mountDisk(context, folder.path, DISK_BYTES)
  if (disk === undefined) return
  const [data, ballast] = [join(folder.path, 'data'), join(folder.path, 'ballast')]
  writeFileSync(ballast, new Uint8Array(BALLAST_BYTES))
  await using server = await startServer({ data })
  const { ledger, talk, overHttp, overSockets } = await crowd(server)

  talk.begin()
  await until('sends over both are refused', () => [overHttp, overSockets].every((told) => told.some(isRefused)))
  await talk.quiet()

  areRetryable(ledger.told)
  assert.ok((await ledger.history(server)).length > 0)
  await verify(data)

  rmSync(ballast)
  talk.begin()
  await goesOn(talk, [overHttp, overSockets])
  await ledger.check(server)
  await verify(data)
  assert.equal(await server.stop(), EXIT.ok, server.output())
  await holdsAtTheNextStart(data, ledger)
})

test('[OPS27] a disk that takes no writes for a while: sends are refused, nothing is lost, reads go on, and then all does', {
  timeout: 120_000,
}, async (context) => {
  if (!canTrace(context)) return
  using folder = temporaryFolder()
  await using server = await startServer({ data: folder.path })
  const { ledger, talk, overHttp, overSockets } = await crowd(server)
  talk.begin()
  await until('something is stored', () => ledger.told.some(({ seq }) => seq !== undefined))
  {
    // As after a remount by the kernel: it says so to whoever writes, and leaves open what is open.
    await using _ = await interfere(server.pid, 'pwrite64,ftruncate', 'error=EROFS')
    await until('sends over both are refused', () => [overHttp, overSockets].every((told) => told.some(isRefused)))
    assert.ok((await ledger.history(server)).length > 0)
  }

  await goesOn(talk, [overHttp, overSockets])

  areRetryable(ledger.told)
  await ledger.check(server)
  await verify(folder.path)
  assert.equal(await server.stop(), EXIT.ok, server.output())
  await holdsAtTheNextStart(folder.path, ledger)
})

test('[OPS25] a start on a full or read-only disk says so and ends, and changes nothing', {
  timeout: 120_000,
}, async (context) => {
  using folder = temporaryFolder()
  using disk = mountDisk(context, folder.path, DISK_BYTES)
  if (disk === undefined) return
  const [data, ballast] = [join(folder.path, 'data'), join(folder.path, 'ballast')]
  const { ledger } = await beginning(data)

  const filled = fill(ballast)
  await failsToStart(data, /disk is full/)
  rmSync(ballast)
  assert.ok(filled > 0)
  await holdsAtTheNextStart(data, ledger)

  disk.readOnly()
  await failsToStart(data, /read-?only/i)
  disk.writable()
  await holdsAtTheNextStart(data, ledger)
})

for (const file of ['log.db', 'store.db'])
  test(`[OPS29] a failed sync of ${file}: nothing is told accepted that it was to make durable, and nothing that was is lost`, {
    timeout: 120_000,
  }, async (context) => {
    if (!canTrace(context)) return
    using folder = temporaryFolder()
    const [data, trace] = [join(folder.path, 'data'), join(folder.path, 'trace')]
    // Its WAL is synced some times while it starts; then each sync is one commit, and some of those fail.
    const fails = ['-P', join(data, `${file}-wal`), '-e', 'inject=fsync,fdatasync:error=EIO:when=40+25']
    const wrap = ['strace', '-f', '-o', trace, '-e', 'trace=fsync,fdatasync', ...fails]
    await using server = await startServer({ data, wrap })
    const ledger = await Ledger.open(server, PEOPLE)
    const anna = await Speaker.connect(server, ledger, 'anna')

    while (injected(trace) < 5) await anna.say()

    const errors = ledger.told.flatMap(({ error }) => error ?? [])
    // One after the other, each of them is one sync of the log; of the store, nobody hears.
    if (file === 'log.db') assert.deepEqual(new Set(errors.map(({ code }) => code)), new Set(['OUTCOME_UNKNOWN']))
    else assert.deepEqual(errors, [])
    server.signal('SIGKILL')
    await server.ended
    await holdsAtTheNextStart(data, ledger)
  })

test('[SQL14] after a failed sync nothing is appended to the WAL before all of it is synced into its database', {
  timeout: 60_000,
}, async (context) => {
  if (!canTrace(context)) return
  using folder = temporaryFolder()
  const [data, trace] = [join(folder.path, 'data'), join(folder.path, 'trace')]
  const wal = join(data, 'log.db-wal')
  const calls = 'pwrite64,fsync,fdatasync,ftruncate'
  const fails = ['-e', 'inject=fsync,fdatasync:error=EIO:when=40']
  const wrap = [
    'strace',
    '-f',
    '-y',
    '-o',
    trace,
    '-P',
    wal,
    '-P',
    join(data, 'log.db'),
    '-e',
    `trace=${calls}`,
    ...fails,
  ]
  await using server = await startServer({ data, wrap })
  const ledger = await Ledger.open(server, PEOPLE)
  const anna = await Speaker.connect(server, ledger, 'anna')

  while (injected(trace) < 1) await anna.say()
  await anna.say()

  const lines = readFileSync(trace, 'latin1').split('\n')
  const after = lines.slice(lines.findIndex((line) => line.includes('INJECTED')) + 1)
  const appended = after.findIndex((line) => /pwrite64\(\d+<[^>]*log\.db-wal>/.test(line))
  const synced = after.findIndex((line) => /(fsync|fdatasync)\(\d+<[^>]*log\.db>\) += 0/.test(line))
  assert.ok(synced >= 0 && synced < appended, after.slice(0, appended + 1).join('\n'))
})

// ---- given -----------------------------------------------------------------------------------------------------------

interface Crowd {
  readonly ledger: Ledger
  readonly talk: Talk
  readonly overHttp: readonly Told[]
  readonly overSockets: readonly Told[]
}

/** People who talk over both ways in. */
async function crowd(server: ServerProcess): Promise<Crowd> {
  const ledger = await Ledger.open(server, PEOPLE, TEXT_BYTES)
  const [overHttp, overSockets]: Told[][] = [[], []]
  const speakers = await Promise.all(PEOPLE.map((user) => Speaker.connect(server, ledger, user)))
  const noted = (list: Told[] | undefined, say: () => Promise<Told>) => async () => {
    const told = await say()
    list?.push(told)
    // A refusal comes back sooner than anything else: who is refused takes a breath.
    if (told.error !== undefined) await new Promise((resolve) => setTimeout(resolve, 20))
    return told
  }
  const talk = new Talk([
    ...speakers.map((speaker) => noted(overSockets, () => speaker.say())),
    ...PEOPLE.map((user) => noted(overHttp, () => ledger.post(server, user))),
  ])
  return { ledger, talk, overHttp: overHttp ?? [], overSockets: overSockets ?? [] }
}

/** An installation in which something was said, stopped again. */
async function beginning(data: string): Promise<{ readonly ledger: Ledger }> {
  await using server = await startServer({ data })
  const ledger = await Ledger.open(server, PEOPLE)
  for (const user of PEOPLE) await ledger.post(server, user)
  await ledger.check(server)
  assert.equal(await server.stop(), EXIT.ok)
  return { ledger }
}

/** Writes until the disk takes nothing more; returns how many bytes that were. */
function fill(file: string): number {
  const piece = new Uint8Array(4_096)
  for (let bytes = 0; ; bytes += piece.length)
    try {
      appendFileSync(file, piece)
    } catch {
      return bytes
    }
}

// ---- then ------------------------------------------------------------------------------------------------------------

const isRefused = ({ error }: Told) => error?.code === 'DISK_FULL'

/** Whoever was not accepted was told to try again, and never anything else. */
function areRetryable(told: readonly Told[]): void {
  const errors = told.flatMap(({ error }) => error ?? [])
  for (const { code, retryable } of errors) {
    assert.ok(['DISK_FULL', 'OUTCOME_UNKNOWN'].includes(code), code)
    assert.ok(retryable)
  }
}

/** From here on everything is accepted again, and stored. */
async function goesOn(talk: Talk, ways: readonly (readonly Told[])[]): Promise<void> {
  const sizes = ways.map(({ length }) => length)
  await until('both ways are open again', () =>
    ways.every((told, i) => told.slice(sizes[i]).filter(({ id }) => id !== undefined).length > 10),
  )
  await talk.quiet()
}

async function failsToStart(data: string, why: RegExp): Promise<void> {
  const { exit, out, err } = await holdfast(['serve', '--port', '0', '--data', data])
  assert.equal(exit, EXIT.failed, `${out}\n${err}`)
  assert.match(err, /could not start/)
  assert.match(err, why)
}

async function holdsAtTheNextStart(data: string, ledger: Ledger): Promise<void> {
  await using server = await startServer({ data })
  await ledger.check(server)
  await verify(data)
  assert.equal(await server.stop(), EXIT.ok)
}

/** How many calls strace has made fail so far. */
function injected(trace: string): number {
  return readFileSync(trace, 'latin1').split('(INJECTED)').length - 1
}
