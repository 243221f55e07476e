import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Memory, type MemoryOptions, openMemory } from '../../src/adapters/memory/memory.ts'
import { openSqlite, type Sqlite, type SqliteOptions } from '../../src/adapters/sqlite/sqlite.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'

/** Engines in memory with what a test rarely cares about filled in: one partition, the real clock. */
export function memoryEngines(options: Partial<MemoryOptions> = {}): Memory {
  return openMemory({ partitions: 1, clock: systemClock, ...options })
}

/** Engines on SQLite, in this folder; the caller closes them. */
export function sqliteEngines(folder: string, options: Partial<SqliteOptions> = {}): Sqlite {
  return openSqlite({ folder, partitions: 1, clock: systemClock, ...options })
}

/** A folder of its own for a test, gone when the test ends. */
export function temporaryFolder(context: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
