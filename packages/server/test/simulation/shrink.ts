import type { Plan } from './plan.ts'
import { type Simulated, type SimulationOptions, simulate } from './simulation.ts'

/** What it takes for a seed to fail: the shortest list of steps and of faults that was found. */
export interface Shrunk {
  readonly plan: Plan
  readonly faults: readonly string[]
  readonly failed: Simulated
  readonly tries: number
}

/** So often a shorter run is tried: each costs as much as the run itself. */
const TRIES_MAX = 200

/** Leaves out steps and faults for as long as the same rule still breaks. */
export async function shrink(failed: Simulated, options: Omit<SimulationOptions, 'trace'>): Promise<Shrunk> {
  const rules = new Set(Object.keys(failed.verdict.broken))
  const { engines } = options
  const common = { seed: failed.seed, ...(engines && { engines }) }
  let best = failed
  let plan = failed.plan
  let faults: readonly string[] = failed.faults
  let tries = 0
  const still = async (steps: Plan['steps'], mayFail: readonly string[]): Promise<boolean> => {
    if (tries++ >= TRIES_MAX) return false
    const run = await simulate({ ...common, plan: { ...plan, steps }, mayFail: (name) => mayFail.includes(name) })
    if (!Object.keys(run.verdict.broken).some((rule) => rules.has(rule))) return false
    best = run
    plan = run.plan
    faults = run.faults.filter((name) => mayFail.includes(name))
    return true
  }
  for (let size = Math.ceil(plan.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < plan.steps.length; )
      if (!(await still([...plan.steps.slice(0, at), ...plan.steps.slice(at + size)], faults))) at += size
  for (const name of [...faults])
    await still(
      plan.steps,
      faults.filter((other) => other !== name),
    )
  return { plan, faults, failed: best, tries }
}
