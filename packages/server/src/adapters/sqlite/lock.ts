import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Failure } from '../../ports/failure.ts'
import { failureOf } from './failures.ts'

/**
 * Takes the folder for this process, or throws a Failure of class operator. It is a lock of the operating system,
 * held through an open transaction on a file of its own: however the process ends, the lock ends with it.
 */
export function lockFolder(folder: string): () => void {
  const database = new DatabaseSync(join(folder, 'lock.db'))
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    const failure = failureOf(cause, 'before commit', join(folder, 'lock.db'))
    if (failure.class !== 'transient') throw failure
    throw new Failure(
      'operator',
      `${folder} is in use by another Holdfast server: stop that one, or give this one another folder with --data`,
      cause,
    )
  }
  return () => {
    if (database.isOpen) database.close()
  }
}
