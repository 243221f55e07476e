import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from './chance.ts'
import { SimulatedClock } from './clock.ts'

/** Events at random times, some cancelled, some made by others; returns what happened, in order. */
async function run(seed: number): Promise<readonly string[]> {
  const chance = new Chance(seed)
  const clock = new SimulatedClock(chance.fork())
  const happened: string[] = []
  const plan = (name: string, depth: number) => {
    const cancel = clock.after(chance.below(20), () => {
      happened.push(`${clock.elapsed()} ${name}`)
      if (depth > 0) plan(`${name}.`, depth - 1)
    })
    if (chance.happens(0.1)) cancel()
  }
  for (let i = 0; i < 50; i++) plan(String(i), 3)
  await clock.pass(200)
  return happened
}

test('[SIM40] events come in the order of their times; chance decides within a moment, the same way for the same seed', async () => {
  const orders = new Set<string>()
  for (let seed = 1; seed <= 20; seed++) {
    const happened = await run(seed)
    const times = happened.map((line) => Number(line.split(' ')[0]))
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    )
    assert.deepEqual(await run(seed), happened)
    orders.add(happened.join())
  }
  assert.equal(orders.size, 20)
})

test('[SIM40] time stops where it was told to, and a wait ends as soon as its condition holds', async () => {
  const clock = new SimulatedClock(new Chance(1))
  let woken = 0
  void clock.sleep(100).then(() => woken++)
  const aborted = new AbortController()
  void clock.sleep(100_000, aborted.signal).then(() => woken++)
  assert.equal(await clock.until(() => woken === 1, 99), false)
  assert.equal(clock.elapsed(), 99)
  assert.equal(await clock.until(() => woken === 1, 1_000), true)
  assert.equal(clock.elapsed(), 100)
  aborted.abort()
  await clock.pass(1)
  assert.deepEqual([woken, clock.elapsed()], [2, 101])
})
