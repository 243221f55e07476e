import { SIMULATION_TESTS } from './places.ts'

/** A guard of the product undone on purpose. The server is wrong then, and what is named here has to notice. */
export interface Mutant {
  /** Words and hyphens; no other mutant has it. */
  readonly name: string
  /** A row of README's guarantee table ("defect 4"), a rule of ARCHITECTURE.md ("R4", "G2"), or a known mistake that is made instead. */
  readonly undoes: string
  /** What the server does wrong then, in one sentence. */
  readonly what: string
  readonly edits: readonly Edit[]
  readonly killedBy: Killer
}

export interface Edit {
  /** From the root of the source. */
  readonly file: string
  /** Stands in the file exactly once, or the mutant no longer applies. */
  readonly find: string
  readonly replace: string
}

/** What has to notice: for each of these rules a test in these files whose title cites it turns red. */
export interface Killer {
  readonly rules: readonly string[]
  readonly files: readonly string[]
  /** Only the tests whose title holds this: where one of many is enough, and each of them is long. */
  readonly title: string | undefined
  /** It is the simulator that notices, in one seed of some: `seeds.json` knows in which. */
  readonly simulator: boolean
}

export function tests(rules: readonly string[], files: readonly string[], title?: string): Killer {
  return { rules, files, title, simulator: false }
}

export function simulator(): Killer {
  return { ...tests(['SIM41'], [SIMULATION_TESTS]), simulator: true }
}

/** As the tests do it: `[WRK4] a failed write …`, or `[WRK4, WRK15] …`. */
export function citedBy(title: string): readonly string[] {
  return /^\[([A-Z0-9, ]+)\]/.exec(title)?.[1]?.split(/,\s*/) ?? []
}

export function cites(title: string, rule: string, { title: part }: Killer): boolean {
  return citedBy(title).includes(rule) && (part === undefined || title.includes(part))
}

/** For `--test-name-pattern`, which looks at a suite's name and the test's together: never too narrow, at worst too wide. */
export function patternOf({ rules, title }: Killer): string {
  const cited = `\\[[A-Z0-9, ]*\\b(?:${rules.join('|')})\\b`
  return title === undefined ? cited : `${cited}.*${title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`
}
