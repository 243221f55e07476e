import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Entry, LIMITS } from '@holdfast/protocol'
import { type Gap, HoldfastError, type Position, type Room } from '../src/index.ts'
import { turn } from './support/clock.ts'
import {
  ABOUT,
  answerPage,
  inDen,
  joined,
  later,
  messages,
  outcomeOf,
  pushed,
  rejection,
  resumed,
  Scene,
} from './support/scene.ts'

const gap = (room: string, from: number, to: number, epoch = 1) => ({ type: 'gap', room, epoch, from, to })

/** The seqs a room's `entry` events show, and its other events. */
function listen(room: Room): { seqs: number[]; gaps: Gap[]; resets: Position[] } {
  const heard = { seqs: [] as number[], gaps: [] as Gap[], resets: [] as Position[] }
  room.on('entry', ({ seq }) => heard.seqs.push(seq))
  room.on('gap', (gap) => heard.gaps.push(gap))
  room.on('reset', (position) => heard.resets.push(position))
  return heard
}

/** Takes so many entries from a loop that is left then. */
async function take(entries: AsyncIterable<Entry>, count: number): Promise<number[]> {
  const seqs: number[] = []
  for await (const { seq } of entries) if (seqs.push(seq) === count) break
  return seqs
}

test('[SDK19] rooms are known by what opens and closes them; ready comes when all are open', async () => {
  const scene = new Scene()
  const { client } = scene
  const events: string[] = []
  client.on('room', ({ id }) => events.push(`room ${id}`))
  client.on('left', ({ id }) => events.push(`left ${id}`))
  const ready = client.ready()
  const den = client.room('den')
  assert.deepEqual([den.isMember, den.about, den.position, den.head], [false, undefined, undefined, 0])
  const socket = await scene.greet((socket) => {
    socket.say(joined('den', 4))
    socket.say(joined('hut', 0))
  })
  await ready
  assert.deepEqual([den.isMember, den.about, den.position, den.head], [true, ABOUT, { epoch: 1, seq: 4 }, 4])
  assert.equal(client.rooms.get('den'), den)
  socket.say({ type: 'left', room: 'hut' })
  const removal = { seq: 5, id: 'r', kind: 'member_removed', sender: 'bob', at: 1, user: 'ann' }
  socket.say({ type: 'entry', room: 'den', epoch: 1, entry: removal })
  assert.deepEqual([...client.rooms.keys()], [])
  socket.say(joined('den', 9))
  assert.deepEqual(events, ['room den', 'room hut', 'left hut', 'left den', 'room den'])
  assert.deepEqual([...client.rooms.keys()], ['den'])
})

test('[SDK19] a room that a new connection has not opened by ready is ours no more', async () => {
  const scene = await inDen(3)
  const left: string[] = []
  scene.client.on('left', ({ id }) => left.push(id))
  await scene.reconnect()
  assert.deepEqual([left, scene.client.room('den').isMember], [['den'], false])
})

test('[SDK20] a new connection goes on from where each room of ours is, as many as a frame may hold', async () => {
  const scene = new Scene()
  const names = Array.from({ length: LIMITS.resumeRoomsMax + 5 }, (_, i) => `room-${i}-${'"'.repeat(100)}`)
  await scene.greet((socket) => {
    for (const name of names) socket.say(joined(name, 1))
    socket.say(pushed(names[0] ?? '', 2))
    socket.say(gap(names[1] ?? '', 2, 7))
    socket.say({ type: 'left', room: names[2] })
  })
  scene.socket.end(1006)
  await scene.clock.advance(1_000)
  scene.socket.open()
  const frame = scene.socket.take('authenticate')
  const places = frame.resume ?? []
  assert.ok(places.length > 100 && places.length <= LIMITS.resumeRoomsMax)
  assert.ok(JSON.stringify(frame).length + LIMITS.tokenBytesMax < LIMITS.frameBytesMax)
  assert.deepEqual(
    places.slice(0, 3),
    [
      [0, 2],
      [1, 7],
      [3, 1],
    ].map(([index, seq]) => ({ room: names[index ?? 0], epoch: 1, seq })),
  )
  scene.client.close()
})

test('[SDK20] an acknowledgement moves no position', async () => {
  const scene = await inDen(3)
  const send = later(scene.client.room('den').send('a'))
  const { ref } = scene.socket.take('send')
  scene.socket.say({ type: 'stored', ref, room: 'den', id: 'i', epoch: 1, seq: 9, at: 1, duplicate: false })
  await send
  scene.socket.end(1006)
  await scene.clock.advance(1_000)
  scene.socket.open()
  assert.deepEqual(scene.socket.take('authenticate').resume, [{ room: 'den', epoch: 1, seq: 3 }])
  scene.client.close()
})

test('[SDK21] entry events are in order: repeats are dropped, a gap is told and paged before what is newer', async () => {
  const { client, socket } = await inDen(2)
  const den = client.room('den')
  const heard = listen(den)
  for (const seq of [3, 4, 3, 4, 2]) socket.say(pushed('den', seq))
  socket.say(gap('den', 5, 300))
  for (const seq of [301, 302]) socket.say(pushed('den', seq))
  assert.deepEqual(heard.seqs, [3, 4])
  assert.deepEqual(
    heard.gaps.map(({ from, to }) => [from, to]),
    [[5, 300]],
  )
  assert.deepEqual(den.position, { epoch: 1, seq: 4 })

  assert.deepEqual(answerPage(socket, 302), { after: 4 })
  socket.say(pushed('den', 303))
  assert.deepEqual(answerPage(socket, 303), { after: 204 })
  socket.say(pushed('den', 304))
  assert.deepEqual(
    heard.seqs,
    messages(3, 304).map(({ seq }) => seq),
  )
  assert.deepEqual(den.position, { epoch: 1, seq: 304 })
  assert.deepEqual(socket.said, [])
})

test('[SDK21] pushes that come while a page is read are not read again', async () => {
  const { client, socket } = await inDen(0)
  const heard = listen(client.room('den'))
  socket.say(gap('den', 1, 5))
  for (const seq of [6, 7]) socket.say(pushed('den', seq))
  // The page was read before they were there.
  answerPage(socket, 5)
  assert.deepEqual(heard.seqs, [1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(socket.said, [])
})

test('[SDK21] a listener may skip a gap; without one for entries there is nothing to page', async () => {
  const { client, socket } = await inDen(0)
  const den = client.room('den')
  socket.say(gap('den', 1, 100))
  assert.deepEqual([den.position, socket.said], [{ epoch: 1, seq: 100 }, []])

  const heard = listen(den)
  const off = den.on('gap', ({ skip }) => skip())
  socket.say(gap('den', 101, 5_000))
  socket.say(pushed('den', 5_001))
  assert.deepEqual([heard.seqs, socket.said], [[5_001], []])
  off()
  socket.say(gap('den', 5_002, 6_000))
  assert.equal(socket.said.length, 1)
  heard.gaps[1]?.skip()
  socket.say(pushed('den', 6_001))
  assert.deepEqual(heard.seqs, [5_001, 6_001])
  answerPage(socket, 6_001)
  assert.deepEqual(heard.seqs, [5_001, 6_001], 'a page that nobody wants any more is not shown')
})

test('[SDK21] joined above our own place is a gap, joined or resumed below it repeats nothing', async () => {
  const scene = await inDen(10)
  const heard = listen(scene.client.room('den'))
  const socket = await scene.reconnect((socket) => socket.say(joined('den', 12)))
  answerPage(socket, 12)
  socket.say(pushed('den', 13))
  const next = await scene.reconnect((socket) => socket.say(joined('den', 11)))
  for (const seq of [12, 13, 14]) next.say(pushed('den', seq))
  assert.deepEqual(heard.seqs, [11, 12, 13, 14])
  assert.deepEqual(heard.gaps.length, 1)
})

test('[SDK21] a page that fails or is too old is read again after a pause, one that may not be read is not', async () => {
  const { client, clock, socket } = await inDen(0)
  const heard = listen(client.room('den'))
  socket.say(gap('den', 1, 3))
  socket.say({ type: 'error', ref: socket.take('page').ref, code: 'STORE_UNAVAILABLE', message: '', retryable: true })
  assert.deepEqual(socket.said, [])
  await clock.advance(250)
  answerPage(socket, 0)
  await clock.advance(500)
  answerPage(socket, 3, 2)
  await clock.advance(1_000)
  assert.deepEqual(heard.seqs, [])
  answerPage(socket, 3)
  assert.deepEqual(heard.seqs, [1, 2, 3])
  socket.say(gap('den', 4, 5))
  socket.say({ type: 'error', ref: socket.take('page').ref, code: 'NOT_A_MEMBER', message: '', retryable: false })
  await clock.advance(10_000)
  assert.deepEqual(
    socket.said.filter(({ type }) => type === 'page'),
    [],
  )
  socket.say(joined('den', 5))
  answerPage(socket, 5)
  assert.deepEqual(heard.seqs, [1, 2, 3, 4, 5])
})

test('[SDK21] a page asked for on one connection is asked for on the next', async () => {
  const scene = await inDen(0)
  const heard = listen(scene.client.room('den'))
  scene.socket.say(gap('den', 1, 3))
  scene.socket.take('page')
  const socket = await scene.reconnect((socket) => socket.say(resumed('den', 3)))
  answerPage(socket, 3)
  assert.deepEqual([heard.seqs, socket.said], [[1, 2, 3], []])
})

test('[SDK22] entry kinds and fields nobody knows yet pass through', async () => {
  const { client, socket } = await inDen(0)
  const entries: Entry[] = []
  client.room('den').on('entry', (entry) => entries.push(entry))
  const future = { seq: 1, id: 'e', kind: 'reaction', sender: 'bob', at: 1, to: 7, with: { emoji: 'tada' } }
  socket.say({ type: 'entry', room: 'den', epoch: 1, entry: future, trace: 'x' })
  assert.deepEqual(entries, [future])
})

test('[SDK23] a reset begins the room anew: what was read before is said to be void', async () => {
  const scene = await inDen(5)
  const den = scene.client.room('den')
  const heard = listen(den)
  scene.socket.say(pushed('den', 6))
  const reading = den.entries()[Symbol.asyncIterator]()
  const first = later(reading.next())
  // Live, as a gateway tells it, and again at a reconnect.
  scene.socket.say(resumed('den', 2, 2, false))
  scene.socket.say(pushed('den', 7, 1))
  scene.socket.say(pushed('den', 3, 2))
  const socket = await scene.reconnect((socket) => socket.say(resumed('den', 1, 3, false)))
  socket.say(pushed('den', 2, 3))
  assert.deepEqual(heard.seqs, [6, 3, 2])
  assert.deepEqual(heard.resets, [
    { epoch: 2, seq: 2 },
    { epoch: 3, seq: 1 },
  ])
  assert.deepEqual(den.position, { epoch: 3, seq: 2 })
  assert.equal((await rejection(first)).code, 'HISTORY_RESET')
})

test('[SDK23] a page of the old history that arrives after the reset is not shown', async () => {
  const { client, socket } = await inDen(0)
  const heard = listen(client.room('den'))
  socket.say(gap('den', 1, 3))
  const page = socket.take('page')
  socket.say(resumed('den', 0, 2, false))
  socket.say({ type: 'page', ref: page.ref, room: 'den', epoch: 1, head: 3, entries: messages(1, 3) })
  socket.say(pushed('den', 1, 2))
  assert.deepEqual(heard.seqs, [1])
})

test('[SDK24] for await shows each entry once, in order, over gaps and reconnects', async () => {
  const scene = await inDen(2)
  const den = scene.client.room('den')
  const seen = take(den.entries({ after: 0 }), 9)
  await turn()
  answerPage(scene.socket, 2)
  for (const seq of [3, 4]) scene.socket.say(pushed('den', seq))
  await turn()
  const socket = await scene.reconnect((socket) => {
    socket.say(resumed('den', 4))
    socket.say(gap('den', 5, 7))
    socket.say(pushed('den', 8))
  })
  answerPage(socket, 7)
  socket.say(pushed('den', 8))
  socket.say(pushed('den', 9))
  assert.deepEqual(await seen, [1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('[SDK24] without `after` it shows what comes from the call on', async () => {
  const { client, socket } = await inDen(5)
  const entries = client.room('den').entries()
  for (const seq of [6, 7]) socket.say(pushed('den', seq))
  const seen = take(entries, 3)
  await turn()
  answerPage(socket, 7)
  socket.say(pushed('den', 8))
  assert.deepEqual(await seen, [6, 7, 8])
})

test('[SDK24] a slow loop holds a bounded number, and pages the rest when its turn comes', async () => {
  const { client, socket } = await inDen(0)
  const reader = client.room('den').entries()[Symbol.asyncIterator]()
  for (let seq = 1; seq <= 2_000; seq++) socket.say(pushed('den', seq))
  assert.deepEqual(socket.said, [])
  const seen: number[] = []
  for (let i = 0; i < 2_000; i++) {
    const next = reader.next()
    while (socket.said.length > 0) answerPage(socket, 2_000)
    seen.push((await next).value?.seq ?? 0)
    if (i === 0) socket.say(pushed('den', 2_001))
  }
  assert.deepEqual(
    seen,
    messages(1, 2_000).map(({ seq }) => seq),
  )
})

test('[SDK24] a position kept from an earlier visit tells whether history was reset since', async () => {
  const { client, socket } = await inDen(5)
  const den = client.room('den')
  const seen = take(den.entries({ after: { epoch: 1, seq: 4 } }), 1)
  await turn()
  answerPage(socket, 5)
  assert.deepEqual(await seen, [5])
  const other = den.entries({ after: { epoch: 7, seq: 4 } })[Symbol.asyncIterator]()
  assert.equal((await rejection(other.next())).code, 'HISTORY_RESET')
  assert.equal((await other.next()).done, true)
})

test('[SDK24] a loop that is left, aborted or overtaken by a removal ends, and asks for nothing more', async () => {
  const { client, socket } = await inDen(0)
  const den = client.room('den')
  const abort = new AbortController()
  const [left, aborted, removed] = [
    den.entries()[Symbol.asyncIterator](),
    den.entries({ signal: abort.signal })[Symbol.asyncIterator](),
    den.entries()[Symbol.asyncIterator](),
  ]
  const [a, b] = [left.next(), later(aborted.next())]
  assert.deepEqual(await left.return?.(), { done: true, value: undefined })
  assert.deepEqual(await a, { done: true, value: undefined })
  abort.abort('enough')
  assert.deepEqual([(await rejection(b)).code, (await rejection(b)).cause], ['ABORTED', 'enough'])
  assert.equal((await rejection(take(den.entries({ signal: abort.signal }), 1))).code, 'ABORTED')

  socket.say(pushed('den', 1))
  socket.say({ type: 'left', room: 'den' })
  assert.equal((await removed.next()).value?.seq, 1, 'what it holds is shown first')
  assert.equal((await rejection(removed.next())).code, 'NOT_A_MEMBER')
  assert.equal((await removed.next()).done, true)
  assert.deepEqual(socket.said, [])
})

test('[SDK25] a room that is not open is asked for: opened, or an error to whoever wants to read it', async () => {
  const scene = new Scene()
  const seen = take(scene.client.room('den').entries(), 1)
  const socket = await scene.greet()
  const first = socket.take('subscribe')
  socket.say({ type: 'error', ref: first.ref, code: 'STORE_UNAVAILABLE', message: '', retryable: true })
  await scene.clock.advance(1_000)
  const second = socket.take('subscribe')
  socket.say({ type: 'subscribed', ref: second.ref, room: 'den' })
  socket.say(joined('den', 3))
  socket.say(pushed('den', 4))
  assert.deepEqual(await seen, [4])

  const none = later(take(scene.client.room('none').entries(), 1))
  await turn()
  socket.say({ type: 'error', ref: socket.take('subscribe').ref, code: 'NOT_FOUND', message: '', retryable: false })
  assert.equal((await rejection(none)).code, 'NOT_FOUND')
})

test('[SDK26] a page is answered once, over a reconnect too; it can be aborted, and an error of the server rejects it', async () => {
  const scene = await inDen(9)
  const den = scene.client.room('den')
  const kept = den.page({ before: 5, limit: 2 })
  assert.deepEqual({ ...scene.socket.take('page'), ref: 0 }, { type: 'page', ref: 0, room: 'den', before: 5, limit: 2 })
  const socket = await scene.reconnect((socket) => socket.say(resumed('den', 9)))
  const { ref } = socket.take('page')
  const entries = messages(3, 4)
  socket.say({ type: 'page', ref, room: 'den', epoch: 1, head: 12, entries })
  assert.deepEqual(await kept, { entries, epoch: 1, head: 12 })
  assert.equal(den.head, 12)
  assert.equal(den.position?.seq, 9)

  const abort = new AbortController()
  const aborted = later(den.page({ signal: abort.signal }))
  socket.take('page')
  abort.abort()
  assert.equal((await rejection(aborted)).code, 'ABORTED')
  assert.equal((await rejection(den.page({ signal: abort.signal }))).code, 'ABORTED')

  const refused = later(den.page())
  const failure = {
    type: 'error',
    ref: socket.take('page').ref,
    code: 'RATE_LIMITED',
    message: 'm',
    retryable: true,
    retryAfterMs: 7,
  }
  socket.say(failure)
  const error = await rejection(refused)
  assert.ok(error instanceof HoldfastError)
  assert.deepEqual([error.code, error.retryable, error.retryAfterMs], ['RATE_LIMITED', true, 7])
})

test('[SDK26] pages without an answer are bounded', async () => {
  const { client } = await inDen(9, { settings: { pagesMax: 2 } })
  const den = client.room('den')
  const held = [later(den.page()), later(den.page())]
  assert.equal((await rejection(den.page())).code, 'OVERLOADED')
  assert.equal(await outcomeOf(Promise.race(held)), 'pending')
  client.close()
})
