import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../src/adapters/memory/memory.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { createRoles, type Roles } from '../../src/engine/roles.ts'
import { INDEXER_DEFAULTS, SILENT_INDEXER } from '../../src/indexer/settings.ts'
import { Failure } from '../../src/ports/failure.ts'
import { SILENT } from '../../src/worker/observer.ts'
import { WORKER_DEFAULTS } from '../../src/worker/settings.ts'
import { looking } from '../support/search.ts'
import { create, Scene, SILENT_LOGGER, say, seeded } from '../worker/scene.ts'

const BATCHES = 20
const MESSAGES_PER_BATCH = 50
const SLOW_MS = 10_000
/** By then a well index has what was published, and one that is not well is asked to take it. */
const INDEXED_MS = 1_000

/** How the index behaves: what a call of it waits for, or throws. */
const INDEXES = {
  well: () => undefined,
  slow: (scene: Scene) => scene.clock.sleep(SLOW_MS),
  dead: () => {
    throw new Failure('transient', 'connection refused')
  },
  silent: () => new Promise<void>(() => {}),
} satisfies Record<string, (scene: Scene) => Promise<void> | undefined>

type Index = keyof typeof INDEXES

interface Beside {
  readonly scene: Scene
  readonly roles: Roles
}

/**
 * Worker and indexer on the same engines, with a room, beside an index that behaves like this from the start, or later only.
 * The clock stands still unless it is driven.
 */
async function beside(index: Index, since: 'the start' | 'later' = 'later'): Promise<Beside> {
  const scene = new Scene()
  const faults = {
    before: ({ call }: Call) => (call === 'index' || call === 'indexed' ? INDEXES[index](scene) : undefined),
  }
  if (since === 'the start') scene.faults = faults
  const roles = createRoles({
    name: 'w1',
    build: 'test',
    ...scene.memory,
    clock: scene.clock,
    random: seeded(1),
    sha256,
    logger: SILENT_LOGGER,
    failpoint: () => {},
    settings: { worker: WORKER_DEFAULTS, indexer: INDEXER_DEFAULTS },
    observers: { worker: SILENT, indexer: SILENT_INDEXER },
    alert: (kind, fields) => scene.alerts.push({ kind, fields }),
  })
  await scene.users('al')
  void roles.services.start()
  await scene.send(create())
  await scene.clock.advance(INDEXED_MS)
  scene.faults = faults
  return { scene, roles }
}

/** Says so many things, a batch at a time, and tells what that came to before any time had passed: what was told of it, and what it cost. */
async function storesAtOnce(scene: Scene, about: string) {
  const began = scene.clock.now()
  scene.calls.length = 0
  const told: number[] = []
  for (let batch = 0; batch < BATCHES; batch++) {
    const ids = Array.from({ length: MESSAGES_PER_BATCH }, (_, i) => `${about} ${batch} word${i}`)
    await scene.send(...ids.map((id) => say(id)))
    await scene.clock.settle()
    told.push((await scene.feed()).length)
  }
  assert.equal(scene.clock.now(), began, 'nothing of it took any time')
  return { told, committed: await scene.committed(), calls: scene.calls.filter(isOfStoring).map(({ call }) => call) }
}

/** How far the indexer has come. */
async function indexed({ memory }: Scene): Promise<number> {
  return (await memory.logs.feed.committed('indexer', 0)) ?? 0
}

/** Not the indexer's own: it reads and commits the feed, and asks history and index. */
function isOfStoring(made: Call): boolean {
  if ('log' in made && made.call !== 'append') return made.log === 'commands'
  return ['append', 'find', 'load', 'write'].includes(made.call)
}

async function stopped(roles: Roles, { clock }: Scene): Promise<void> {
  let isStopped = false
  void roles.services.stop().then(() => {
    isStopped = true
  })
  await clock.until(() => isStopped, 'both stop')
}

for (const index of ['slow', 'dead', 'silent'] as const) {
  for (const since of ['the start', 'later'] as const) {
    test(`[IDX13] beside an index that is ${index} from ${since} on, everything is stored, published and committed at the same moment and by the same calls as beside a well one`, async () => {
      const [well, ill] = [await beside('well'), await beside(index, since)]
      const before = await indexed(ill.scene)

      for (const about of ['while the index is asked nothing', 'while it is at its write']) {
        const stored = await storesAtOnce(ill.scene, about)

        assert.deepEqual(stored, await storesAtOnce(well.scene, about))
        for (const { scene } of [well, ill]) await scene.clock.advance(INDEXED_MS)
      }

      const all = 1 + 2 * BATCHES * MESSAGES_PER_BATCH
      assert.equal(await ill.scene.committed(), all)
      assert.equal((await ill.scene.feed()).length, all)
      assert.equal(await indexed(well.scene), all)
      assert.equal(await indexed(ill.scene), before, 'the index is as far behind as it is')
      assert.deepEqual(ill.scene.alerts, [])
      for (const { roles, scene } of [well, ill]) await stopped(roles, scene)
    })
  }
}

test('[IDX13] what was stored beside a slow or dead index is found once it is back: the feed kept it', async () => {
  for (const index of ['slow', 'dead'] as const) {
    const { scene, roles } = await beside(index)
    await storesAtOnce(scene, 'ill')
    await scene.clock.advance(INDEXED_MS)
    scene.faults = {}
    const told = scene.clock.now()

    await scene.clock.until(() => roles.indexer.indexedThrough() > told, 'the index catches up')

    const { hits } = await scene.memory.search.query({ ...looking('word7'), rooms: ['r'], hitsMax: 1_000 })
    assert.equal(hits.length, BATCHES)
    await stopped(roles, scene)
  }
})
