import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochRecord } from '../../src/core/feed.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { Heard } from '../support/socket-pair.ts'
import { type Did, Rig } from './rig.ts'

const said = (text: string, sender = 'alice', room = 'r'): Did => ({ room, sender, content: { kind: 'message', text } })
const added = (user: string, room = 'r', sender = 'alice'): Did => ({
  room,
  sender,
  content: { kind: 'member_added', user },
})
const removed = (user: string, room = 'r', sender = 'alice'): Did => ({
  room,
  sender,
  content: { kind: 'member_removed', user },
})
const many = (count: number, from = 1): Did[] => Array.from({ length: count }, (_, i) => said(`m${from + i}`))

/** The seqs of a page. */
const seqsOf = ([page]: readonly Heard[]) =>
  page?.entries === undefined ? [] : (page.entries as { seq: number }[]).map(({ seq }) => seq)

/** Frames in short: what a client goes by. */
const brief = (frames: readonly Heard[]) =>
  frames.map(({ type, room, epoch, head, seq, recovered, from, to, entry, code }) => {
    const place =
      type === 'entry'
        ? [(entry as { seq: number }).seq]
        : type === 'gap'
          ? [from, to]
          : type === 'resumed'
            ? [seq, recovered]
            : type === 'joined'
              ? [head]
              : []
    return [
      type,
      ...(room === undefined ? [] : [room]),
      ...(epoch === 1 || epoch === undefined ? [] : [`epoch ${epoch}`]),
      ...place,
      ...(code === undefined ? [] : [code]),
    ]
  })

test('[GW18] hello opens every room of the user, at its head, and then says ready', async () => {
  const rig = new Rig({ partitions: 3 })
  for (let i = 0; i < 20; i++) await rig.group(`r${i}`, ['bob', 'alice'])
  await rig.group('theirs', ['bob'])
  const alice = rig.connect()
  alice.send({ type: 'authenticate', ref: 0, token: 'alice' })
  await rig.settle()
  const frames = alice.take()
  assert.deepEqual(frames[0]?.type, 'hello')
  assert.deepEqual(frames.at(-1), { type: 'ready' })
  const joined = frames.slice(1, -1)
  assert.deepEqual(joined.map(({ room }) => room).toSorted(), Array.from({ length: 20 }, (_, i) => `r${i}`).toSorted())
  const about = { kind: 'group', owner: 'bob', memberCount: 2 }
  assert.deepEqual(joined[0], { type: 'joined', room: joined[0]?.room, epoch: 1, head: 1, about })
})

test('[GW19] a client that comes again goes on from its position', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  await rig.did(...many(4))
  const alice = await rig.enter('alice', [{ room: 'r', epoch: 1, seq: 2 }])
  assert.deepEqual(brief(alice.take()).slice(1), [
    ['resumed', 'r', 2, true],
    ['entry', 'r', 3],
    ['entry', 'r', 4],
    ['entry', 'r', 5],
    ['ready'],
  ])
  await rig.did(said('live'))
  assert.deepEqual(brief(alice.take()), [['entry', 'r', 6]])
})

test('[GW19] one gap to the head stands for more than is replayed', async () => {
  const rig = new Rig({ gateway: { resumeEntriesMax: 5 } })
  await rig.group('r', ['alice'])
  await rig.did(...many(10))
  const far = await rig.enter('alice', [{ room: 'r', epoch: 1, seq: 5 }])
  const near = await rig.enter('alice', [{ room: 'r', epoch: 1, seq: 6 }])
  await rig.did(said('live'))
  assert.deepEqual(brief(far.take('resumed', 'gap', 'entry')), [
    ['resumed', 'r', 5, true],
    ['gap', 'r', 6, 11],
    ['entry', 'r', 12],
  ])
  assert.deepEqual(brief(near.take('resumed', 'gap', 'entry')), [
    ['resumed', 'r', 6, true],
    ...[7, 8, 9, 10, 11, 12].map((seq) => ['entry', 'r', seq]),
  ])
})

test('[GW19] that gap never covers a change of the reader`s own membership', async () => {
  const rig = new Rig({ gateway: { resumeEntriesMax: 5 } })
  await rig.group('r', ['alice', 'bob'])
  await rig.did(...many(3), removed('bob'), ...many(3), added('bob'), ...many(3))
  const bob = await rig.enter('bob', [{ room: 'r', epoch: 1, seq: 2 }])
  assert.deepEqual(brief(bob.take()).slice(1), [['joined', 'r', 12], ['ready']])
  const near = await rig.enter('bob', [{ room: 'r', epoch: 1, seq: 8 }])
  assert.deepEqual(brief(near.take('resumed', 'entry')), [
    ['resumed', 'r', 8, true],
    ...[9, 10, 11, 12].map((seq) => ['entry', 'r', seq]),
  ])
})

test('[GW19] a position above the head, or of another epoch, is believed only against several fresh reads', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  for (const place of [
    { epoch: 1, seq: 7 },
    { epoch: 9, seq: 1 },
  ]) {
    rig.calls.length = 0
    const alice = await rig.enter('alice', [{ room: 'r', ...place }])
    // A database server that was replaced may answer for so long.
    await rig.pass(9_000)
    assert.deepEqual(brief(alice.take()), [['hello']])
    await rig.pass(4_000)
    assert.deepEqual(brief(alice.take()), [['resumed', 'r', 1, false], ['ready']])
    assert.ok(rig.calls.filter((call) => call === 'view').length >= 6)
  }
})

test('[GW20] subscribe opens a room again, from a position or from the head', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  await rig.did(...many(3))
  const alice = await rig.enter('alice')
  alice.send({ type: 'subscribe', ref: 7, room: 'r', epoch: 1, seq: 2 })
  await rig.settle()
  assert.deepEqual(brief(alice.take()), [
    ['subscribed', 'r'],
    ['resumed', 'r', 2, true],
    ['entry', 'r', 3],
    ['entry', 'r', 4],
  ])
  alice.send({ type: 'subscribe', ref: 8, room: 'r' })
  await rig.settle()
  await rig.did(said('live'))
  assert.deepEqual(brief(alice.take()), [
    ['subscribed', 'r'],
    ['joined', 'r', 4],
    ['entry', 'r', 5],
  ])
})

test('[GW21] entries are pushed without a hole: what the feed left out is read from the store first', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  const alice = await rig.enter('alice')
  rig.scribe.isHolding = true
  await rig.did(...many(5))
  await rig.scribe.release(1)
  rig.scribe.held.splice(0, 2)
  await rig.settle()
  assert.deepEqual(brief(alice.take()), [['entry', 'r', 2]])
  await rig.scribe.release(1)
  await rig.settle()
  assert.deepEqual(
    brief(alice.take()),
    [3, 4, 5, 6].map((seq) => ['entry', 'r', seq]),
  )
  await rig.scribe.release()
  await rig.settle()
  assert.deepEqual(alice.take(), [], 'what is known is dropped')
})

test('[GW21] what is said while a room is being read for its opening is pushed behind that', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice', 'bob'])
  const { history } = rig.scribe.store
  const view = history.view.bind(history)
  let answer = () => {}
  history.view = async (request) => {
    history.view = view
    const early = await view(request)
    await new Promise<void>((resolve) => {
      answer = resolve
    })
    return early
  }
  const bob = await rig.enter('bob')
  await rig.did(said('meanwhile'))
  answer()
  await rig.settle()
  assert.deepEqual(brief(bob.take('joined', 'entry')), [
    ['joined', 'r', 1],
    ['entry', 'r', 2],
  ])
})

test('[GW21] a hole is filled however long the store cannot be read', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  const alice = await rig.enter('alice')
  rig.scribe.isHolding = true
  await rig.did(...many(3))
  rig.faults = {
    before: (call) => {
      if (call.call === 'view') throw new Failure('transient', 'no')
    },
  }
  rig.scribe.held.splice(0, 2)
  await rig.scribe.release()
  rig.scribe.isHolding = false
  await rig.pass(10_000)
  await rig.did(said('meanwhile'))
  assert.deepEqual(alice.take(), [])
  rig.faults = {}
  await rig.pass(10_000)
  assert.deepEqual(
    brief(alice.take()),
    [2, 3, 4, 5].map((seq) => ['entry', 'r', seq]),
  )
})

test('[GW22] an addition opens the room on every device of the user', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  await rig.did(...many(2))
  const [one, other] = [await rig.enter('bob'), await rig.enter('bob')]
  await rig.did(added('bob'), said('welcome'))
  for (const bob of [one, other])
    assert.deepEqual(brief(bob.take()), [
      ['joined', 'r', 4],
      ['entry', 'r', 5],
    ])
})

test('[GW22] an addition that no longer holds opens nothing', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  const bob = await rig.enter('bob')
  rig.scribe.isHolding = true
  await rig.did(added('bob'), said('secret'), removed('bob'))
  await rig.scribe.release()
  await rig.settle()
  assert.deepEqual(bob.take(), [])
})

test('[GW23] a removal is the last entry its subject is pushed; nothing after it, no page, no resume', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice', 'bob'])
  const bob = await rig.enter('bob')
  await rig.did(said('before'), removed('bob'), said('secret'))
  assert.deepEqual(brief(bob.take()), [
    ['entry', 'r', 2],
    ['entry', 'r', 3],
    ['left', 'r'],
  ])

  bob.send({ type: 'page', ref: 1, room: 'r' })
  bob.send({ type: 'subscribe', ref: 2, room: 'r', epoch: 1, seq: 1 })
  await rig.settle()
  assert.deepEqual(brief(bob.take()), [
    ['error', 'NOT_A_MEMBER'],
    ['error', 'NOT_A_MEMBER'],
  ])
  const again = await rig.enter('bob', [{ room: 'r', epoch: 1, seq: 1 }])
  assert.deepEqual(brief(again.take()).slice(1), [['left', 'r'], ['ready']])
})

test('[GW23] a fill ends at the removal of its reader, and goes on where they are a member again', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice', 'bob'])
  const bob = await rig.enter('bob')
  rig.scribe.isHolding = true
  await rig.did(said('m'), removed('bob'), said('secret'))
  rig.scribe.held.splice(0, 2)
  await rig.scribe.release()
  await rig.settle()
  assert.deepEqual(brief(bob.take()), [
    ['entry', 'r', 2],
    ['entry', 'r', 3],
    ['left', 'r'],
  ])

  rig.scribe.isHolding = false
  await rig.did(added('bob'))
  bob.take()
  rig.scribe.isHolding = true
  await rig.did(removed('bob'), said('meanwhile'), added('bob'), said('again'))
  rig.scribe.held.splice(0, 3)
  await rig.scribe.release()
  await rig.settle()
  assert.deepEqual(
    brief(bob.take()),
    [6, 7, 8, 9].map((seq) => ['entry', 'r', seq]),
  )
})

/** Holds back the replies of reads; what they say was read before. */
function holdReplies(rig: Rig, name: 'view' | 'survey'): () => Promise<void> {
  const held: (() => void)[] = []
  rig.faults = { after: (call) => (call.call === name ? new Promise((resolve) => held.push(resolve)) : undefined) }
  return async () => {
    rig.faults = {}
    for (const release of held.splice(0)) release()
    await rig.settle()
  }
}

test('[GW23] an addition that the feed shows while a fill ends at a removal opens the room anew', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice', 'bob'])
  const bob = await rig.enter('bob')
  rig.scribe.isHolding = true
  await rig.did(said('m'), removed('bob'))
  rig.scribe.held.splice(0, 1)
  const release = holdReplies(rig, 'view')
  rig.scribe.isHolding = false
  await rig.scribe.release()
  await rig.settle()
  await rig.did(added('bob'))
  await release()
  assert.deepEqual(brief(bob.take()), [
    ['entry', 'r', 2],
    ['entry', 'r', 3],
    ['left', 'r'],
    ['joined', 'r', 4],
  ])
})

test('[GW22] an addition that the feed shows while an opening finds nobody is not lost', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice', 'bob'])
  await rig.did(removed('bob'))
  const release = holdReplies(rig, 'view')
  const bob = await rig.enter('bob', [{ room: 'r', epoch: 1, seq: 1 }])
  await rig.did(added('bob'))
  await release()
  assert.deepEqual(brief(bob.take('left', 'joined')), [
    ['left', 'r'],
    ['joined', 'r', 3],
  ])
})

test('[GW24] a room is not opened under an epoch that the feed has left behind', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  await rig.enter('alice')
  await rig.scribe.publish(0, epochRecord(2))
  const late = await rig.enter('alice')
  assert.deepEqual(late.take('joined'), [])
  await rig.scribe.store.timeline.raiseEpoch(0, 2)
  await rig.pass(5_000)
  assert.deepEqual(brief(late.take('joined')), [['joined', 'r', 'epoch 2', 1]])
})

test('[GW24] a restore to before somebody`s removal gives the room back', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice', 'bob'])
  await rig.did(removed('bob'))
  const bob = await rig.enter('bob')
  await rig.scribe.restore(1)
  await rig.settle()
  assert.deepEqual(brief(bob.take()), [['joined', 'r', 'epoch 2', 1]])
})

test('[GW24] the record of the new epoch is enough for those who are in a room', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  await rig.did(...many(2))
  const alice = await rig.enter('alice')
  rig.faults = {
    before: (call) => {
      if (call.call === 'survey') throw new Failure('transient', 'no')
    },
  }
  await rig.scribe.restore(2)
  await rig.settle()
  assert.deepEqual(brief(alice.take()), [['resumed', 'r', 'epoch 2', 2, false]])
})

test('[GW24] after a restore every open room starts again where history ends', async () => {
  const rig = new Rig({ partitions: 2 })
  await rig.group('r', ['alice', 'bob'])
  await rig.group('q', ['alice'])
  await rig.did(...many(5), said('q', 'alice', 'q'))
  const alice = await rig.enter('alice')
  await rig.scribe.restore(3)
  await rig.settle()
  assert.deepEqual(brief(alice.take()).toSorted(), [
    ['resumed', 'q', 'epoch 2', 2, false],
    ['resumed', 'r', 'epoch 2', 3, false],
  ])
  await rig.did(said('new history'))
  assert.deepEqual(brief(alice.take()), [['entry', 'r', 'epoch 2', 4]])
  const back = await rig.enter('alice', [{ room: 'r', epoch: 1, seq: 6 }])
  assert.deepEqual(brief(back.take('resumed')), [['resumed', 'r', 'epoch 2', 4, false]])
})

test('[GW24] a restore to before somebody`s addition takes the room away again', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  await rig.did(...many(2), added('bob'))
  const bob = await rig.enter('bob')
  await rig.scribe.restore(2)
  await rig.settle()
  assert.deepEqual(brief(bob.take()), [['left', 'r']])
})

test('[GW24] a record of a lower epoch answers who waits for it, and is pushed to nobody', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  const alice = await rig.enter('alice')
  rig.scribe.isHolding = true
  alice.send({ type: 'send', ref: 1, clientId: 'c', room: 'r', text: 'x' })
  await rig.settle()
  const [late] = rig.scribe.held.splice(0)
  rig.scribe.isHolding = false
  await rig.scribe.restore(1)
  alice.take('accepted')
  await rig.settle()
  assert.deepEqual(brief(alice.take()), [['resumed', 'r', 'epoch 2', 1, false]])
  if (late !== undefined) await rig.scribe.publish(late.partition, late.record)
  await rig.settle()
  assert.deepEqual(brief(alice.take()), [['stored', 'r']])
})

test('[GW25] reads older than what the feed has shown are read again', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  await rig.did(...many(3))
  const bob = await rig.enter('bob')
  const { history } = rig.scribe.store
  const view = history.view.bind(history)
  let olds = 2
  history.view = async (request) => {
    const now = await view(request)
    return olds-- > 0 ? { ...now, head: 3, member: undefined, entries: now.entries.filter(({ seq }) => seq <= 3) } : now
  }
  await rig.did(added('bob'))
  await rig.pass(1_000)
  assert.deepEqual(brief(bob.take()), [['joined', 'r', 5]])

  olds = 2
  bob.send({ type: 'page', ref: 1, room: 'r' })
  await rig.pass(1_000)
  assert.deepEqual(
    bob.take().map(({ type, head }) => [type, head]),
    [['page', 5]],
  )
})

test('[GW25] a room that is opened never begins before what a page of it has shown meanwhile', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  await rig.did(...many(3))
  const bob = await rig.enter('bob')
  rig.scribe.isHolding = true
  await rig.did(added('bob'))
  const { history } = rig.scribe.store
  const view = history.view.bind(history)
  let old: Awaited<ReturnType<typeof view>> | undefined
  let answer: (() => void) | undefined
  history.view = async (request) => {
    if (old !== undefined) return view(request)
    old = await view(request)
    await new Promise<void>((resolve) => {
      answer = resolve
    })
    return old
  }
  bob.send({ type: 'subscribe', ref: 1, room: 'r' })
  await rig.settle()
  await rig.did(said('later'))
  bob.send({ type: 'page', ref: 2, room: 'r' })
  await rig.settle()
  answer?.()
  await rig.pass(1_000)
  assert.deepEqual(
    bob.take('page', 'joined').map(({ type, head }) => [type, head]),
    [
      ['page', 6],
      ['joined', 6],
    ],
  )
})

test('[GW25] whoever was removed and asks again is not let in by a read from before', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice', 'bob'])
  const bob = await rig.enter('bob')
  const { history } = rig.scribe.store
  const view = history.view.bind(history)
  const old = await view({ room: 'r', user: 'bob', after: undefined, before: undefined, entriesMax: 0 })
  await rig.did(removed('bob'))
  assert.equal(bob.take('left').length, 1)
  let reads = 0
  history.view = async (request) => (reads++ === 0 ? old : view(request))
  bob.send({ type: 'subscribe', ref: 1, room: 'r' })
  await rig.settle()
  await rig.pass(1_000)
  assert.deepEqual(
    bob.take('joined', 'error').map(({ type, code }) => [type, code]),
    [['error', 'NOT_A_MEMBER']],
  )
})

test('[GW25] a store that stays below the feed`s epoch gives no page', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  const alice = await rig.enter('alice')
  await rig.scribe.publish(0, epochRecord(5))
  alice.send({ type: 'page', ref: 1, room: 'r' })
  await rig.pass(1_000)
  assert.deepEqual(brief(alice.take()), [['error', 'STORE_UNAVAILABLE']])
})

test('[GW26] the sweep notices what the feed never said: entries, additions, removals', async () => {
  const rig = new Rig({ gateway: { sweepMs: 5_000 } })
  await rig.group('r', ['alice', 'bob'])
  await rig.group('q', ['alice'])
  const [alice, bob] = [await rig.enter('alice'), await rig.enter('bob')]
  rig.scribe.isHolding = true
  await rig.did(said('m'), removed('bob'), added('bob', 'q'))
  rig.scribe.held.splice(0)
  await rig.settle()
  assert.deepEqual([...alice.take(), ...bob.take()], [])
  await rig.pass(6_000)
  assert.deepEqual(brief(alice.take()), [
    ['entry', 'r', 2],
    ['entry', 'r', 3],
    ['entry', 'q', 2],
  ])
  assert.deepEqual(brief(bob.take()).toSorted(), [
    ['entry', 'r', 2],
    ['entry', 'r', 3],
    ['joined', 'q', 2],
    ['left', 'r'],
  ])
})

test('[GW26] a tail that was interrupted reads everything again, for those who were just coming too', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice', 'bob'])
  const alice = await rig.enter('alice')
  let pass = () => {}
  rig.faults = { before: (call) => (call.call === 'view' ? new Promise((resolve) => (pass = resolve)) : undefined) }
  const bob = await rig.enter('bob')
  rig.memory.logs.feed.breakTails(new Error('gone'))
  await rig.did(said('missed'))
  rig.faults = {}
  pass()
  await rig.settle()
  assert.deepEqual(bob.take('ready'), [], 'not ready while the feed is not followed')
  rig.memory.logs.feed.mendTails()
  await rig.settle()
  assert.deepEqual(brief(alice.take('entry')), [['entry', 'r', 2]])
  assert.equal(bob.take('ready').length, 1)
  const [joined] = bob.take('joined')
  const missed = bob.take('entry').length
  assert.equal(Number(joined?.head) + missed, 2)
})

test('[GW26] a tail that is established while everything is being read is a reason to read everything again', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  const alice = await rig.enter('alice')
  const { feed } = rig.memory.logs
  feed.breakTails(new Error('gone'))
  const release = holdReplies(rig, 'survey')
  feed.mendTails()
  await rig.settle()
  feed.breakTails(new Error('gone again'))
  await rig.did(said('missed'))
  feed.mendTails()
  await rig.settle()
  await release()
  assert.deepEqual(brief(alice.take()), [['entry', 'r', 2]])
})

test('[GW27] a record of a room nobody here is in is not decoded; its subjects are', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  await rig.group('far', ['bob'])
  const alice = await rig.enter('alice')
  rig.decoded.length = 0
  await rig.did(said('here'), said('there', 'bob', 'far'), added('carol', 'far', 'bob'))
  assert.deepEqual(rig.decoded, ['r'])
  await rig.did(added('alice', 'far', 'bob'))
  assert.deepEqual(brief(alice.take()), [
    ['entry', 'r', 2],
    ['joined', 'far', 4],
  ])
})

test('[GW28] a page is a piece of history, for members and administrators', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice'])
  await rig.did(...many(9))
  const [alice, root] = [await rig.enter('alice'), await rig.enter('root')]
  const pages: [object, number[]][] = [
    [{}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    [{ limit: 3 }, [8, 9, 10]],
    [{ limit: 3, before: 8 }, [5, 6, 7]],
    [{ limit: 3, after: 2 }, [3, 4, 5]],
    [{ before: 1 }, []],
    [{ after: 10 }, []],
  ]
  for (const [options, seqs] of pages) {
    for (const peer of [alice, root]) {
      peer.send({ type: 'page', ref: 1, room: 'r', ...options })
      await rig.settle()
      const heard = peer.take()
      assert.deepEqual([heard[0]?.type, heard[0]?.epoch, heard[0]?.head], ['page', 1, 10])
      assert.deepEqual(seqsOf(heard), seqs)
    }
  }
})

test('[GW28] a page that would be too long ends early, on the side that was not asked for', async () => {
  const rig = new Rig({ gateway: { pageBytesMax: 10_000 } })
  await rig.group('r', ['alice'])
  for (let i = 0; i < 9; i++) await rig.did(said('x'.repeat(1_000)))
  const alice = await rig.enter('alice')
  const seqs = async (options: object) => {
    alice.send({ type: 'page', ref: 1, room: 'r', ...options })
    await rig.settle()
    return seqsOf(alice.take())
  }
  const [newest, oldest] = [await seqs({}), await seqs({ after: 1 })]
  assert.ok(newest.length > 0 && newest.length < 10 && newest.at(-1) === 10)
  assert.ok(oldest.length > 0 && oldest.length < 9 && oldest[0] === 2)
})

test('[GW28] an administrator may follow any room, and is told of its removal from none', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice', 'root'])
  await rig.did(removed('root'))
  const root = await rig.enter('root')
  root.send({ type: 'subscribe', ref: 1, room: 'r', epoch: 1, seq: 1 })
  await rig.settle()
  await rig.did(said('m'))
  assert.deepEqual(brief(root.take()), [
    ['subscribed', 'r'],
    ['resumed', 'r', 1, true],
    ['entry', 'r', 2],
    ['entry', 'r', 3],
  ])
})
