import type { Durability } from '@holdfast/protocol'
import type { Logs } from '../../src/ports/log.ts'
import type { SearchIndex } from '../../src/ports/search.ts'
import type { Store } from '../../src/ports/store.ts'

/** In what engines may differ: each suite asserts what is declared, and skips nothing. */
export interface Capabilities {
  readonly durability: Durability
  /** Closing and opening again finds everything as it was; otherwise it finds nothing. */
  readonly survivesReopen: boolean
  readonly canTimeOut: boolean
  /** What search wrote is found at once; otherwise after `refresh`. */
  readonly visibleAtOnce: boolean
  /** How ids are listed where that is not by the bytes of their UTF-8: one stand-in for an engine knows strings as UTF-16. */
  readonly idOrder?: 'utf-16'
}

/** Where a call fails next time: certainly without any effect, after a part of it, or with its reply lost. */
export type Fault = 'before' | 'midway' | 'after'

/** A fresh installation of one set of engines, as a suite uses it. */
export interface Subject {
  readonly logs: Logs
  readonly store: Store
  readonly search: SearchIndex
  readonly capabilities: Capabilities
  /** The next append to the command log fails: `before` with class transient, else with class ambiguous. */
  failAppend(fault: Exclude<Fault, 'midway'>): void
  /** The next write of the store fails: `before` with class transient, else with an unknown outcome. */
  failWrite(fault: Fault): void
  /** Closes everything and opens it again; the subject's engines are then the new ones. */
  reopen(): Promise<void>
  close(): Promise<void>
}

export type OpenSubject = (partitions: number) => Promise<Subject>

/** Resolves when the condition holds; rejects when it never comes to hold. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Ids that some engine somewhere folds, trims, pads, cuts or quotes: each is another one. */
export const ODD_IDS: readonly string[] = [
  'alice',
  'Alice',
  'ALICE',
  'alice ',
  ' alice',
  "o'brien",
  'say "hi"',
  'a\\b',
  '100%_',
  'a/b#c?d',
  '\u00e9',
  'e\u0301',
  '日本語',
  '\uff71',
  '😀',
  '👩‍👩‍👧',
  '0',
  '00',
  '1e3',
  'null',
  '__proto__',
  'constructor',
  'x'.repeat(128),
  `${'x'.repeat(127)}y`,
  '😀'.repeat(32),
]
