import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Sqlite, SqliteOptions } from '../../src/adapters/sqlite/sqlite.ts'
import type { Log, LogRecord, OwnedPartition } from '../../src/ports/log.ts'
import { sqliteEngines } from '../support/adapters.ts'

export const ALL = { recordsMax: 1_000_000, bytesMax: 1 << 30 }
/** How far the feed jumps after an unclean end. */
export const JUMP = 2 ** 20

/** Engines on this folder, closed when the test ends. */
export function engines(context: TestContext, folder: string, options: Partial<SqliteOptions> = {}): Sqlite {
  const opened = sqliteEngines(folder, options)
  context.after(() => opened.close())
  return opened
}

/** The files as a kill at this moment leaves them, in a folder that is gone when the test ends. */
export function killedCopy(context: TestContext, folder: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'holdfast-killed-'))
  context.after(() => rmSync(copy, { recursive: true, force: true }))
  cpSync(folder, copy, { recursive: true, filter: (file) => !file.endsWith('-shm') })
  return copy
}

export function records(count: number, valueBytes = 10): LogRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `k${i}`,
    headers: {},
    value: new Uint8Array(valueBytes).fill(i % 256),
  }))
}

/** Owns one partition for a group, until the log is closed. */
export function own(log: Log, group: string, partition = 0): Promise<OwnedPartition> {
  return new Promise((resolve) => {
    log.work(group, (owned) => {
      if (owned.id === partition) resolve(owned)
      return new Promise((done) => owned.signal.addEventListener('abort', () => done()))
    })
  })
}
