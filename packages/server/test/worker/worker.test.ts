import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../src/ports/failure.ts'
import type { FailpointName } from '../../src/ports/system.ts'
import { add, create, remove, Scene, say } from './scene.ts'

async function sceneWithRoom(...args: ConstructorParameters<typeof Scene>): Promise<Scene> {
  const scene = new Scene(...args)
  await scene.users('al', 'bo')
  await scene.send(create(['bo']))
  return scene
}

function many(count: number, rooms: number, from = 0) {
  return Array.from({ length: count }, (_, i) => say(`m${from + i}`, 'al', `text ${i}`, `room ${i % rooms}`))
}

/** Throws at the n-th visit of a failpoint, once. */
function failAt(name: FailpointName, visit = 1) {
  let visits = 0
  return (at: FailpointName) => {
    if (at === name && ++visits === visit) throw new Error(`failpoint ${name}`)
  }
}

test('[WRK1] commands become entries with gapless seqs, are projected, published and committed', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a'), say('b', 'bo'))

  await scene.start()
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a', 'b'])
  assert.deepEqual(
    (await scene.entries()).map(({ seq }) => seq),
    [1, 2, 3],
  )
  assert.deepEqual(
    (await scene.feed()).map(({ end }) => end),
    ['stored', 'stored', 'stored'],
  )
  assert.equal(await scene.committed(), 3)
  assert.equal(scene.counts.latencies, 3)
  await scene.stop()
})

test('[WRK3] a batch costs the same round trips for 1, 10, 100 and 500 commands over 1 or 50 rooms', async () => {
  for (const rooms of [1, 50]) {
    for (const count of [1, 10, 100, 500]) {
      const scene = new Scene()
      await scene.users('al')
      for (let i = 0; i < rooms; i++) await scene.send(create([], `room ${i}`))
      await scene.start()
      await scene.drained()
      const writtenBefore = scene.batches.length
      scene.calls.length = 0

      await scene.send(...Array.from({ length: count }, (_, i) => say(`m${i}`, 'al', 'x', `room ${i % rooms}`)))
      await scene.drained()

      assert.equal(scene.batches.length - writtenBefore, 1, `${count} over ${rooms}`)
      const { find, load, write, append } = {
        find: scene.count('find'),
        load: scene.count('load'),
        write: scene.count('write'),
        append: scene.count('append'),
      }
      // One append is the test's own.
      assert.deepEqual(
        { find, load, write, append },
        { find: 1, load: 0, write: 1, append: 1 + Math.ceil(count / 500) },
        `${count} over ${rooms}`,
      )
      await scene.stop()
    }
  }
})

test('[WRK3] rooms that are not in memory are loaded in one call for the whole batch', async () => {
  const scene = new Scene()
  await scene.users('al')
  await scene.send(...Array.from({ length: 50 }, (_, i) => create([], `room ${i}`)))
  await scene.send(...many(100, 50))

  await scene.start()
  await scene.drained()

  assert.deepEqual([scene.count('find'), scene.count('load'), scene.count('write')], [1, 1, 1])
  await scene.stop()
})

test('[WRK4] a failed write moves no offset: what was not stored is not committed', async () => {
  const scene = await sceneWithRoom()
  let isDown = true
  scene.faults = {
    before({ call }) {
      if (call === 'write' && isDown) throw new Failure('transient', 'no primary')
    },
  }
  await scene.send(say('a'))
  await scene.start()

  await scene.clock.advance(120_000)
  assert.equal(await scene.committed(), undefined)
  assert.deepEqual(await scene.feed(), [])

  isDown = false
  await scene.drained()
  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  assert.equal(await scene.committed(), 2)
  await scene.stop()
})

test('[WRK5] a command sent again is adopted: one entry, published again with its original seq', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a'))
  await scene.start()
  await scene.drained()

  await scene.send(say('b'), say('a'))
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a', 'b'])
  const told = (await scene.feed()).map((record) =>
    record.end === 'stored' ? [record.seq, record.origin] : record.end,
  )
  assert.deepEqual(told, [
    [1, 0],
    [2, 1],
    [3, 2],
    [2, 1],
  ])
  await scene.stop()
})

test("[WRK6] copies inside a batch share the first one's end and are published once", async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a'), say('a'), say('b'), say('a'))

  await scene.start()
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a', 'b'])
  assert.equal((await scene.feed()).length, 3)
  assert.equal(await scene.committed(), 5)
  assert.equal(scene.batches.at(-1)?.copies, 2)
  await scene.stop()
})

test('[WRK7] an id used for another content is refused with ID_REUSED and touches neither entry nor claim', async () => {
  for (const inOneBatch of [true, false]) {
    const scene = await sceneWithRoom()
    const [first, other] = [say('a', 'al', 'one'), say('a', 'al', 'two')]
    await scene.send(first)
    if (inOneBatch) await scene.send(other)
    await scene.start()
    await scene.drained()
    if (!inOneBatch) await scene.send(other)
    await scene.drained()

    assert.deepEqual(await scene.texts(), ['room_created', 'one'])
    assert.equal((await scene.documents()).length, 2)
    const [, stored, reused] = await scene.feed()
    assert.ok(stored?.end === 'stored' && reused?.end === 'refused')
    assert.equal(reused.code, 'ID_REUSED')
    assert.equal(reused.id, stored.id)
    assert.notEqual(reused.digest, stored.digest)
    await scene.stop()
  }
})

test('[WRK7] where the second content under an id was stored before, its copy is adopted beside the first, which is refused', async () => {
  const scene = await sceneWithRoom()
  const [one, two] = [say('a', 'al', 'one'), say('a', 'al', 'two')]
  await scene.send(two)
  await scene.start()
  await scene.drained()

  await scene.send(one, two)
  await scene.drained()

  const ends = (await scene.feed()).slice(2).map((record) => (record.end === 'refused' ? record.code : record.end))
  assert.deepEqual(ends.sort(), ['ID_REUSED', 'stored'])
  await scene.stop()
})

test('[WRK8] a write whose reply was lost is found by its ids and adopted, not repeated', async () => {
  const scene = await sceneWithRoom()
  let isLost = true
  scene.faults = {
    after({ call }) {
      if (call === 'write' && isLost) {
        isLost = false
        throw new Failure('ambiguous', 'connection reset')
      }
    },
  }
  await scene.send(say('a'))

  await scene.start()
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  assert.deepEqual(
    (await scene.feed()).map(({ end }) => end),
    ['stored', 'stored'],
  )
  assert.equal(scene.batches.at(-1)?.adopted, 2)
  await scene.stop()
})

test('[WRK8] a write of which only a part went in is finished from its own evidence', async () => {
  const scene = await sceneWithRoom()
  let isLost = true
  scene.faults = {
    document(_document, index) {
      if (index === 2 && isLost) {
        isLost = false
        throw new Failure('ambiguous', 'connection reset')
      }
    },
  }
  await scene.send(say('a'), say('b'), say('c'))

  await scene.start()
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a', 'b', 'c'])
  assert.equal(await scene.committed(), 4)
  await scene.stop()
})

test('[WRK8] after a write of which nobody knows what is in, its rooms are loaded anew (R4)', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  let isFirst = true
  scene.faults = {
    before({ call }) {
      if (call !== 'write' || !isFirst) return
      isFirst = false
      throw new Failure('ambiguous', 'connection reset')
    },
  }
  scene.calls.length = 0

  await scene.send(say('a'))
  await scene.drained()

  const tries = scene.calls.map(({ call }) => call).filter((call) => ['load', 'write'].includes(call))
  assert.deepEqual(tries, ['write', 'load', 'write'])
  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  await scene.stop()
})

test('[WRK9] a number taken by another worker: the rest is decided again on what that one wrote, and keeps no hole', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  const { timeline } = scene.memory.store
  let isFirst = true
  scene.faults = {
    before({ call }) {
      if (call !== 'write' || !isFirst) return
      isFirst = false
      // A worker that was taken over comes late: it removed bo, under the number this batch is about to use.
      const entry = {
        end: 'stored',
        id: 'late',
        room: 'r',
        seq: 2,
        sender: 'al',
        at: 1,
        digest: 'd',
        origin: 0,
        content: { kind: 'member_removed', user: 'bo' },
      } as const
      return timeline.write({ documents: [entry], letters: [], projections: [], settled: undefined }).then(() => {})
    },
  }

  await scene.send(say('a', 'bo'), say('b', 'al'))
  await scene.drained()

  // Renumbering alone would have let bo speak after the removal (R4).
  assert.deepEqual(await scene.texts(), ['room_created', 'member_removed', 'b'])
  const refused = await scene.document(say('a', 'bo'))
  assert.ok(refused?.end === 'refused' && refused.code === 'NOT_A_MEMBER')
  assert.equal(scene.counts.conflicts, 1)
  // What stood in the way could be read at once, so nobody had to wait for it.
  assert.deepEqual(scene.counts.paused, [])
  await scene.stop()
})

test('[WRK10] a collision under a higher lease stops the worker: nothing of the batch is committed, and it starts again', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  const { timeline } = scene.memory.store
  const commits: number[] = []
  let isFirst = true
  scene.faults = {
    before(call) {
      if (call.call === 'commit') commits.push(scene.counts.fenced)
      if (call.call !== 'write' || !isFirst) return
      isFirst = false
      const entry = { end: 'stored', id: 'x', room: 'r', seq: 2, sender: 'al', at: 1, digest: 'd', origin: 0 } as const
      const content = { kind: 'message', text: 'theirs' } as const
      return timeline
        .lease(0, 'other')
        .then(() =>
          timeline.write({ documents: [{ ...entry, content }], letters: [], projections: [], settled: undefined }),
        )
        .then(() => {})
    },
  }

  await scene.send(say('a'))
  await scene.drained()

  assert.equal(scene.counts.fenced, 1)
  assert.deepEqual(commits, [1])
  assert.deepEqual(await scene.texts(), ['room_created', 'theirs', 'a'])
  await scene.stop()
})

test('[WRK11] a duplicate key that no majority read shows yet is ambiguous: wait and read again, never a death', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  let hidden = 5
  const { timeline } = scene.memory.store
  const write = timeline.write.bind(timeline)
  timeline.write = async (request) =>
    request.documents.length > 0 && hidden-- > 0 ? { result: 'duplicate', at: 0 } : write(request)

  await scene.send(say('a'))
  await scene.clock.settle()
  const [status] = scene.workers[0]?.status() ?? []
  assert.ok(status?.state === 'paused' && status.reason === 'store', 'it waits before it reads again')
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  assert.deepEqual(scene.alerts, [])
  await scene.stop()
})

test('[WRK12] entries that are stored but not projected are folded in, projected first, and shown', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  await scene.stop()
  const { timeline } = scene.memory.store
  const entry = { end: 'stored', id: 'x', room: 'r', seq: 2, sender: 'al', at: 1, digest: 'd', origin: 0 } as const
  const content = { kind: 'member_removed', user: 'bo' } as const
  await timeline.write({ documents: [{ ...entry, content }], letters: [], projections: [], settled: undefined })

  await scene.send(say('a', 'bo'), say('b'))
  await scene.start()
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'member_removed', 'b'])
  const { member } = await scene.memory.store.history.view({
    room: 'r',
    user: 'bo',
    after: 0,
    before: undefined,
    entriesMax: 0,
  })
  assert.deepEqual(member, { user: 'bo', role: undefined, seq: 2 })
  await scene.stop()
})

test('[WRK13] refusals are claims in the same write, at their places in log order', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a'), say('b', 'cy'), say('c'))
  await scene.users('cy')

  await scene.start()
  await scene.drained()

  const writes = scene.calls.flatMap((call) =>
    call.call === 'write' ? [call.request.documents.map(({ end }) => end)] : [],
  )
  assert.deepEqual(writes, [['stored', 'stored', 'refused', 'stored']])
  const refused = await scene.document(say('b', 'cy'))
  assert.ok(refused?.end === 'refused' && refused.code === 'NOT_FOUND' && refused.seq < 0)
  await scene.stop()
})

test('[WRK13] what asks for what already is ends as a claim with the code ALREADY', async () => {
  const scene = await sceneWithRoom()
  await scene.send(add('again', 'bo'))
  await scene.start()
  await scene.drained()

  const claim = await scene.document(add('again', 'bo'))
  assert.ok(claim?.end === 'refused' && claim.code === 'ALREADY')
  await scene.stop()
})

for (const name of [
  'worker:fetched',
  'worker:loaded',
  'worker:stored',
  'feed:before',
  'feed:partial',
  'feed:after',
  'worker:settled',
] as const) {
  test(`[WRK14] broken off at ${name}, the batch comes again: nothing is lost, doubled, or left untold`, async () => {
    const scene = await sceneWithRoom({ failpoint: failAt(name), settings: { feedRecordsMax: 2 } })
    await scene.send(say('a'), say('b', 'cy'), remove('c', 'bo'), say('d', 'bo'))
    await scene.users('cy')

    await scene.start()
    await scene.drained()

    assert.deepEqual(await scene.texts(), ['room_created', 'a', 'member_removed'])
    const told = new Set((await scene.feed()).map((record) => (record.end === 'epoch' ? '' : record.id)))
    assert.equal(told.size, 5)
    assert.equal(await scene.committed(), 5)
    assert.equal(scene.alerts.filter(({ kind }) => kind === 'fault').length, 1)
    await scene.stop()
  })
}

test('[WRK15] the commit waits for the feed: what nobody was told is not finished', async () => {
  const scene = await sceneWithRoom()
  let isDown = true
  scene.faults = {
    before(call) {
      if (call.call === 'append' && call.log === 'feed' && isDown) throw new Failure('transient', 'no leader')
    },
  }
  await scene.start()
  await scene.clock.advance(60_000)

  assert.equal((await scene.documents()).length, 1)
  assert.equal(await scene.committed(), undefined)
  assert.equal(scene.workers[0]?.status()[0]?.state, 'paused')

  isDown = false
  await scene.drained()
  assert.equal((await scene.feed()).length, 1)
  await scene.stop()
})

test('[WRK16] an outage of any length makes no dead letter: the partition pauses, says so, alerts once, and goes on', async () => {
  for (const failure of ['transient', 'overload', 'operator', 'full', 'ambiguous'] as const) {
    const scene = await sceneWithRoom()
    let isDown = true
    scene.faults = {
      before({ call }) {
        if ((call === 'write' || call === 'find') && isDown) throw new Failure(failure, 'down')
      },
    }
    await scene.send(say('a'))
    const worker = await scene.start()
    await scene.clock.advance(600_000)

    const [status] = worker.status()
    assert.ok(status?.state === 'paused' && status.reason === 'store')
    assert.deepEqual(
      scene.alerts.map(({ kind }) => kind),
      ['outage'],
    )

    isDown = false
    await scene.drained()
    assert.deepEqual(await scene.texts(), ['room_created', 'a'])
    assert.equal((await scene.memory.store.letters.list(undefined, undefined, 10)).items.length, 0)
    assert.equal(worker.status()[0]?.state, 'running')
    await scene.stop()
  }
})

test('[WRK16] a store that asks for less gets half, and half of that', async () => {
  const scene = new Scene()
  await scene.users('al')
  await scene.send(create(), ...Array.from({ length: 99 }, (_, i) => say(`m${i}`)))
  scene.faults = {
    before(call) {
      if (call.call === 'write' && call.request.documents.length > 20) throw new Failure('overload', 'slow down')
    },
  }
  await scene.start()
  await scene.drained()

  assert.equal((await scene.entries()).length, 100)
  await scene.stop()
})

test("[WRK17] a store that does not answer is given up on after the attempt's deadline, and asked again", async () => {
  const scene = await sceneWithRoom()
  let hangs = 2
  scene.faults = {
    before({ call }) {
      if (call === 'write' && hangs-- > 0) return new Promise(() => {})
    },
  }
  await scene.start()
  await scene.drained(10_000)
  assert.deepEqual(await scene.texts(), ['room_created'])
  await scene.stop()
})
