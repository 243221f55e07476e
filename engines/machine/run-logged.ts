import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { EngineError } from '../errors.ts'
import { logEnd } from './log-end.ts'

export interface Command {
  readonly command: string
  readonly args: readonly string[]
  readonly folder: string
  /** What it prints is added here. */
  readonly log: string
  /** How an error's message begins when it fails. */
  readonly failure: string
}

/** Runs a command to its end. */
export async function runLogged({ command, args, folder, log, failure }: Command): Promise<void> {
  const file = openSync(log, 'a')
  try {
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', file, file] })
    const [code, signal]: (number | string | null)[] = await once(child, 'exit').catch((error) => {
      throw new EngineError('command_failed', `${failure}: ${command} cannot be run (${error.message}).`)
    })
    if (code !== 0)
      throw new EngineError(
        'command_failed',
        `${failure}: ${command} ended with ${signal ?? `exit code ${code}`}.\n${logEnd(log)}`,
      )
  } finally {
    closeSync(file)
  }
}
