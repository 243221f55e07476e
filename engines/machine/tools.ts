import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { EngineError } from '../errors.ts'

/** A program of the machine that we neither bring nor build. */
export interface Tool {
  readonly command: string
  /** What to install, in words that fit behind "install". */
  readonly install: string
  /** How it tells its version, and below which it is as good as missing. */
  readonly version?: { readonly args: readonly string[]; readonly min: readonly [major: number, minor: number] }
}

const JAVA_VERSION = { args: ['--version'], min: [17, 0] } as const
export const JAVA: Tool = {
  command: 'java',
  version: JAVA_VERSION,
  install: 'Java 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)',
}
export const JAVAC: Tool = {
  command: 'javac',
  version: JAVA_VERSION,
  install: 'a JDK 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)',
}
export const MAVEN: Tool = { command: 'mvn', install: 'Maven (Debian: apt-get install maven)' }
export const OPENSSL: Tool = { command: 'openssl', install: 'OpenSSL (Debian: apt-get install openssl)' }
export const GO: Tool = {
  command: 'go',
  version: { args: ['version'], min: [1, 24] },
  install: 'Go 1.24 or newer (https://go.dev/doc/install)',
}

/** Throws a missing_tool that says what to install, and what for. */
export function toolPath({ command, install }: Tool, neededBy: string, env: NodeJS.ProcessEnv = process.env): string {
  const found = find(command, (env.PATH ?? '').split(delimiter))
  if (found === undefined)
    throw new EngineError('missing_tool', `${neededBy} needs ${command}, which is not on the PATH: install ${install}.`)
  return found
}

/** The same for one that is too old: asked before something is built with it. */
export function checkVersion(tool: Tool, neededBy: string, env: NodeJS.ProcessEnv = process.env): void {
  const path = toolPath(tool, neededBy, env)
  if (tool.version === undefined) return
  const { args, min } = tool.version
  const { stdout } = spawnSync(path, args, { env, encoding: 'utf8' })
  const said = stdout?.split('\n', 1)[0]?.trim() ?? ''
  const [, major = 0, minor = 0] = (/(\d+)(?:\.(\d+))?/.exec(said) ?? []).map(Number)
  if (major > min[0] || (major === min[0] && minor >= min[1])) return
  throw new EngineError(
    'missing_tool',
    `${neededBy} needs a newer ${tool.command} than ${path} (${said || 'which does not tell its version'}): install ${tool.install}.`,
  )
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
