import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSchedule } from './schedule.ts'

const SEEDS = Number(process.env.HFTEST_SEEDS ?? 300)
const FIRST_SEED = Number(process.env.HFTEST_SEED ?? 1)

test('[WRK2] no random schedule of crashes, zombies, lost replies, doubts and resends breaks an invariant', async () => {
  const total: Record<string, number> = {}
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const { broken, seen } = await runSchedule(seed).catch((cause) => {
      throw new Error(`seed ${seed}`, { cause })
    })
    assert.deepEqual(broken, [], `seed ${seed}`)
    for (const [what, times] of Object.entries(seen)) total[what] = (total[what] ?? 0) + times
  }
  if (SEEDS < 100) return
  for (const [what, times] of Object.entries(total))
    assert.ok(times > 0, `nothing of this happened in any schedule: ${what}`)
})
