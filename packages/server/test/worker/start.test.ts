import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeCommand } from '../../src/core/command.ts'
import { epochRecord, storedRecord } from '../../src/core/feed.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { EntryDocument } from '../../src/ports/store.ts'
import { WORKER_DEFAULTS } from '../../src/worker/settings.ts'
import { create, partsOf, Scene, say } from './scene.ts'

async function sceneWithRoom(...args: ConstructorParameters<typeof Scene>): Promise<Scene> {
  const scene = new Scene(...args)
  await scene.users('al', 'bo')
  await scene.send(create(['bo']))
  return scene
}

/** The logs of one installation with the store of another: what a restore leaves. */
async function withStoreOf(logs: Scene, store: Scene): Promise<Scene> {
  await logs.stop()
  Object.assign(logs.memory, { store: store.memory.store })
  return logs
}

test('[WRK40] a new installation, and a start after a crash, raise no epoch', async () => {
  let visits = 0
  const scene = await sceneWithRoom({
    failpoint: (name) => {
      if (name === 'feed:before' && ++visits === 1) throw new Error('broken off')
    },
  })
  await scene.start()
  await scene.drained()
  await scene.stop()
  await scene.start()
  await scene.clock.settle()

  assert.ok((await scene.feed()).every(({ end, epoch }) => end === 'stored' && epoch === 1))
  await scene.stop()
})

test("[WRK41] a restored store is behind the log's commit: the worker goes back to where the store is, under a new epoch (R9)", async () => {
  const backup = await sceneWithRoom()
  await backup.send(say('a'))
  await backup.start()
  await backup.drained()
  await backup.stop()
  const scene = await sceneWithRoom()
  await scene.send(say('a'))
  await scene.start()
  await scene.drained()
  await scene.send(say('b'), say('c'))
  await scene.drained()

  await withStoreOf(scene, backup)
  await scene.start('w2')
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a', 'b', 'c'])
  const feed = await scene.feed()
  assert.deepEqual(feed.map(({ end, epoch }) => [end, epoch]).slice(4), [
    ['epoch', 2],
    ['stored', 2],
    ['stored', 2],
  ])
  assert.equal(await scene.committed(), 4)
  assert.deepEqual(
    scene.alerts.map(({ kind }) => kind),
    ['restored'],
  )

  await scene.stop()
  await scene.start('w3')
  await scene.clock.settle()
  assert.equal((await scene.feed()).length, 7, 'seen once')
  await scene.stop()
})

test('[WRK41] a restore is seen by the positions alone, where the feed no longer tells of it', async () => {
  const backup = await sceneWithRoom()
  await backup.start()
  await backup.drained()
  await backup.stop()
  const scene = await sceneWithRoom()
  await scene.send(say('a'))
  await scene.start()
  await scene.drained()
  const { end } = await scene.memory.logs.feed.range(0)
  Object.assign(scene.memory.logs.feed, { range: async () => ({ begin: end, end }) })

  await withStoreOf(scene, backup)
  await scene.start('w2')
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  assert.deepEqual(
    (await scene.feed()).map(({ epoch }) => epoch),
    [1, 1, 2, 2],
  )
  await scene.stop()
})

test('[WRK41] an emptied store is a restore from the beginning of the log', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a'))
  await scene.start()
  await scene.drained()

  const empty = new Scene()
  await empty.users('al', 'bo')
  await withStoreOf(scene, empty)
  await scene.start('w2')
  await scene.clock.until(() => scene.batches.length === 2, 'everything is stored again')

  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  assert.deepEqual(
    (await scene.feed()).map(({ epoch }) => epoch),
    [1, 1, 2, 2, 2],
  )
  await scene.stop()
})

test('[WRK54] who was known when they spoke is asked for no more, though the store was set back to before they came', async () => {
  const scene = new Scene()
  await scene.users('al')
  await scene.append(...[create(), say('a')].map((sent) => encodeCommand(partsOf(sent), true)))
  await scene.start()
  await scene.drained()

  await withStoreOf(scene, new Scene())
  await scene.clock.advance(24 * 3_600_000)
  await scene.start('w2')
  await scene.clock.until(() => scene.batches.length === 2, 'everything is stored again')

  assert.deepEqual(await scene.texts(), ['room_created', 'a'])
  assert.deepEqual((await scene.memory.store.letters.list(undefined, undefined, 100)).items, [])
  await scene.stop()
})

test('[WRK41] broken off between raising the epoch and setting positions back, the next start raises it again and loses nothing', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  const empty = new Scene()
  await empty.users('al', 'bo')
  await withStoreOf(scene, empty)
  let isFirst = true
  scene.faults = {
    after(call) {
      if (call.call === 'append' && call.log === 'feed' && isFirst) {
        isFirst = false
        throw new Failure('ambiguous', 'connection reset')
      }
    },
  }
  await scene.start('w2')
  await scene.clock.until(() => scene.batches.length === 2, 'everything is stored again')

  assert.deepEqual(await scene.texts(), ['room_created'])
  const epochs = (await scene.feed()).map(({ epoch }) => epoch)
  assert.deepEqual(epochs, [...epochs].sort())
  await scene.stop()
})

test('[WRK41] a log that refuses the commit of a restore for a while raises no further epoch', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  const empty = new Scene()
  await empty.users('al', 'bo')
  await withStoreOf(scene, empty)
  const { commands } = scene.memory.logs
  let refusals = 0
  const work = commands.work.bind(commands)
  Object.assign(commands, {
    work: (group: string, run: Parameters<typeof work>[1]) =>
      work(group, (owned) => {
        const commit = owned.commit.bind(owned)
        return run(
          Object.assign(owned, {
            commit: async (next: number) => {
              if (++refusals <= 5) throw new Failure('transient', 'not now')
              return commit(next)
            },
          }),
        )
      }),
  })

  await scene.start('w2')
  await scene.clock.until(() => scene.batches.length === 2, 'everything is stored again')

  assert.deepEqual(
    (await scene.feed()).map(({ end, epoch }) => [end, epoch]),
    [
      ['stored', 1],
      ['epoch', 2],
      ['stored', 2],
    ],
  )
  await scene.stop()
})

test('[WRK48] an epoch that somebody else raised is noticed, and what comes is published under it', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()

  await scene.memory.store.timeline.raiseEpoch(0, 3)
  await scene.clock.advance(WORKER_DEFAULTS.stuckMsMax / 2)
  await scene.send(say('a'))
  await scene.drained()

  assert.deepEqual(
    (await scene.feed()).map(({ end, epoch }) => [end, epoch]),
    [
      ['stored', 1],
      ['stored', 3],
    ],
  )
  await scene.stop()
})

test('[WRK42] a store set back by a worker that came late, with nothing lost, is no restore (R8)', async () => {
  const scene = await sceneWithRoom()
  await scene.send(say('a'))
  await scene.start()
  await scene.drained()
  await scene.stop()
  const settled = { partition: 0, next: 1, feed: 0 }
  await scene.memory.store.timeline.write({ documents: [], letters: [], projections: [], settled })

  await scene.start('w2')
  await scene.clock.settle()
  await scene.send(say('b'))
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a', 'b'])
  assert.ok((await scene.feed()).every(({ epoch }) => epoch === 1))
  await scene.stop()
})

test('[WRK43] a feed that tells of a document the store lacks, or of a higher epoch, raises the epoch (G6)', async () => {
  for (const what of ['document', 'epoch'] as const) {
    const scene = await sceneWithRoom()
    await scene.start()
    await scene.drained()
    await scene.stop()
    const lost = { id: 'lost', room: 'r', seq: 2, sender: 'al', at: 1, digest: 'd', origin: 1 } as const
    const entry: EntryDocument = { end: 'stored', ...lost, content: { kind: 'message', text: 'gone' } }
    await scene.memory.logs.feed.append(0, [what === 'document' ? storedRecord(entry, 1) : epochRecord(7)])

    await scene.start('w2')
    await scene.clock.settle()

    const last = (await scene.feed()).at(-1)
    assert.deepEqual(last, { end: 'epoch', epoch: what === 'document' ? 2 : 8 })
    assert.equal(await scene.memory.store.timeline.epoch(0), last?.epoch)
    await scene.stop()
  }
})

test('[WRK49] a look at the store as it was earlier is no restore: before the epoch is raised the worker writes, and looks again', async () => {
  const scene = await sceneWithRoom()
  await scene.start()
  await scene.drained()
  await scene.stop()
  let leases = 0
  const { timeline } = scene.memory.store
  const [lease, find, settled] = [
    timeline.lease.bind(timeline),
    timeline.find.bind(timeline),
    timeline.settled.bind(timeline),
  ]
  timeline.lease = (...args) => {
    leases++
    return lease(...args)
  }
  // Its own writes it is shown; what another one wrote meanwhile, only after the next of them.
  timeline.find = async (keys) => (leases < 2 ? new Map() : find(keys))
  timeline.settled = async (partition) => (leases < 2 ? undefined : settled(partition))
  await scene.start('w2')
  await scene.clock.settle()

  assert.equal(leases, 2)
  assert.equal(await timeline.epoch(0), 1)
  assert.ok((await scene.feed()).every(({ end }) => end !== 'epoch'))
  await scene.stop()
})

test('[WRK44] an offset outside the log pauses the partition for the operator and resets nothing', async () => {
  const scene = await sceneWithRoom()
  const settled = { partition: 0, next: 99, feed: 0 }
  await scene.memory.store.timeline.write({ documents: [], letters: [], projections: [], settled })
  const worker = await scene.start()
  await scene.clock.advance(120_000)

  const [status] = worker.status()
  assert.ok(status?.state === 'paused' && status.reason === 'offset_out_of_range')
  assert.deepEqual(
    scene.alerts.map(({ kind }) => kind),
    ['offset_out_of_range'],
  )
  assert.equal((await scene.documents()).length, 0)
  assert.equal(await scene.committed(), undefined)
  await scene.stop()
})

test('[WRK45] stopping finishes the batch in flight and commits it: after a clean stop nothing comes again', async () => {
  const scene = await sceneWithRoom()
  scene.faults = {
    before({ call }) {
      if (call === 'write') return scene.clock.sleep(500)
    },
  }
  await scene.send(say('a'))
  const worker = await scene.start()
  const stopped = worker.stop()
  await scene.clock.advance(1_000)
  await stopped

  assert.equal(await scene.committed(), 2)
  assert.equal((await scene.feed()).length, 2)
})

test('[WRK45] a store that hangs holds a stop up no longer than the drain may take; nothing of the batch is committed', async () => {
  const scene = await sceneWithRoom({ settings: { storeAttemptMsMax: 1_000_000, drainMsMax: 8_000 } })
  scene.faults = {
    before({ call }) {
      if (call === 'write') return new Promise(() => {})
    },
  }
  const worker = await scene.start()
  let isStopped = false
  worker.stop().then(() => {
    isStopped = true
  })
  await scene.clock.advance(7_000)
  assert.equal(isStopped, false)
  await scene.clock.advance(1_000)
  assert.equal(isStopped, true)
  assert.equal(await scene.committed(), undefined)
})

test('[WRK45] stop may be called twice, before start, and while nothing is to do', async () => {
  const scene = new Scene()
  const early = scene.createWorker()
  await early.stop()
  await early.start()
  const worker = await scene.start('w2')
  await Promise.all([worker.stop(), worker.stop()])
  assert.deepEqual(worker.status(), [])
})

test('[WRK46] a partition with records to do that finishes no attempt and names no reason is started again', async () => {
  const scene = await sceneWithRoom({ settings: { storeAttemptMsMax: 1_000_000_000 } })
  let hangs = 1
  scene.faults = {
    before({ call }) {
      if (call === 'find' && hangs-- > 0) return new Promise(() => {})
    },
  }
  await scene.start()
  await scene.drained(120_000)

  assert.equal(scene.counts.restarted, 1)
  assert.deepEqual(
    scene.alerts.map(({ kind }) => kind),
    ['stuck'],
  )
  assert.deepEqual(await scene.texts(), ['room_created'])
  await scene.stop()
})

test('[WRK47] who is idle says again how far it is: a late commit that set it back looks like lag, and nobody is restarted for it', async () => {
  const scene = new Scene()
  await scene.users('al')
  await scene.send(create([]))
  await scene.start()
  await scene.drained()
  const commits: number[] = []
  scene.faults = {
    before(call) {
      if (call.call === 'commit' && call.group === 'worker') commits.push(call.next)
    },
  }
  await scene.clock.advance(WORKER_DEFAULTS.stuckMsMax)

  assert.ok(commits.length >= 1 && commits.length <= 4, `${commits.length} commits`)
  assert.deepEqual(new Set(commits), new Set([1]))
  assert.deepEqual(scene.alerts, [])
  assert.equal(scene.counts.restarted, 0)
  await scene.stop()
})

test('[WRK46] a partition that is paused with a reason, waits for a lane, or is idle is never taken for stuck', async () => {
  const scene = await sceneWithRoom({ settings: { laneWaitMsMax: 600_000 } })
  await scene.send(say('a', 'stranger'))
  await scene.start()
  await scene.clock.advance(300_000)
  scene.faults = {
    before({ call }) {
      if (call === 'find') throw new Failure('transient', 'down')
    },
  }
  await scene.send(say('b'))
  await scene.clock.advance(200_000)

  assert.equal(scene.counts.restarted, 0)
  await scene.stop()
})
