import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { ERRORS, type ErrorCode } from '@holdfast/protocol'
import { Failure } from '../../src/ports/failure.ts'
import { type Reply, type RequestOptions, Scene } from './scene.ts'

function isRefused(reply: Reply, code: ErrorCode, what: string): void {
  const { status, body } = reply
  assert.deepEqual([status, body.code, body.retryable], [ERRORS[code].status, code, ERRORS[code].retryable], what)
  assert.ok(String(body.message).length > 0, what)
  assert.equal(reply.headers.get('cache-control'), 'no-store', what)
}

const JSON_TYPE = { 'content-type': 'application/json' }

test('[HTTP11] without a good token nothing is said, and the answer tells how to come again', async () => {
  await using scene = await Scene.open()
  const wrong: readonly RequestOptions[] = [
    {},
    { token: 'nonsense' },
    { headers: { authorization: 'Basic YWxpY2U6eA==' } },
    { headers: { authorization: 'Bearer' } },
    { headers: { authorization: 'Bearer a b' } },
    { token: 'x'.repeat(10_000) },
  ]
  for (const options of wrong) {
    const reply = await scene.request('GET', '/v1/rooms', options)
    isRefused(reply, 'UNAUTHENTICATED', JSON.stringify(options).slice(0, 60))
    assert.match(reply.headers.get('www-authenticate') ?? '', /^Bearer realm="holdfast"/)
  }
  const missing = await scene.request('GET', '/v1/rooms')
  assert.doesNotMatch(missing.headers.get('www-authenticate') ?? '', /error/)
  // Who is unknown is told so before their body is looked at, and with every route.
  isRefused(await scene.request('POST', '/v1/rooms', { raw: '{', headers: JSON_TYPE }), 'UNAUTHENTICATED', 'body')
  for (const path of [
    '/v1/users/a',
    '/v1/rooms/a',
    '/v1/rooms/a/timeline',
    '/v1/search?q=a',
    '/v1/dead-letters',
    '/v1/dead-letters/a',
  ])
    isRefused(await scene.request('GET', path), 'UNAUTHENTICATED', path)
})

test('[HTTP11] a token that has ended says so; one without the scope opens no dead letter', async () => {
  await using scene = await Scene.open()
  isRefused(
    await scene.request('GET', '/v1/rooms', { token: await scene.expiredToken('alice') }),
    'TOKEN_EXPIRED',
    'expired',
  )
  const token = await scene.token('alice')
  const asked = [
    ['GET', '/v1/dead-letters'],
    ['GET', '/v1/dead-letters/x'],
    ['DELETE', '/v1/dead-letters/x'],
    ['POST', '/v1/dead-letters/x/replay'],
  ] as const
  for (const [method, path] of asked)
    isRefused(await scene.request(method, path, { token }), 'FORBIDDEN', `${method} ${path}`)
})

test('[HTTP12] a body that is not what its schema asks for is refused with the first difference', async () => {
  await using scene = await Scene.open()
  const token = await scene.token('alice')
  const good = { clientId: 'c', text: 'x' }
  const wrong: readonly (readonly [what: string, raw: string | Uint8Array<ArrayBuffer>, message: RegExp])[] = [
    ['no JSON', '{"clientId":', /body/],
    ['nothing', '', /body/],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), /body/],
    ['an array', '[]', /body/],
    ['null', 'null', /body/],
    ['10,000 arrays deep', '['.repeat(10_000) + ']'.repeat(10_000), /body/],
    ['deep in a field', `{"clientId":"c","text":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, /text/],
    ['a missing field', '{"clientId":"c"}', /text/],
    ['a wrong type', '{"clientId":"c","text":5}', /text/],
    ['an empty text', '{"clientId":"c","text":""}', /text/],
    ['a lone surrogate', '{"clientId":"c","text":"\\ud800"}', /text.*Unicode/],
    ['a lone surrogate in an id', '{"clientId":"\\udfff","text":"x"}', /clientId/],
    ['a control character in an id', '{"clientId":"a\\u0007","text":"x"}', /clientId/],
    ['an unknown field', '{"clientId":"c","text":"x","txet":"y"}', /txet/],
    ['__proto__', '{"clientId":"c","text":"x","__proto__":{"administrator":true}}', /__proto__/],
    ['constructor', '{"clientId":"c","text":"x","constructor":{"prototype":{}}}', /constructor/],
  ]
  for (const [what, raw, message] of wrong) {
    const reply = await scene.request('POST', '/v1/rooms/r/messages', { token, raw, headers: JSON_TYPE })
    isRefused(reply, 'BAD_FRAME', what)
    assert.match(String(reply.body.message), message, what)
  }
  const fine = { token, raw: JSON.stringify(good), headers: { 'content-type': 'application/json; charset=utf-8' } }
  assert.equal((await scene.request('POST', '/v1/rooms/r/messages', fine)).status, 202)
  assert.deepEqual(Object.keys(Object.prototype), [])
})

test('[HTTP12] what is over a limit is TOO_LARGE, at the byte', async () => {
  await using scene = await Scene.open()
  const token = await scene.token('alice')
  const send = (text: string) => scene.request('POST', '/v1/rooms/r/messages', { token, body: { clientId: 'c', text } })
  assert.equal((await send('x'.repeat(8_192))).status, 202)
  isRefused(await send('x'.repeat(8_193)), 'TOO_LARGE', 'text')
  isRefused(await send('é'.repeat(4_097)), 'TOO_LARGE', 'text in bytes')
  const members = Array.from({ length: 101 }, (_, i) => `u${i}`)
  isRefused(
    await scene.request('POST', '/v1/rooms', { token, body: { kind: 'group', members } }),
    'TOO_LARGE',
    'members',
  )
  const name = { token, body: { name: 'x'.repeat(257) } }
  isRefused(await scene.request('PUT', '/v1/users/alice', name), 'TOO_LARGE', 'name')
  const padded = (bytes: number) => `${' '.repeat(bytes - 24)}{"clientId":"c","text":1}`.slice(-bytes)
  const body = (bytes: number) =>
    scene.request('POST', '/v1/rooms/r/messages', { token, raw: padded(bytes), headers: JSON_TYPE })
  isRefused(await body(65_536), 'BAD_FRAME', '64 KiB is read')
  isRefused(await body(65_537), 'TOO_LARGE', 'one byte over 64 KiB is not')
})

test('[HTTP12] ids that are none, and rooms that cannot be, are refused before the log', async () => {
  await using scene = await Scene.open()
  const token = await scene.token('alice')
  const text = { clientId: 'c', text: 'x' }
  for (const room of ['!dead', 'x'.repeat(129), 'a\u0000b', 'a\u009fb']) {
    const path = `/v1/rooms/${encodeURIComponent(room)}/messages`
    isRefused(await scene.request('POST', path, { token, body: text }), 'BAD_FRAME', room)
  }
  const rooms = [
    { kind: 'direct', members: [] },
    { kind: 'direct', members: ['alice'] },
    { kind: 'direct', members: ['bob', 'carol'] },
    { kind: 'direct', members: ['bob'], name: 'us' },
    { kind: 'direct', members: ['bob'], room: 'direct-of-my-own' },
    { kind: 'group', room: 'direct-like' },
    { kind: 'channel' },
  ]
  for (const body of rooms)
    isRefused(await scene.request('POST', '/v1/rooms', { token, body }), 'BAD_FRAME', JSON.stringify(body))
  const range = await scene.engines.logs.commands.range(0)
  assert.equal(range.end, range.begin, 'nothing of it reached the log')
})

test('[HTTP13] content type, method and path each have their refusal', async () => {
  await using scene = await Scene.open()
  const token = await scene.token('alice')
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'nonsense'])
    isRefused(
      await scene.request('POST', '/v1/rooms/r/messages', { token, raw: 'x', headers: { 'content-type': type } }),
      'UNSUPPORTED_MEDIA_TYPE',
      type,
    )
  const untyped = new TextEncoder().encode('{}')
  isRefused(await scene.request('POST', '/v1/rooms', { token, raw: untyped }), 'UNSUPPORTED_MEDIA_TYPE', 'no type')
  const methods = [
    ['PATCH', '/v1/rooms', 'POST, GET, HEAD'],
    ['DELETE', '/v1/users/alice', 'PUT, GET, HEAD'],
    ['POST', '/v1/rooms/r/timeline', 'GET, HEAD'],
    ['OPTIONS', '/v1/search', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
  ] as const
  for (const [method, path, allow] of methods) {
    const reply = await scene.request(method, path, { raw: method === 'POST' ? 'x' : undefined })
    isRefused(reply, 'METHOD_NOT_ALLOWED', `${method} ${path}`)
    assert.equal(reply.headers.get('allow'), allow)
  }
  const paths = [
    '/v1',
    '/v1/',
    '/v1/Rooms',
    '/v1/rooms/r/',
    '/v2/rooms',
    '//v1/rooms',
    '/v1/rooms/a/b/c',
    '/v1/socket/x',
  ]
  for (const path of paths)
    for (const method of ['GET', 'POST', 'PROPFIND']) {
      const raw = method === 'GET' ? {} : { raw: 'x', headers: { 'content-type': 'text/plain' } }
      isRefused(await scene.request(method, path, raw), 'NOT_FOUND', `${method} ${path}`)
    }
  const head = await scene.request('HEAD', '/v1/rooms', { token })
  assert.deepEqual([head.status, head.body], [200, { text: '' }])
})

test('[HTTP13] a target that is not percent-encoded UTF-8, and a query that is not known, are BAD_FRAME', async () => {
  await using scene = await Scene.open()
  const token = await scene.token('alice')
  for (const path of ['/v1/rooms/%E0%A4%A', '/v1/rooms/%ED%A0%80', '/v1/users/%ff', '/v1/rooms/%zz/messages'])
    isRefused(await scene.request('GET', path, { token }), 'BAD_FRAME', path)
  for (const path of [
    '/v1/rooms?limti=3',
    '/v1/rooms?__proto__=3',
    '/v1/search?q=%ED%A0%80',
    '/v1/users/a?x',
    '/v1/rooms?limit=1&limit=1',
  ])
    isRefused(await scene.request('GET', path, { token }), 'BAD_FRAME', path)
  for (const query of ['?wait=forever', '?wait=', '?wiat=stored'])
    isRefused(
      await scene.request('POST', `/v1/rooms/r/messages${query}`, { token, body: { clientId: 'c', text: 'x' } }),
      'BAD_FRAME',
      query,
    )
})

test('[HTTP13] bytes that are no request are answered and the connection is closed', async () => {
  await using scene = await Scene.open()
  const exchange = (bytes: string) =>
    new Promise<string>((resolve, reject) => {
      let answer = ''
      const socket = connect(Number(new URL(scene.url).port), '127.0.0.1')
      socket.setEncoding('utf8').on('data', (text: string) => {
        answer += text
      })
      socket.on('close', () => resolve(answer)).on('error', reject)
      socket.write(bytes)
    })
  assert.match(await exchange('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 .*"code":"BAD_FRAME"/s)
  assert.match(await exchange('GET /v1/users/é HTTP/1.1\r\nhost: x\r\n\r\n'), /^HTTP\/1\.1 400 .*"code":"BAD_FRAME"/s)
  assert.match(
    await exchange(`GET / HTTP/1.1\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1\.1 413 .*"code":"TOO_LARGE"/s,
  )
  assert.equal((await scene.request('GET', '/healthz')).status, 200)
})

test('[HTTP14] an engine that fails is STORE_UNAVAILABLE, a fault of ours INTERNAL; both are logged, other answers are not', async () => {
  let isAway = false
  const before = ({ call }: { call: string }) => {
    if (isAway && (call === 'view' || call === 'survey' || call === 'users')) throw new Failure('transient', 'away')
  }
  const metrics = async () => {
    throw new TypeError('a fault of ours')
  }
  await using scene = await Scene.open({ faults: { before }, parts: { metrics } })
  const token = await scene.token('alice')
  assert.equal((await scene.request('GET', '/v1/rooms', { token })).status, 200)
  isRefused(await scene.request('GET', '/v1/rooms/r', { token }), 'NOT_FOUND', 'no log line')
  scene.lines.length = 0
  isAway = true
  isRefused(await scene.request('GET', '/v1/rooms', { token }), 'STORE_UNAVAILABLE', 'rooms')
  isRefused(await scene.request('GET', '/v1/rooms/r/timeline', { token }), 'STORE_UNAVAILABLE', 'timeline')
  isRefused(
    await scene.request('GET', '/v1/rooms', { token: await scene.token('new') }),
    'STORE_UNAVAILABLE',
    'admission',
  )
  const fault = await scene.request('GET', '/metrics')
  isRefused(fault, 'INTERNAL', 'metrics')
  assert.doesNotMatch(JSON.stringify(fault.body), /a fault of ours/)
  const codes = scene.lines
    .filter(({ level }) => level === 'error')
    .map(({ fields }) => (fields as { code?: string }).code)
  assert.deepEqual(codes, ['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE', 'STORE_UNAVAILABLE', 'INTERNAL'])
})

test('[HTTP23] where tokens are signed elsewhere, pages of every origin may ask, and read what is refused', async () => {
  await using scene = await Scene.open({ parts: { isForEveryOrigin: true } })
  const headers = { origin: 'https://shop.example' }
  const asked = await fetch(`${scene.url}/v1/rooms`, {
    method: 'OPTIONS',
    headers: {
      ...headers,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  })
  assert.equal(asked.status, 204)
  assert.match(asked.headers.get('access-control-allow-methods') ?? '', /\bPOST\b/)
  assert.equal(asked.headers.get('access-control-allow-headers'), 'authorization, content-type')
  const token = await scene.token('alice')
  const replies = [
    await scene.request('GET', '/v1/rooms', { token, headers }),
    await scene.request('GET', '/v1/rooms', { headers }),
    await scene.request('GET', '/v1/nothing', { headers }),
    { headers: asked.headers },
  ]
  for (const reply of replies) assert.equal(reply.headers.get('access-control-allow-origin'), '*')
  isRefused(await scene.request('OPTIONS', '/v1/rooms'), 'METHOD_NOT_ALLOWED', 'no page asks')
  // What needs no token may be kept from them by a network, which their reader's browser is in.
  for (const path of ['/healthz', '/readyz', '/metrics', '/v1/sign-in']) {
    const { headers: open } = await fetch(`${scene.url}${path}`, { headers })
    assert.equal(open.get('access-control-allow-origin'), null, path)
  }
})

test('[HTTP23] where sign-in by name gives a token to whoever asks, no page of another origin may ask', async () => {
  await using scene = await Scene.open()
  const headers = { origin: 'https://shop.example', 'access-control-request-method': 'POST' }
  for (const path of ['/v1/rooms', '/v1/sign-in']) {
    const asked = await fetch(`${scene.url}${path}`, { method: 'OPTIONS', headers })
    assert.equal(asked.headers.get('access-control-allow-origin'), null)
    assert.ok(asked.status >= 400)
  }
})
