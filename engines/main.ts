// Engines for development and CI: see `--help`.
import { HELP, readArguments, UsageError, type Wish } from './arguments.ts'
import { buildAll } from './build.ts'
import type { EngineName } from './engine.ts'
import { EngineError } from './errors.ts'
import { cacheFolders } from './machine/folders.ts'
import { Register } from './register.ts'
import { printed } from './report.ts'
import { start } from './start.ts'
import { type Status, statusOf } from './status.ts'
import { stop, stopLeftBehind } from './stop.ts'
import { ENGINE, USUAL } from './table.ts'

const folders = cacheFolders()
const progress = (line: string) => process.stderr.write(`engines: ${line}\n`)

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    return await act(readArguments(args))
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`engines: ${error.message} \`npm run engines -- --help\` says more.\n`)
      return 2
    }
    // A full disk or a folder of somebody else's says enough in Node's own words.
    const isExplained = error instanceof EngineError || (error instanceof Error && 'syscall' in error)
    if (!isExplained) throw error
    process.stderr.write(`engines: ${error.message}\n`)
    return 1
  }
}

async function act(wish: Wish): Promise<number> {
  switch (wish.verb) {
    case 'help':
      process.stdout.write(HELP)
      return 0
    case 'start':
      return startAll(wish)
    case 'build': {
      const engines = (wish.names.length > 0 ? wish.names : USUAL).map((name) => ENGINE[name])
      return (await buildAll(engines, folders, progress)) ? 0 : 1
    }
    case 'stop':
      return stopAll(wish.names)
    case 'status':
      return showStatus(wish)
    default:
      return wish satisfies never
  }
}

/** One after the other: each is a JVM or a build that wants the whole machine. */
async function startAll({ names, port, folder, isJson }: Extract<Wish, { verb: 'start' }>): Promise<number> {
  const statuses: Status[] = []
  for (const name of names) {
    statuses.push(await statusOf(await start(ENGINE[name], { id: name, folders, progress, port, folder })))
  }
  if (isJson) process.stdout.write(`${JSON.stringify(statuses, null, 2)}\n`)
  else process.stdout.write(statuses.map(({ id, url }) => `${id.padEnd(18)} ${url}\n`).join(''))
  return 0
}

/** Those of living tests are left to them. */
async function stopAll(names: readonly EngineName[]): Promise<number> {
  const register = new Register(folders.running)
  const ids = names.length > 0 ? names : register.all().flatMap(({ id, owner }) => (owner === undefined ? [id] : []))
  const left = names.length > 0 ? [] : await stopLeftBehind(register, progress)
  for (const id of ids) progress((await stop(id, register, progress)) ? `${id} stopped` : `${id} was not started`)
  if (ids.length + left.length === 0) progress('nothing was started')
  return 0
}

async function showStatus({ names, isJson }: Extract<Wish, { verb: 'status' }>): Promise<number> {
  const all = new Register(folders.running).all()
  const asked = names.length === 0 ? all : all.filter(({ engine }) => names.includes(engine))
  const statuses = await Promise.all(asked.map(statusOf))
  if (isJson) process.stdout.write(`${JSON.stringify(statuses, null, 2)}\n`)
  else process.stdout.write(statuses.length === 0 ? 'Nothing was started.\n' : printed(statuses))
  return statuses.every(({ state }) => state === 'running') ? 0 : 1
}
