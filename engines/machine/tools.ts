import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { EngineError } from '../errors.ts'

/** A program of the machine that we neither bring nor build. */
export interface Tool {
  readonly command: string
  /** What to install, in words that fit behind "install". */
  readonly install: string
}

export const JAVA: Tool = {
  command: 'java',
  install: 'Java 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)',
}
export const JAVAC: Tool = {
  command: 'javac',
  install: 'a JDK 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)',
}
export const MAVEN: Tool = { command: 'mvn', install: 'Maven (Debian: apt-get install maven)' }
export const GO: Tool = { command: 'go', install: 'Go 1.24 or newer (https://go.dev/doc/install)' }

/** Throws a missing_tool that says what to install, and what for. */
export function toolPath({ command, install }: Tool, neededBy: string, env: NodeJS.ProcessEnv = process.env): string {
  const found = find(command, (env.PATH ?? '').split(delimiter))
  if (found === undefined)
    throw new EngineError('missing_tool', `${neededBy} needs ${command}, which is not on the PATH: install ${install}.`)
  return found
}

export function find(command: string, folders: readonly string[]): string | undefined {
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
