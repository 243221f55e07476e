import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientIds } from '../src/ids.ts'
import { HoldfastError } from '../src/index.ts'
import { seeded, turn } from './support/clock.ts'
import { inDen, joined, later, outcomeOf, pushed, rejection, resumed, Scene } from './support/scene.ts'

const MINUTE_MS = 60_000

test('[SDK12] every loss but 44xx is followed by a new connection with a new token, after capped full jitter', async () => {
  const scene = new Scene({ random: { next: () => 0.999, fill: () => {} } })
  const { clock, sockets } = scene
  const waits: number[] = []
  for (const lose of [1006, 1009, 4500, 4501, 4502, 4503, 4504, 4505, 1000, 'fail'] as const) {
    await turn()
    const socket = sockets.latest
    if (lose === 'fail') socket.fail()
    else socket.end(lose)
    assert.equal(scene.client.state, 'waiting')
    const [count, since] = [sockets.all.length, clock.elapsed()]
    while (sockets.all.length === count) await clock.advance(50)
    waits.push(clock.elapsed() - since)
  }
  assert.deepEqual(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000])
  assert.equal(scene.tokens, 11, 'each connection asks for a token')
  assert.deepEqual(scene.states.slice(0, 3), ['waiting', 'connecting', 'waiting'])
  scene.client.close()
})

test('[SDK12] a connection that lived starts the back-off anew, one that fell at once does not', async () => {
  const scene = new Scene({ random: { next: () => 0.999, fill: () => {} } })
  const { clock, sockets } = scene
  const lose = async (liveMs: number) => {
    await scene.greet()
    await clock.advance(liveMs)
    scene.socket.end(4503)
    const [count, since] = [sockets.all.length, clock.elapsed()]
    while (sockets.all.length === count) await clock.advance(50)
    return clock.elapsed() - since
  }
  assert.deepEqual([await lose(0), await lose(0), await lose(6_000), await lose(0)], [250, 500, 250, 500])
  scene.client.close()
})

test('[SDK13] 44xx ends the client: closed, told why, and nothing is left', async () => {
  const scene = await inDen()
  const room = scene.client.room('den')
  const [send, page] = [later(room.send('a')), later(room.page())]
  const reading = later(room.entries()[Symbol.asyncIterator]().next())
  scene.socket.end(4400, 'not this protocol')
  assert.equal(scene.client.state, 'closed')
  assert.deepEqual([(await rejection(send)).code, (await rejection(send)).outcome], ['BAD_FRAME', 'unknown'])
  assert.equal((await rejection(page)).code, 'BAD_FRAME')
  assert.equal((await rejection(reading)).code, 'BAD_FRAME')
  assert.match(scene.errors[0]?.message ?? '', /4400.*not this protocol/)
  assert.equal(scene.clock.timers, 0)
  await scene.clock.advance(MINUTE_MS)
  assert.equal(scene.sockets.all.length, 1)
})

test('[SDK13] a token that is refused is told with the reason the server gave', async () => {
  const scene = new Scene()
  const ready = later(scene.client.ready())
  await turn()
  scene.socket.open()
  const { ref } = scene.socket.take('authenticate')
  scene.socket.say({ type: 'error', ref, code: 'TOKEN_EXPIRED', message: 'It expired.', retryable: false })
  scene.socket.end(4401)
  assert.deepEqual(
    scene.errors.map(({ code, message }) => [code, message]),
    [['TOKEN_EXPIRED', 'It expired.']],
  )
  assert.equal((await rejection(ready)).code, 'TOKEN_EXPIRED')
})

test('[SDK13] a client belongs to one user: the token of another ends it', async () => {
  const scene = await inDen()
  scene.socket.end(1006)
  await scene.clock.advance(MINUTE_MS)
  scene.socket.open()
  const { ref } = scene.socket.take('authenticate')
  scene.socket.say({ type: 'hello', ref, user: 'eve', durability: 'fsync', expires: 10, now: 0 })
  assert.equal(scene.client.state, 'closed')
  assert.equal(scene.client.user, 'ann')
  assert.equal(scene.errors[0]?.code, 'UNAUTHENTICATED')
})

test('[SDK14] the token is renewed in band before it expires, by the clock of the server', async () => {
  const scene = new Scene({ settings: { silenceMsMax: 100 * MINUTE_MS } })
  const socket = await scene.greet(() => {}, 10 * MINUTE_MS)
  await scene.clock.advance(9 * MINUTE_MS - 1)
  assert.deepEqual(socket.said, [])
  await scene.clock.advance(1)
  const { ref, token } = socket.take('refresh')
  assert.equal(token, 'token-2')
  // By the server's clock it is 5,000,000 + 9 minutes: the new one is good for an hour.
  socket.say({ type: 'refreshed', ref, expires: 5_000_000 + 69 * MINUTE_MS })
  await scene.clock.advance(59 * MINUTE_MS - 1)
  assert.equal(scene.tokens, 2)
  await scene.clock.advance(1)
  assert.equal(scene.tokens, 3)
  scene.client.close()
})

test('[SDK14] a getToken that fails is told, and asked again after a pause', async () => {
  let asked = 0
  const scene = new Scene({
    getToken: () => {
      if (++asked < 3) throw new Error('the app is down')
      return 'token'
    },
  })
  await scene.clock.advance(2_000)
  assert.equal(scene.sockets.all.length, 1)
  assert.deepEqual(
    scene.errors.map(({ code, cause }) => [code, (cause as Error).message]),
    [
      ['UNAUTHENTICATED', 'the app is down'],
      ['UNAUTHENTICATED', 'the app is down'],
    ],
  )
  scene.client.close()
})

test('[SDK14] a command refused for the token waits for a connection with a new one', async () => {
  const scene = await inDen()
  const send = scene.client.room('den').send('a')
  const { ref, clientId } = scene.socket.take('send')
  scene.socket.say({ type: 'error', ref, code: 'TOKEN_EXPIRED', message: '', retryable: false, appended: false })
  assert.equal(scene.client.state, 'waiting')
  await scene.clock.advance(1_000)
  const socket = await scene.greet((socket) => socket.say(resumed('den', 0)))
  const again = socket.take('send')
  assert.equal(again.clientId, clientId)
  socket.say({ type: 'stored', ref: again.ref, room: 'den', id: 'i', epoch: 1, seq: 1, at: 1, duplicate: false })
  assert.equal((await send).seq, 1)
})

test('[SDK15] a connection on which nothing is heard is asked once, then given up', async () => {
  const scene = await inDen()
  const { clock, socket } = scene
  for (let i = 0; i < 4; i++) {
    await clock.advance(30_000)
    socket.say(pushed('den', i + 1))
  }
  assert.deepEqual(socket.said, [], 'while something is heard, nothing is asked')
  await clock.advance(50_000)
  const probe = socket.take('refresh')
  assert.equal(probe.token, 'token-1')
  socket.say({ type: 'refreshed', ref: probe.ref, expires: 99_000_000 })
  await clock.advance(30_000)
  assert.equal(scene.client.state, 'live')
  await clock.advance(21_000)
  socket.take('refresh')
  await clock.advance(19_000)
  assert.notEqual(scene.sockets.latest, socket)
  assert.equal(socket.state, 'closed')
  scene.client.close()
})

test('[SDK15] a connection that never says hello, or leaves a command without an answer, is given up', async () => {
  const scene = new Scene()
  await turn()
  const silent = scene.socket
  silent.open()
  await scene.clock.advance(21_000)
  assert.equal(silent.state, 'closed')
  const socket = await scene.greet((socket) => socket.say(joined('den', 0)))
  const send = later(scene.client.room('den').send('a'))
  const { clientId } = socket.take('send')
  await scene.clock.advance(21_000)
  assert.equal(socket.state, 'closed')
  const next = await scene.greet((socket) => socket.say(resumed('den', 0)))
  assert.deepEqual(
    [next.said[0]?.type === 'send' && next.said[0].clientId, await outcomeOf(send)],
    [clientId, 'pending'],
  )
  scene.client.close()
})

test('[SDK15] what is no frame ends the connection; frames of a newer server are ignored', async () => {
  const scene = await inDen()
  const { socket } = scene
  socket.say({ type: 'typing', room: 'den', user: 'bob' })
  socket.say({ type: 'something', ref: 1 })
  socket.say({ type: 'error', ref: null, code: 'BAD_FRAME', message: 'not readable', retryable: false })
  assert.equal(scene.client.state, 'live')
  assert.equal(scene.errors[0]?.code, 'BAD_FRAME')
  socket.sayText('{"type":')
  assert.equal(scene.client.state, 'waiting')
  scene.client.close()
})

test('[SDK16] close leaves nothing behind: no socket, no timer, no promise, no listener called', async () => {
  const scene = await inDen()
  const { client, clock, socket } = scene
  const room = client.room('den')
  const entries: unknown[] = []
  room.on('entry', (entry) => entries.push(entry))
  const waiting: Promise<unknown>[] = [
    room.send('sent'),
    room.send('accepted'),
    room.page(),
    room.entries()[Symbol.asyncIterator]().next(),
  ]
  for (const promise of waiting) later(promise)
  socket.say({ type: 'accepted', ref: 3, room: 'den', id: 'i', durability: 'fsync' })
  client.close()
  client.close()

  const errors = await Promise.all(waiting.map((promise) => rejection(promise)))
  assert.deepEqual(
    errors.map(({ code, outcome }) => [code, outcome]),
    [
      ['CLOSED', 'unknown'],
      ['CLOSED', 'unknown'],
      ['CLOSED', undefined],
      ['CLOSED', undefined],
    ],
  )
  assert.equal(clock.timers, 0)
  assert.equal(socket.state, 'closed')
  assert.equal(client.state, 'closed')
  socket.state = 'open'
  socket.say(pushed('den', 1))
  assert.deepEqual([entries, scene.errors], [[], []])
  const after: Promise<unknown>[] = [
    room.send('late'),
    room.page(),
    client.createRoom({ kind: 'group', members: [] }),
    client.ready(),
  ]
  assert.equal((await rejection(after[0] ?? Promise.resolve())).outcome, 'not-sent')
  for (const promise of after.slice(1, 3)) assert.equal((await rejection(promise)).code, 'CLOSED')
  assert.equal(await after[3], undefined, 'it was ready once')
})

test('[SDK16] close works at every moment: before the token, before the socket opens, while it waits', async () => {
  const beforeToken = new Scene()
  beforeToken.client.close()
  await turn()
  assert.equal(beforeToken.sockets.all.length, 0)

  const beforeOpen = new Scene()
  await turn()
  beforeOpen.client.close()
  assert.equal(beforeOpen.socket.state, 'closed')

  const waiting = await inDen()
  waiting.socket.end(1006)
  waiting.client.close()
  for (const { clock, client } of [beforeToken, beforeOpen, waiting]) {
    assert.equal(clock.timers, 0)
    assert.equal(client.state, 'closed')
    await clock.advance(MINUTE_MS)
    assert.equal(clock.timers, 0)
  }
  assert.equal(waiting.sockets.all.length, 1)
})

test('[SDK17] client ids are UUIDv7s that rise strictly, inside a millisecond and when the clock goes back', () => {
  let now = 0x0123_4567_89ab
  const next = clientIds({ now: () => now }, seeded(7))
  const ids: string[] = []
  for (let i = 0; i < 20_000; i++) {
    if (i === 10_000) now += 50
    if (i === 15_000) now -= 1_000
    ids.push(next())
  }
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.match(ids[0] ?? '', /^01234567-89ab-/)
  assert.deepEqual(ids, [...ids].sort())
  assert.equal(new Set(ids).size, ids.length)
})

test('[SDK18] a listener that throws disturbs nobody; one taken off hears nothing more', async (t) => {
  const scene = await inDen()
  const room = scene.client.room('den')
  const heard: number[] = []
  const uncaught: unknown[] = []
  t.mock.method(globalThis, 'queueMicrotask', (call: () => void) => {
    try {
      call()
    } catch (error) {
      uncaught.push(error)
    }
  })
  room.on('entry', () => {
    throw new Error('a listener')
  })
  const off = room.on('entry', ({ seq }) => heard.push(seq))
  scene.socket.say(pushed('den', 1))
  off()
  scene.socket.say(pushed('den', 2))
  assert.deepEqual([heard, uncaught.length, scene.client.state], [[1], 2, 'live'])
  t.mock.restoreAll()
  scene.client.close()
})

test('[SDK18] errors carry code, sentence and whether to try again, also those of a newer server', () => {
  const error = new HoldfastError('RATE_LIMITED', { retryAfterMs: 5 })
  assert.ok(error instanceof Error)
  assert.deepEqual(
    [error.name, error.code, error.retryable, error.retryAfterMs],
    ['HoldfastError', 'RATE_LIMITED', true, 5],
  )
  assert.match(error.message, /retryAfterMs/)
})
