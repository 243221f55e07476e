import type { FaultEvent } from './history.ts'
import { keyOf } from './ordered.ts'
import type { Run } from './run.ts'

/** What happened in a run: the figures that go beside its verdict. */
export interface Counters {
  readonly tries: number
  readonly commands: number
  readonly acknowledged: number
  /** While a fault was active. */
  readonly acknowledgedInFaults: number
  readonly stored: number
  readonly refused: number
  readonly dead: number
  /** Commands without any certain answer, and how many of them turned up nevertheless. */
  readonly indeterminate: number
  readonly indeterminateStored: number
  readonly pushes: number
  readonly pages: number
  readonly searches: number
  readonly resumes: number
  readonly restarts: number
  readonly gaps: number
  readonly faults: Readonly<Record<string, number>>
  readonly interesting: Readonly<Record<string, number>>
  /** From healing to no lag; undefined where nothing was measured. */
  readonly recoveryMs: number | undefined
}

export function counters(run: Run): Counters {
  const { all, tries } = run.operations
  const acknowledged = all.flatMap((operation) => operation.acknowledged ?? [])
  const claims = all.flatMap((operation) => run.claimOf(operation) ?? [])
  const open = all.filter((operation) => operation.acknowledged === undefined && !operation.isImpossible)
  const shown = [...run.sessions.values()].flatMap(({ events }) => events.map(({ event }) => event))
  const count = (type: string) => shown.filter((event) => event.type === type).length
  const { healed, final } = run
  return {
    tries: [...tries].length,
    commands: all.length,
    acknowledged: acknowledged.length,
    acknowledgedInFaults: countInFaults(
      run,
      acknowledged.map(({ at }) => at).sort((a, b) => a - b),
    ),
    stored: all.filter((operation) => run.placeOf(operation) !== undefined).length,
    refused: claims.filter(({ end }) => end === 'refused').length,
    dead: claims.filter(({ end }) => end === 'dead').length,
    indeterminate: open.length,
    indeterminateStored: open.filter((operation) => run.placeOf(operation) !== undefined).length,
    pushes: count('entry'),
    pages: count('page'),
    searches: count('search'),
    resumes: shown.filter((event) => event.type === 'resumed' && event.recovered).length,
    restarts: shown.filter((event) => event.type === 'resumed' && !event.recovered).length,
    gaps: count('gap'),
    faults: countNames(run.faults.flatMap(({ event }) => (event.type === 'fault_start' ? event.name : []))),
    interesting: Object.fromEntries(run.counted),
    recoveryMs: healed && final.drained && final.drained.event.t - healed.event.t,
  }
}

/** How many of these moments, ascending, lie inside any fault. */
function countInFaults({ faults }: Run, moments: readonly number[]): number {
  const active = new Map<string, number>()
  let next = 0
  let inside = 0
  for (const moment of moments) {
    for (let fault = faults[next]; fault !== undefined && fault.at < moment; fault = faults[++next])
      turn(active, fault.event)
    if (active.size > 0) inside += 1
  }
  return inside
}

function turn(active: Map<string, number>, { type, name, target }: FaultEvent): void {
  const key = keyOf(name, target)
  const depth = (active.get(key) ?? 0) + (type === 'fault_start' ? 1 : -1)
  if (depth > 0) active.set(key, depth)
  else active.delete(key)
}

function countNames(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
