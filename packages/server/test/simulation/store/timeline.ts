import { failureClass } from '../../../src/ports/failure.ts'
import type {
  Document,
  EntryId,
  RoomId,
  RoomNeed,
  RoomSnapshot,
  Settled,
  TimelineStore,
  UserId,
  WriteRequest,
  Written,
} from '../../../src/ports/store.ts'
import type { Client, Moment } from './client.ts'
import { type Collections, setting } from './collections.ts'
import type { Poison } from './poison.ts'
import { entriesIn, found, headOf, membersOf } from './reading.ts'
import { Writing } from './writing.ts'

/** Documents of one command, with servers that take more or less of them. */
const CHUNKS: readonly number[] = [2, 100, 1_000]

/** The worker's side of the store, as one process has it. A write is several commands, and its process sends them one after the other. */
export class SimulatedTimeline implements TimelineStore {
  readonly canTimeOut = true
  readonly #client: Client
  readonly #poison: Poison
  readonly #chunk: number

  constructor(client: Client, poison: Poison) {
    this.#client = client
    this.#poison = poison
    this.#chunk = client.shared.engine.chance.pick(CHUNKS)
  }

  find(keys: readonly { readonly room: RoomId; readonly id: EntryId }[]): Promise<ReadonlyMap<EntryId, Document>> {
    return this.#client.read(
      'finds',
      async (moment) => found(this.#collections, keys, await moment()),
      (documents) => `${[...documents.values()].map(placeOf).join(' ')} of ${keys.length}`,
    )
  }

  /** Heads, then documents and members, then the entries above (R3): each a command of its own. */
  load(needs: readonly RoomNeed[], users: readonly UserId[]) {
    const collections = this.#collections
    const run = async (moment: Moment) => {
      let at = await moment()
      const heads = needs.map(({ room }) => headOf(collections, room, at))
      at = await moment()
      const documents = needs.map(({ room }) => collections.rooms.get(room)?.document.at(at))
      at = await moment()
      const members = needs.map(({ room, users }) => membersOf(collections, room, users, at))
      const registered = new Set(users.filter((user) => collections.users.get(user)?.at(at) !== undefined))
      at = await moment()
      const rooms = new Map<RoomId, RoomSnapshot>()
      for (const [i, { room }] of needs.entries()) {
        const head = heads[i] ?? 0
        const above = entriesIn(collections, room, head, Number.POSITIVE_INFINITY, at)
        rooms.set(room, { head, document: documents[i], members: members[i] ?? new Map(), above })
      }
      return { rooms, users: registered }
    }
    return this.#client.read('loads', run, ({ rooms }) => [...rooms].map(snapshotOf).join(', '))
  }

  async write(request: WriteRequest): Promise<Written> {
    const client = this.#client
    const run = () => new Writing(client, this.#poison, request, this.#chunk).run()
    return client
      .inOneEra(() => `writes ${told(request)}`, run, answer)
      .catch((cause: unknown) => {
        const failure = failureClass(cause)
        if (failure !== 'ambiguous' && failure !== 'unknown') throw cause
        return { result: 'unknown', cause }
      })
  }

  /** Each term is inserted, so who is told it won it alone (R8). */
  async lease(partition: number, _worker: string): Promise<{ readonly term: number }> {
    const terms = this.#collections.ofPartition(this.#collections.terms, partition)
    for (;;) {
      const term = (await this.term(partition)) + 1
      const isWon = await this.#client.change(`leases ${partition}`, (primary) => {
        if ((terms.on(primary) ?? 0) >= term) return false
        this.#client.shared.set.make(primary, setting(terms, term))
        return true
      })
      if (isWon) return { term }
      await this.#client.pause()
    }
  }

  term(partition: number): Promise<number> {
    return this.#client.read(`looks up terms of ${partition}`, async (moment) => {
      const at = await moment()
      return this.#collections.ofPartition(this.#collections.terms, partition).at(at) ?? 0
    })
  }

  settled(partition: number): Promise<Settled | undefined> {
    return this.#client.read(`looks up settled of ${partition}`, async (moment) => {
      const at = await moment()
      return this.#collections.ofPartition(this.#collections.settled, partition).at(at)
    })
  }

  epoch(partition: number): Promise<number> {
    return this.#client.read(`looks up epochs of ${partition}`, async (moment) => {
      const at = await moment()
      return this.#collections.ofPartition(this.#collections.epochs, partition).at(at) ?? 1
    })
  }

  raiseEpoch(partition: number, epoch: number): Promise<number> {
    const { set } = this.#client.shared
    return this.#client.change(`raises the epoch of ${partition} to ${epoch}`, (primary) => {
      const epochs = this.#collections.ofPartition(this.#collections.epochs, partition)
      const now = epochs.on(primary) ?? 1
      if (epoch <= now) return now
      set.make(primary, setting(epochs, epoch))
      return epoch
    })
  }

  get #collections(): Collections {
    return this.#client.shared.collections
  }
}

/** What is asked for, in a line of a trace. */
function told({ documents, letters, projections, settled }: WriteRequest): string {
  const places = documents.map(placeOf)
  const heads = projections.map(({ room, head }) => `${room}<=${head}`)
  return [...places, ...letters.map(({ id }) => `letter ${id}`), ...heads, settled && `settled ${settled.next}`]
    .filter((part) => part !== undefined)
    .join(' ')
}

function placeOf({ room, seq, id }: Document): string {
  return seq > 0 ? `${room}#${seq}=${id}` : `${room}!${id}`
}

function snapshotOf([room, { head, above }]: [RoomId, RoomSnapshot]): string {
  return `${room} at ${head} and ${above.length} above`
}

function answer(written: Written): string {
  switch (written.result) {
    case 'all':
      return 'all'
    case 'duplicate':
    case 'poison':
      return `${written.result} at ${written.at}`
    case 'unknown':
      return `unknown (${String(written.cause)})`
  }
}
