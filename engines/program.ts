import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Folders } from './machine/folders.ts'
import { locked } from './machine/lock.ts'
import { runLogged } from './machine/run-logged.ts'
import { checkVersion, type Tool, toolPath } from './machine/tools.ts'

/** What an engine runs: built once from package registries, and kept for every checkout of this user. */
export interface Program {
  readonly name: string
  readonly version: string
  /** Needed to build it, and to run it. */
  readonly tools: readonly Tool[]
  /** How long the first build takes, for whoever waits. */
  readonly takes: string
  /** The folder of its recipe: copied to where it is built. A change in it, or of the version, makes another program. */
  readonly recipe: string
  /** In the copy, which is then kept as the program's folder. */
  readonly steps: readonly { readonly command: string; readonly args: readonly string[] }[]
}

export type Progress = (line: string) => void

/** The folder of the built program. Two at once, in this process or another, build it once. */
export async function built(program: Program, folders: Folders, progress: Progress): Promise<string> {
  for (const tool of program.tools) toolPath(tool, program.name)
  const key = `${program.name}-${program.version}-${await digestOf(program)}`
  const target = join(folders.programs, key)
  if (await exists(target)) return target
  await mkdir(folders.programs, { recursive: true })
  const wait = () => progress(`waiting: ${program.name} is being built by another process`)
  return locked(join(folders.programs, `${program.name}.lock`), wait, async () => {
    if (await exists(target)) return target
    for (const tool of program.tools) checkVersion(tool, program.name)
    progress(`building ${program.name} ${program.version}: ${program.takes}, once`)
    const begun = performance.now()
    const partial = `${target}.partial`
    await rm(partial, { recursive: true, force: true })
    await cp(program.recipe, partial, { recursive: true })
    const log = join(folders.programs, `${key}.log`)
    for (const { command, args } of program.steps)
      await runLogged({ command, args, folder: partial, log, failure: `${program.name} could not be built` })
    // Only what is whole has the name that others look for.
    await rename(partial, target)
    progress(`built ${program.name} in ${Math.round((performance.now() - begun) / 1_000)} s`)
    return target
  })
}

async function digestOf({ recipe, steps }: Program): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(steps))
  for (const file of (await readdir(recipe)).sort())
    hash.update(`\0${file}\0`).update(await readFile(join(recipe, file)))
  return hash.digest('hex').slice(0, 12)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
