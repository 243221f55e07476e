import type { TestContext } from 'node:test'
import { missingFor } from './build.ts'
import type { EngineName } from './engine.ts'
import { cacheFolders } from './machine/folders.ts'
import { type OwnEngine, type OwnEngineOptions, startOwn } from './own-engine.ts'
import { ENGINE } from './table.ts'

export type { EngineName } from './engine.ts'
export { EngineError } from './errors.ts'
export type { OwnEngine } from './own-engine.ts'
export type { Security } from './security/security.ts'

/**
 * An engine of this process's own, with a folder of its own, both gone at its disposal or with the process:
 * `await using kafka = await startEngine('kafka')`. Throws an EngineError.
 */
export function startEngine(name: EngineName, options: OwnEngineOptions = {}): Promise<OwnEngine> {
  return startOwn(ENGINE[name], cacheFolders(), options)
}

/** Whether this machine has what an engine needs; else the test is skipped with what to install, and fails where everything must run. */
export function canStart(context: TestContext, name: EngineName): boolean {
  const missing = missingFor(ENGINE[name])
  if (missing === undefined) return true
  if (process.env.CI === 'true') throw new Error(missing)
  context.skip(missing)
  return false
}
