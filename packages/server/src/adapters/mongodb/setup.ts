import type { Db } from 'mongodb'
import { Failure } from '../../ports/failure.ts'
import type { SetUpStep } from '../../ports/set-up.ts'
import { COLLECTIONS, type CollectionName, type Index } from './collections.ts'
import type { Connection, WriteError } from './connection.ts'
import { DUPLICATE_KEY } from './failures.ts'
import { type Raw, Row } from './row.ts'

/** Of the layout that this build writes; a newer one is refused. */
const FORMAT = 1
const INSTALLATION = 'installation'
const NAMESPACE_NOT_FOUND = 26
const RUN_SETUP = 'run `holdfast setup`, which may be repeated'

/** Creates what is missing, and writes down what the installation is; may be repeated, also by several at once. */
export async function setUp(connection: Connection, partitions: number): Promise<readonly SetUpStep[]> {
  const steps: SetUpStep[] = []
  for (const [name, indexes] of collections()) {
    const isNew = await connection.administer((database) => createCollection(database, name))
    steps.push({ what: `collection ${name}`, done: isNew ? 'created' : 'was there' })
    for (const index of indexes) {
      const isThere = (await indexesOf(connection, name)).some((one) => sameKey(one, index))
      // Where one with the same key is there that is not unique, the server says so.
      await connection.administer((database) => database.collection(name).createIndex(index.key, options(index)))
      steps.push({ what: `index ${describe(name, index)}`, done: isThere ? 'was there' : 'created' })
    }
  }
  const row = { _id: INSTALLATION, format: FORMAT, partitions }
  const [error] = await writeDown(connection, row)
  if (error !== undefined && error.code !== DUPLICATE_KEY)
    throw new Failure('operator', `${connection.name}: the installation cannot be written down: ${error.message}`)
  await checkInstallation(connection, partitions)
  const what = `installation with ${partitions} partition${partitions === 1 ? '' : 's'}`
  return [...steps, { what, done: error === undefined ? 'created' : 'was there' }]
}

/** May be repeated, so that nobody knows what became of it is no more than that nobody answered. */
async function writeDown(connection: Connection, row: Raw): Promise<readonly WriteError[]> {
  try {
    return await connection.insert(INSTALLATION, [row], true)
  } catch (error) {
    if (error instanceof Failure && error.class === 'ambiguous') throw new Failure('transient', error.message, error)
    throw error
  }
}

/** Rejects with a Failure of class operator that says what is missing or wrong. */
export async function checkSetUp(connection: Connection, partitions: number): Promise<void> {
  await checkInstallation(connection, partitions)
  await Promise.all(
    collections().map(async ([name, wanted]) => {
      const there = await indexesOf(connection, name)
      for (const index of wanted) {
        const same = there.find((one) => sameKey(one, index))
        if (same === undefined)
          throw new Failure('operator', `${connection.name} lacks the index ${describe(name, index)}: ${RUN_SETUP}`)
        if (index.unique === true && same.unique !== true)
          throw new Failure(
            'operator',
            `${connection.name}: the index ${describe(name, index)} is there and not unique, so nothing keeps a message from being stored twice: remove it, and ${RUN_SETUP}`,
          )
      }
    }),
  )
}

async function checkInstallation(connection: Connection, partitions: number): Promise<void> {
  const [raw] = await connection.find(INSTALLATION, { _id: INSTALLATION })
  if (raw === undefined)
    throw new Failure('operator', `${connection.name}: this database is not set up for Holdfast: ${RUN_SETUP}`)
  const row = Row.of(INSTALLATION, raw)
  const [format, made] = [row.integer('format'), row.integer('partitions')]
  if (format > FORMAT)
    throw new Failure(
      'operator',
      `${connection.name}: this database was written by a newer Holdfast (format ${format}; this one knows ${FORMAT}): start that one`,
    )
  if (made !== partitions)
    throw new Failure(
      'operator',
      `${connection.name}: this database was set up with ${made} partitions and cannot be used with ${partitions}: the number is fixed for the life of an installation`,
    )
}

interface StoredIndex {
  readonly key: unknown
  readonly unique: unknown
}

function indexesOf(connection: Connection, name: CollectionName): Promise<readonly StoredIndex[]> {
  return connection.administer(async (database) => {
    try {
      const indexes = await database.collection(name).listIndexes().toArray()
      return indexes.map(({ key, unique }) => ({ key, unique }))
    } catch (error) {
      if (hasCode(error, NAMESPACE_NOT_FOUND)) return []
      throw error
    }
  })
}

async function createCollection(database: Db, name: string): Promise<boolean> {
  const [there] = await database.listCollections({ name }, { nameOnly: true }).toArray()
  if (there !== undefined) return false
  try {
    await database.createCollection(name)
    return true
  } catch (error) {
    // Somebody else may have made it meanwhile; not every server has the code for that, so its being there is the answer.
    const [made] = await database.listCollections({ name }, { nameOnly: true }).toArray()
    if (made === undefined) throw error
    return false
  }
}

function collections(): readonly (readonly [CollectionName, readonly Index[]])[] {
  return Object.entries(COLLECTIONS) as [CollectionName, readonly Index[]][]
}

/** The order of fields is part of the key. */
function sameKey(there: StoredIndex, { key }: Index): boolean {
  return JSON.stringify(there.key) === JSON.stringify(key)
}

function options({ unique }: Index): { unique?: true } {
  return unique === undefined ? {} : { unique }
}

function describe(name: string, { key, unique }: Index): string {
  return `${name}(${Object.keys(key).join(', ')})${unique === true ? ', unique' : ''}`
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
