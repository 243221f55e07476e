import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ENGINES, type EngineName } from './engine.ts'
import { ENGINE } from './table.ts'

export const HELP = `Starts and stops the engines that Holdfast's adapters are developed against and tested on, without Docker.

Usage: npm run engines -- start ENGINE … [--port N] [--data DIR] [--json]
       npm run engines -- build [ENGINE …]
       npm run engines -- stop [ENGINE …]
       npm run engines -- status [ENGINE …] [--json]

Engines:
${ENGINES.map((name) => `  ${name.padEnd(18)} ${ENGINE[name].what}; port ${ENGINE[name].ports.first}`).join('\n')}

start   builds each on first use from the registries that your Maven or Go is set up for, starts it, waits until it serves, and prints
        its URL. What runs already is left alone; what died of it is started again. Data are kept from start to start.
build   builds those named, without a name all, and starts nothing: so that no test waits for it.
stop    ends those named; without a name all, and those that a killed test left behind.
status  says what was started: whether it serves, since when, its URL, credentials, pid, memory and folders.

Options:
  --port N    where clients connect (kafka3: this and the next two); 0 for any that is free. By default the port it had, else the
              one above, else any that is free
  --data DIR  where data and logs are, instead of below the cache
  --json      the same for machines, on standard output
  --help      this text

Needed: a JDK 17 and Maven for Kafka, mongo-java-server and the search engines, Go 1.24 for FerretDB, PostgreSQL's server for ferretdb-pg and
ferretdb-secure, OpenSSL for kafka-secure and ferretdb-secure. Everything is kept below
\${XDG_CACHE_HOME:-~/.cache}/holdfast/engines: remove an engine's folder in data to begin afresh.

Examples:
  npm run engines -- start kafka ferretdb
  npm run engines -- start kafka3 --port 29092 --data /tmp/kafka3
  npm run engines -- build
  npm run engines -- status
  npm run engines -- stop kafka

Exit codes: 0 done · 1 an engine failed, or the machine lacks what it needs; for status: one that was started does not serve · 2 called wrongly
`

export type Wish =
  | { readonly verb: 'help' }
  | {
      readonly verb: 'start'
      readonly names: readonly EngineName[]
      readonly port: number | undefined
      readonly folder: string | undefined
      readonly isJson: boolean
    }
  | { readonly verb: 'build'; readonly names: readonly EngineName[] }
  | { readonly verb: 'stop'; readonly names: readonly EngineName[] }
  | { readonly verb: 'status'; readonly names: readonly EngineName[]; readonly isJson: boolean }

export class UsageError extends Error {}

/** Throws a UsageError: a sentence that says what to write instead. */
export function readArguments(args: readonly string[]): Wish {
  const { values, positionals } = parsed(args)
  if (values.help === true) return { verb: 'help' }
  const [verb, ...rest] = positionals
  const names = [...new Set(rest.map(engineName))]
  const isJson = values.json === true
  const isPlaced = values.port !== undefined || values.data !== undefined
  switch (verb) {
    case 'start':
      return {
        verb,
        names: someNames(names),
        isJson,
        port: portOf(values.port, names),
        folder: folderOf(values.data, names),
      }
    case 'build':
    case 'stop':
      if (isPlaced || isJson) throw new UsageError(`${verb} takes no option.`)
      return { verb, names }
    case 'status':
      if (isPlaced) throw new UsageError('--port and --data belong to start.')
      return { verb, names, isJson }
    case undefined:
      throw new UsageError('Say start, build, stop or status.')
    default:
      throw new UsageError(`There is no ${verb}; say start, build, stop or status.`)
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        port: { type: 'string' },
        data: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const [, option] = /'(-[^' ,]*)/.exec(String(error)) ?? []
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw new UsageError(`There is no option ${option}.`)
    if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') throw new UsageError(`Option ${option} is written otherwise.`)
    throw error
  }
}

function engineName(text: string): EngineName {
  const name = ENGINES.find((one) => one === text)
  if (name === undefined) throw new UsageError(`There is no engine ${text}; the engines are ${ENGINES.join(', ')}.`)
  return name
}

function someNames(names: readonly EngineName[]): readonly EngineName[] {
  if (names.length === 0) throw new UsageError(`Say which to start: ${ENGINES.join(', ')}.`)
  return names
}

function portOf(text: string | undefined, names: readonly EngineName[]): number | undefined {
  if (text === undefined) return undefined
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  // kafka3 takes the next two as well.
  if (!(port <= 65_533)) throw new UsageError(`--port is a number from 0 to 65533, not ${text}.`)
  if (port !== 0 && names.length > 1)
    throw new UsageError('--port N is for one engine: start them one by one, or with --port 0.')
  return port
}

function folderOf(text: string | undefined, names: readonly EngineName[]): string | undefined {
  if (text === undefined) return undefined
  if (text === '') throw new UsageError('--data needs a folder.')
  if (names.length > 1) throw new UsageError('--data is for one engine: start them one by one.')
  return resolve(text)
}
