import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Lanes, type Waiter } from '../../src/core/lanes.ts'

const SETTINGS = { laneWaitMsMax: 100, laneTriesMin: 2, laneBackoff: { delayMs: 8, delayMsMax: 32 } }

interface Parked extends Waiter {
  readonly awaits: string | undefined
}

test('[WRK51] lanes lose, double and reorder nothing, whatever is parked, looked up, and released', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ room: fc.constantFrom('r', 's'), sender: fc.constantFrom('a', 'b', 'c') }) },
    { weight: 2, arbitrary: fc.record({ waitMs: fc.nat(40), registered: fc.subarray(['a', 'b']) }) },
    { weight: 1, arbitrary: fc.record({ hurry: fc.constant(true) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.integer(), (steps, seed) => {
      let chance = seed
      const lanes = new Lanes<Parked>(SETTINGS, { next: () => (chance = Math.abs(Math.sin(chance + 1))) })
      const waiting = new Map<number, Parked>()
      const registered = new Set<string>()
      let [now, offset] = [0, 0]
      for (const step of steps) {
        if ('room' in step) {
          const { room, sender } = step
          // As the worker does it: who is not known waits, and so does whoever stands behind them in the lane or was refused behind it.
          const isDoubt = !registered.has(sender)
          if (!isDoubt && !lanes.waitsIn(room)) continue
          const awaits = isDoubt ? sender : undefined
          const record: Parked = {
            room,
            sender,
            offset: offset++,
            timestamp: now,
            bytes: 10,
            doubts: 1,
            hurried: false,
            awaits,
          }
          lanes.park(record, awaits, now)
          waiting.set(record.offset, record)
        } else if ('hurry' in step) lanes.hurryOldest(now)
        else {
          now += step.waitMs
          for (const user of step.registered) registered.add(user)
          const awaited = lanes.awaited(now)
          const found = new Set([...awaited].filter((user) => registered.has(user)))
          const released = lanes.release(found, now, now)
          assert.deepEqual(
            released.map((record) => record.offset),
            released.map((record) => record.offset).sort((a, b) => a - b),
          )
          for (const record of released) assert.ok(waiting.delete(record.offset), 'released once')
          for (const { room } of released) assert.ok(!lanes.waitsIn(room), 'a room leaves whole')
          for (const record of released)
            assert.ok(
              released.some(
                (other) => other.room === record.room && (found.has(other.sender) || lanes.givesUp(other, now)),
              ),
              'only rooms in which something can go on',
            )
        }
        assert.equal(lanes.records, waiting.size)
        assert.equal(lanes.bytes, 10 * waiting.size)
        assert.equal(lanes.lanes, new Set([...waiting.values()].map(({ room, sender }) => `${room} ${sender}`)).size)
        for (const room of ['r', 's'])
          for (const sender of ['a', 'b', 'c']) {
            const isThere = [...waiting.values()].some((record) => record.room === room && record.sender === sender)
            assert.equal(lanes.waits(room, sender), isThere)
          }
      }
      // Once everybody is known, everything comes out.
      for (let tries = 0; waiting.size > 0 && tries < 20; tries++) {
        now += 1_000
        for (const record of lanes.release(lanes.awaited(now), now, now)) waiting.delete(record.offset)
      }
      assert.equal(waiting.size, 0)
    }),
  )
})

test('[WRK51] a doubt is given up only after its deadline and its least number of tries, both', () => {
  const lanes = new Lanes<Waiter>(SETTINGS, { next: () => 0.5 })
  const record = { room: 'r', sender: 'a', offset: 1, timestamp: 1_000, bytes: 1, doubts: 1, hurried: false }
  assert.equal(lanes.givesUp({ ...record, doubts: 9 }, 1_099), false)
  assert.equal(lanes.givesUp({ ...record, doubts: 1 }, 9_999), false)
  assert.equal(lanes.givesUp({ ...record, doubts: 2 }, 1_100), true)
  assert.equal(lanes.givesUp({ ...record, hurried: true }, 0), true)
})
