import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { nearest } from '../core/nearest.ts'
import { crossCheck, isSqlite } from './check.ts'
import { type Config, ConfigError } from './config.ts'
import { readPublicKey } from './keys.ts'
import type { Table, Values } from './kinds.ts'
import { allNamed, childPath, isSetting, type Named, named, PREFIX, valueAt } from './names.ts'
import { SETTINGS } from './settings.ts'

/** The process's environment: nobody else reads it. */
export const environment: Readonly<Record<string, string | undefined>> = process.env

export interface ConfigSources {
  /** By name without dashes: `{ port: '8080' }`. */
  readonly flags?: Readonly<Record<string, string | undefined>>
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** What a setting is where no place says it, by path: in place of the default in the table. */
  readonly defaults?: Readonly<Record<string, unknown>>
}

/** Reads every setting: flag over environment over file over default. Throws a ConfigError. */
export function readConfig({
  flags = {},
  environment: variables = environment,
  defaults = {},
}: ConfigSources = {}): Config {
  const file = readFile(flags.config ?? (variables.HOLDFAST_CONFIG || undefined))
  refuseUnknown(flags, variables, file)
  const values = valuesOf(SETTINGS, '', { flags, variables, file, defaults }) as Values<typeof SETTINGS>
  const { general, ...groups } = values
  const publicKeys = general.jwtPublicKeys.map(readPublicKey)
  const data = resolve(general.data)
  const config: Config = {
    ...groups,
    ...general,
    data,
    isCluster: !isSqlite(general.log),
    searchFile: resolve((isSqlite(general.search) && afterScheme(general.search)) || join(data, 'search.db')),
    isLoopback: isLoopback(general.host),
    hasKeys: general.jwtSecrets.length > 0 || publicKeys.length > 0 || general.jwksUrl !== undefined,
    publicKeys,
    test: { failpoint: variables.HFTEST_FAILPOINT || undefined },
  }
  crossCheck(config)
  return frozen(config)
}

function afterScheme(url: string): string {
  return url.slice(url.indexOf(':') + 1)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}

// ---- reading ---------------------------------------------------------------------------------------------------------

interface Sources {
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly file: { readonly name: string; readonly json: unknown } | undefined
  readonly defaults: Readonly<Record<string, unknown>>
}

function valuesOf(table: Table, path: string, sources: Sources): object {
  const entries = Object.entries(table).map(([name, node]) => {
    const below = childPath(path, name)
    return [name, isSetting(node) ? readSetting(named(below, node), sources) : valuesOf(node, below, sources)]
  })
  return Object.fromEntries(entries)
}

/** The value from the first place that has one. An empty variable counts as none: that is how compose files leave one out. */
function readSetting({ path, flag, variable, setting }: Named, { flags, variables, file, defaults }: Sources): unknown {
  const places: readonly (readonly [string, unknown])[] = [
    [`--${flag}`, flag === undefined ? undefined : flags[flag]],
    [variable, variables[variable] || undefined],
    [`${path} in ${file?.name}`, valueAt(file?.json, path)],
  ]
  for (const [place, given] of places) {
    if (given === undefined) continue
    const value = setting.parse(given)
    if (value !== undefined) return value
    const shown = setting.isSecret ? '' : ` ${JSON.stringify(given)}`
    throw new ConfigError(`${place}${shown} is not what it must be: ${setting.type}.`)
  }
  return defaults[path] ?? setting.default
}

function readFile(name: string | undefined): Sources['file'] {
  if (name === undefined) return undefined
  let json: unknown
  try {
    json = JSON.parse(readFileSync(name, 'utf8'))
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    throw new ConfigError(`The settings file ${name} cannot be read: ${cause}. Mend it, or start without --config.`)
  }
  if (!isObject(json))
    throw new ConfigError(`The settings file ${name} must be one JSON object: {"port": 8080, "worker": {…}}.`)
  return { name, json }
}

// ---- unknown ones ----------------------------------------------------------------------------------------------------

function refuseUnknown(flags: Sources['flags'], variables: Sources['variables'], file: Sources['file']): void {
  const all = allNamed(SETTINGS)
  const known = {
    flags: ['config', ...all.flatMap(({ flag }) => flag ?? [])],
    // Without their prefix, which says nothing about which of them was meant.
    variables: ['CONFIG', ...all.map(({ variable }) => variable.slice(PREFIX.length))],
    paths: all.map(({ path }) => path),
  }
  for (const flag of Object.keys(flags))
    if (!known.flags.includes(flag)) throw unknownSetting(`--${flag}`, '--', nearest(flag, known.flags))
  for (const variable of Object.keys(variables)) {
    const name = variable.slice(PREFIX.length)
    if (variable.startsWith(PREFIX) && !known.variables.includes(name))
      throw unknownSetting(variable, PREFIX, nearest(name, known.variables))
  }
  for (const path of pathsIn(file?.json)) {
    if (path.includes('"'))
      throw new ConfigError(
        `There is no setting ${path} in ${file?.name}: write a group as an object, {"worker": {"batchRecordsMax": 500}}.`,
      )
    const isEmptyGroup =
      isObject(valueAt(file?.json, path)) && known.paths.some((known) => known.startsWith(`${path}.`))
    if (!known.paths.includes(path) && !isEmptyGroup)
      throw unknownSetting(`${path} in ${file?.name}`, '', nearest(path, known.paths))
  }
}

/**
 * Where something stands, be it a group with nothing in it. A name with a dot is quoted, as it would look like two, and
 * so is an empty one, as it would look like none: `valueAt` would not find them.
 */
function pathsIn(json: unknown, path = ''): readonly string[] {
  if (!isObject(json) || Object.keys(json).length === 0) return path === '' ? [] : [path]
  return Object.entries(json).flatMap(([name, value]) => {
    const shown = name === '' || name.includes('.') ? JSON.stringify(name) : name
    return pathsIn(value, path === '' ? shown : `${path}.${shown}`)
  })
}

function isObject(json: unknown): json is object {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function unknownSetting(name: string, prefix: string, close: string | undefined): ConfigError {
  const hint =
    close === undefined ? 'Remove it, or look it up in the reference of settings.' : `Did you mean ${prefix}${close}?`
  return new ConfigError(`There is no setting ${name}. ${hint}`)
}
