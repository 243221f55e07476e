import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { locked } from '../machine/lock.ts'
import { choosePorts, HOST, isFree } from '../machine/ports.ts'
import { ended, isAlive, markOf, memoryOf, signal } from '../machine/processes.ts'
import { answers, type Probe } from '../probes/probe.ts'
import { temporaryCache } from './fake-engine.ts'

const LOCK = new URL('../machine/lock.ts', import.meta.url).href

test('[ENG5] the ports asked for are taken, or it is said which is not free', async (context) => {
  const port = await takenPort(context)
  await assert.rejects(choosePorts({ first: 1, clients: 3, inner: 0 }, port - 2), {
    code: 'port_taken',
    message: `Port ${port} is taken: free it, name another with --port, or any with --port 0.`,
  })
  const [free = 0] = (await choosePorts({ first: 1, clients: 3, inner: 0 }, 0)).clients
  assert.deepEqual((await choosePorts({ first: 1, clients: 3, inner: 0 }, free)).clients, [free, free + 1, free + 2])
})

test('[ENG5] nothing asked for: the ports of before, else the usual, else any, below those of outgoing connections', async (context) => {
  const taken = await takenPort(context)
  const before = await choosePorts({ first: taken, clients: 2, inner: 1 }, undefined)
  for (const port of [...before.clients, ...before.inner]) assert.ok(port >= 15_000 && port < 32_768 && port !== taken)
  assert.equal(new Set([...before.clients, ...before.inner]).size, 3)

  assert.deepEqual(await choosePorts({ first: taken, clients: 2, inner: 1 }, undefined, before), before)

  const [usual = 0] = before.clients
  assert.deepEqual((await choosePorts({ first: usual, clients: 1, inner: 0 }, undefined)).clients, [usual])
  const moved = await choosePorts({ first: usual, clients: 1, inner: 0 }, undefined, { clients: [taken], inner: [] })
  assert.deepEqual(moved.clients, [usual])
})

test('[ENG6] a process is told from another that got its pid later; one that is over is gone, fetched or not', async (context) => {
  const child = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] })
  context.after(() => child.kill('SIGKILL'))
  const mark = markOf(child.pid ?? 0)
  assert.ok(mark !== undefined && isAlive(mark))

  const own = markOf(process.pid)
  assert.ok(own !== undefined && (memoryOf(own) ?? 0) > 10 << 20)

  const stale = { ...mark, started: 'long ago' }
  assert.equal(isAlive(stale), false)
  assert.equal(memoryOf(stale), undefined)
  signal(stale, 'SIGKILL')
  child.stdin.write('alive')
  const next = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
  assert.equal(String(next[0]), 'alive')

  signal(mark, 'SIGKILL')
  assert.ok(await ended([mark], 10_000))
  assert.equal(markOf(mark.pid), undefined)
  signal(mark, 'SIGKILL')
})

test('[ENG6] what is left of a process that nobody waited for does not count as one', async (context) => {
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
  context.after(() => parent.kill('SIGKILL'))
  const [printed]: unknown[] = await once(parent.stdout, 'data')
  const pid = Number(String(printed))
  while (markOf(pid) !== undefined) await new Promise(setImmediate)
  process.kill(pid, 0)
})

test('[ENG6] a process is there until the last of its threads has ended: then its port is free', async (context) => {
  const spin = 'for (let i = 0; i < 8; i++) new Worker("for (;;);", { eval: true })'
  const [port = 0] = (await choosePorts({ first: 1, clients: 1, inner: 0 }, 0)).clients
  const code = `const { Worker } = require('node:worker_threads'); ${spin}
    require('node:net').createServer().listen(${port}, '${HOST}', () => console.log('listens'))`
  // Which thread ends first is chance.
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'ignore'] })
    context.after(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    const mark = markOf(child.pid ?? 0)
    assert.ok(mark !== undefined)
    signal(mark, 'SIGKILL')
    while (isAlive(mark)) await new Promise(setImmediate)
    assert.ok(await isFree(port))
  }
})

test('[ENG7] a lock is held by one process at a time, and falls with it', async (context) => {
  const file = join(temporaryCache(context).root, 'one.lock')
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { locked } = await import(${JSON.stringify(LOCK)}); locked('${file}', () => {}, async () => { console.log('held'); setInterval(() => {}, 1e6); await new Promise(() => {}) })`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  context.after(() => holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  const order: string[] = []

  const mine = locked(
    file,
    () => {
      order.push('waiting')
      holder.kill('SIGKILL')
    },
    async () => {
      order.push('mine')
    },
  )
  await mine

  assert.deepEqual(order, ['waiting', 'mine'])
  await locked(
    file,
    () => assert.fail('nobody holds it'),
    async () => {},
  )
})

test('[ENG8] only an answer in its own protocol makes an engine ready', async (context) => {
  const all: readonly Probe['protocol'][] = ['kafka', 'mongodb', 'postgresql']
  const free = await takenPort(context)
  for (const protocol of all) assert.equal(await answers({ protocol, port: free + 1 }), false, 'nobody there')

  const refusal = Buffer.alloc(40)
  refusal.writeInt32LE(refusal.length, 0)
  refusal.writeInt32LE(2013, 12)
  const wrong = [
    '',
    refusal.toString('latin1'),
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    'E',
    '\0\0\0\x08\0\0\0\x07',
  ].flatMap((answer) => all.map((protocol) => ({ answer, protocol })))
  await Promise.all(
    wrong.map(async ({ answer, protocol }) =>
      assert.equal(
        await answers({ protocol, port: await takenPort(context, answer) }),
        false,
        `${protocol}: ${answer}`,
      ),
    ),
  )

  const brokers = '\0\0\0\x08\0\0\0\x07\0\0\0\x02'
  const kafka = await takenPort(context, brokers)
  assert.equal(await answers({ protocol: 'kafka', port: kafka }), true)
  assert.equal(await answers({ protocol: 'kafka', port: kafka, brokers: 3 }), false, 'two of three')
  const postgresql = await takenPort(context, 'R\0\0\0\x08\0\0\0\0')
  assert.equal(await answers({ protocol: 'postgresql', port: postgresql }), true)
})

/** Of a server that answers everything with this and ends the connection; with nothing, it stays silent. */
async function takenPort(context: TestContext, answer = ''): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000)
    if (!(await isFree(port)) || !(await isFree(port + 1)) || !(await isFree(port - 1)) || !(await isFree(port - 2)))
      continue
    const server: Server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', () => (answer === '' ? undefined : socket.end(Buffer.from(answer, 'latin1'))))
    })
    await once(server.listen(port, HOST), 'listening')
    context.after(() => server.close())
    server.unref()
    return port
  }
}
