import type { Engine } from './engine.ts'
import { EngineError } from './errors.ts'
import type { Folders } from './machine/folders.ts'
import { checkVersion } from './machine/tools.ts'
import { built, type Progress } from './program.ts'

/** Builds what is not built yet, and starts nothing. What one lacks is told, and keeps none of the others: false then. */
export async function buildAll(engines: readonly Engine[], folders: Folders, progress: Progress): Promise<boolean> {
  let isWhole = true
  for (const engine of engines) {
    try {
      engine.check?.()
      await built(engine.program, folders, progress)
      progress(`${engine.name} is built`)
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      progress(error.message)
      isWhole = false
    }
  }
  return isWhole
}

/** What this machine lacks for an engine, in the sentence with which its start would fail; undefined when it has all. */
export function missingFor(engine: Engine): string | undefined {
  try {
    engine.check?.()
    for (const tool of engine.program.tools) checkVersion(tool, engine.program.name)
    return undefined
  } catch (error) {
    if (error instanceof EngineError) return error.message
    throw error
  }
}
