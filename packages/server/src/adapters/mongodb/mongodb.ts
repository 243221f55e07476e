import type { Durability } from '@holdfast/protocol'
import type { SetUpStep } from '../../ports/set-up.ts'
import type { Store } from '../../ports/store.ts'
import type { Clock, Failpoint, Logger, Random } from '../../ports/system.ts'
import { Connection, type Timeouts } from './connection.ts'
import { Documents } from './documents.ts'
import { History } from './history.ts'
import { Letters } from './letters.ts'
import { Positions } from './positions.ts'
import { Rooms } from './rooms.ts'
import { checkSetUp, setUp } from './setup.ts'
import { Timeline } from './timeline.ts'
import { Users } from './users.ts'

export interface MongodbOptions {
  /** `mongodb://…` or `mongodb+srv://…`; the path names the database, `holdfast` by default. */
  readonly url: string
  /** Beside the URL, so that the URL is no secret. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** A file with the certificates of the authorities to trust, PEM. */
  readonly tlsCaFile?: string | undefined
  /** Fixed when the database is set up. */
  readonly partitions: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly failpoint?: Failpoint | undefined
  readonly timeouts?: Partial<Timeouts> | undefined
}

export interface Mongodb {
  readonly store: Store
  /** One line for the log: which server, which version, one node or a replica set of n. */
  readonly about: string
  /** What a majority write survives here: 'replicated' on a replica set of more than one, else 'fsync'. */
  readonly durability: Durability
  /** One sentence for each thing it waits for now; empty when all is well. */
  waiting(): readonly string[]
  /** Calls that are under way end as they end; later ones are refused as closed. May be called twice. */
  close(): Promise<void>
}

/**
 * Connects, and checks the version, the collections and the indexes. Rejects with a Failure whose message is one sentence: of class transient
 * where nobody answers, of class operator where only an operator can help; then nothing is left behind.
 */
export async function openMongodb(options: MongodbOptions): Promise<Mongodb> {
  const { partitions, failpoint = () => {} } = options
  const connection = await Connection.open(options)
  try {
    await checkSetUp(connection, partitions)
  } catch (error) {
    await connection.close()
    throw error
  }
  const documents = new Documents(connection)
  const rooms = new Rooms(connection)
  const letters = new Letters(connection)
  const users = new Users(connection)
  const positions = new Positions(connection)
  const parts = { connection, documents, rooms, positions }
  return {
    store: {
      timeline: new Timeline({ ...parts, letters, users, failpoint }),
      history: new History({ ...parts, partitions }),
      letters,
      users,
      audit: documents,
    },
    about: `${connection.name}: ${connection.server.about}`,
    durability: connection.server.durability,
    waiting: () => (connection.outage === undefined ? [] : [connection.outage]),
    close: () => connection.close(),
  }
}

/**
 * Creates collections and unique indexes, and writes down how many partitions the installation has; may be repeated, and refuses another number.
 * Returns what it did, one line each. Rejects as `openMongodb` does.
 */
export async function setUpMongodb(options: MongodbOptions): Promise<readonly SetUpStep[]> {
  const connection = await Connection.open(options)
  try {
    return await setUp(connection, options.partitions)
  } finally {
    await connection.close()
  }
}
