import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { failureOf } from './failures.ts'

/**
 * With how many partitions the installation in this folder was made; undefined where there is none.
 * Takes no lock and changes nothing. Throws a Failure where the log cannot be read.
 */
export function partitionsIn(folder: string): number | undefined {
  const file = join(folder, 'log.db')
  if (!existsSync(file)) return undefined
  try {
    const database = new DatabaseSync(file, { readOnly: true })
    try {
      const made = database.prepare(`SELECT value FROM meta WHERE name = 'partitions'`).get()?.value
      return made === undefined ? undefined : Number(made)
    } finally {
      database.close()
    }
  } catch (error) {
    throw failureOf(error, 'before commit', file)
  }
}
