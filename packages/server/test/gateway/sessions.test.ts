import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rig } from './rig.ts'

const types = (frames: readonly { type: string }[]) => frames.map(({ type }) => type)

test('[GW1] nobody is admitted before the feed is followed, and then everybody is who waited', async () => {
  const rig = new Rig({ isCutOff: true })
  await rig.group('r', ['alice'])
  const alice = rig.connect()
  alice.send({ type: 'authenticate', ref: 5, token: 'alice' })
  await rig.settle()
  assert.deepEqual(alice.take(), [])

  rig.memory.logs.feed.mendTails()
  await rig.settle()
  const [hello, ...rest] = alice.take()
  assert.deepEqual(hello, {
    type: 'hello',
    ref: 5,
    user: 'alice',
    durability: 'memory',
    expires: rig.clock.now() + 3_600_000,
    now: rig.clock.now(),
  })
  assert.deepEqual(types(rest), ['joined', 'ready'])
})

test('[GW1] who cannot be admitted in time is sent away to come again', async () => {
  const rig = new Rig({ isCutOff: true, gateway: { greetingMsMax: 5_000 } })
  const alice = await rig.enter('alice')
  await rig.pass(6_000)
  assert.deepEqual(alice.closed, { code: 4503, reason: 'UNAVAILABLE' })
  rig.memory.logs.feed.mendTails()
  await rig.settle()
  assert.equal(rig.gateway.status.sessions, 0)
})

test('[GW2] the first frame authenticates, or it is the last one', async () => {
  const firsts: [frame: object | string, code: number, error: string][] = [
    [{ type: 'send', ref: 1, clientId: 'c', room: 'r', text: 'x' }, 4401, 'UNAUTHENTICATED'],
    [{ type: 'authenticate', ref: 1, token: 'forged' }, 4401, 'UNAUTHENTICATED'],
    [{ type: 'authenticate', ref: 1, token: 'old' }, 4501, 'TOKEN_EXPIRED'],
    [{ type: 'authenticate', ref: 1, token: 'nostore' }, 4503, 'STORE_UNAVAILABLE'],
    [{ type: 'authenticate', ref: 1 }, 4400, 'BAD_FRAME'],
    ['hello?', 4400, 'BAD_FRAME'],
  ]
  const rig = new Rig()
  for (const [frame, code, error] of firsts) {
    const peer = rig.connect()
    peer.send(frame)
    await rig.settle()
    assert.deepEqual(
      peer.take().map(({ type, code }) => [type, code]),
      [['error', error]],
    )
    assert.equal(typeof peer.closed === 'object' && peer.closed.code, code)
  }
  assert.equal(rig.gateway.status.sessions, 0)
})

test('[GW2] a connection that never greets is closed', async () => {
  const rig = new Rig({ gateway: { greetingMsMax: 3_000 } })
  const peer = rig.connect()
  await rig.pass(2_500)
  assert.equal(peer.closed, undefined)
  await rig.pass(1_500)
  assert.deepEqual(peer.closed, { code: 4505, reason: 'GREETING_TIMEOUT' })
})

test('[GW2] frames that come before hello are kept and answered behind it, up to a bound', async () => {
  const rig = new Rig({ gateway: { greetingBytesMax: 300 } })
  await rig.group('r', ['alice'])
  const [alice, greedy] = [rig.connect(), rig.connect()]
  for (const [peer, pages] of [
    [alice, 2],
    [greedy, 3],
  ] as const) {
    peer.send({ type: 'authenticate', ref: 0, token: 'alice' })
    for (let ref = 1; ref <= pages; ref++) peer.send({ type: 'page', ref, room: 'r' })
  }
  await rig.settle()
  assert.deepEqual(
    alice.take('hello', 'page').map(({ type, ref }) => [type, ref]),
    [
      ['hello', 0],
      ['page', 1],
      ['page', 2],
    ],
  )
  assert.equal(typeof greedy.closed === 'object' && greedy.closed.code, 4401)
})

test('[GW3] a session ends with its token, unless a newer one of the same user came in time', async () => {
  const rig = new Rig()
  const [alice, bob] = [await rig.enter('alice@10000'), await rig.enter('bob@10000')]
  alice.send({ type: 'refresh', ref: 1, token: 'alice@60000' })
  bob.send({ type: 'refresh', ref: 2, token: 'alice@60000' })
  await rig.settle()
  assert.deepEqual(alice.take(), [{ type: 'refreshed', ref: 1, expires: rig.clock.now() + 60_000 }])
  assert.deepEqual(
    bob.take().map(({ ref, code }) => [ref, code]),
    [[2, 'FORBIDDEN']],
  )

  await rig.pass(11_000)
  assert.equal(alice.closed, undefined)
  assert.deepEqual(bob.closed, { code: 4501, reason: 'SESSION_EXPIRED' })
})

test('[GW3] a refresh that fails leaves the session as it was', async () => {
  const rig = new Rig()
  const alice = await rig.enter('alice@10000')
  alice.send({ type: 'refresh', ref: 1, token: 'forged' })
  await rig.settle()
  assert.deepEqual(
    alice.take().map(({ code }) => code),
    ['UNAUTHENTICATED'],
  )
  assert.equal(alice.closed, undefined)
})

test('[GW4] a peer that answers no ping is given up; one that does is kept', async () => {
  const rig = new Rig({ gateway: { pingMs: 10_000, pongMsMax: 5_000 } })
  const [alive, gone] = [await rig.enter('alice'), await rig.enter('bob')]
  gone.isMute = true
  await rig.pass(60_000)
  assert.equal(alive.closed, undefined)
  assert.deepEqual(gone.closed, { code: 4504, reason: 'GONE' })
})

test('[GW5] a stop refuses commands, answers those under way, says goodbye and waits for the sockets', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  const alice = await rig.enter('alice')
  rig.scribe.isPaused = true
  alice.send({ type: 'send', ref: 1, clientId: 'c1', room: 'r', text: 'under way' })
  await rig.settle()
  let isStopped = false
  const stopped = rig.gateway.stop().then(() => {
    isStopped = true
  })
  alice.send({ type: 'send', ref: 2, clientId: 'c2', room: 'r', text: 'too late' })
  await rig.settle()
  assert.deepEqual(
    alice.take().map(({ type, ref, code }) => [type, ref, code]),
    [
      ['accepted', 1, undefined],
      ['error', 2, 'SHUTTING_DOWN'],
    ],
  )
  assert.equal(isStopped, false)

  rig.scribe.isPaused = false
  await rig.settle()
  assert.deepEqual(types(alice.take()).toSorted(), ['entry', 'stored'])
  assert.deepEqual(alice.closed, { code: 4500, reason: 'SHUTTING_DOWN' })
  await stopped
  await rig.gateway.stop()
  const late = rig.connect()
  await rig.settle()
  assert.equal(typeof late.closed === 'object' && late.closed.code, 4500)
})

test('[GW5] a stop waits neither for ends that do not come nor for readers that do not read', async () => {
  const rig = new Rig({ gateway: { drainMsMax: 1_000, closeMsMax: 1_000 } })
  await rig.group('r', ['alice'])
  const alice = await rig.enter('alice')
  rig.scribe.isPaused = true
  alice.send({ type: 'send', ref: 1, clientId: 'c1', room: 'r', text: 'never ends' })
  await rig.settle()
  alice.stall()
  const stopped = rig.gateway.stop()
  await rig.pass(3_000)
  await stopped
  assert.equal(alice.closed, 'cut')
  assert.equal(rig.gateway.status.sessions, 0)
})

test('[GW5] a gateway may be stopped before it was started, and twice', async () => {
  const rig = new Rig()
  await Promise.all([rig.gateway.stop(), rig.gateway.stop(), rig.pass(3_000)])
})

test('[GW6] more sockets than the bound are sent away', async () => {
  const rig = new Rig({ gateway: { sessionsMax: 2 } })
  const peers = [rig.connect(), rig.connect()]
  assert.equal(rig.gateway.hasRoom, false)
  peers[0]?.cut()
  assert.equal(rig.gateway.hasRoom, true)
})
