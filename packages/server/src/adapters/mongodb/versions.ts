import type { ClientSession } from 'mongodb'
import { Failure } from '../../ports/failure.ts'
import { chunksOf } from './chunks.ts'
import type { Connection } from './connection.ts'
import { documentClass } from './failures.ts'
import type { Raw } from './row.ts'

/** A row that holds for its key until one with a higher version is there. */
export interface Version {
  /** The fields that make its key. */
  readonly key: Readonly<Record<string, string>>
  readonly version: number
  readonly row: Raw
}

/**
 * Rows that are inserted and never changed; of one key the highest version holds, and lower ones are removed once a higher one is durable.
 *
 * An update in place, guarded by the version, would do with one row and write less: about half as much for each room of a batch. But it needs
 * a server that updates atomically. FerretDB does not (racing updates win both, and may leave the lower one), and a head or a membership that
 * goes back while a worker and its successor race would be shown to readers. Here nothing rests on more than that an insert is durable (R8).
 */
export class Versions {
  readonly #connection: Connection
  readonly #collection: string

  constructor(connection: Connection, collection: string) {
    this.#connection = connection
    this.#collection = collection
  }

  /** Durable when it resolves. One that is there already stays as it is. */
  async put(versions: readonly Version[], session: ClientSession | undefined): Promise<void> {
    await insertMissing(
      this.#connection,
      this.#collection,
      versions.map(({ row }) => row),
      session,
    )
  }

  /** Removes what these, which are durable, supersede. Where it fails the rows lie there until the next time, and harm nobody. */
  async prune(versions: readonly Version[]): Promise<void> {
    if (versions.length === 0) return
    const $or = versions.map(({ key, version }) => ({ ...key, version: { $lt: version } }))
    await this.#connection.remove(this.#collection, { $or }).catch(() => {})
  }
}

/** Far more than a batch has; a room made with very many members could have more. */
const ROWS_MAX = 1_000

/** Inserts what is not there yet, in one command as a rule; what is there already stays as it is. */
export async function insertMissing(
  connection: Connection,
  collection: string,
  rows: readonly Raw[],
  session: ClientSession | undefined,
): Promise<void> {
  for (const chunk of chunksOf(rows, ROWS_MAX))
    for (const { code, message } of await connection.insert(collection, chunk, false, session)) {
      const found = documentClass(code)
      if (found !== 'duplicate') throw new Failure(found, `${connection.name}: ${collection}: ${message} (${code})`)
    }
}

/** Of rows with the same key the one with the highest version, at the place of the first. */
export function newest<T extends { readonly version: number }>(rows: readonly T[], keyOf: (row: T) => string): T[] {
  const highest = new Map<string, T>()
  for (const row of rows) {
    const known = highest.get(keyOf(row))
    if (known === undefined || known.version < row.version) highest.set(keyOf(row), row)
  }
  return [...highest.values()]
}

export interface Listing<T> {
  /** Ascending by key and version, from behind `after` on. */
  readonly read: (after: string | undefined, rowsMax: number) => Promise<readonly T[]>
  readonly keyOf: (row: T) => string
  readonly isListed: (row: T) => boolean
  readonly after: string | undefined
  readonly itemsMax: number
}

/**
 * The first so many keys, ascending, each with its highest version. A page of rows is read upwards by version, so that a row that supersedes
 * another meanwhile is met behind it; the last key of a full page may have further versions behind its end, and is read again.
 */
export async function listNewest<T extends { readonly version: number }>({
  read,
  keyOf,
  isListed,
  after,
  itemsMax,
}: Listing<T>): Promise<readonly T[]> {
  const listed: T[] = []
  let rowsMax = itemsMax + 10
  for (let from = after; listed.length < itemsMax; ) {
    const rows = await read(from, rowsMax)
    const items = newest(rows, keyOf)
    const isLast = rows.length < rowsMax
    if (!isLast) items.pop()
    listed.push(...items.filter(isListed))
    if (isLast) break
    const last = items.at(-1)
    if (last === undefined) rowsMax *= 2
    else from = keyOf(last)
  }
  return listed.slice(0, itemsMax)
}
