import type { EntryId, RoomId } from '../ports/store.ts'

/** What is looked at, in the order in which it is reported. */
export const CHECKS = {
  lost: 'commands below the commit of the worker have their end: an entry or a claim',
  altered: 'entries say what their commands in the log said',
  doubled: 'each command is there once, and each (room, seq) is',
  gapped: 'the seqs of each room are 1, 2, 3 … without gaps',
  heads: "each room's head is the seq of its last entry",
  projections: 'members, roles and counts are what history says',
  dead: 'claims of the dead and dead letters belong together; open letters wait for an operator',
  epochs: 'log, store and feed tell the same history',
  unindexed: 'every message can be found',
  uncommitted: 'worker and indexer are done with everything',
} as const

export type CheckName = keyof typeof CHECKS

/** One thing that is not as it should be. */
export interface Finding {
  readonly check: CheckName
  /** `wrong`: the promise is broken. `waiting`: something, or somebody, is not done yet. */
  readonly verdict: 'wrong' | 'waiting'
  readonly text: string
  /** How many things it stands for. */
  readonly count: number
  readonly room?: RoomId
  readonly seq?: number
  readonly id?: EntryId
  readonly partition?: number
  readonly offset?: number
}

export interface CheckResult {
  /** How many things were looked at. */
  examined: number
  wrong: number
  waiting: number
}

export interface Totals {
  rooms: number
  entries: number
  messages: number
  claims: number
  letters: number
}

/** A few findings of each check are kept; the others are counted. */
const FINDINGS_PER_CHECK_MAX = 20

/** What was found, growing while it is being looked for. */
export class Report {
  readonly totals: Totals = { rooms: 0, entries: 0, messages: 0, claims: 0, letters: 0 }
  readonly checks: Readonly<Record<CheckName, CheckResult>>
  readonly findings: Finding[] = []

  constructor() {
    const empty = Object.keys(CHECKS).map((name) => [name, { examined: 0, wrong: 0, waiting: 0 }] as const)
    this.checks = Object.fromEntries(empty) as Record<CheckName, CheckResult>
  }

  examined(check: CheckName, count = 1): void {
    this.checks[check].examined += count
  }

  add(finding: Finding): void {
    this.checks[finding.check][finding.verdict] += finding.count
    const alike = this.findings.filter(({ check, verdict }) => check === finding.check && verdict === finding.verdict)
    if (alike.length < FINDINGS_PER_CHECK_MAX) this.findings.push(finding)
  }

  get verdict(): 'clean' | 'waiting' | 'wrong' {
    const results = Object.values(this.checks)
    if (results.some(({ wrong }) => wrong > 0)) return 'wrong'
    return results.some(({ waiting }) => waiting > 0) ? 'waiting' : 'clean'
  }
}

/** A finding that breaks the promise. */
export function wrong(
  check: CheckName,
  text: string,
  where: Partial<Omit<Finding, 'check' | 'text' | 'verdict'>> = {},
): Finding {
  return { check, verdict: 'wrong', text, count: 1, ...where }
}

/** A finding that somebody is not done yet. */
export function waiting(
  check: CheckName,
  text: string,
  where: Partial<Omit<Finding, 'check' | 'text' | 'verdict'>> = {},
): Finding {
  return { check, verdict: 'waiting', text, count: 1, ...where }
}
