// Runs seeds of the simulator that stands in the same copy of the source: a line of JSON for each, as soon as it is over.
import { simulate } from '../../packages/server/test/simulation/simulation.ts'

export interface Told {
  readonly seed: number
  /** The test of the simulator would be red. */
  readonly noticed: boolean
}

const [from = 1, to = 0] = process.argv.slice(2).map(Number)
for (let seed = from; seed <= to; seed++) {
  const noticed = await simulate({ seed }).then(
    ({ verdict }) => verdict.verdict !== 'pass',
    () => true,
  )
  const told: Told = { seed, noticed }
  process.stdout.write(`${JSON.stringify(told)}\n`)
}
// Whatever a mutant left running must not keep this process.
process.exit()
