import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../src/adapters/memory/memory.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { phrases } from '../../src/core/tokens.ts'
import { createRoles, type Roles } from '../../src/engine/roles.ts'
import { INDEXER_DEFAULTS, SILENT_INDEXER } from '../../src/indexer/settings.ts'
import { Failure } from '../../src/ports/failure.ts'
import { SILENT } from '../../src/worker/observer.ts'
import { WORKER_DEFAULTS } from '../../src/worker/settings.ts'
import { create, Scene, SILENT_LOGGER, say, seeded } from '../worker/scene.ts'

const BATCHES = 20
const MESSAGES_PER_BATCH = 50
const SLOW_MS = 10_000

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

/** Worker and indexer on the same engines, beside an index that behaves like this. The clock stands still unless it is driven. */
async function beside(index: Index): Promise<{ scene: Scene; roles: Roles }> {
  const scene = new Scene()
  scene.faults = {
    before: ({ call }) => (call === 'index' || call === 'indexed' ? INDEXES[index](scene) : undefined),
  }
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
  await scene.clock.settle()
  return { scene, roles }
}

/** One batch after the other: what is stored and published of it before any time has passed, and the calls that cost. */
async function storesAtOnce(scene: Scene) {
  await scene.send(create())
  await scene.clock.settle()
  scene.calls.length = 0
  const told: number[] = []
  for (let batch = 0; batch < BATCHES; batch++) {
    await scene.send(...Array.from({ length: MESSAGES_PER_BATCH }, (_, i) => say(`${batch}/${i}`, 'al', `word${i}`)))
    await scene.clock.settle()
    told.push((await scene.feed()).length)
  }
  const calls = scene.calls.filter(isOfStoring).map(({ call }) => call)
  return { told, committed: await scene.committed(), calls }
}

/** Not the indexer's own: it reads and commits the feed, and asks history and index. */
function isOfStoring(made: Call): boolean {
  if ('log' in made && made.call !== 'append') return made.log === 'commands'
  return ['append', 'find', 'load', 'write'].includes(made.call)
}

async function stop({ scene, roles }: { scene: Scene; roles: Roles }): Promise<void> {
  let isStopped = false
  void roles.services.stop().then(() => {
    isStopped = true
  })
  await scene.clock.until(() => isStopped, 'both stop')
}

for (const index of ['slow', 'dead', 'silent'] as const) {
  test(`[IDX13] beside a ${index} index everything is stored, published and committed at the same moment and by the same calls as beside a well one`, async () => {
    const well = await beside('well')
    const usual = await storesAtOnce(well.scene)
    const ill = await beside(index)
    const began = ill.scene.clock.now()

    const stored = await storesAtOnce(ill.scene)

    assert.equal(ill.scene.clock.now(), began, 'nothing of it took any time')
    assert.deepEqual(stored, usual)
    assert.equal(stored.committed, 1 + BATCHES * MESSAGES_PER_BATCH)
    assert.equal(stored.told.at(-1), 1 + BATCHES * MESSAGES_PER_BATCH)
    assert.equal(await ill.scene.memory.logs.feed.committed('indexer', 0), undefined, 'the index is behind')
    assert.deepEqual(ill.scene.alerts, [])
    await stop(well)
    await stop(ill)
  })
}

test('[IDX13] what was stored beside a slow or dead index is found once it is back: the feed kept it', async () => {
  for (const index of ['slow', 'dead'] as const) {
    const { scene, roles } = await beside(index)
    await storesAtOnce(scene)
    scene.faults = {}
    const told = scene.clock.now()

    await scene.clock.until(() => roles.indexer.indexedThrough() > told, 'the index catches up')

    const { hits } = await scene.memory.search.query({ phrases: phrases('word7'), rooms: ['r'], hitsMax: 1_000 })
    assert.equal(hits.length, BATCHES)
    await stop({ scene, roles })
  }
})
