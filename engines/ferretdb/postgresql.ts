import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { Place, ProcessPlan } from '../engine.ts'
import { EngineError } from '../errors.ts'
import { HOST } from '../machine/ports.ts'
import { find } from '../machine/tools.ts'
import type { Security } from '../security/security.ts'

/** Where packages of Debian, Red Hat, Homebrew and PostgreSQL itself put the server, which is mostly not on the PATH. */
const FOLDERS = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/opt/homebrew/opt/postgresql*/bin',
  '/usr/local/opt/postgresql*/bin',
  '/usr/local/pgsql/bin',
]

export interface PostgreSQLOptions {
  readonly port: number
  readonly connectionsMax: number
  /** The one user with a password; without it `postgres` needs none. */
  readonly security?: Security
}

/** The machine's own PostgreSQL, with data of its own, on a port of its own. */
export async function preparePostgreSQL(
  place: Place,
  { port, connectionsMax, security }: PostgreSQLOptions,
): Promise<ProcessPlan> {
  const data = join(place.folder, 'postgresql')
  const { initdb, postgres } = tools()
  if (!existsSync(data)) {
    const partial = `${data}.partial`
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { mode: 0o700 })
    const user = security === undefined ? ['--auth=trust', '--username=postgres'] : await userOf(security, place.folder)
    const settings = [...user, '--encoding=UTF8', '--no-locale', '--no-sync']
    const [command, ...args] = ordinary([initdb, ...settings, `--pgdata=${partial}`])
    await place.run(command, args, place.folder)
    await rename(partial, data)
  }
  const settings = {
    listen_addresses: HOST,
    port,
    max_connections: connectionsMax,
    shared_buffers: '64MB',
    unix_socket_directories: '',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const [command, ...args] = ordinary([postgres, '-D', data, ...options])
  // SIGINT ends sessions and then the server; SIGTERM would wait for whoever is connected.
  return {
    name: 'postgresql',
    command,
    args,
    folder: place.folder,
    stopSignal: 'SIGINT',
    probe: { protocol: 'postgresql', port },
  }
}

/** The password goes through a file, where no list of processes shows it. */
async function userOf({ username, password }: Security, folder: string): Promise<readonly string[]> {
  const file = join(folder, 'password')
  await writeFile(file, `${password}\n`, { mode: 0o600 })
  return ['--auth=scram-sha-256', `--username=${username}`, `--pwfile=${file}`]
}

/** Throws a sentence that says what is missing, or who may not start it. */
export function checkPostgreSQL(): void {
  ordinary([tools().postgres])
}

function tools(): { readonly initdb: string; readonly postgres: string } {
  const [initdb, postgres] = ['initdb', 'postgres'].map(postgresqlTool)
  if (initdb === undefined || postgres === undefined)
    throw new EngineError(
      'missing_tool',
      'ferretdb-pg needs PostgreSQL, whose initdb and postgres are not here: install it (Debian: apt-get install postgresql).',
    )
  return { initdb, postgres }
}

function postgresqlTool(command: string): string | undefined {
  const newestFirst = FOLDERS.flatMap((pattern) =>
    globSync(pattern).sort((a, b) => b.localeCompare(a, 'en', { numeric: true })),
  )
  return find(command, [...(process.env.PATH ?? '').split(delimiter), ...newestFirst])
}

/**
 * PostgreSQL refuses to be run by root. In a user namespace of its own root is somebody else, and its files are that somebody's, so that
 * they may lie in root's own folders; `unshare` becomes the command, so that the pid is the command's.
 */
function ordinary(command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  if (process.getuid?.() !== 0) return command
  const unshare: readonly [string, ...string[]] = ['unshare', '--user', '--map-user=1', '--map-group=1']
  const [program, ...args] = [...unshare, 'true']
  if (spawnSync(program, args, { stdio: 'ignore' }).status !== 0)
    throw new EngineError(
      'needs_ordinary_user',
      'PostgreSQL refuses to be run by root, and this machine lets nobody make a user namespace: start ferretdb-pg as another user.',
    )
  return [...unshare, ...command]
}
