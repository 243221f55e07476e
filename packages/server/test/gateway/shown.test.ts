import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Live } from '../../src/gateway/session.ts'
import { remember } from '../../src/gateway/shown.ts'

test('[GW25] what a session was shown of a room never shrinks, and of too many rooms the latest are remembered', () => {
  const live: Pick<Live, 'shown'> = { shown: undefined }
  for (const [epoch, seq] of [
    [1, 6],
    [1, 5],
    [2, 1],
    [1, 9],
  ] as const)
    remember(live, 'r', { epoch, seq })
  assert.deepEqual(live.shown?.get('r'), { epoch: 2, seq: 1 })

  remember(live, 's', { epoch: 1, seq: 6 })
  remember(live, 's', { epoch: 1, seq: 5 })
  assert.deepEqual(live.shown?.get('s'), { epoch: 1, seq: 6 })

  for (let i = 0; i < 99; i++) remember(live, `room-${i}`, { epoch: 1, seq: 1 })
  assert.equal(live.shown?.has('r'), false)
  assert.equal(live.shown?.has('s'), true)
})
