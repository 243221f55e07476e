import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What the simulator made of one mutant. */
export interface Finding {
  /** The first seed in which it notices; undefined where it noticed in none. */
  readonly first: number | undefined
  /** In how many it does, of so many from 1 on. */
  readonly noticed: number
  readonly of: number
}

/** By the mutant's name. */
export type Findings = Readonly<Record<string, Finding>>

/** Written by `npm run mutants -- --find-seeds`. */
export const FINDINGS_FILE = fileURLToPath(new URL('seeds.json', import.meta.url))

/** Tried behind the seed that is known: whatever changes in a run moves every seed a little. */
const OTHERS = '1..60'

export function readFindings(): Findings {
  return JSON.parse(readFileSync(FINDINGS_FILE, 'utf8')) as Findings
}

/** The seeds in which the simulator has to notice this mutant, as `HFTEST_SEEDS` has it: it ends with the first that does. */
export function seedsFor(findings: Findings, name: string): string {
  const first = findings[name]?.first
  return first === undefined ? OTHERS : `${first}..${first},${OTHERS}`
}

/** In words: "25 of 105 seeds, first in 4". */
export function toldOf({ first, noticed, of }: Finding): string {
  return first === undefined ? `none of ${of} seeds` : `${noticed} of ${of} seeds, first in ${first}`
}
