import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { EXIT } from '../../src/cli/command.ts'
import { signIn, temporaryFolder, until } from '../support/server.ts'
import { lagOfWorker, verify } from './folder.ts'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const BIN = fileURLToPath(new URL('../../bin/holdfast.mjs', import.meta.url))
/** Without the page's build before it: a test leaves the checkout as it is. */
const NPM_START = ['npm', 'start', '--ignore-scripts', '--']
/** As on a Node that cannot become another program: the launcher then has the server as its child. */
const AS_CHILD = launcher('delete process.execve')
/** The same, with a signal at the earliest moment when there is a child to be left behind. */
const AS_CHILD_AND_ASKED = launcher(`
  import child_process from 'node:child_process'
  import { syncBuiltinESMExports } from 'node:module'
  delete process.execve
  const { spawn } = child_process
  child_process.spawn = (...args) => {
    const child = spawn(...args)
    process.kill(process.pid, 'SIGTERM')
    return child
  }
  syncBuiltinESMExports()
`)

for (const [how, command] of Object.entries({ '`npm start`': NPM_START, 'a launcher that stays': AS_CHILD })) {
  test(`[OPS21] SIGTERM to ${how}: exit 0, no process is left, the port is free, and all is drained`, {
    timeout: 60_000,
  }, async () => {
    using folder = temporaryFolder()
    await using running = await run(command, folder.path)
    await saySomething(running.url)

    process.kill(running.pid, 'SIGTERM')

    assert.equal(await running.ended, EXIT.ok, running.output())
    await isOver(running, folder.path)
  })

  test(`[OPS21] Ctrl-C under ${how} (SIGINT to all of its group): exit 0, and no process is left`, {
    timeout: 60_000,
  }, async () => {
    using folder = temporaryFolder()
    await using running = await run(command, folder.path)
    await saySomething(running.url)

    process.kill(-running.pid, 'SIGINT')

    assert.equal(await running.ended, EXIT.ok, running.output())
    await isOver(running, folder.path)
  })
}

test('[OPS21] SIGTERM just when the launcher has started its child: no process is left', {
  timeout: 60_000,
}, async () => {
  using folder = temporaryFolder()
  await using launched = launch(AS_CHILD_AND_ASKED, folder.path)

  await launched.ended

  await until('nothing is left', () => !isAnybodyIn(launched.pid))
})

// ---- given -----------------------------------------------------------------------------------------------------------

interface Launched extends AsyncDisposable {
  /** Of the first process of the group. */
  readonly pid: number
  output(): string
  readonly ended: Promise<number | string>
}

interface Running extends Launched {
  readonly url: string
}

/** The launcher, in a Node that runs this first. */
function launcher(before: string): readonly string[] {
  return [process.execPath, '--import', `data:text/javascript,${encodeURIComponent(before)}`, BIN, 'serve']
}

/** A command in a process group of its own, as a terminal gives it one. */
function launch(command: readonly string[], data: string): Launched {
  const [file = '', ...options] = [...command, '--port', '0', '--data', data]
  const environment = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_TEST_CONTEXT)/.test(name))
  const child = spawn(file, options, { cwd: ROOT, detached: true, env: Object.fromEntries(environment) })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const ended = new Promise<number | string>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'unknown')),
  )
  const pid = child.pid ?? 0
  return {
    pid,
    output: () => output,
    ended,
    async [Symbol.asyncDispose]() {
      if (isAnybodyIn(pid)) process.kill(-pid, 'SIGKILL')
      await ended
    },
  }
}

async function run(command: readonly string[], data: string): Promise<Running> {
  const launched = launch(command, data)
  const address = () => /address +(http:\S+)/.exec(launched.output())?.[1]
  await until('it listens', () => address() !== undefined && /Ctrl-C stops it/.test(launched.output()))
  return { ...launched, url: address() ?? '' }
}

async function saySomething(url: string): Promise<void> {
  const token = await signIn(url, 'anna')
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const post = async (path: string, body: object) => {
    const { status } = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    assert.ok(status < 300, String(status))
  }
  await post('/v1/rooms?wait=stored', { room: 'lobby', kind: 'group', name: 'lobby', members: [] })
  for (let i = 0; i < 20; i++) await post('/v1/rooms/lobby/messages', { clientId: String(i), text: 'hello' })
}

// ---- then ------------------------------------------------------------------------------------------------------------

async function isOver({ pid, url }: Running, data: string): Promise<void> {
  assert.equal(isAnybodyIn(pid), false, 'a process is left')
  await isFree(Number(new URL(url).port))
  assert.equal(await lagOfWorker(data), 0)
  await verify(data)
}

function isAnybodyIn(group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch {
    return false
  }
}

/** Rejects where somebody listens there. */
function isFree(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject)
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()))
  })
}
