import type { Durability } from '@holdfast/protocol'
import { type Db, MongoServerError } from 'mongodb'
import { Failure } from '../../ports/failure.ts'
import type { Raw } from './row.ts'

/** What a server says of itself, once, when it is connected to. */
export interface ServerFacts {
  readonly about: string
  readonly durability: Durability
  /** Whether it keeps a session's reads behind what the session was told: replica sets and sharded clusters do. */
  readonly isCausal: boolean
  /** Documents in one insert. */
  readonly documentsMax: number
}

const VERSION_MIN = [5, 0]
const COMMAND_NOT_FOUND = 59

/** FerretDB stores on behind a failure in blocks of a hundred: within one block it stops where MongoDB does. */
const DOCUMENTS_MAX = { ferretdb: 100, mongodb: 1_000 }

export async function askServer(database: Db): Promise<ServerFacts> {
  return serverFacts(await hello(database), await database.command({ buildInfo: 1 }))
}

/** Throws a Failure of class operator when the server is too old. */
export function serverFacts(hello: Raw, buildInfo: Raw): ServerFacts {
  const version = String(buildInfo.version)
  const isFerret = buildInfo.ferretdbVersion !== undefined
  checkVersion(version)
  const isSharded = hello.msg === 'isdbgrid'
  // Those that hold data: an arbiter does not, and is listed apart.
  const members = typeof hello.setName === 'string' ? lengthOf(hello.hosts) + lengthOf(hello.passives) : 0
  return {
    about: `${isFerret ? 'FerretDB, which speaks MongoDB' : 'MongoDB'} ${version}, ${shape(isSharded, members)}`,
    // How many machines hold each shard a router does not tell: less is claimed, and never more.
    durability: members > 1 ? 'replicated' : 'fsync',
    isCausal: isSharded || members > 0,
    documentsMax: isFerret ? DOCUMENTS_MAX.ferretdb : DOCUMENTS_MAX.mongodb,
  }
}

function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0
}

function shape(isSharded: boolean, members: number): string {
  if (isSharded) return 'a sharded cluster'
  if (members > 1) return `a replica set of ${members}`
  return members === 1 ? 'a replica set of one' : 'one node'
}

function checkVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [majorMin = 0, minorMin = 0] = VERSION_MIN
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return
  throw new Failure(
    'operator',
    `this MongoDB is version ${version}, and Holdfast needs ${VERSION_MIN.join('.')} or newer: upgrade the server`,
  )
}

/** Some that speak the protocol know the older name only. */
async function hello(database: Db): Promise<Raw> {
  try {
    return await database.command({ hello: 1 })
  } catch (error) {
    if (!(error instanceof MongoServerError) || error.code !== COMMAND_NOT_FOUND) throw error
    return await database.command({ isMaster: 1 })
  }
}
