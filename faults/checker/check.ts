import { type Counters, counters } from './counters.ts'
import { type Enough, reasonsForDoubt } from './enough.ts'
import type { HistoryEvent } from './history.ts'
import type { Rule } from './rule.ts'
import { duplicates, oneAnswer, sameAnswer } from './rules/answers.ts'
import { allowed, justified, members } from './rules/decisions.ts'
import { doubled, named, replayed, shared } from './rules/doubles.ts'
import { buried, causes, ended, lost, told } from './rules/ends.ts'
import { clientOrder, realTime } from './rules/order.ts'
import { impossible, phantom } from './rules/phantoms.ts'
import { gapless, places } from './rules/places.ts'
import { epochs, forward, kept } from './rules/prefix.ts'
import { discreet, removed, shown } from './rules/privacy.ts'
import { answered, drained, works } from './rules/recovery.ts'
import { found } from './rules/search.ts'
import { caughtUp, contiguous, ownChanges, resumed } from './rules/sessions.ts'
import { type Circumstances, Run } from './run.ts'

/** Everything that must hold of a run. */
export const RULES: readonly Rule[] = [
  ...[lost, ended, told, buried, causes],
  ...[phantom, impossible],
  ...[doubled, replayed, shared, named],
  ...[places, gapless],
  ...[realTime, clientOrder],
  ...[kept, forward, epochs],
  ...[contiguous, resumed, ownChanges, caughtUp],
  ...[sameAnswer, duplicates, oneAnswer],
  ...[drained, works, answered],
  ...[found],
  ...[shown, removed, discreet],
  ...[allowed, justified, members],
]

export interface Verdict {
  /** `fail`: a rule is broken. `unknown`: none is, but that says little, for these reasons. */
  readonly verdict: 'pass' | 'fail' | 'unknown'
  /** Of each rule the first few. */
  readonly violations: readonly Violation[]
  readonly reasons: readonly string[]
  /** How often each broken rule is. */
  readonly broken: Readonly<Record<string, number>>
  readonly counters: Counters
}

export interface Violation {
  readonly rule: string
  readonly invariant: string
  readonly sentence: string
  /** The records that conflict: the first few and the last. */
  readonly records: readonly HistoryEvent[]
}

export interface CheckOptions extends Partial<Circumstances>, Partial<Enough> {
  readonly rules?: readonly Rule[]
}

/** What of a broken run is shown: whoever mends it begins with the first. */
const VIOLATIONS_OF_A_RULE_MAX = 5
const RECORDS_MAX = 6

/**
 * Judges the history of a run. Looks only at what clients did and saw, at the faults, and at what was read in the end; knows nothing of the
 * server. In n·log n steps.
 */
export function check(history: readonly HistoryEvent[], options: CheckOptions = {}): Verdict {
  const { rules = RULES, recoveryMsMax = 60_000, readsMayBeOld = false } = options
  const { acknowledgedMin = 1, acknowledgedInFaultsMin = 0, faults = [], interesting = [] } = options
  const run = new Run(history, { recoveryMsMax, readsMayBeOld })
  const violations: Violation[] = []
  const broken: Record<string, number> = {}
  for (const rule of rules.filter(({ needs }) => needs.every((read) => run.final.has(read)))) {
    let shown = 0
    for (const { sentence, records, times = 1 } of rule.check(run)) {
      broken[rule.name] = (broken[rule.name] ?? 0) + times
      if (shown++ >= VIOLATIONS_OF_A_RULE_MAX) continue
      violations.push({ rule: rule.name, invariant: rule.invariant, sentence, records: few(records) })
    }
  }
  const counted = counters(run)
  const reasons = reasonsForDoubt(run, rules, counted, {
    acknowledgedMin,
    acknowledgedInFaultsMin,
    faults,
    interesting,
  })
  const verdict = violations.length > 0 ? 'fail' : reasons.length > 0 ? 'unknown' : 'pass'
  return { verdict, violations, reasons, broken, counters: counted }
}

function few(records: readonly HistoryEvent[]): readonly HistoryEvent[] {
  return records.length <= RECORDS_MAX ? records : [...records.slice(0, RECORDS_MAX - 1), ...records.slice(-1)]
}
