import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rig } from './rig.ts'

const send = { type: 'send', ref: 1, clientId: 'c', room: 'r', text: 'x' }

/** What a client may get wrong, and the one error each gets. */
const BAD: [what: string, frame: object | string, code: string, message: RegExp, ref: number | null][] = [
  ['no JSON', '{"type":', 'BAD_FRAME', /not JSON/, null],
  ['no object', '[1,2]', 'BAD_FRAME', /not a JSON object/, null],
  ['null', 'null', 'BAD_FRAME', /not a JSON object/, null],
  ['no type', { ref: 1 }, 'BAD_FRAME', /^type: must be a string/, 1],
  ['an unknown type', { type: 'shout', ref: 1 }, 'UNKNOWN_TYPE', /"shout"/, 1],
  ['a type of the prototype', { type: 'constructor', ref: 1 }, 'UNKNOWN_TYPE', /"constructor"/, 1],
  ['a missing field', { type: 'send', ref: 1, clientId: 'c', room: 'r' }, 'BAD_FRAME', /text/, 1],
  ['a wrong type', { ...send, text: 1 }, 'BAD_FRAME', /^text: must be string/, 1],
  ['no ref', { type: 'page', room: 'r' }, 'BAD_FRAME', /ref/, null],
  ['a ref that is none', { ...send, ref: -1 }, 'BAD_FRAME', /^ref: /, null],
  ['an unknown field', { ...send, shout: true }, 'BAD_FRAME', /^shout: is no field of send/, 1],
  [
    '__proto__',
    JSON.stringify(send).replace('"text"', '"__proto__":{"a":1},"text"'),
    'BAD_FRAME',
    /^__proto__: is no field/,
    1,
  ],
  [
    'arrays 10,000 deep',
    JSON.stringify(send).replace('"x"', '['.repeat(10_000) + ']'.repeat(10_000)),
    'BAD_FRAME',
    /^text: /,
    1,
  ],
  ['a lone surrogate', { ...send, text: 'a\ud800' }, 'BAD_FRAME', /^text: /, 1],
  ['an empty text', { ...send, text: '' }, 'BAD_FRAME', /^text: /, 1],
  ['a text over its limit', { ...send, text: 'é'.repeat(4_097) }, 'TOO_LARGE', /^text: is over 8192 bytes/, 1],
  ['a control character in an id', { ...send, room: 'a\nb' }, 'BAD_FRAME', /^room: /, 1],
  ['a room that is ours', { ...send, room: '!dead/0' }, 'BAD_FRAME', /^room: /, 1],
  ['an id that is too long', { ...send, clientId: 'é'.repeat(65) }, 'BAD_FRAME', /^clientId: /, 1],
  ['again: false', { ...send, again: false }, 'BAD_FRAME', /^again: /, 1],
  [
    'too many members',
    {
      type: 'create_room',
      ref: 1,
      clientId: 'c',
      kind: 'group',
      members: Array.from({ length: 101 }, (_, i) => `u${i}`),
    },
    'TOO_LARGE',
    /^members: /,
    1,
  ],
  [
    'a direct room of three',
    { type: 'create_room', ref: 1, clientId: 'c', kind: 'direct', members: ['b', 'd'] },
    'BAD_FRAME',
    /^members: /,
    1,
  ],
  [
    'a direct room with oneself',
    { type: 'create_room', ref: 1, clientId: 'c', kind: 'direct', members: ['alice'] },
    'BAD_FRAME',
    /^members: /,
    1,
  ],
  ['a second sign-in', { type: 'authenticate', ref: 1, token: 'alice' }, 'BAD_FRAME', /signed in/, 1],
  ['seq without epoch', { type: 'subscribe', ref: 1, room: 'r', seq: 3 }, 'BAD_FRAME', /^seq: /, 1],
  ['a page that is too long', { type: 'page', ref: 1, room: 'r', limit: 201 }, 'BAD_FRAME', /^limit: /, 1],
  ['a page of an unknown room', { type: 'page', ref: 1, room: 'nowhere' }, 'NOT_FOUND', /nothing here/, 1],
  ["a page of somebody else's room", { type: 'page', ref: 1, room: 'secret' }, 'NOT_FOUND', /nothing here/, 1],
  [
    "a subscription to somebody else's room",
    { type: 'subscribe', ref: 1, room: 'secret', epoch: 1, seq: 1 },
    'NOT_FOUND',
    /nothing here/,
    1,
  ],
]

test('[GW7] each bad frame has its error, and the session goes on', async (context) => {
  const rig = new Rig({ rate: { burst: 1_000 } })
  await rig.group('r', ['alice'])
  await rig.group('secret', ['mallory'])
  const alice = await rig.enter('alice')
  for (const [what, frame, code, message, ref] of BAD) {
    await context.test(what, async () => {
      alice.send(frame)
      await rig.settle()
      const [error, ...others] = alice.take()
      assert.deepEqual([error?.type, error?.code, error?.ref], ['error', code, ref])
      assert.match(String(error?.message), message)
      assert.deepEqual(others, [])
    })
  }
  await context.test('a binary frame', async () => {
    alice.sendBinary()
    await rig.settle()
    assert.deepEqual(
      alice.take().map(({ code, ref }) => [code, ref]),
      [['BAD_FRAME', null]],
    )
  })
  alice.send(send)
  await rig.settle()
  assert.deepEqual(
    alice.take().map(({ type }) => type),
    ['accepted', 'stored', 'entry'],
  )
  const inLog = await rig.commands()
  assert.equal(inLog.length, 3, 'none of it reached the log')
})

test('[GW7] an error of a command says that it was not appended', async () => {
  const rig = new Rig()
  const alice = await rig.enter('alice')
  alice.send({ ...send, room: '!dead/0' })
  await rig.settle()
  const [error] = alice.take()
  assert.deepEqual([error?.retryable, error?.appended, error?.generation], [false, false, 0])
})

test('[GW8] a room gets the id that was asked for, or one made of what it is', async () => {
  const rig = new Rig()
  const [alice, bob] = [await rig.enter('alice'), await rig.enter('bob')]
  alice.send({ type: 'create_room', ref: 1, clientId: 'c1', kind: 'group', name: 'Tea', members: ['bob'] })
  alice.send({ type: 'create_room', ref: 2, clientId: 'c2', kind: 'group', room: 'tea', members: [] })
  alice.send({ type: 'create_room', ref: 3, clientId: 'c3', kind: 'direct', members: ['bob'] })
  bob.send({ type: 'create_room', ref: 4, clientId: 'c4', kind: 'direct', members: ['alice'] })
  await rig.settle()
  const [group, named, direct] = alice.take('accepted').map(({ room }) => String(room))
  assert.match(group ?? '', /^group-[0-9a-z]{26}$/)
  assert.equal(named, 'tea')
  assert.match(direct ?? '', /^direct-[0-9a-z]{26}$/)
  const [answer] = bob.take('refused', 'stored').filter(({ ref }) => ref === 4)
  assert.deepEqual([answer?.type, answer?.code, answer?.room], ['refused', 'ALREADY', direct])
  const about = bob.take('joined').map(({ room, about }) => [room, about])
  assert.deepEqual(new Map(about as [string, object][]).get(group ?? ''), {
    kind: 'group',
    name: 'Tea',
    owner: 'alice',
    memberCount: 2,
  })
  assert.deepEqual(new Map(about as [string, object][]).get(direct ?? ''), {
    kind: 'direct',
    owner: 'alice',
    pair: ['alice', 'bob'],
    memberCount: 2,
  })
})
