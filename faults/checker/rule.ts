import type { FinalEvent, HistoryEvent } from './history.ts'
import type { Run } from './run.ts'

/** One thing that must hold of every run. */
export interface Rule {
  readonly name: string
  /** The invariant of the design that it is a part of, I1 to I11, or the rule for workers that keeps it, R1 to R9. */
  readonly invariant: string
  /** The final reads without which it cannot judge: then it is left out, and the verdict is `unknown` at best. */
  readonly needs: readonly FinalEvent['type'][]
  /** Where the run breaks it. In n·log n steps. */
  check(run: Run): Iterable<Finding>
}

export interface Finding {
  readonly sentence: string
  /** The records that cannot all be true of a system that keeps the rule: the earliest first, as far as that says something. */
  readonly records: readonly HistoryEvent[]
  /** How often, where one finding stands for many. */
  readonly times?: number
}
