import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { Failure } from '../../src/ports/failure.ts'
import { until } from '../support/server.ts'
import { type Reply, Scene } from './scene.ts'

const ODD = ['😀', 'Ann', 'ann', 'ann ', 'a/b', 'a%2Fb', '100%', '?#', '__proto__', 'x'.repeat(128), 'é'.repeat(64)]

function path(...parts: readonly string[]): string {
  return `/v1/${parts.map(encodeURIComponent).join('/')}`
}

async function newRoom(scene: Scene, token: string, body: object = {}): Promise<string> {
  const reply = await scene.request('POST', '/v1/rooms', { token, body: { kind: 'group', name: 'Lobby', ...body } })
  assert.equal(reply.status, 201, JSON.stringify(reply.body))
  return String(reply.body.room)
}

function say(scene: Scene, token: string, room: string, body: object, query = ''): Promise<Reply> {
  return scene.request('POST', `${path('rooms', room, 'messages')}${query}`, { token, body })
}

test('[HTTP1] a user writes and reads their own name; an administrator writes anybody', async () => {
  await using scene = await Scene.open()
  const [alice, admin] = [await scene.token('alice'), await scene.token('root', true)]
  const put = await scene.request('PUT', '/v1/users/alice', { token: alice, body: { name: 'Alice' } })
  assert.equal(put.status, 200)
  assert.deepEqual({ ...put.body, createdAt: 0 }, { user: 'alice', name: 'Alice', createdAt: 0 })
  assert.deepEqual((await scene.request('GET', '/v1/users/alice', { token: admin })).body, put.body)
  const foreign = await scene.request('PUT', '/v1/users/bob', { token: alice, body: { name: 'Bob' } })
  assert.deepEqual([foreign.status, foreign.body.code], [403, 'FORBIDDEN'])
  assert.equal((await scene.request('GET', '/v1/users/bob', { token: alice })).status, 404)
  assert.equal((await scene.request('PUT', '/v1/users/bob', { token: admin })).status, 200)
  assert.equal((await scene.request('GET', '/v1/users/bob', { token: alice })).status, 200)
})

test('[HTTP1] ids are taken as they are, percent-encoded: neither trimmed nor folded nor decoded twice', async () => {
  await using scene = await Scene.open()
  const admin = await scene.token('root', true)
  for (const user of ODD) {
    const reply = await scene.request('PUT', path('users', user), {
      token: admin,
      body: { name: `is ${user.slice(0, 9)}` },
    })
    assert.deepEqual([reply.status, reply.body.user], [200, user])
  }
  for (const user of ODD) {
    const { body } = await scene.request('GET', path('users', user), { token: admin })
    assert.deepEqual([body.user, body.name], [user, `is ${user.slice(0, 9)}`])
  }
})

test('[HTTP2] a room is created, listed and shown with what it is and who is in it', async () => {
  await using scene = await Scene.open()
  const [alice, bob] = [await scene.token('alice'), await scene.token('bob')]
  const created = await scene.request('POST', '/v1/rooms', {
    token: alice,
    body: { kind: 'group', name: 'Lobby', members: ['bob', 'carol'], room: 'lobby', clientId: 'c1' },
  })
  assert.equal(created.status, 201)
  const { id, at } = created.body
  assert.deepEqual(created.body, { room: 'lobby', id, seq: 1, at, duplicate: false })
  const about = { room: 'lobby', kind: 'group', name: 'Lobby', owner: 'alice', memberCount: 3, createdAt: at }
  const mine = await scene.request('GET', '/v1/rooms', { token: bob })
  assert.deepEqual(mine.body, { rooms: [{ ...about, role: 'member', epoch: 1, head: 1 }], next: null })
  const shown = await scene.request('GET', '/v1/rooms/lobby?membersLimit=2', { token: alice })
  const members = [
    { user: 'alice', role: 'owner' },
    { user: 'bob', role: 'member' },
  ]
  assert.deepEqual(shown.body, { ...about, role: 'owner', epoch: 1, head: 1, members, membersNext: 'bob' })
  const rest = await scene.request('GET', '/v1/rooms/lobby?membersLimit=2&membersAfter=bob', { token: alice })
  assert.deepEqual(rest.body.members, [{ user: 'carol', role: 'member' }])
  assert.equal(rest.body.membersNext, null)
})

test('[HTTP2] the same creation again is the same room; another one with its id is a conflict', async () => {
  await using scene = await Scene.open()
  const [alice, bob] = [await scene.token('alice'), await scene.token('bob')]
  const body = { kind: 'group', name: 'Lobby', clientId: 'c1' }
  const first = await scene.request('POST', '/v1/rooms', { token: alice, body })
  const again = await scene.request('POST', '/v1/rooms', { token: alice, body })
  assert.deepEqual([again.status, again.body], [201, { ...first.body, duplicate: true }])
  const { room } = first.body
  const other = await scene.request('POST', '/v1/rooms', { token: bob, body: { kind: 'group', name: 'Mine', room } })
  assert.deepEqual([other.status, other.body.code, other.body.end], [409, 'CONFLICT', 'refused'])
  const direct = { kind: 'direct', members: ['bob'] }
  const pair = await scene.request('POST', '/v1/rooms', { token: alice, body: direct })
  const back = await scene.request('POST', '/v1/rooms', { token: bob, body: { kind: 'direct', members: ['alice'] } })
  assert.deepEqual([pair.status, back.status, back.body.code], [201, 200, 'ALREADY'])
  assert.equal(back.body.room, pair.body.room)
})

test('[HTTP2] a long list of rooms comes in pages', async () => {
  await using scene = await Scene.open()
  const alice = await scene.token('alice')
  for (const room of ['r3', 'r1', 'r2']) await newRoom(scene, alice, { room })
  const first = await scene.request('GET', '/v1/rooms?limit=2', { token: alice })
  const rooms = (reply: Reply) => (reply.body.rooms as { room: string }[]).map(({ room }) => room)
  assert.deepEqual([rooms(first), first.body.next], [['r1', 'r2'], 'r2'])
  const rest = await scene.request('GET', '/v1/rooms?limit=2&after=r2', { token: alice })
  assert.deepEqual([rooms(rest), rest.body.next], [['r3'], null])
})

test('[HTTP3] members are added and removed by the owner, or by an administrator who is no member', async () => {
  await using scene = await Scene.open()
  const [alice, bob, admin] = [await scene.token('alice'), await scene.token('bob'), await scene.token('root', true)]
  const room = await newRoom(scene, alice)
  const change = (method: string, user: string, token: string, query = '') =>
    scene.request(method, `${path('rooms', room, 'members', user)}${query}`, { token })
  const added = await change('PUT', '😀 ', alice)
  assert.deepEqual([added.status, added.body.user, added.body.seq], [201, '😀 ', 2])
  const again = await change('PUT', '😀 ', alice)
  assert.deepEqual([again.status, again.body.code], [200, 'ALREADY'])
  const byId = [await change('PUT', 'bob', alice, '?clientId=x'), await change('PUT', 'bob', alice, '?clientId=x')]
  assert.deepEqual(
    byId.map(({ status, body }) => [status, body.seq, body.duplicate]),
    [
      [201, 3, false],
      [201, 3, true],
    ],
  )
  const byMember = await change('PUT', 'carol', bob)
  assert.deepEqual([byMember.status, byMember.body.code], [403, 'FORBIDDEN'])
  assert.equal((await change('PUT', 'carol', admin)).status, 201)
  assert.equal((await change('DELETE', 'carol', admin)).status, 200)
  assert.equal((await change('DELETE', 'carol', admin)).body.code, 'ALREADY')
  const later = await change('PUT', 'carol', alice, '?wait=accepted')
  assert.deepEqual([later.status, later.body.durability, later.body.seq], [202, 'memory', undefined])
  assert.equal((await change('DELETE', 'bob', bob)).status, 200, 'anybody may leave')
  assert.equal((await change('PUT', 'x'.repeat(129), alice)).status, 400)
})

test('[HTTP4] a message is accepted at once, or stored when asked to wait; the same again is the same message', async () => {
  await using scene = await Scene.open()
  const alice = await scene.token('alice')
  const room = await newRoom(scene, alice)
  const accepted = await say(scene, alice, room, { clientId: 'c1', text: 'hello' })
  assert.equal(accepted.status, 202)
  const { id } = accepted.body
  assert.deepEqual(accepted.body, { id, durability: 'memory' })
  const stored = await say(scene, alice, room, { clientId: 'c1', text: 'hello' }, '?wait=stored')
  assert.deepEqual([stored.status, stored.body.id, stored.body.seq, stored.body.duplicate], [201, id, 2, true])
  const reused = await say(scene, alice, room, { clientId: 'c1', text: 'other' }, '?wait=stored')
  assert.deepEqual(
    [reused.status, reused.body.code, reused.body.id, reused.body.end],
    [409, 'ID_REUSED', id, 'refused'],
  )
  const stranger = await say(scene, await scene.token('eve'), room, { clientId: 'c1', text: 'hello' }, '?wait=stored')
  const nowhere = await say(scene, alice, 'nowhere', { clientId: 'c1', text: 'hello' }, '?wait=stored')
  assert.deepEqual([stranger.status, stranger.body.code], [404, 'NOT_FOUND'])
  assert.deepEqual([nowhere.status, nowhere.body.message], [404, stranger.body.message])
})

test('[HTTP4] a sender who stays unknown ends as a dead letter, and the answer says so', async () => {
  await using scene = await Scene.open({ users: 'registered' })
  const [ghost, admin] = [await scene.token('ghost'), await scene.token('root', true)]
  await scene.request('PUT', '/v1/users/root', { token: admin })
  const room = await newRoom(scene, admin, { members: ['ghost'] })
  const dead = await say(scene, ghost, room, { clientId: 'c1', text: 'boo' }, '?wait=stored')
  assert.deepEqual([dead.status, dead.body.code, dead.body.end], [422, 'SENDER_UNKNOWN', 'dead'])
})

test('[HTTP5] only an administrator names a sender and a time, as milliseconds or ISO 8601', async () => {
  await using scene = await Scene.open()
  const [alice, admin] = [await scene.token('alice'), await scene.token('root', true)]
  const room = await newRoom(scene, alice)
  const import1 = { clientId: 'i1', text: 'old', sender: 'alice', at: 1_000_000_000_123 }
  const import2 = { clientId: 'i2', text: 'older', sender: 'alice', at: '2001-09-09T03:46:40.500+02:00' }
  for (const body of [import1, import2]) assert.equal((await say(scene, admin, room, body, '?wait=stored')).status, 201)
  const { body } = await scene.request('GET', path('rooms', room, 'timeline'), { token: alice })
  const said = (body.entries as { sender: string; at: number; text?: string }[]).slice(1)
  assert.deepEqual(
    said.map(({ sender, at, text }) => [sender, at, text]),
    [
      ['alice', 1_000_000_000_123, 'old'],
      ['alice', 1_000_000_000_500, 'older'],
    ],
  )
  for (const extra of [{ sender: 'bob' }, { at: 5 }]) {
    const refused = await say(scene, alice, room, { clientId: 'c', text: 'x', ...extra })
    assert.deepEqual([refused.status, refused.body.code], [403, 'FORBIDDEN'])
  }
  assert.equal((await say(scene, alice, room, { clientId: 'c', text: 'x', sender: 'alice' })).status, 202)
  for (const at of ['yesterday', '2001-09-09', '2001-13-09T00:00:00Z', '1960-01-01T00:00:00Z', -1, 1.5, '']) {
    const refused = await say(scene, admin, room, { clientId: 'c', text: 'x', at })
    assert.deepEqual([refused.status, refused.body.code], [400, 'BAD_FRAME'], String(at))
  }
})

test('[HTTP6] a timeline comes in pages, ascending, with exclusive bounds', async () => {
  await using scene = await Scene.open()
  const alice = await scene.token('alice')
  const room = await newRoom(scene, alice)
  for (let i = 2; i <= 6; i++) await say(scene, alice, room, { clientId: `c${i}`, text: `m${i}` }, '?wait=stored')
  const page = async (query: string) => {
    const { status, body } = await scene.request('GET', `${path('rooms', room, 'timeline')}${query}`, { token: alice })
    assert.deepEqual([status, body.epoch, body.head], [200, 1, 6])
    return (body.entries as { seq: number }[]).map(({ seq }) => seq)
  }
  assert.deepEqual(await page(''), [1, 2, 3, 4, 5, 6])
  assert.deepEqual(await page('?limit=2'), [5, 6])
  assert.deepEqual(await page('?before=5&limit=2'), [3, 4])
  assert.deepEqual(await page('?after=2&limit=2'), [3, 4])
  assert.deepEqual(await page('?after=6'), [])
  const { body } = await scene.request('GET', `${path('rooms', room, 'timeline')}?after=1&limit=1`, { token: alice })
  const [entry] = body.entries as Readonly<Record<string, unknown>>[]
  assert.deepEqual(Object.keys(entry ?? {}).sort(), ['at', 'id', 'kind', 'sender', 'seq', 'text'])
  for (const query of [
    '?limit=0',
    '?limit=201',
    '?limit=x',
    '?before=-1',
    '?before=1.5',
    '?before=',
    '?bevor=3',
    '?limit=1&limit=2',
    '?limit=%zz',
  ])
    assert.equal(
      (await scene.request('GET', `${path('rooms', room, 'timeline')}${query}`, { token: alice })).body.code,
      'BAD_FRAME',
      query,
    )
})

test('[HTTP6] a room that is not yours looks like one that is not; one you were removed from says so; an administrator reads all', async () => {
  await using scene = await Scene.open()
  const [alice, bob, eve] = [await scene.token('alice'), await scene.token('bob'), await scene.token('eve')]
  const room = await newRoom(scene, alice, { members: ['bob'] })
  await scene.request('DELETE', path('rooms', room, 'members', 'bob'), { token: alice })
  for (const suffix of ['', '/timeline']) {
    const hidden = await scene.request('GET', `${path('rooms', room)}${suffix}`, { token: eve })
    const absent = await scene.request('GET', `${path('rooms', 'nowhere')}${suffix}`, { token: eve })
    assert.deepEqual([hidden.status, hidden.body], [404, absent.body])
    const removed = await scene.request('GET', `${path('rooms', room)}${suffix}`, { token: bob })
    assert.deepEqual([removed.status, removed.body.code], [403, 'NOT_A_MEMBER'])
    assert.deepEqual(Object.keys(removed.body).sort(), ['code', 'message', 'retryable'])
    const admin = await scene.request('GET', `${path('rooms', room)}${suffix}`, {
      token: await scene.token('root', true),
    })
    assert.equal(admin.status, 200)
  }
  assert.deepEqual((await scene.request('GET', '/v1/rooms', { token: bob })).body.rooms, [])
})

test('[HTTP7] a wait that passes answers 202 once accepted, and OUTCOME_UNKNOWN before', async () => {
  let isStuck = false
  const held = Promise.withResolvers<void>()
  const before = (call: { call: string }) => (call.call === 'append' && isStuck ? held.promise : undefined)
  await using scene = await Scene.open({ hasWorker: false, faults: { before }, waitMs: 60 })
  const alice = await scene.token('alice')
  const waited = await say(scene, alice, 'r', { clientId: 'c1', text: 'x' }, '?wait=stored')
  assert.deepEqual([waited.status, Object.keys(waited.body)], [202, ['id', 'durability']])
  const room = await scene.request('POST', '/v1/rooms', { token: alice, body: { kind: 'group', room: 'r' } })
  assert.deepEqual([room.status, room.body.room], [202, 'r'])
  isStuck = true
  const unknown = await say(scene, alice, 'r', { clientId: 'c2', text: 'x' })
  assert.deepEqual([unknown.status, unknown.body.code, unknown.body.retryable], [504, 'OUTCOME_UNKNOWN', true])
  held.resolve()
})

test('[HTTP7] a failed append is answered with what became of it', async () => {
  let failure: Failure | undefined
  const before = (call: { call: string }) => {
    if (call.call === 'append' && failure !== undefined) throw failure
  }
  await using scene = await Scene.open({ hasWorker: false, faults: { before } })
  const alice = await scene.token('alice')
  const expected = [
    ['full', 507, 'DISK_FULL'],
    ['transient', 503, 'LOG_UNAVAILABLE'],
    ['ambiguous', 504, 'OUTCOME_UNKNOWN'],
  ] as const
  for (const [kind, status, code] of expected) {
    failure = new Failure(kind, 'injected')
    const refused = await say(scene, alice, 'r', { clientId: 'c', text: 'x' })
    assert.deepEqual([refused.status, refused.body.code, refused.body.retryable], [status, code, true])
  }
  failure = undefined
  assert.equal((await say(scene, alice, 'r', { clientId: 'c', text: 'x' })).status, 202)
})

test('[HTTP7] nobody waits any more for a command that was answered', async () => {
  await using scene = await Scene.open({ hasWorker: false, waitMs: 40 })
  const [alice, admin] = [await scene.token('alice'), await scene.token('root', true)]
  assert.equal((await say(scene, admin, 'r', { clientId: 'c', text: 'x' })).status, 202)
  assert.equal(scene.intake.status.waiting, 0)
  assert.equal((await say(scene, alice, 'r', { clientId: 'c', text: 'x' })).status, 202)
  // A member's end is waited for behind the answer, to charge a refusal; but not for ever.
  await until('the waiter is gone', () => scene.intake.status.waiting === 0)
})

test('[HTTP8] requests on one connection keep their order, even when they are sent without waiting', async () => {
  await using scene = await Scene.open()
  const alice = await scene.token('alice')
  const room = await newRoom(scene, alice)
  const count = 60
  const texts = Array.from({ length: count }, (_, i) => `m${i}`)
  const requests = texts.map((text, i) => {
    const body = JSON.stringify({ clientId: `p${i}`, text })
    return (
      `POST ${path('rooms', room, 'messages')} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${alice}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    )
  })
  const { port } = new URL(scene.url)
  const socket = connect(Number(port), '127.0.0.1')
  let answers = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    answers += text
  })
  socket.write(requests.join(''))
  await until('all are answered', () => answers.split('HTTP/1.1 202').length - 1 === count)
  socket.destroy()
  const timeline = async () =>
    (await scene.request('GET', `${path('rooms', room, 'timeline')}?limit=200`, { token: alice })).body.entries as {
      text?: string
    }[]
  await until('all are stored', async () => (await timeline()).length === count + 1)
  assert.deepEqual(
    (await timeline()).slice(1).map(({ text }) => text),
    texts,
  )
})

test('[HTTP9] commands have a rate, which a refusal costs more of; an administrator has none', async () => {
  await using scene = await Scene.open({ sendRate: { perSecond: 0.001, burst: 12, usersMax: 10 } })
  const [alice, admin] = [await scene.token('alice'), await scene.token('root', true)]
  const first = await say(scene, alice, 'nowhere', { clientId: 'c1', text: 'x' }, '?wait=stored')
  assert.equal(first.body.code, 'NOT_FOUND')
  assert.equal((await say(scene, alice, 'nowhere', { clientId: 'c2', text: 'x' })).status, 202)
  const refused = await say(scene, alice, 'nowhere', { clientId: 'c3', text: 'x' })
  assert.deepEqual([refused.status, refused.body.code, refused.body.retryable], [429, 'RATE_LIMITED', true])
  assert.ok(Number(refused.body.retryAfterMs) > 0)
  assert.equal(refused.headers.get('retry-after'), String(Math.ceil(Number(refused.body.retryAfterMs) / 1_000)))
  assert.equal(
    (await scene.request('GET', '/v1/rooms', { token: alice })).status,
    200,
    'reads have a rate of their own',
  )
  for (let i = 0; i < 20; i++)
    assert.equal((await say(scene, admin, 'r', { clientId: `a${i}`, text: 'x' })).status, 202)
})

test('[HTTP10] a stop answers who waits with what is known, and refuses who comes', async () => {
  await using scene = await Scene.open({ hasWorker: false })
  const alice = await scene.token('alice')
  const waiting = say(scene, alice, 'r', { clientId: 'c1', text: 'x' }, '?wait=stored')
  await until('it is accepted', () => scene.intake.status.waiting === 1 && scene.intake.status.appending === 0)
  // Another request has begun, and goes on only when the stop has begun too.
  const socket = connect(Number(new URL(scene.url).port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text
  })
  socket.write('GET /v1/rooms HTTP/1.1\r\nhost: x\r\n')
  await until(
    'it has arrived',
    () => new Promise((resolve) => scene.api.server.getConnections((_, count) => resolve(count >= 2))),
  )
  const closed = scene.api.close()
  socket.write(`authorization: Bearer ${alice}\r\n\r\n`)
  const answered = await waiting
  assert.deepEqual([answered.status, answered.headers.get('connection')], [202, 'close'])
  await closed
  await scene.api.close()
  await until('it was answered', () => answer.endsWith('}'))
  assert.match(answer, /^HTTP\/1\.1 503 .*connection: close.*"code":"SHUTTING_DOWN"/is)
  socket.destroy()
  assert.equal(scene.intake.status.waiting, 0)
})
