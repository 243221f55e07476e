import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { EXIT } from '../../src/cli/command.ts'
import { start } from '../cli/holdfast.ts'
import { portOf } from '../crash/conversation.ts'
import { startServer, temporaryFolder, until } from '../support/server.ts'
import { verify } from './folder.ts'
import { hasTerminal } from './tools.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** What a start leaves behind on its way, in this order: each is a moment to be told to stop. */
const TRACES = ['', 'lock.db', 'store.db', 'search.db', 'log.db', 'log.db-wal', 'secret', 'address.json']
/** So many moments more, evenly over the time that a start takes. */
const MOMENTS = 6
/** Sends SIGTERM to the process it is loaded into when our first file, which listens, loads the others. */
const ASKED_WHILE_LOADING = `
  import { registerHooks } from 'node:module'
  registerHooks({
    load(url, context, next) {
      if (url.endsWith('/cli/index.ts')) process.kill(process.pid, 'SIGTERM')
      return next(url, context)
    },
  })
`

for (const trace of TRACES)
  test(`[OPS22] SIGTERM during the start, when ${trace || 'the data folder'} is there: exit 0, and the folder is good`, {
    timeout: 60_000,
  }, async () => {
    using folder = temporaryFolder()
    const data = join(folder.path, 'data')
    const starting = start(['serve', '--port', '0', '--data', data])
    while (!existsSync(join(data, trace))) await new Promise(setImmediate)

    starting.child.kill('SIGTERM')

    const { exit, out, err } = await starting.ended
    assert.equal(exit, EXIT.ok, `${out}\n${err}`)
    await isGood(data)
  })

test('[OPS22] SIGTERM while our code is still being loaded: exit 0, and the folder is good', {
  timeout: 60_000,
}, async () => {
  using folder = temporaryFolder()
  const data = join(folder.path, 'data')
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(ASKED_WHILE_LOADING)}` }

  const { exit, out, err } = await start(['serve', '--port', '0', '--data', data], { env }).ended

  assert.equal(exit, EXIT.ok, `${out}\n${err}`)
  await isGood(data)
})

test('[OPS22] SIGTERM at any moment of the start: exit 0 from our first line on, and the folder is good', {
  timeout: 120_000,
}, async () => {
  using folder = temporaryFolder()
  const took = await timeOfStart(join(folder.path, 'whole'))
  for (let moment = 0; moment < MOMENTS; moment++) {
    const data = join(folder.path, String(moment))
    const starting = start(['serve', '--port', '0', '--data', data])
    // Nothing is waited for here: this is when the signal happens to come.
    await new Promise((resolve) => setTimeout(resolve, (took * moment) / MOMENTS))
    starting.child.kill('SIGTERM')
    const { exit, out, err } = await starting.ended
    // Before the first line of ours runs, the system ends the process by itself; then there is nothing of it.
    if (exit === 'SIGTERM') assert.equal(existsSync(data), false)
    else assert.equal(exit, EXIT.ok, `${out}\n${err}`)
    await isGood(data)
  }
})

test('[OPS25] a start that finds its port taken says so and ends', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  await using other = await startServer({ data: join(folder.path, 'other') })

  const { exit, err } = await start(['serve', '--port', String(portOf(other)), '--data', join(folder.path, 'data')])
    .ended

  assert.equal(exit, EXIT.failed)
  assert.match(err, /could not start: port \d+ of 127\.0\.0\.1 is taken: .* Stop it, or take another port with --port/)
  assert.equal(existsSync(join(folder.path, 'data')), false, 'nothing was made')
  await isGood(join(folder.path, 'data'))
})

test('[OPS25] a data folder that is a file, or that nobody can make, is named, and the start ends', {
  timeout: 60_000,
}, async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'file')
  writeFileSync(file, '')
  for (const [data, why] of [
    [file, /could not start: the data folder \S*\/file is a file: name a folder/],
    [join(file, 'below'), /could not start: the data folder \S*\/below cannot be made: .*ENOTDIR/],
    ['/proc/nope/below', /could not start: the data folder \/proc\/nope\/below cannot be made: .*ENOENT/],
  ] as const) {
    const { exit, err } = await start(['serve', '--port', '0', '--data', data]).ended
    assert.equal(exit, EXIT.failed)
    assert.match(err, why)
  }
})

test('[OPS25] a start that finds its secret damaged says so and ends', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'secret'), 'not what it should be')

  const { exit, err } = await start(['serve', '--port', '0', '--data', folder.path]).ended

  assert.equal(exit, EXIT.failed)
  assert.match(err, /could not start: .*secret is damaged/)
  rmSync(join(folder.path, 'secret'))
  await isGood(folder.path)
})

test('[OPS61] on a terminal the banner stands alone, and a stop says that it is done', {
  timeout: 60_000,
}, async (context) => {
  if (!hasTerminal(context)) return
  using folder = temporaryFolder()
  const server = [
    process.execPath,
    '--conditions=@holdfast/source',
    MAIN,
    'serve',
    '--port',
    '0',
    '--data',
    folder.path,
  ]
  // `exec`: a shell that stays between would be ended by the same Ctrl-C, and `script` would tell of its end.
  const command = `exec ${server.map((part) => `'${part}'`).join(' ')}`
  const terminal = spawn('script', ['-qec', command, '/dev/null'])
  let shown = ''
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text
  })
  const ended = new Promise<number | null>((resolve) => terminal.on('exit', resolve))
  await until('the banner is shown', () => shown.includes('Ctrl-C stops it.'))

  terminal.stdin.write('\u0003')

  assert.equal(await ended, EXIT.ok, shown)
  const lines = shown.split('\r\n').filter((line) => line !== '')
  assert.match(lines[0] ?? '', /^Holdfast .* is listening\.$/)
  assert.match(lines.at(-1) ?? '', /^Stopped: what was accepted is stored, or kept for the next start\.$/)
  assert.deepEqual(
    lines.filter((line) => line.startsWith('{')),
    [],
    'no line of the log',
  )
})

/** How long a start takes here and now, in milliseconds. */
async function timeOfStart(data: string): Promise<number> {
  const begun = performance.now()
  await using server = await startServer({ data })
  const took = performance.now() - begun
  assert.equal(await server.stop(), EXIT.ok)
  return took
}

/** The folder of a start that was broken off: the next one works. */
async function isGood(data: string): Promise<void> {
  await using server = await startServer({ data })
  assert.equal(await server.stop(), EXIT.ok)
  await verify(data)
}
