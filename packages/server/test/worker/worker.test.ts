import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, Scene, say } from './scene.ts'

test('[WRK1] commands become entries with gapless seqs, are projected, published and committed', async () => {
  const scene = new Scene()
  await scene.users('al', 'bo')
  await scene.send(create(['bo']), say('a'), say('b', 'bo'))

  await scene.start()
  await scene.drained()

  assert.deepEqual(await scene.texts(), ['room_created', 'a', 'b'])
  assert.deepEqual((await scene.entries()).map(({ seq }) => seq), [1, 2, 3])
  assert.deepEqual((await scene.feed()).map((record) => record.end), ['stored', 'stored', 'stored'])
  assert.equal(await scene.committed(), 3)
  await scene.stop()
})
