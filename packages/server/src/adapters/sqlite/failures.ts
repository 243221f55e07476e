import { Failure, type FailureClass, failureClass } from '../../ports/failure.ts'

/**
 * What SQLite's result codes mean for whoever asked, before COMMIT: a statement that failed is undone by the ROLLBACK that follows,
 * so nothing here is ambiguous. https://sqlite.org/rescode.html
 */
const CLASSES: Readonly<Record<number, FailureClass>> = {
  5: 'transient', // BUSY: somebody else writes this file
  6: 'transient', // LOCKED
  7: 'overload', // NOMEM
  8: 'full', // READONLY: the file system was remounted
  9: 'transient', // INTERRUPT
  10: 'full', // IOERR: the disk says no, and why is the operator's to see
  11: 'operator', // CORRUPT
  13: 'full', // FULL
  14: 'full', // CANTOPEN: no descriptor, or no place for the WAL
  15: 'transient', // PROTOCOL: a lock was too busy
  17: 'transient', // SCHEMA: a migration came between
  18: 'poison', // TOOBIG
  19: 'poison', // CONSTRAINT: a value the column refuses; keys that stand in the way are told apart before
  20: 'poison', // MISMATCH
  23: 'operator', // AUTH
  26: 'operator', // NOTADB
}

const IOERR = 10
const CANTOPEN = 14
const CONSTRAINT_PRIMARYKEY = 1555
const CONSTRAINT_UNIQUE = 2067

/** SQLite's extended result code, where this is an error of SQLite. */
function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined
}

/** Where in a transaction something failed. */
export type Step = 'before commit' | 'commit'

/** The error as a Failure. An I/O error while committing is ambiguous: the commit may stand in the WAL although the sync failed. */
export function failureOf(error: unknown, step: Step, file: string): Failure {
  if (error instanceof Failure) return error
  const code = resultCode(error)
  const said = error instanceof Error ? error.message : String(error)
  if (isDuplicate(error)) return new Failure('operator', `${file}: another process writes here too: ${said}`, error)
  if (isUnbindable(error)) return new Failure('poison', `${file}: ${said}`, error)
  if (code === undefined) return new Failure('unknown', `${file}: ${said}`, error)
  const primary = code & 0xff
  const ambiguous = step === 'commit' && (primary === IOERR || CLASSES[primary] === undefined)
  // SQLite does not say which of these it was.
  const hint = primary === CANTOPEN ? ': is its disk read-only, or its folder somebody else’s?' : ''
  const text = `${file}: ${said} (${code})${hint}`
  return new Failure(ambiguous ? 'ambiguous' : (CLASSES[primary] ?? 'unknown'), text, error)
}

/** Whether this is a value that no column takes: `node:sqlite` says so before SQLite sees it. */
function isUnbindable(error: unknown): boolean {
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_INVALID_ARG')
}

/** Whether a unique key stood in the way. */
export function isDuplicate(error: unknown): boolean {
  const code = resultCode(error)
  return code === CONSTRAINT_PRIMARYKEY || code === CONSTRAINT_UNIQUE
}

/** Whether this row can never be stored, whatever else is well. */
export function isPoison(error: unknown): boolean {
  const code = resultCode(error)
  return isUnbindable(error) || (code !== undefined && CLASSES[code & 0xff] === 'poison' && !isDuplicate(error))
}

/** Whether this says for certain that nothing happened. */
export function isCertain(failure: Failure): boolean {
  const kind = failureClass(failure)
  return kind !== 'ambiguous' && kind !== 'unknown'
}
