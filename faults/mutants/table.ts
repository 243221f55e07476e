import { EARLY_COMMIT } from './defects/01-early-commit.ts'
import { MANY_ROUND_TRIPS } from './defects/02-many-round-trips.ts'
import { INDEX_IN_THE_WAY } from './defects/03-index-in-the-way.ts'
import { BUILT_AGAIN } from './defects/04-built-again.ts'
import { VANISHED } from './defects/05-vanished.ts'
import { IMPATIENT } from './defects/06-impatient.ts'
import { NO_DEADLINE } from './defects/07-no-deadline.ts'
import { DOUBLED } from './defects/08-doubled.ts'
import { TOLD_TOO_EARLY } from './defects/09-told-too-early.ts'
import { NOT_DRAINED } from './defects/10-not-drained.ts'
import { MISTAKES } from './mistakes/mistakes.ts'
import { SILENT_SEARCH } from './mistakes/search.ts'
import type { Mutant } from './mutant.ts'
import { ANSWERS } from './rules/answers.ts'
import { DECISIONS } from './rules/decisions.ts'
import { KEYS_AND_READS } from './rules/keys-and-reads.ts'
import { PUSHES } from './rules/pushes.ts'
import { RECOVERY } from './rules/recovery.ts'

/** Every guard that is undone, and what notices. "defect N" is row N of README's guarantee table, "R4" a rule of the worker, "G2" one of the gateway; the others are known mistakes. */
export const MUTANTS: readonly Mutant[] = [
  EARLY_COMMIT,
  MANY_ROUND_TRIPS,
  INDEX_IN_THE_WAY,
  BUILT_AGAIN,
  VANISHED,
  IMPATIENT,
  NO_DEADLINE,
  DOUBLED,
  TOLD_TOO_EARLY,
  NOT_DRAINED,
  KEYS_AND_READS,
  DECISIONS,
  RECOVERY,
  ANSWERS,
  PUSHES,
  MISTAKES,
  SILENT_SEARCH,
].flat()
