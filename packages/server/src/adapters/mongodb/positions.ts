import type { ClientSession } from 'mongodb'
import { Failure } from '../../ports/failure.ts'
import type { Settled } from '../../ports/store.ts'
import { keyOf } from './collections.ts'
import type { Connection } from './connection.ts'
import { DUPLICATE_KEY } from './failures.ts'
import { Row } from './row.ts'
import { encodeText } from './text.ts'

/** So many who take terms at once would each have to lose once against every other. */
const ROUNDS_MAX = 1_000

/** Of each partition: whose turn it is, which history it tells, and how far it is. */
export class Positions {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** The next term above every one that is taken, also above those that no majority read shows yet. */
  async takeTerm(partition: number, worker: string, session: ClientSession | undefined): Promise<number> {
    let term = (await this.term(partition, session)) + 1
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const row = { _id: keyOf(partition, term), partition, term, worker: encodeText(worker) }
      const [error] = await this.#connection.insert('leases', [row], true, session)
      if (error === undefined) return term
      if (error.code !== DUPLICATE_KEY) throw new Failure('ambiguous', `${this.#connection.name}: ${error.message}`)
      term++
    }
    throw new Failure('transient', `${this.#connection.name}: others took every term of partition ${partition}`)
  }

  async term(partition: number, session?: ClientSession): Promise<number> {
    const options = { sort: { term: -1 }, limit: 1 } as const
    const [row] = await this.#connection.find('leases', { partition }, session, options)
    return row === undefined ? 0 : Row.of('leases', row).integer('term')
  }

  async epoch(partition: number, session?: ClientSession): Promise<number> {
    const options = { sort: { epoch: -1 }, limit: 1 } as const
    const [row] = await this.#connection.find('epochs', { partition }, session, options)
    return row === undefined ? 1 : Row.of('epochs', row).integer('epoch')
  }

  async epochs(partitions: number, session?: ClientSession): Promise<readonly number[]> {
    const epochs = Array.from({ length: partitions }, () => 1)
    for (const raw of await this.#connection.find('epochs', {}, session)) {
      const row = Row.of('epochs', raw)
      const [partition, epoch] = [row.integer('partition'), row.integer('epoch')]
      epochs[partition] = Math.max(epoch, epochs[partition] ?? row.wrong('partition', 'one of this installation'))
    }
    return epochs
  }

  /** Rows are only ever added, so it cannot go down, whoever raises it at the same time. */
  async raiseEpoch(partition: number, epoch: number, session: ClientSession | undefined): Promise<number> {
    if (epoch > (await this.epoch(partition, session))) {
      const row = { _id: keyOf(partition, epoch), partition, epoch }
      const [error] = await this.#connection.insert('epochs', [row], true, session)
      if (error !== undefined && error.code !== DUPLICATE_KEY)
        throw new Failure('ambiguous', `${this.#connection.name}: ${error.message}`)
    }
    return this.epoch(partition, session)
  }

  async settled(partition: number, session?: ClientSession): Promise<Settled | undefined> {
    const [raw] = await this.#connection.find('settled', { _id: keyOf(partition) }, session)
    if (raw === undefined) return undefined
    const row = Row.of('settled', raw)
    return { partition, next: row.integer('next'), feed: row.integer('feed') }
  }

  /** In place, unlike all the rest: one that goes back, or is lost, costs a start some reading and nothing else (R9). */
  async settle({ partition, next, feed }: Settled, session: ClientSession | undefined): Promise<void> {
    await this.#connection.update('settled', keyOf(partition), { next, feed }, { upsert: true, session })
  }
}
