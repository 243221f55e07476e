import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FloodGuard } from '../../src/core/flood.ts'
import { waitMs } from '../../src/core/retry.ts'

test('[WRK52] the flood guard counts senders, not deaths, within its window', () => {
  const guard = new FloodGuard({ floodSendersMax: 2, floodWindowMs: 100 })
  for (let i = 0; i < 50; i++) assert.ok(guard.admit('a', i, false))
  assert.ok(guard.admit('b', 50, false))
  assert.ok(!guard.admit('c', 60, false))
  assert.ok(guard.admit('a', 60, false), 'who died already may die again')
  assert.ok(guard.admit('c', 60, true), 'a probe may')
  assert.ok(!guard.admit('d', 155, false))
  assert.ok(guard.admit('d', 161, false), 'the window has passed')
})

test('[WRK53] full jitter: between 1 ms and a ceiling that doubles up to its bound', () => {
  const backoff = { delayMs: 10, delayMsMax: 100 }
  const highest = { next: () => 0.999_999 }
  assert.deepEqual(
    [0, 1, 2, 3, 4, 1_000].map((tries) => waitMs(highest, backoff, tries)),
    [10, 20, 40, 80, 100, 100],
  )
  assert.equal(waitMs({ next: () => 0 }, backoff, 5), 1)
})
