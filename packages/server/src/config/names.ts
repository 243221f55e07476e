import type { Setting, Table } from './kinds.ts'
import { UNPREFIXED } from './settings.ts'

/** What the variables of all settings begin with. */
export const PREFIX = 'HOLDFAST_'

/** A setting with the names it has in each place: `worker.batchRecordsMax`, `--worker-batch-records-max`, `HOLDFAST_WORKER_BATCH_RECORDS_MAX`. */
export interface Named {
  readonly path: string
  readonly flag: string | undefined
  readonly variable: string
  readonly setting: Setting<unknown>
}

/** One setting with its names; a secret has no flag. */
export function named(path: string, setting: Setting<unknown>): Named {
  return { path, flag: setting.isSecret ? undefined : dashed(path), variable: nameOf(path), setting }
}

/** `worker.batchRecordsMax` as `worker-batch-records-max`. */
export function dashed(path: string): string {
  return path.replaceAll('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

export function isSetting(node: Setting<unknown> | Table): node is Setting<unknown> {
  return node.setting === true
}

/** The path of what stands under this name in the table at `path`. */
export function childPath(path: string, name: string): string {
  if (path === '' && UNPREFIXED.has(name)) return ''
  return path === '' ? name : `${path}.${name}`
}

/** Every setting of a table, with its names. */
export function allNamed(table: Table, path = ''): readonly Named[] {
  return Object.entries(table).flatMap(([name, node]) => {
    const below = childPath(path, name)
    return isSetting(node) ? [named(below, node)] : allNamed(node, below)
  })
}

/** The variable of a setting: the one name that works everywhere. */
export function nameOf(path: string): string {
  return `${PREFIX}${dashed(path).replaceAll('-', '_').toUpperCase()}`
}

/** What stands at `worker.batchRecordsMax` in an object; undefined where nothing does. */
export function valueAt(json: unknown, path: string): unknown {
  let value = json
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}
