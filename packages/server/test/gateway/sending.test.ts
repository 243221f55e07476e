import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../src/ports/failure.ts'
import type { Heard, SocketPair } from '../support/socket-pair.ts'
import { Rig } from './rig.ts'

const send = (ref: number, clientId = `c${ref}`, more: object = {}) => ({
  type: 'send',
  ref,
  clientId,
  room: 'r',
  text: clientId,
  ...more,
})
const brief = (frames: readonly Heard[]) =>
  frames.map(({ type, ref, code, seq }) => [
    type,
    ref,
    ...(code === undefined ? [] : [code]),
    ...(seq === undefined ? [] : [seq]),
  ])

async function conversation(rig: Rig): Promise<SocketPair> {
  await rig.group('r', ['alice', 'bob'])
  return await rig.enter('alice')
}

/** The texts of the log, in its order. */
async function texts(rig: Rig): Promise<string[]> {
  const commands = (await rig.commands()).map(({ value }) => JSON.parse(Buffer.from(value).toString()))
  return commands.flatMap(({ content }) => (content.kind === 'message' ? [content.text] : []))
}

test('[GW9] a send is accepted when the log has it, stored when the store does, and pushed to everybody in the room', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  const bob = await rig.enter('bob')
  alice.send(send(1))
  await rig.settle()
  const [accepted, stored, entry, ...others] = alice.take()
  const id = accepted?.id
  const at = rig.clock.now()
  assert.deepEqual(accepted, { type: 'accepted', ref: 1, room: 'r', id, durability: 'memory' })
  assert.deepEqual(stored, { type: 'stored', ref: 1, room: 'r', id, epoch: 1, seq: 2, at, duplicate: false })
  assert.deepEqual(entry, {
    type: 'entry',
    room: 'r',
    epoch: 1,
    entry: { seq: 2, id, kind: 'message', sender: 'alice', at, text: 'c1' },
  })
  assert.deepEqual(others, [])
  assert.deepEqual(bob.take(), [entry])
})

test('[GW9] accepted waits for the log, and comes before stored even where the feed is faster', async () => {
  let reply = () => {}
  const rig = new Rig()
  const alice = await conversation(rig)
  rig.faults = {
    after: (call) =>
      call.call === 'append' && call.log === 'commands' ? new Promise((resolve) => (reply = resolve)) : undefined,
  }
  alice.send(send(1))
  await rig.settle()
  assert.deepEqual(brief(alice.take('accepted', 'stored')), [])
  assert.equal(alice.take('entry').length, 1)
  reply()
  await rig.settle()
  assert.deepEqual(brief(alice.take()), [
    ['accepted', 1],
    ['stored', 1, 2],
  ])
})

test('[GW10] a repeat is answered with the original place, and says that it is one', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  alice.send(send(1, 'same'))
  await rig.settle()
  alice.take()
  alice.send(send(2, 'same'))
  alice.send(send(3, 'same', { again: true }))
  await rig.settle()
  const stored = alice.take('stored')
  assert.deepEqual(brief(stored).toSorted(), [
    ['stored', 2, 2],
    ['stored', 3, 2],
  ])
  assert.ok(stored.every(({ duplicate }) => duplicate === true))
  assert.deepEqual(alice.take('entry'), [])
  assert.deepEqual(await texts(rig), ['same', 'same'], 'the look-up of an `again` frame was final')
})

test('[GW10] whether an end that was heard before the append failed is of an earlier try is told where it is known', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  let fail = () => {}
  const failing = (when: 'before' | 'after', cause: Failure): Rig['faults'] => ({
    [when]: async (call: { readonly call: string; readonly log?: string }) => {
      if (call.call !== 'append' || call.log !== 'commands') return
      await new Promise<void>((resolve) => (fail = resolve))
      throw cause
    },
  })
  const answers = async () => {
    await rig.settle()
    fail()
    await rig.settle()
    return alice.take('stored', 'error').map(({ type, code, duplicate }) => [type, code ?? duplicate])
  }

  rig.faults = failing('after', new Failure('ambiguous', 'lost'))
  alice.send(send(1, 'first'))
  assert.deepEqual(await answers(), [['stored', false]])
  alice.send(send(2, 'second', { again: true }))
  assert.deepEqual(await answers(), [['error', 'OUTCOME_UNKNOWN']])

  rig.faults = failing('before', new Failure('transient', 'away'))
  alice.send(send(3, 'third', { generation: 1 }))
  await rig.settle()
  rig.faults = {}
  await rig.did({ room: 'r', sender: 'alice', clientId: 'third', content: { kind: 'message', text: 'third' } })
  assert.deepEqual(await answers(), [['stored', true]])
})

test('[GW10] an id that was used for other content is refused, and two waiters on one id get their own answers', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  rig.scribe.isPaused = true
  alice.send(send(1, 'same'))
  alice.send(send(2, 'same', { text: 'other' }))
  await rig.settle()
  alice.take()
  rig.scribe.isPaused = false
  await rig.settle()
  assert.deepEqual(brief(alice.take('stored', 'refused')), [
    ['stored', 1, 2],
    ['refused', 2, 'ID_REUSED'],
  ])
  alice.take()
  alice.send(send(3, 'same', { text: 'other', again: true }))
  await rig.settle()
  assert.deepEqual(brief(alice.take()), [['refused', 3, 'ID_REUSED']])
})

test('[GW10] the refusal of another content under the same id answers nobody but its own sender', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  alice.send(send(1, 'same'))
  await rig.settle()
  alice.take()
  rig.scribe.isPaused = true
  alice.send(send(2, 'same', { text: 'other' }))
  alice.send(send(3, 'same'))
  await rig.settle()
  rig.scribe.isPaused = false
  await rig.settle()
  assert.deepEqual(brief(alice.take('stored', 'refused')), [
    ['refused', 2, 'ID_REUSED'],
    ['stored', 3, 2],
  ])
})

test('[GW11] what the feed said while nobody listened is answered from the store: entries and claims', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  alice.send(send(1))
  alice.send({ type: 'add_member', ref: 2, clientId: 'c2', room: 'r', user: 'bob' })
  rig.scribe.isPaused = true
  await rig.settle()
  alice.take()
  rig.memory.logs.feed.breakTails(new Error('gone'))
  rig.scribe.isPaused = false
  await rig.settle()
  assert.deepEqual(alice.take(), [])
  rig.memory.logs.feed.mendTails()
  await rig.settle()
  assert.deepEqual(brief(alice.take('stored', 'refused')), [
    ['stored', 1, 2],
    ['refused', 2, 'ALREADY'],
  ])
  assert.equal(alice.take('entry').length, 1)
})

test('[GW11] a store that cannot be read delays that answer, and does not lose it', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  rig.scribe.isPaused = true
  alice.send(send(1))
  await rig.settle()
  rig.memory.logs.feed.breakTails(new Error('gone'))
  rig.scribe.isPaused = false
  await rig.settle()
  rig.faults = {
    before: (call) => {
      if (call.call === 'survey') throw new Failure('transient', 'no')
    },
  }
  rig.memory.logs.feed.mendTails()
  await rig.pass(5_000)
  assert.deepEqual(alice.take('stored'), [])
  rig.faults = {}
  await rig.pass(5_000)
  assert.deepEqual(brief(alice.take('stored')), [['stored', 1, 2]])
})

test('[GW12] waiters go with their socket', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  rig.scribe.isPaused = true
  alice.send(send(1))
  alice.send(send(2, 'c2', { again: true }))
  await rig.settle()
  assert.equal(rig.intake.status.waiting, 2)
  alice.cut()
  assert.equal(rig.intake.status.waiting, 0)
  rig.scribe.isPaused = false
  await rig.settle()
  assert.deepEqual(await texts(rig), ['c1', 'c2'], 'the commands themselves go their way')
})

test('[GW13] a failed append closes the room of that connection until its commands come again, oldest first', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  let fails = true
  rig.faults = {
    before: async (call) => {
      if (call.call === 'append' && call.log === 'commands' && fails) throw new Failure('transient', 'no')
    },
  }
  alice.send(send(1))
  await rig.turn()
  alice.send(send(2))
  await rig.settle()
  fails = false
  alice.send(send(3))
  await rig.settle()
  const errors = alice.take('error')
  assert.deepEqual(
    errors.map(({ ref, code, appended, generation, retryable }) => [ref, code, appended, generation, retryable]),
    [
      [1, 'LOG_UNAVAILABLE', false, 1, true],
      [2, errors[1]?.code, false, 1, true],
      [3, 'OUT_OF_ORDER', false, 1, true],
    ],
  )
  for (const ref of [1, 2, 3]) alice.send(send(ref, `c${ref}`, { generation: 1, again: true }))
  await rig.settle()
  assert.deepEqual(await texts(rig), ['c1', 'c2', 'c3'])
  assert.deepEqual(
    alice.take('stored').map(({ ref, duplicate }) => [ref, duplicate]),
    [
      [1, false],
      [2, false],
      [3, false],
    ],
  )
})

test('[GW13] what waits behind a failed batch is refused when it would enter the next one', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  let fail = () => {}
  let count = 0
  rig.faults = {
    before: (call) => {
      if (call.call !== 'append' || call.log !== 'commands' || count++ > 0) return
      return new Promise((_, reject) => (fail = () => reject(new Failure('transient', 'no'))))
    },
  }
  alice.send(send(1))
  await rig.settle()
  alice.send(send(2))
  alice.send({ ...send(3), room: 'other' })
  await rig.settle()
  fail()
  await rig.settle()
  assert.deepEqual(brief(alice.take('error')), [
    ['error', 1, 'LOG_UNAVAILABLE'],
    ['error', 2, 'OUT_OF_ORDER'],
  ])
  assert.deepEqual(await texts(rig), ['c3'], 'another room is none of its business')
})

test('[GW13] also behind the end of the socket nothing passes a command that failed', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  let fail = () => {}
  let count = 0
  rig.faults = {
    before: (call) => {
      if (call.call !== 'append' || call.log !== 'commands' || count++ > 0) return
      return new Promise((_, reject) => (fail = () => reject(new Failure('transient', 'no'))))
    },
  }
  alice.send(send(1))
  await rig.settle()
  alice.send(send(2))
  await rig.settle()
  alice.cut()
  fail()
  await rig.settle()
  assert.deepEqual(await texts(rig), [])
})

test('[GW13] an append whose reply is lost may have happened: the sender is told so', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  rig.scribe.isPaused = true
  rig.faults = {
    after: async (call) => {
      if (call.call === 'append' && call.log === 'commands') throw new Failure('ambiguous', 'lost')
    },
  }
  alice.send(send(1))
  await rig.settle()
  assert.deepEqual(
    alice.take().map(({ code, appended, generation }) => [code, appended, generation]),
    [['OUTCOME_UNKNOWN', true, 1]],
  )
  rig.faults = {}
  rig.scribe.isPaused = false
  await rig.settle()
  alice.send(send(2, 'c1', { generation: 1, again: true }))
  await rig.settle()
  assert.deepEqual(
    alice.take('stored').map(({ ref, seq, duplicate }) => [ref, seq, duplicate]),
    [[2, 2, true]],
  )
  assert.deepEqual(await texts(rig), ['c1'])
})

test('[GW13] a refusal at the door does not touch what came before it', async () => {
  const rig = new Rig({ rate: { burst: 2 } })
  const alice = await conversation(rig)
  for (const ref of [1, 2, 3]) alice.send(send(ref))
  await rig.settle()
  assert.deepEqual(brief(alice.take('stored', 'error')), [
    ['error', 3, 'RATE_LIMITED'],
    ['stored', 1, 2],
    ['stored', 2, 3],
  ])
})

test('[GW14] a look-up holds the later commands of its room, and of no other', async () => {
  const rig = new Rig()
  await rig.group('q', ['alice'])
  const alice = await conversation(rig)
  let found = () => {}
  rig.faults = { before: (call) => (call.call === 'survey' ? new Promise((resolve) => (found = resolve)) : undefined) }
  alice.send(send(1, 'c1', { again: true }))
  alice.send(send(2))
  alice.send({ ...send(3), room: 'q' })
  await rig.settle()
  assert.deepEqual(await texts(rig), ['c3'])
  rig.faults = {}
  found()
  await rig.settle()
  assert.deepEqual(await texts(rig), ['c3', 'c1', 'c2'])
})

test('[GW14] a hundred commands that come again are looked up by one read', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  rig.calls.length = 0
  for (let ref = 1; ref <= 100; ref++) alice.send(send(ref, `c${ref}`, { again: true }))
  await rig.settle()
  assert.equal(rig.calls.filter((call) => call === 'survey').length, 1)
  assert.deepEqual(
    await texts(rig),
    Array.from({ length: 100 }, (_, i) => `c${i + 1}`),
  )
})

test('[GW14] a look-up that fails, or takes too long, is a refusal to be tried again', async () => {
  const rig = new Rig()
  const alice = await conversation(rig)
  rig.faults = { before: (call) => (call.call === 'survey' ? new Promise(() => {}) : undefined) }
  alice.send(send(1, 'c1', { again: true }))
  alice.send(send(2))
  await rig.pass(6_000)
  assert.deepEqual(brief(alice.take()), [
    ['error', 1, 'STORE_UNAVAILABLE'],
    ['error', 2, 'OUT_OF_ORDER'],
  ])
  assert.deepEqual(await texts(rig), [])
})

test('[GW15] what depends on a room is for the worker to refuse, and costs ten sends', async () => {
  const rig = new Rig({ rate: { burst: 25, perSecond: 1 } })
  await rig.group('r', ['bob'])
  const mallory = await rig.enter('mallory')
  mallory.send(send(1))
  mallory.send({ type: 'remove_member', ref: 2, clientId: 'c2', room: 'r', user: 'bob' })
  await rig.settle()
  assert.deepEqual(brief(mallory.take()), [
    ['accepted', 1],
    ['accepted', 2],
    ['refused', 1, 'NOT_FOUND'],
    ['refused', 2, 'NOT_FOUND'],
  ])
  for (let ref = 3; ref <= 6; ref++) mallory.send({ ...send(ref), room: `new-${ref}` })
  await rig.settle()
  assert.deepEqual(brief(mallory.take('error')), [['error', 6, 'RATE_LIMITED']])
})

test('[GW16] a user who sends too fast is told when to go on, on all connections together; an administrator is not', async () => {
  const rig = new Rig({ rate: { burst: 3, perSecond: 2 } })
  await rig.group('r', ['alice', 'root'])
  const [one, other, root] = [await rig.enter('alice'), await rig.enter('alice'), await rig.enter('root')]
  for (const ref of [1, 2]) one.send(send(ref))
  for (const ref of [3, 4]) other.send(send(ref))
  for (let ref = 1; ref <= 50; ref++) root.send(send(ref))
  await rig.settle()
  const [error] = other.take('error')
  assert.deepEqual(
    [error?.ref, error?.code, error?.retryAfterMs, error?.generation, error?.appended],
    [4, 'RATE_LIMITED', 500, 1, false],
  )
  assert.equal(root.take('stored').length, 50)
  await rig.pass(500)
  other.send(send(5, 'c4', { generation: 1 }))
  await rig.settle()
  assert.equal(other.take('stored').length, 2)
})

test('[GW17] one session may have so many commands without an end, and all of them together too', async () => {
  const rig = new Rig({ gateway: { commandsInFlightMax: 2 }, intake: { waitersMax: 3 } })
  const alice = await conversation(rig)
  const bob = await rig.enter('bob')
  rig.scribe.isPaused = true
  for (const ref of [1, 2, 3]) alice.send(send(ref))
  for (const ref of [4, 5]) bob.send({ ...send(ref), room: 'other' })
  await rig.settle()
  assert.deepEqual(brief(alice.take('error')), [['error', 3, 'OVERLOADED']])
  assert.deepEqual(brief(bob.take('error')), [['error', 5, 'OVERLOADED']])
  assert.equal(rig.intake.status.waiting, 3)
})
