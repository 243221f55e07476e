import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seedsOf } from './seeds.ts'
import { PARTITIONS, simulate } from './simulation.ts'
import { SqliteEngines } from './sqlite-engines.ts'

const SEEDS = seedsOf(process.env.HFTEST_SEEDS ?? '60')
/** Fewer: each of them opens some twenty databases. */
const SQLITE_SEEDS = SEEDS.slice(0, Math.ceil(SEEDS.length / 4))

test('[SIM41] whatever a seed does to an installation, no invariant breaks, and everything drains', async () => {
  const unknown: string[] = []
  for (const seed of SEEDS) {
    const { verdict } = await simulate({ seed })
    assert.deepEqual(
      verdict.violations.map(({ invariant, rule, sentence }) => `${invariant} ${rule}: ${sentence}`),
      [],
      `npm run simulate -- --seed ${seed}`,
    )
    if (verdict.verdict === 'unknown') unknown.push(`${seed}: ${verdict.reasons.join('; ')}`)
  }
  assert.deepEqual(unknown, [])
})

test('[SIM42] the same seed is the same run, event by event', async () => {
  for (const seed of [1, 2, 3]) {
    const lines: string[][] = [[], []]
    const [first, second] = [
      await simulate({ seed, trace: (line) => lines[0]?.push(line) }),
      await simulate({ seed, trace: (line) => lines[1]?.push(line) }),
    ]
    assert.equal(first.hash, second.hash)
    assert.equal(first.events, second.events)
    assert.deepEqual(lines[0], lines[1])
  }
})

test('[SIM43] nor on the real files, whose one process is killed at every step and finds what it left', async () => {
  const killed = new Set<string>()
  for (const seed of SQLITE_SEEDS) {
    const { verdict, counts } = await simulate({
      seed,
      engines: (surroundings) => new SqliteEngines(surroundings, PARTITIONS),
    })
    const { violations, reasons } = verdict
    const broken = violations.map(({ invariant, rule, sentence }) => `${invariant} ${rule}: ${sentence}`)
    assert.deepEqual([...broken, ...reasons], [], `npm run simulate -- --sqlite --seed ${seed}`)
    for (const name of counts.keys()) if (name.startsWith('sqlite.kill.')) killed.add(name)
  }
  assert.ok(killed.size > 5, `was killed at ${[...killed].join(', ')} only`)
})
