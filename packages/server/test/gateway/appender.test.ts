import assert from 'node:assert/strict'
import { test } from 'node:test'
import { APPENDER_DEFAULTS, type Appendable, Appender, type AppenderSettings } from '../../src/core/appender.ts'
import { Rate } from '../../src/core/rate.ts'
import { Failure, failureClass } from '../../src/ports/failure.ts'
import type { LogRecord } from '../../src/ports/log.ts'
import { FakeClock } from '../worker/fake-clock.ts'

/** A log that a test answers by hand. */
function desk(settings: Partial<AppenderSettings> = {}, partitions = 1) {
  const clock = new FakeClock()
  const calls: { partition: number; keys: string[]; succeed: () => void; fail: (cause: Failure) => void }[] = []
  let offset = 0
  const ends: (() => void)[] = []
  const appender = new Appender({
    clock,
    turnEnd: (call) => void ends.push(call),
    settings: { ...APPENDER_DEFAULTS, ...settings },
    log: {
      partitions,
      append: (partition: number, records: readonly LogRecord[]) =>
        new Promise((resolve, reject) => {
          const keys = records.map(({ key }) => key)
          calls.push({ partition, keys, succeed: () => resolve(records.map(() => offset++)), fail: reject })
        }),
    },
  })
  const said: string[] = []
  const item = (key: string, bytes = 10): Appendable => ({
    record: { key, headers: {}, value: new Uint8Array(bytes) },
    mayAppend: () => !key.startsWith('no'),
    appended: (at) => said.push(`${key}@${at}`),
    failed: (cause) => said.push(`${key}:${failureClass(cause)}`),
  })
  const add = (keys: string, partition = 0) => {
    for (const key of keys.split(' ')) appender.add(partition, item(key))
  }
  const turn = async () => {
    for (const call of ends.splice(0)) call()
    await clock.settle()
  }
  return { appender, calls, said, add, item, turn, clock }
}

test('[GW32] one batch in flight for each partition; what came meanwhile is the next one, in order', async () => {
  const { calls, said, add, turn, clock } = desk({}, 2)
  add('a b')
  add('x', 1)
  assert.equal(calls.length, 0, 'what comes in one turn goes together')
  await turn()
  add('c no1 d')
  await turn()
  assert.deepEqual(
    calls.map(({ partition, keys }) => [partition, keys]),
    [
      [0, ['a', 'b']],
      [1, ['x']],
    ],
  )
  calls[0]?.succeed()
  await clock.settle()
  assert.deepEqual(
    calls.slice(2).map(({ keys }) => keys),
    [['c', 'd']],
  )
  calls[1]?.succeed()
  calls[2]?.fail(new Failure('transient', 'no'))
  await clock.settle()
  assert.deepEqual(said, ['a@0', 'b@1', 'x@2', 'c:transient', 'd:transient'])
})

test('[GW32] a batch has bounds of its own', async () => {
  const { calls, add, item, appender, turn, clock } = desk({ appendBatchRecordsMax: 3, appendBatchBytesMax: 100 })
  add('a b c d')
  appender.add(0, item('long', 500))
  await turn()
  for (let i = 0; i < 3; i++) {
    calls[i]?.succeed()
    await clock.settle()
  }
  assert.deepEqual(
    calls.map(({ keys }) => keys),
    [['a', 'b', 'c'], ['d'], ['long']],
  )
})

test('[GW33] the queue in front of the log is bounded, in records and bytes, in flight or not', async () => {
  const { calls, said, add, item, appender, turn, clock } = desk({ appendQueueRecordsMax: 3, appendQueueBytesMax: 100 })
  add('a b')
  await turn()
  add('c d')
  assert.deepEqual(said, ['d:overload'])
  calls[0]?.succeed()
  await clock.settle()
  appender.add(0, item('long', 90))
  assert.deepEqual(said.slice(1), ['a@0', 'b@1', 'long:overload'])
  calls[1]?.succeed()
  await appender.drained()
  add('e')
  assert.equal(appender.pending, 1)
})

test('[GW34] a record that can never be in the log is found, and the others do not share its fate', async () => {
  const { calls, said, add, turn, clock } = desk()
  add('a b bad c')
  await turn()
  for (let i = 0; i < 10; i++) {
    const call = calls[i]
    if (call === undefined) break
    if (call.keys.includes('bad')) call.fail(new Failure('poison', 'too large'))
    else call.succeed()
    await clock.settle()
  }
  assert.deepEqual(said, ['a@0', 'b@1', 'bad:poison', 'c@2'])
})

test('[GW35] a log that does not answer is ambiguous for what is in flight, and for nothing behind it', async () => {
  const { calls, said, add, turn, clock } = desk({ appendMsMax: 1_000 })
  add('a')
  await turn()
  add('b')
  await clock.advance(1_001)
  assert.deepEqual(said, ['a:ambiguous', 'b:transient'])
  add('c')
  assert.deepEqual(said.slice(2), ['c:transient'], 'nothing may overtake what may still land')
  calls[0]?.succeed()
  await clock.settle()
  add('d')
  await turn()
  assert.deepEqual(
    calls.map(({ keys }) => keys),
    [['a'], ['d']],
  )
})

test('[GW35] a stopped queue refuses, and finishes what it has', async () => {
  const { calls, said, add, appender, turn } = desk()
  add('a')
  appender.stop()
  add('b')
  await turn()
  calls[0]?.succeed()
  await appender.drained()
  assert.deepEqual(said, ['b:closed', 'a@0'])
})

test('[GW16] a bucket fills by the second up to its burst; debts have a bound; who has rested is forgotten', async () => {
  const clock = new FakeClock()
  const rate = new Rate(clock, { perSecond: 10, burst: 5, usersMax: 3 })
  for (let i = 0; i < 5; i++) assert.equal(rate.take('a', 1), undefined)
  assert.equal(rate.take('a', 1), 100)
  await clock.advance(100)
  assert.equal(rate.take('a', 1), undefined)
  for (let i = 0; i < 100; i++) rate.charge('a', 10)
  assert.equal(rate.take('a', 1), 600)
  await clock.advance(1_100)
  assert.equal(rate.take('b', 5), undefined)
  assert.equal(rate.users, 1)
  for (const user of ['c', 'd', 'e', 'f']) rate.take(user, 1)
  assert.equal(rate.users, 3)
})
