import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ProcessPlan } from '../engine.ts'
import type { Instance } from '../instance.ts'
import { HOST } from '../machine/ports.ts'
import { ended, isAlive, type ProcessMark, signal } from '../machine/processes.ts'
import { startOwn } from '../own-engine.ts'
import { Register } from '../register.ts'
import { printed } from '../report.ts'
import { type StartOptions, start } from '../start.ts'
import { statusOf } from '../status.ts'
import { stop, stopLeftBehind } from '../stop.ts'
import { fakeEngine, marksOf, temporaryCache } from './fake-engine.ts'

const silent = () => {}

test('[ENG9] an engine is started in stages, serves, keeps its data and ports, and is gone when stopped', async (context) => {
  const { engine, register, options } = given(context)
  const heard: string[] = []

  const instance = await start(engine, { ...options, progress: (line) => heard.push(line) })

  assert.deepEqual(heard.slice(-3, -1), ['starting one: first', 'starting one: second'])
  assert.match(heard.at(-1) ?? '', /^one serves, after \d+\.\d s$/)
  assert.equal(instance.url, `fake://${instance.ports.clients[0]}`)
  assert.deepEqual(register.get('one'), instance)
  assert.equal((await statusOf(instance)).state, 'running')

  assert.equal(await stop('one', register, silent), true)

  assert.deepEqual(marksOf(instance).filter(isAlive), [])
  assert.equal(register.get('one'), undefined)
  assert.equal(await stop('one', register, silent), false)

  const again = await start(engine, options)
  assert.deepEqual(again.ports, instance.ports)
  assert.equal(starts(again, 'second'), 2)
})

test('[ENG9] what runs already is left alone; what died of it is started again, where it was', async (context) => {
  const { engine, register, options } = given(context)
  const instance = await start(engine, options)

  assert.deepEqual(await start(engine, options), instance)
  await assert.rejects(start(engine, { ...options, port: 14_999 }), { code: 'already_running' })
  await assert.rejects(start(engine, { ...options, folder: '/elsewhere' }), { code: 'already_running' })

  const [, second] = marksOf(instance)
  assert.ok(second !== undefined)
  await killed(second)
  const { state, processes } = await statusOf(instance)
  assert.deepEqual([state, processes.map((process) => process.state)], ['dead', ['running', 'dead']])

  const again = await start(engine, options)

  assert.equal((await statusOf(again)).state, 'running')
  assert.deepEqual([again.ports, again.processes[0]], [instance.ports, instance.processes[0]])
  assert.notEqual(again.processes[1]?.mark?.pid, second.pid)
  assert.deepEqual([starts(again, 'first'), starts(again, 'second')], [1, 2])
  assert.deepEqual(register.get('one'), again)
})

test('[ENG9] two starts at once start it once', async (context) => {
  const { engine, options } = given(context)
  const [one, two] = await Promise.all([start(engine, options), start(engine, options)])
  assert.deepEqual(one, two)
  assert.equal(starts(one, 'first'), 1)
})

test('[ENG10] an engine that dies while it starts shows the end of its log, and nothing of it is left', async (context) => {
  const { engine, register, options } = given(context, (plan) =>
    plan.name === 'first' ? plan : { ...plan, args: ['-e', 'console.log("out of luck"); process.exit(1)'] },
  )

  await assert.rejects(start(engine, options), {
    code: 'died',
    message: /^second of ferretdb-pg ended while it started\.\nThe end of .*second\.log:\n {2}out of luck$/,
  })

  assert.deepEqual(register.all(), [])
  await becomesFree(portOfMarker(options))
})

/** Another test may have taken a port that was given back, for a moment: an engine that was left holds it for good. */
async function becomesFree(port: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await once(createServer().listen(port, HOST).unref(), 'listening')
      return
    } catch (cause) {
      if (tries === 100) throw cause
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

test('[ENG10] a command that is not there, or a port that is taken, is said so', async (context) => {
  const { engine, options } = given(context, (plan) => ({ ...plan, command: '/no/such/command' }))
  await assert.rejects(start(engine, options), {
    code: 'command_failed',
    message: '/no/such/command cannot be run (spawn /no/such/command ENOENT).',
  })

  const server = createServer().unref()
  await once(server.listen(0, HOST), 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  await assert.rejects(start(engine, { ...options, port }), { code: 'port_taken' })
})

test('[ENG11] data are put into an empty folder or one of the same engine that nobody uses, and nowhere else', async (context) => {
  const { engine, cache, options } = given(context)
  const other = join(cache.root, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'letter.txt'), '')
  await assert.rejects(start(engine, { ...options, folder: other }), {
    code: 'folder_unusable',
    message: /holds other things/,
  })
  assert.deepEqual(readdirSync(other), ['letter.txt'])

  await assert.rejects(start(engine, { ...options, folder: join(other, 'letter.txt', 'data') }), {
    code: 'folder_unusable',
    message: /cannot be used \(ENOTDIR: /,
  })

  const { folder } = await start(engine, options)
  await assert.rejects(start(engine, { ...options, id: 'two', folder }), {
    code: 'folder_unusable',
    message: `${folder} is in use by one: name another folder, or stop that one.`,
  })
  await stop('one', new Register(cache.running), silent)
  await assert.rejects(start({ ...engine, name: 'kafka' }, { ...options, folder }), {
    code: 'folder_unusable',
    message: /holds the data of ferretdb-pg/,
  })
})

test('[ENG12] a state file gives its instance back; one that is damaged, or of something else, is none', async (context) => {
  const { engine, cache, register, options } = given(context)
  const instance = await start(engine, options)
  const text = readFileSync(join(cache.running, 'one.json'), 'utf8')

  assert.deepEqual(register.all(), [instance])
  for (const damaged of ['', text.slice(0, 100), 'null', '[]', '{}', '{"id":"two","processes":[null]}', text]) {
    writeFileSync(join(cache.running, 'two.json'), damaged)
    assert.deepEqual(register.all(), [instance])
  }
  assert.equal(register.get('three'), undefined)
  assert.equal(existsSync(join(cache.running, 'one.json.partial')), false)
})

test('[ENG13] status says of each whether it serves, since when, where, as whom and with how much memory', async (context) => {
  const { engine, options } = given(context)
  const instance = await start(engine, options)
  const [first, second] = marksOf(instance)
  assert.ok(first !== undefined && second !== undefined)

  const status = await statusOf(instance)

  assert.deepEqual(
    [status.state, status.url, status.since, status.folder, status.processes.map(({ pid }) => pid)],
    ['running', instance.url, instance.startedAt, instance.folder, [first.pid, second.pid]],
  )
  assert.ok(status.memoryBytes > 10 << 20)
  assert.match(printed([status]), /^one 1: running\n {2}url {5}fake:\/\/.*\n {2}since {3}.*\n {2}memory {2}\d+ MiB\n/)
  assert.match(
    printed([status]),
    new RegExp(`^  second: running, pid ${second.pid}, \\d+ MiB, port ${instance.ports.clients[0]}, log `, 'm'),
  )

  const security = { username: 'somebody', password: 'something', caFile: '/ca.pem' }
  assert.match(
    printed([await statusOf({ ...instance, security })]),
    /^ {2}user {4}somebody, password something, certificate authority \/ca\.pem$/m,
  )

  signal(second, 'SIGSTOP')
  assert.deepEqual((await statusOf(instance)).state, 'not answering')
  await killed(second)
  assert.equal((await statusOf(instance)).state, 'dead')
  assert.match(printed([await statusOf(instance)]), /^ {2}second: dead, port /m)
})

test('[ENG14] an engine of one’s own is gone with its folder when it is disposed of', async (context) => {
  const { engine, cache, register } = given(context)
  let instance: Instance | undefined
  {
    await using own = await startOwn(engine, cache, {})
    instance = register.all()[0]
    assert.deepEqual([instance?.url, instance?.folder, instance?.owner?.pid], [own.url, own.folder, process.pid])

    await own.signal('SIGKILL')
    assert.deepEqual(
      own.processes.map(({ mark }) => mark !== undefined && isAlive(mark)),
      [true, false],
    )
    await own.startAgain()
    assert.deepEqual(
      own.processes.map(({ mark }) => mark !== undefined && isAlive(mark)),
      [true, true],
    )
    assert.equal(register.all()[0]?.url, own.url)
    await assert.rejects(own.signal('SIGKILL', 'third'), /has no process third/)
  }
  assert.ok(instance !== undefined)
  assert.equal(existsSync(instance.folder), false)
  assert.deepEqual(readdirSync(cache.running), [])
})

for (const end of ['exit', 'kill'] as const)
  test(`[ENG14] nothing is left of an engine whose process ends by ${end}`, async (context) => {
    const { cache, register } = given(context)
    const module = (name: string) => new URL(name, import.meta.url).href
    const program = `
      const { fakeEngine } = await import('${module('fake-engine.ts')}')
      const { startOwn } = await import('${module('../own-engine.ts')}')
      await startOwn(fakeEngine('${cache.root}/recipe'), ${JSON.stringify(cache)}, {})
      process.stdout.write('started')
      process.stdin.once('data', () => process.exit(0))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    const [instance] = register.all()
    assert.ok(instance !== undefined)

    if (end === 'exit') child.stdin.write('.')
    else child.kill('SIGKILL')
    await once(child, 'exit')

    if (end === 'kill') {
      assert.equal((await statusOf(instance)).state, 'left behind')
      assert.deepEqual(await stopLeftBehind(register, silent), [instance.id])
    }
    assert.ok(await ended(marksOf(instance), 10_000))
    assert.equal(existsSync(instance.folder), false)
    assert.deepEqual(readdirSync(cache.running), [])
  })

function given(context: TestContext, change?: (plan: ProcessPlan) => ProcessPlan) {
  const cache = temporaryCache(context)
  const register = new Register(cache.running)
  const engine = fakeEngine(join(cache.root, 'recipe'), change)
  const options: StartOptions = { id: 'one', folders: cache, progress: silent }
  return { cache, register, engine, options }
}

async function killed(mark: ProcessMark): Promise<void> {
  signal(mark, 'SIGKILL')
  assert.ok(await ended([mark], 10_000))
}

function starts({ folder }: Instance, process: string): number {
  return readFileSync(join(folder, process, 'starts'), 'utf8').length
}

function portOfMarker({ folders, id }: StartOptions): number {
  return JSON.parse(readFileSync(join(folders.data, id, 'engine.json'), 'utf8')).ports.inner[0]
}
