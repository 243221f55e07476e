import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../src/ports/failure.ts'
import { WORKER_DEFAULTS } from '../../src/worker/settings.ts'
import { add, create, Scene, say } from './scene.ts'

async function sceneWithRoom(...args: ConstructorParameters<typeof Scene>): Promise<Scene> {
  const scene = new Scene(...args)
  await scene.users('al', 'bo')
  await scene.send(create(['bo', 'late']))
  return scene
}

async function deadLetters(scene: Scene) {
  return (await scene.memory.store.letters.list(undefined, undefined, 100)).items
}

test('[WRK20] a sender registered 200 ms later loses nothing, keeps their order, and holds nobody up', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a', 'late'), say('b', 'bo'), say('c', 'late'))
  const worker = await scene.start()
  await scene.clock.advance(200)
  assert.deepEqual(await scene.texts(), ['room_created', 'b'])
  assert.equal(await scene.committed(), 1)
  assert.equal((await scene.memory.store.timeline.settled(0))?.next, 1, 'the store does not call finished what waits')
  assert.equal(worker.status()[0]?.waitingLanes, 1)
  await scene.send(say('d', 'bo'))
  await scene.clock.settle()
  assert.deepEqual(await scene.texts(), ['room_created', 'b', 'd'])

  await scene.users('late')
  await scene.drained(2_000)

  assert.deepEqual(await scene.texts(), ['room_created', 'b', 'd', 'a', 'c'])
  assert.deepEqual(await deadLetters(scene), [])
  await scene.stop()
})

test('[WRK20] while a lane waits, looking again costs one call for all lanes and never a busy loop', async () => {
  const scene = await sceneWithRoom()
  await scene.send(...Array.from({ length: 50 }, (_, i) => say(`m${i}`, `stranger ${i % 10}`, 'x', `room ${i % 5}`)))
  await scene.start()
  await scene.clock.settle()
  scene.calls.length = 0

  await scene.clock.advance(10_000)

  assert.equal(scene.count('write'), 0)
  assert.ok(scene.count('load') > 5, `${scene.count('load')} look-ups`)
  assert.ok(scene.count('load') < 200, `${scene.count('load')} look-ups`)
  await scene.stop()
})

test('[WRK20] a sender who has become known does not pass their own message that still waits', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a', 'late'))
  await scene.start()
  await scene.users('late')
  await scene.send(say('b', 'late'), say('c', 'bo'))
  await scene.clock.settle()
  assert.deepEqual(await scene.texts(), ['room_created', 'c'])

  await scene.drained(2_000)

  assert.deepEqual(await scene.texts(), ['room_created', 'c', 'a', 'b'])
  await scene.stop()
})

test('[WRK20] a look-up for who waits that hangs holds the others up for its own short deadline only', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a', 'late'))
  await scene.start()
  let hanging = 0
  scene.faults = {
    before(call) {
      if (call.call !== 'load') return
      hanging++
      return new Promise(() => {})
    },
  }
  await scene.clock.until(() => hanging > 0, 'somebody is looked up')
  await scene.send(say('b'))

  await scene.clock.advance(WORKER_DEFAULTS.lookUpMsMax)

  assert.deepEqual(await scene.texts(), ['room_created', 'b'])
  await scene.stop()
})

test('[WRK21] a doubt that outlasts its budget is given up after a fresh look-up: claim, letter, alert, feed, commit', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a', 'late'), say('b', 'late'))
  await scene.start()
  await scene.clock.advance(29_000)
  assert.deepEqual(await deadLetters(scene), [])
  await scene.send(say('c', 'late'), say('d', 'bo'))

  await scene.drained(4_000)

  // All records of the lane with the same doubt, also the one that had waited for a second only.
  assert.deepEqual(await scene.texts(), ['room_created', 'd'])
  const letters = await deadLetters(scene)
  assert.deepEqual(
    letters.map(({ class: of, code, sender }) => [of, code, sender]),
    Array(3).fill(['expired', 'SENDER_UNKNOWN', 'late']),
  )
  assert.ok(letters.some(({ attempts }) => attempts >= 3))
  assert.deepEqual(
    scene.alerts.map(({ kind }) => kind),
    ['dead_letter', 'dead_letter', 'dead_letter'],
  )
  assert.deepEqual(
    (await scene.deadLetters()).map(({ headers }) => headers['hf-dlq-class']),
    ['expired', 'expired', 'expired'],
  )
  assert.equal((await scene.feed()).filter(({ end }) => end === 'dead').length, 3)
  await scene.stop()
})

test('[WRK21] a record whose deadline passed while nobody worked still gets its fresh tries', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a', 'late'))
  await scene.clock.advance(3_600_000)
  await scene.start()
  await scene.clock.settle()
  assert.deepEqual(await deadLetters(scene), [])

  await scene.users('late')
  await scene.drained(1_000)
  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  await scene.stop()
})

test('[WRK21] a failed look-up is no try: a doubt is not given up because the store was away', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a', 'late'))
  await scene.start()
  await scene.clock.settle()
  scene.faults = {
    before({ call }) {
      if (call === 'load') throw new Failure('transient', 'down')
    },
  }
  await scene.clock.advance(120_000)
  assert.deepEqual(await deadLetters(scene), [])

  scene.faults = {}
  scene.calls.length = 0
  await scene.clock.until(() => scene.count('load') > 0, 'they are looked up again')
  await scene.users('late')
  await scene.drained(5_000)
  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  await scene.stop()
})

test('[WRK22] no refusal is final behind a wait: it is decided afresh when what waits before it has ended (R6)', async () => {
  const scene = new Scene()
  await scene.users('al', 'bo')
  // The owner is not registered yet, so that their addition of bo waits; bo speaks next.
  await scene.send({ ...create([], 'r', 'late') }, { ...add('add', 'bo'), sender: 'late' }, say('a', 'bo'))
  await scene.start()
  await scene.clock.advance(1_000)
  assert.deepEqual(await scene.documents(), [])

  await scene.users('late')
  await scene.drained(5_000)

  assert.deepEqual(await scene.texts(), ['room_created', 'member_added', 'a'])
  await scene.stop()
})

test('[WRK22] nor behind what waits since an earlier batch', async () => {
  const scene = new Scene()
  await scene.users('al', 'bo')
  await scene.send(create([], 'r', 'late'), { ...add('add', 'bo'), sender: 'late' })
  await scene.start()
  await scene.clock.advance(1_000)
  await scene.send(say('a', 'bo'))
  await scene.clock.advance(1_000)
  assert.deepEqual(await scene.documents(), [])

  await scene.users('late')
  await scene.drained(5_000)

  assert.deepEqual(await scene.texts(), ['room_created', 'member_added', 'a'])
  await scene.stop()
})

test('[WRK23] what waits is bounded: at the bound the lane that has waited longest is given up first', async () => {
  const scene = await sceneWithRoom({ settings: { unfinishedRecordsMax: 20, batchRecordsMax: 5 } })
  await scene.send(say('a', 'late'), say('b', 'later', 'b', 'r'), ...Array.from({ length: 18 }, (_, i) => say(`m${i}`)))
  await scene.start()
  await scene.clock.advance(5_000)

  assert.deepEqual(
    (await deadLetters(scene)).map(({ sender }) => sender),
    ['late'],
  )
  assert.equal(await scene.committed(), 2)
  assert.equal((await scene.entries()).length, 19)
  await scene.stop()
})

test('[WRK23] waiting records are bounded in bytes too', async () => {
  const scene = await sceneWithRoom({ settings: { waitingBytesMax: 2_000 } })
  for (let i = 0; i < 20; i++) await scene.send(say(`m${i}`, `stranger ${i}`, 'x'.repeat(200)))
  await scene.start()
  await scene.clock.advance(5_000)

  const dead = (await deadLetters(scene)).map(({ sender }) => sender)
  assert.ok(dead.length > 10 && dead.length < 20, `${dead.length} given up`)
  assert.ok(dead.includes('stranger 0') && !dead.includes('stranger 19'))
  await scene.stop()
})
