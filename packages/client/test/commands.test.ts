import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@holdfast/protocol'
import {
  accepted,
  failed,
  inDen,
  joined,
  later,
  outcomeOf,
  rejection,
  resumed,
  Scene,
  stored,
} from './support/scene.ts'

const resumeDen = (socket: { say(frame: object): void }) => socket.say(resumed('den', 0))

test('[SDK1] the first frame authenticates, under the subprotocol, with no token in the URL', async () => {
  const scene = new Scene()
  await scene.greet()
  assert.equal(scene.socket.url, 'ws://chat.test/base/v1/socket')
  assert.equal(scene.socket.protocols, 'holdfast.v1')
  assert.deepEqual(scene.states, ['live'])
  assert.equal(scene.client.user, 'ann')
  assert.equal(scene.client.durability, 'fsync')
})

test('[SDK2] a send settles when it is stored, or by choice when it is accepted', async () => {
  const { client, socket } = await inDen()
  const room = client.room('den')
  const heard: string[] = []
  const first = room.send('one', { onAccepted: ({ id, durability }) => heard.push(`${id} ${durability}`) })
  const second = room.send('two', { until: 'accepted', clientId: 'mine' })
  const [one, two] = socket.takeAll('send')
  assert.ok(one && two)
  assert.notEqual(one.ref, two.ref)
  assert.deepEqual({ room: one.room, text: one.text, again: one.again }, { room: 'den', text: 'one', again: undefined })

  socket.say(accepted(one.ref))
  socket.say(accepted(two.ref))
  assert.equal(await outcomeOf(first), 'pending')
  assert.deepEqual(heard, [`id-${one.ref} fsync`])
  assert.deepEqual(await second, { clientId: 'mine', room: 'den', id: `id-${two.ref}`, durability: 'fsync' })

  socket.say(stored(one.ref, 7))
  const { clientId, ...place } = await first
  assert.equal(clientId, one.clientId)
  assert.deepEqual(place, { room: 'den', id: 'id-7', already: false, epoch: 1, seq: 7, at: 1_007, duplicate: false })
})

test('[SDK3] a refusal and a death reject with what is known; ALREADY is a success', async () => {
  const { client, socket } = await inDen()
  const room = client.room('den')
  const [refused, dead, already, early] = [
    room.send('a'),
    room.send('b'),
    room.addMember('bob'),
    room.removeMember('eve'),
  ]
  const refs = socket.said.splice(0).map(({ ref }) => ref)
  const end = (index: number, type: string, code: string) =>
    socket.say({ type, ref: refs[index], room: 'den', id: 'i', code, message: `because ${code}`, retryable: false })
  end(0, 'refused', 'NOT_A_MEMBER')
  end(1, 'dead', 'UNPROCESSABLE')
  end(2, 'refused', 'ALREADY')
  end(3, 'error', 'FORBIDDEN')

  const first = await rejection(refused)
  assert.deepEqual([first.code, first.outcome, first.retryable], ['NOT_A_MEMBER', 'refused', false])
  assert.equal(first.message, 'because NOT_A_MEMBER')
  assert.equal((await rejection(dead)).outcome, 'dead')
  assert.equal((await already).already, true)
  assert.deepEqual([(await rejection(early)).code, (await rejection(early)).outcome], ['FORBIDDEN', 'refused'])
})

test('[SDK4] after a reconnect what has no end is sent again: in order, with the same ids, marked again, accepted or not', async () => {
  const scene = await inDen()
  const room = scene.client.room('den')
  const heard: number[] = []
  const sends = ['a', 'b', 'c'].map((text, i) => room.send(text, { onAccepted: () => heard.push(i) }))
  const before = scene.socket.takeAll('send')
  const [a, b] = before
  assert.ok(a && b)
  scene.socket.say(accepted(a.ref))
  scene.socket.say(accepted(b.ref))
  scene.socket.say(stored(b.ref, 2))

  const socket = await scene.reconnect(resumeDen)
  const late = room.send('d')
  const after = socket.takeAll('send')
  assert.deepEqual(
    after.map(({ text, again }) => [text, again]),
    [
      ['a', true],
      ['c', true],
      ['d', undefined],
    ],
  )
  assert.equal(after[0]?.clientId, a.clientId)
  for (const [i, { ref }] of after.entries()) {
    socket.say(accepted(ref))
    socket.say(stored(ref, 10 + i))
  }
  assert.deepEqual(
    (await Promise.all([...sends, late])).map(({ seq }) => seq),
    [10, 2, 11, 12],
  )
  assert.deepEqual(heard, [0, 1, 2], 'onAccepted is called once for each')
})

test('[SDK4] what was asked for without a connection is sent with the first one, not marked again', async () => {
  const scene = new Scene()
  const send = scene.client.room('den').send('early')
  const socket = await scene.greet((socket) => socket.say(joined('den', 0)))
  const frame = socket.take('send')
  assert.equal(frame.again, undefined)
  socket.say(stored(frame.ref, 1))
  assert.equal((await send).seq, 1)
})

test('[SDK5] told a higher generation, every unaccepted command of the room is sent under it, oldest first', async () => {
  const { client, clock, socket } = await inDen()
  const room = client.room('den')
  const sends = ['a', 'b', 'c'].map((text) => room.send(text))
  const other = client.room('hut').send('elsewhere')
  const [a, b, c] = socket.said.splice(0, 3)
  assert.ok(a && b && c)
  const elsewhere = socket.take('send')
  socket.say(accepted(a.ref))
  socket.say(failed(b.ref, 'LOG_UNAVAILABLE', 1, true))
  socket.say(failed(c.ref, 'OUT_OF_ORDER', 1))
  await clock.advance(1_000)

  const again = socket.takeAll('send')
  assert.deepEqual(
    again.map(({ text, generation, again }) => [text, generation, again]),
    [
      // Its first try may be in the log, so the server is to look; the other one's certainly is not.
      ['b', 1, true],
      ['c', 1, undefined],
    ],
  )
  for (const [i, { ref }] of again.entries()) socket.say(stored(ref, 2 + i))
  socket.say(stored(a.ref, 1))
  socket.say(stored(elsewhere.ref, 1, 'hut'))
  assert.deepEqual(
    (await Promise.all([...sends, other])).map(({ seq }) => seq),
    [1, 2, 3, 1],
  )
})

test('[SDK5] commands asked for while a failure backs off wait behind those it sent back', async () => {
  const { client, clock, socket } = await inDen()
  const room = client.room('den')
  later(room.send('a'))
  socket.say(failed(socket.take('send').ref, 'RATE_LIMITED', 1))
  later(room.send('b'))
  assert.deepEqual(socket.said, [])
  await clock.advance(20_000)
  assert.deepEqual(
    socket.takeAll('send').map(({ text, generation }) => [text, generation]),
    [
      ['a', 1],
      ['b', 1],
    ],
  )
  client.close()
})

test('[SDK5] a number counts on its connection only', async () => {
  const scene = await inDen()
  later(scene.client.room('den').send('a'))
  scene.socket.say(failed(scene.socket.take('send').ref, 'LOG_UNAVAILABLE', 3))
  const socket = await scene.reconnect(resumeDen)
  assert.equal(socket.take('send').generation, undefined)
  scene.client.close()
})

test('[SDK6] an error to an older try does not send anything once more', async () => {
  const { client, clock, socket } = await inDen()
  later(client.room('den').send('a'))
  later(client.room('den').send('b'))
  const [a, b] = socket.takeAll('send')
  assert.ok(a && b)
  socket.say(failed(a.ref, 'LOG_UNAVAILABLE', 1))
  await clock.advance(1_000)
  assert.equal(socket.takeAll('send').length, 2)
  socket.say(failed(b.ref, 'OUT_OF_ORDER', 1))
  await clock.advance(60_000)
  assert.deepEqual(
    socket.said.filter(({ type }) => type === 'send'),
    [],
  )
  client.close()
})

test('[SDK6] a retryable error that names no generation is tried again too', async () => {
  const { client, clock, socket } = await inDen()
  const send = client.room('den').send('a')
  socket.say(failed(socket.take('send').ref, 'STORE_UNAVAILABLE'))
  await clock.advance(1_000)
  socket.say(stored(socket.take('send').ref, 1))
  assert.equal((await send).seq, 1)
})

test('[SDK7] aborted before any try could be appended, a command is taken back; otherwise it goes on in silence', async () => {
  const { client, clock, socket } = await inDen()
  const room = client.room('den')
  const [sent, refused] = [new AbortController(), new AbortController()]
  const first = room.send('may be in the log', { signal: sent.signal })
  const second = room.send('refused before it', { signal: refused.signal })
  const third = room.send('behind them')
  const [a, b, c] = socket.takeAll('send')
  assert.ok(a && b && c)
  socket.say(failed(a.ref, 'LOG_UNAVAILABLE', 1, true))
  socket.say(failed(b.ref, 'OUT_OF_ORDER', 1))
  socket.say(failed(c.ref, 'OUT_OF_ORDER', 1))
  sent.abort('enough')
  refused.abort()

  const [one, two] = [await rejection(first), await rejection(second)]
  assert.deepEqual([one.code, one.outcome, one.cause, one.name], ['ABORTED', 'unknown', 'enough', 'AbortError'])
  assert.deepEqual([two.code, two.outcome], ['ABORTED', 'not-sent'])
  await clock.advance(1_000)
  const again = socket.takeAll('send')
  assert.deepEqual(
    again.map(({ text }) => text),
    ['may be in the log', 'behind them'],
  )
  for (const [i, { ref }] of again.entries()) socket.say(stored(ref, 1 + i))
  assert.equal((await third).seq, 2)
})

test('[SDK7] a time-out says OUTCOME_UNKNOWN where a try may have been appended, else that it was not sent', async () => {
  const { client, clock, socket } = await inDen()
  const unknown = later(client.room('den').send('a', { timeoutMs: 5_000 }))
  const limited = later(client.room('hut').send('b', { timeoutMs: 5_000 }))
  const [, b] = socket.takeAll('send')
  assert.ok(b)
  socket.say({ ...failed(b.ref, 'RATE_LIMITED', 1), retryAfterMs: 60_000 })
  await clock.advance(5_000)
  const [first, second] = [await rejection(unknown), await rejection(limited)]
  assert.deepEqual([first.code, first.outcome, first.retryable], ['OUTCOME_UNKNOWN', 'unknown', true])
  assert.deepEqual([second.code, second.outcome, second.retryable], ['RATE_LIMITED', 'not-sent', true])
  client.close()

  const offline = new Scene()
  const never = later(offline.client.room('den').send('c', { timeoutMs: 5_000 }))
  await offline.clock.advance(5_000)
  assert.deepEqual([(await rejection(never)).code, (await rejection(never)).outcome], ['NOT_CONNECTED', 'not-sent'])
  offline.client.close()
})

test('[SDK8] the same id while it is under way joins it; with other content it is ID_REUSED', async () => {
  const { client, clock, socket } = await inDen()
  const room = client.room('den')
  const first = later(room.send('a', { clientId: 'x', timeoutMs: 5_000 }))
  await clock.advance(5_000)
  assert.equal((await rejection(first)).code, 'OUTCOME_UNKNOWN')
  const second = room.send('a', { clientId: 'x' })
  assert.equal((await rejection(room.send('b', { clientId: 'x' }))).code, 'ID_REUSED')
  const frames = socket.takeAll('send')
  assert.equal(frames.length, 1)
  socket.say(accepted(frames[0]?.ref ?? 0))
  assert.equal((await room.send('a', { clientId: 'x', until: 'accepted' })).clientId, 'x')
  socket.say(stored(frames[0]?.ref ?? 0, 3))
  assert.equal((await second).seq, 3)
})

test('[SDK8] a sender who says that an id was used before gets it looked for first', async () => {
  const { client, socket } = await inDen()
  const send = client.room('den').send('a', { clientId: 'from the last visit', again: true })
  const frame = socket.take('send')
  assert.equal(frame.again, true)
  socket.say({ ...stored(frame.ref, 4), duplicate: true })
  assert.deepEqual([(await send).seq, (await send).duplicate], [4, true])
})

test('[SDK9] what the server would refuse for its form is refused without asking it', async () => {
  const { client, socket } = await inDen()
  const room = client.room('den')
  const broken = [
    [room.send(''), 'BAD_FRAME'],
    [room.send('\ud800'), 'BAD_FRAME'],
    [room.send('é'.repeat(LIMITS.textBytesMax / 2 + 1)), 'TOO_LARGE'],
    [room.send('a', { clientId: 'x'.repeat(129) }), 'BAD_FRAME'],
    [client.room('a\nb').send('a'), 'BAD_FRAME'],
    [room.addMember(''), 'BAD_FRAME'],
    [client.createRoom({ kind: 'group', members: Array.from({ length: 101 }, (_, i) => `u${i}`) }), 'TOO_LARGE'],
    [client.createRoom({ kind: 'group', members: [], name: '' }), 'BAD_FRAME'],
  ] as const
  for (const [promise, code] of broken) {
    const error = await rejection(promise)
    assert.deepEqual([error.code, error.outcome, error.retryable], [code, 'not-sent', false])
  }
  assert.deepEqual(socket.said, [])
})

test('[SDK9] commands without an end are bounded, in number and in bytes', async () => {
  const { client } = await inDen(0, { settings: { commandsMax: 3, commandBytesMax: 4_000 } })
  const room = client.room('den')
  const held = [room.send('a'), room.send('b')]
  const long = await rejection(room.send('x'.repeat(4_000)))
  assert.deepEqual([long.code, long.outcome, long.retryable], ['OVERLOADED', 'not-sent', true])
  held.push(room.send('c'))
  assert.equal((await rejection(room.send('d'))).code, 'OVERLOADED')
  client.close()
  await Promise.allSettled(held)
})

test('[SDK10] a failure is answered by fewer at a time, after what the server asks for and full jitter', async () => {
  const scene = await inDen(0, { random: { next: () => 0.5, fill: (bytes) => void crypto.getRandomValues(bytes) } })
  const { client, clock, socket } = scene
  const sends = Array.from({ length: 40 }, (_, i) => client.room('den').send(`${i}`))
  const first = socket.takeAll('send')
  assert.equal(first.length, 16, 'the window opens at 16')
  for (const { ref } of first) socket.say(failed(ref, ref === first[0]?.ref ? 'RATE_LIMITED' : 'OUT_OF_ORDER', 1))
  // Without retryAfterMs: half of the first ceiling of 250 ms.
  await clock.advance(124)
  assert.equal(socket.said.length, 0)
  await clock.advance(1)
  const second = socket.takeAll('send')
  assert.deepEqual(
    second.map(({ text }) => text),
    ['0', '1', '2', '3', '4', '5', '6', '7'],
  )
  socket.say({ ...failed(second[0]?.ref ?? 0, 'RATE_LIMITED', 2), retryAfterMs: 1_000 })
  await clock.advance(1_249)
  assert.equal(socket.said.length, 0)
  await clock.advance(1)
  const third = socket.takeAll('send')
  assert.equal(third.length, 4)
  for (const { ref } of third) socket.say(accepted(ref))
  assert.equal(socket.said.length, 8, 'each acceptance lets one more be under way')
  client.close()
  await Promise.allSettled(sends)
})

test('[SDK11] a created room is an object at once; a direct room that exists is a success', async () => {
  const { client, clock, socket } = await inDen()
  const created = client.createRoom({ kind: 'group', name: 'Hut', members: ['bob'] })
  const frame = socket.take('create_room')
  assert.deepEqual([frame.kind, frame.name, frame.members, 'room' in frame], ['group', 'Hut', ['bob'], false])
  socket.say(stored(frame.ref, 1, 'made-by-the-server'))
  assert.equal(await created, client.room('made-by-the-server'))

  const direct = client.createRoom({ kind: 'direct', members: ['bob'] })
  const { ref } = socket.take('create_room')
  socket.say(failed(ref, 'OUT_OF_ORDER', 4))
  await clock.advance(0)
  const again = socket.take('create_room')
  assert.equal(again.generation, 4, 'the room has a number there, though its id is not known here')
  socket.say({ type: 'refused', ref: again.ref, room: 'direct-1', id: 'i', code: 'ALREADY', message: '' })
  assert.equal((await direct).id, 'direct-1')
})

test('[SDK11] what is sent to a room behind its creation keeps its place behind it', async () => {
  const { client, clock, socket } = await inDen()
  later(client.createRoom({ kind: 'group', room: 'new', members: [] }))
  later(client.room('new').send('hello'))
  const [create, send] = socket.said.splice(0)
  assert.ok(create && send)
  socket.say(failed(create.ref, 'LOG_UNAVAILABLE', 1))
  socket.say(failed(send.ref, 'OUT_OF_ORDER', 1))
  await clock.advance(1_000)
  assert.deepEqual(
    socket.said.map(({ type }) => type),
    ['create_room', 'send'],
  )
  client.close()
})
