import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { Alerts, signature } from '../../src/api/alerts.ts'
import { encodeCommand } from '../../src/core/command.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { Logger } from '../../src/ports/system.ts'
import { joinMetrics, Telemetry } from '../../src/telemetry/telemetry.ts'
import { memoryEngines } from '../support/adapters.ts'
import { temporaryFolder, until } from '../support/server.ts'
import { Scene } from './scene.ts'

test('[HTTP17] an administrator lists, reads, replays and discards dead letters', async () => {
  await using scene = await Scene.open({ users: 'registered' })
  const [ghost, admin] = [await scene.token('ghost'), await scene.token('root', true)]
  await scene.request('PUT', '/v1/users/root', { token: admin })
  await scene.request('POST', '/v1/rooms', { token: admin, body: { kind: 'group', room: 'r', members: ['ghost'] } })
  const body = { clientId: 'c1', text: 'boo' }
  const dead = await scene.request('POST', '/v1/rooms/r/messages?wait=stored', { token: ghost, body })
  const id = String(dead.body.id)
  await scene.engines.logs.commands.append(0, [{ key: 'r', headers: {}, value: new Uint8Array([0xff, 0xfe]) }])
  const list = async (query = '') =>
    (await scene.request('GET', `/v1/dead-letters${query}`, { token: admin })).body as {
      items: Readonly<Record<string, unknown>>[]
      next: string | null
    }
  await until('both are dead', async () => (await list()).items.length === 2)
  const first = await list('?limit=1')
  const second = await list(`?limit=1&cursor=${encodeURIComponent(String(first.next))}`)
  const [undecodable, ours] = [first.items[0], second.items[0]]
  assert.deepEqual([undecodable?.room, undecodable?.sender, undecodable?.class], [null, null, 'poison'])
  assert.deepEqual(
    [ours?.id, ours?.room, ours?.sender, ours?.code, ours?.state],
    [id, 'r', 'ghost', 'SENDER_UNKNOWN', 'open'],
  )
  assert.equal('value' in (ours ?? {}), false, 'what was said is only shown when it is asked for')

  // An id of a record that could not be decoded has slashes in it.
  const odd = `/v1/dead-letters/${encodeURIComponent(String(undecodable?.id))}`
  const shown = await scene.request('GET', odd, { token: admin })
  assert.deepEqual([shown.status, shown.body.valueBase64, shown.body.key], [200, '//4=', 'r'])
  const replayed = await scene.request('POST', `${odd}/replay`, { token: admin })
  assert.deepEqual([replayed.status, replayed.body.code], [409, 'CONFLICT'])
  const discarded = await scene.request('DELETE', odd, { token: admin })
  assert.deepEqual([discarded.status, discarded.body.state, discarded.body.stateBy], [200, 'discarded', 'root'])
  const letter = await scene.request('GET', `/v1/dead-letters/${id}`, { token: admin })
  assert.match(String(letter.body.value), /"text":"boo"/)

  await scene.request('PUT', '/v1/users/ghost', { token: admin })
  const again = await scene.request('POST', `/v1/dead-letters/${id}/replay`, { token: admin })
  assert.deepEqual([again.status, again.body], [202, { id, room: 'r', replay: `${id}~1`, durability: 'memory' }])
  const timeline = async () =>
    (await scene.request('GET', '/v1/rooms/r/timeline', { token: ghost })).body.entries as { text?: string }[]
  await until('it is stored', async () => (await timeline()).at(-1)?.text === 'boo')
  assert.deepEqual((await list()).items, [])
  assert.equal((await list('?state=all')).items.length, 2)
  assert.equal((await list('?state=replayed')).items[0]?.id, id)
  for (const [method, path] of [
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/replay'],
  ] as const)
    assert.equal((await scene.request(method, `/v1/dead-letters/none${path}`, { token: admin })).status, 404)
  for (const query of ['?state=closed', '?limit=0', '?limit=201'])
    assert.equal((await scene.request('GET', `/v1/dead-letters${query}`, { token: admin })).status, 400)
})

test('[HTTP18] health says that the process lives; readiness, which part waits for what', async () => {
  let waiting: readonly string[] | Error = []
  const parts = {
    waiting: async () => {
      if (waiting instanceof Error) throw waiting
      return waiting
    },
  }
  await using scene = await Scene.open({ parts })
  const ready = async () => {
    const { status, body } = await scene.request('GET', '/readyz')
    return { status, body }
  }
  assert.deepEqual(await ready(), { status: 200, body: { status: 'ready', waiting: [] } })
  waiting = ['worker, partition 0: paused (store)']
  assert.deepEqual(await ready(), { status: 503, body: { status: 'waiting', waiting } })
  waiting = new Error('the engine thread is not running')
  assert.deepEqual((await ready()).body.waiting, ['the engine thread is not running'])
  assert.equal((await scene.request('GET', '/healthz')).status, 200)
  const metrics = await scene.request('GET', '/metrics')
  assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(
    String(metrics.body.text),
    /^holdfast_http_request_seconds_count\{method="GET",route="\/readyz",status="503"\} 2$/m,
  )
})

test('[HTTP19] sign-in by name gives a token that works', async () => {
  await using scene = await Scene.open()
  assert.deepEqual((await scene.request('GET', '/v1/sign-in')).body, { offered: true })
  const { status, body } = await scene.request('POST', '/v1/sign-in', { body: { user: 'Änne ' } })
  assert.deepEqual([status, body.user, typeof body.expires], [200, 'Änne ', 'number'])
  assert.equal((await scene.request('GET', '/v1/rooms', { token: String(body.token) })).status, 200)
  assert.equal((await scene.request('GET', '/v1/dead-letters', { token: String(body.token) })).status, 403)
  for (const wrong of [{}, { user: '' }, { user: 'a', admin: true }])
    assert.equal((await scene.request('POST', '/v1/sign-in', { body: wrong })).body.code, 'BAD_FRAME')
})

test('[HTTP19] sign-in is only for a browser on this machine: no other host, origin or proxy', async () => {
  await using scene = await Scene.open()
  const { port } = new URL(scene.url)
  const ask = (headers: Readonly<Record<string, string>>) => rawSignIn(Number(port), headers)
  assert.equal(await ask({ host: `127.0.0.1:${port}` }), 200)
  assert.equal(await ask({ host: `localhost:${port}`, origin: `http://localhost:${port}` }), 200)
  assert.equal(await ask({ host: '[::1]:8080', origin: 'http://[::1]:8080' }), 200)
  const foreign: readonly Readonly<Record<string, string>>[] = [
    { host: `attacker.example:${port}` },
    { host: `127.0.0.1.attacker.example:${port}` },
    { host: `localhost:${port}`, origin: 'http://attacker.example' },
    { host: `localhost:${port}`, origin: `http://127.0.0.1:${port}` },
    { host: `localhost:${port}`, origin: 'http://localhost:1' },
    { host: `localhost:${port}`, origin: 'null' },
    { host: `localhost:${port}`, 'x-forwarded-for': '10.0.0.1' },
    { host: `localhost:${port}`, 'x-forwarded-host': 'chat.example.org' },
    { host: `localhost:${port}`, forwarded: 'for=10.0.0.1' },
    { host: `localhost:${port}`, via: '1.1 proxy' },
  ]
  for (const headers of foreign) assert.equal(await ask(headers), 404, JSON.stringify(headers))
  await using closed = await Scene.open({ parts: { signIn: undefined } })
  assert.deepEqual((await closed.request('GET', '/v1/sign-in')).body, { offered: false })
  const refused = await closed.request('POST', '/v1/sign-in', { body: { user: 'a' } })
  assert.deepEqual([refused.status, refused.body.code], [404, 'NOT_FOUND'])
})

/** fetch does not let a caller choose Host. */
async function rawSignIn(port: number, headers: Readonly<Record<string, string>>): Promise<number> {
  const { request } = await import('node:http')
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path: '/v1/sign-in', method: 'POST' }, (response) =>
      resolve(response.resume().statusCode ?? 0),
    )
    for (const [name, value] of Object.entries({ ...headers, 'content-type': 'application/json' }))
      asked.setHeader(name, value)
    asked.on('error', reject).end('{"user":"a"}')
  })
}

test('[HTTP20] the page is served with a strict policy; its assets may be kept for ever, itself not', async () => {
  using folder = temporaryFolder()
  mkdirSync(join(folder.path, 'assets'))
  writeFileSync(join(folder.path, 'index.html'), '<!doctype html><script src="/assets/app-1a2b.js"></script>')
  writeFileSync(join(folder.path, 'assets', 'app-1a2b.js'), 'run()')
  writeFileSync(join(folder.path, 'secret.txt'), 'not a part of the page')
  await using scene = await Scene.open({ parts: { webRoot: folder.path } })
  const page = await scene.request('GET', '/')
  assert.equal(page.status, 200)
  assert.match(String(page.body.text), /doctype html/)
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.equal(page.headers.get('cache-control'), 'no-cache')
  const policy = page.headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none'.*script-src 'self';.*frame-ancestors 'none'/)
  assert.doesNotMatch(policy, /unsafe|https?:|\*/)
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff')
  const asset = await scene.request('GET', '/assets/app-1a2b.js')
  assert.equal(asset.headers.get('content-type'), 'text/javascript; charset=utf-8')
  assert.match(asset.headers.get('cache-control') ?? '', /immutable/)
  const etag = page.headers.get('etag') ?? ''
  assert.equal((await scene.request('GET', '/', { headers: { 'if-none-match': etag } })).status, 304)
  const head = await scene.request('HEAD', '/')
  assert.deepEqual([head.status, head.body], [200, { text: '' }])
  for (const path of [
    '/secret.txt',
    '/assets/..%2Fsecret.txt',
    '/assets/%2e%2e%2fsecret.txt',
    '/assets/absent.js',
    '/index.html',
  ])
    assert.equal((await scene.request('GET', path)).status, 404, path)
})

test('[HTTP20] without a built page the API answers all the same', async () => {
  await using scene = await Scene.open({ parts: { webRoot: '/nowhere/at/all' } })
  const page = await scene.request('GET', '/')
  assert.deepEqual([page.status, page.body.code], [404, 'NOT_FOUND'])
  assert.match(String(page.body.message), /page/)
  assert.equal((await scene.request('GET', '/healthz')).status, 200)
})

// ---- alerts ----------------------------------------------------------------------------------------------------------

interface Received {
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

/** A receiver of alerts that answers as it is told. */
async function receiver(answer: () => number) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const text of request.setEncoding('utf8')) body += text
    received.push({ body, headers: request.headers })
    response.writeHead(answer()).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  return {
    url,
    received,
    [Symbol.dispose]: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function alertsTo(url: string | undefined, lines: string[], settings = {}): Alerts {
  const write = (_: object, message: string) => void lines.push(message)
  const logger: Logger = { debug: write, info: write, warn: write, error: write }
  return new Alerts({
    url,
    secret: 'shh',
    settings: { attemptMsMax: 1_000, triesMax: 3, backoffMsMin: 1, backoffMsMax: 2, queueAlertsMax: 2, ...settings },
    clock: systemClock,
    random: { next: () => 0.5 },
    logger,
  })
}

test('[OPS1] an alert is a log line and a signed request, tried again with the same bytes', async () => {
  const answers = [500, 503, 200]
  using hook = await receiver(() => answers.shift() ?? 200)
  const lines: string[] = []
  const alerts = alertsTo(hook.url, lines)
  alerts.alert('dead_letter', { id: 'x', room: 'r', at: 'not the time' })
  await until('three tries', () => hook.received.length === 3)
  assert.deepEqual(lines, ['alert'])
  const [first, , last] = hook.received
  assert.equal(last?.body, first?.body)
  const body = JSON.parse(last?.body ?? '') as Readonly<Record<string, unknown>>
  assert.deepEqual([body.kind, body.room, typeof body.at, typeof body.id], ['dead_letter', 'r', 'number', 'string'])
  const timestamp = String(last?.headers['holdfast-timestamp'])
  assert.equal(last?.headers['holdfast-signature'], `v1=${signature('shh', timestamp, last?.body ?? '')}`)
  await alerts.stop()
})

test('[OPS1] a receiver that is away or slow holds nothing up, and too many alerts stay log lines', async () => {
  using hook = await receiver(() => 500)
  const lines: string[] = []
  const alerts = alertsTo(hook.url, lines, { triesMax: 2 })
  for (let i = 0; i < 5; i++) alerts.alert('outage', { i })
  await until('all that waited are given up', () => hook.received.length === 6)
  await until('and that is said', () => lines.filter((line) => /could not be delivered/.test(line)).length === 3)
  assert.equal(lines.filter((line) => /too many/.test(line)).length, 2)
  await alerts.stop()
  alerts.alert('outage', {})
  const silent = alertsTo(undefined, lines)
  silent.alert('outage', {})
  await silent.stop()
  assert.equal(hook.received.length, 6)
})

// ---- metrics ---------------------------------------------------------------------------------------------------------

test('[OPS2] what is measured before the library is there is counted all the same', async () => {
  const telemetry = new Telemetry('engine', systemClock)
  telemetry.worker.batch({
    partition: 0,
    records: 3,
    stored: 2,
    adopted: 1,
    refused: 0,
    reused: 0,
    copies: 0,
    waiting: 0,
    dead: { poison: 1, expired: 0, unknown: 0 },
  })
  telemetry.worker.latency(20, 2)
  telemetry.worker.paused(0, 'store', 1_500)
  telemetry.watchWorker(() => [
    {
      partition: 0,
      state: 'paused',
      reason: 'store',
      since: 0,
      next: 7,
      end: 9,
      waitingLanes: 1,
      waitingRecords: 2,
      oldest: systemClock.now() - 5_000,
    },
  ])
  telemetry.watchWorker(() => {
    throw new Error('a sampler that fails hides nothing else')
  })
  const text = await telemetry.text()
  assert.match(text, /^holdfast_worker_outcomes_total\{outcome="stored"\} 2$/m)
  assert.match(text, /^holdfast_worker_outcomes_total\{outcome="adopted"\} 1$/m)
  assert.match(text, /^holdfast_worker_dead_letters_total\{class="poison"\} 1$/m)
  assert.match(text, /^holdfast_worker_stored_seconds_count 2$/m)
  assert.match(text, /^holdfast_worker_paused_seconds_total\{partition="0",reason="store"\} 1\.5$/m)
  assert.match(text, /^holdfast_worker_finished_offset\{partition="0"\} 7$/m)
  assert.match(text, /^holdfast_worker_read_offset\{partition="0"\} 9$/m)
  assert.match(text, /^holdfast_worker_oldest_unfinished_seconds\{partition="0"\} [5-9]/m)
  assert.match(text, /^holdfast_worker_paused\{partition="0",reason="store"\} 1$/m)
})

test('[OPS2] a busy start is counted whole: the library is loaded before what waits for it is too much', async () => {
  const telemetry = new Telemetry('main', systemClock)
  for (let i = 0; i < 10_000; i++) telemetry.alerted('outage')
  // The same library: ours is there no earlier than the one that was asked for above.
  await import('prom-client')
  await new Promise(setImmediate)
  for (let i = 0; i < 10; i++) telemetry.alerted('outage')
  assert.match(await telemetry.text(), /^holdfast_alerts_total\{kind="outage"\} 10010$/m)
})

test('[OPS2] a port is measured at its seam: calls, times, errors by class; it does what it did', async () => {
  const engines = memoryEngines({
    faults: {
      before: ({ call }) => {
        if (call === 'survey') throw new Failure('transient', 'away')
      },
    },
  })
  const telemetry = new Telemetry('engine', systemClock)
  const log = telemetry.observeLog(engines.logs.commands)
  const store = telemetry.observeStore(engines.store)
  telemetry.watchLag(log, ['worker'])
  const parts = {
    room: 'r',
    sender: 'a',
    clientId: 'c',
    authority: 'member',
    at: undefined,
    content: { kind: 'message', text: 'x' },
    replay: 0,
  } as const
  assert.equal((await log.append(0, [encodeCommand(parts)])).length, 1)
  const { append } = log
  assert.deepEqual([log.name, log.partitions, log.append], ['commands', 1, append])
  await assert.rejects(store.history.survey(['a'], []), Failure)
  const text = await telemetry.text()
  assert.match(text, /^holdfast_engine_call_seconds_count\{port="log",name="commands",call="append"\} 1$/m)
  assert.match(
    text,
    /^holdfast_engine_call_errors_total\{port="store",name="history",call="survey",class="transient"\} 1$/m,
  )
  assert.match(text, /^holdfast_log_lag_records\{log="commands",group="worker",partition="0"\} 1$/m)
  await engines.close()
})

test('[OPS2] the metrics of both threads together name each family once', async () => {
  const [main, engine] = [new Telemetry('main', systemClock), new Telemetry('engine', systemClock)]
  main.observeLog({ name: 'commands' })
  main.alerted('outage')
  main.gateway.opened()
  main.gateway.closed(4_502)
  const text = joinMetrics([await main.text(), await engine.text()])
  const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
  assert.deepEqual(families, [...new Set(families)])
  assert.match(text, /^holdfast_alerts_total\{kind="outage"\} 1$/m)
  assert.match(text, /^holdfast_gateway_closes_total\{code="4502"\} 1$/m)
  assert.match(text, /^process_cpu_seconds_total/m)
  assert.ok(families.includes('holdfast_worker_batches_total'))
})
