import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLingering } from '../../src/core/linger.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { ReadLimit, StoredRecord } from '../../src/ports/log.ts'
import { FakeClock } from '../worker/fake-clock.ts'

const LIMIT = { recordsMax: 3, bytesMax: 100, waitMs: 1_000 }

/** A partition whose reads give these answers in turn, and which notes what it was asked. */
function scene(...answers: readonly (number | Failure)[]) {
  const clock = new FakeClock()
  const asked: ReadLimit[] = []
  const left = [...answers]
  const owned = {
    async read(limit: ReadLimit): Promise<readonly StoredRecord[]> {
      asked.push(limit)
      const answer = left.shift() ?? 0
      if (answer instanceof Failure) throw answer
      return Array.from({ length: answer }, (_, offset) => record(offset))
    },
  }
  const read = (lingerMs: number) =>
    readLingering(owned, LIMIT, { clock, lingerMs, ending: new AbortController().signal })
  return { clock, asked, read }
}

function record(offset: number): StoredRecord {
  return { partition: 0, offset, timestamp: 0, key: 'r', headers: {}, value: new Uint8Array(40) }
}

test('[WRK54] behind a first record it waits for more, and asks for no more than the limits leave', async () => {
  const { clock, asked, read } = scene(1, 1)
  const reading = read(50)
  await clock.advance(49)
  assert.equal(asked.length, 1)
  await clock.advance(1)
  assert.equal((await reading).length, 2)
  assert.deepEqual(asked[1], { recordsMax: 2, bytesMax: 60, waitMs: 0 })
})

test('[WRK54] it does not wait with nothing, with a full batch, nor when told to take what is there', async () => {
  for (const [answer, lingerMs] of [
    [0, 50],
    [3, 50],
    [1, 0],
  ] as const) {
    const { asked, read } = scene(answer, 1)
    assert.equal((await read(lingerMs)).length, answer)
    assert.equal(asked.length, 1)
  }
})

test('[WRK54] a second read that fails takes nothing away from the first: the partition goes on behind it', async () => {
  const { clock, read } = scene(2, new Failure('transient', 'away'))
  const reading = read(50)
  await clock.advance(50)
  assert.equal((await reading).length, 2)
})
