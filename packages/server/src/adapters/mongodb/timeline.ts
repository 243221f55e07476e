import type { ClientSession } from 'mongodb'
import type {
  Document,
  EntryId,
  MemberDocument,
  RoomId,
  RoomNeed,
  RoomSnapshot,
  Settled,
  TimelineStore,
  UserId,
  WriteRequest,
  Written,
} from '../../ports/store.ts'
import type { Failpoint } from '../../ports/system.ts'
import type { Causality, Connection } from './connection.ts'
import type { Documents } from './documents.ts'
import { failureOf, isCertain } from './failures.ts'
import type { Letters } from './letters.ts'
import type { Positions } from './positions.ts'
import type { Rooms } from './rooms.ts'
import type { Users } from './users.ts'

export interface TimelineParts {
  readonly connection: Connection
  readonly documents: Documents
  readonly rooms: Rooms
  readonly letters: Letters
  readonly users: Users
  readonly positions: Positions
  readonly failpoint: Failpoint
}

/** The worker's side of the store: each call sees what the calls before it were told. */
export class Timeline implements TimelineStore {
  readonly canTimeOut = true
  readonly #parts: TimelineParts
  readonly #causality: Causality = { operationTime: undefined }

  constructor(parts: TimelineParts) {
    this.#parts = parts
  }

  find(keys: readonly { readonly room: RoomId; readonly id: EntryId }[]): Promise<ReadonlyMap<EntryId, Document>> {
    return this.#causally((session) => this.#parts.documents.find(keys, session))
  }

  /** Who is registered has nothing to do with the rooms, and is read beside them. */
  async load(needs: readonly RoomNeed[], users: readonly UserId[]) {
    const [rooms, registered] = await Promise.all([
      this.#causally((session) => this.#rooms(needs, session)),
      this.#parts.users.registered(users),
    ])
    return { rooms, users: registered }
  }

  /** Rejects only when it is certain that nothing happened; what fails behind the documents leaves an unknown outcome, and is written again. */
  async write(request: WriteRequest): Promise<Written> {
    let written: Written
    try {
      this.#parts.failpoint('store:mid-write')
      written = await this.#causally((session) => this.#parts.documents.insert(request.documents, session))
    } catch (error) {
      const failure = failureOf(error, 'write', this.#parts.connection.name)
      if (isCertain(failure)) throw failure
      return { result: 'unknown', cause: failure }
    }
    if (written.result !== 'all') return written
    try {
      this.#parts.failpoint('store:written')
      await this.#causally((session) => this.#follow(request, session))
      this.#parts.failpoint('store:committed')
      return written
    } catch (error) {
      return { result: 'unknown', cause: failureOf(error, 'write', this.#parts.connection.name) }
    }
  }

  lease(partition: number, worker: string): Promise<{ readonly term: number }> {
    return this.#causally(async (session) => ({
      term: await this.#parts.positions.takeTerm(partition, worker, session),
    }))
  }

  term(partition: number): Promise<number> {
    return this.#causally((session) => this.#parts.positions.term(partition, session))
  }

  settled(partition: number): Promise<Settled | undefined> {
    return this.#causally((session) => this.#parts.positions.settled(partition, session))
  }

  epoch(partition: number): Promise<number> {
    return this.#causally((session) => this.#parts.positions.epoch(partition, session))
  }

  raiseEpoch(partition: number, epoch: number): Promise<number> {
    return this.#causally((session) => this.#parts.positions.raiseEpoch(partition, epoch, session))
  }

  /** Heads, then documents, then the entries above the heads (R3): whatever is newer than a head is folded in with them, guarded by seq. */
  async #rooms(
    needs: readonly RoomNeed[],
    session: ClientSession | undefined,
  ): Promise<ReadonlyMap<RoomId, RoomSnapshot>> {
    const { rooms, documents } = this.#parts
    const known = await rooms.get(
      needs.map(({ room }) => room),
      session,
    )
    const members = new Map<RoomId, Map<UserId, MemberDocument>>(needs.map(({ room }) => [room, new Map()]))
    for (const { room, user, role, seq } of await rooms.members(needs, session))
      members.get(room)?.set(user, { user, role, seq })
    const heads = new Map(needs.map(({ room }) => [room, known.get(room)?.head ?? 0]))
    const above = await documents.above(heads, session)
    return new Map(
      [...heads].map(([room, head]) => [
        room,
        {
          head,
          document: known.get(room)?.document,
          members: members.get(room) ?? new Map(),
          above: above.get(room) ?? [],
        },
      ]),
    )
  }

  /** Each step only when the one before it is in by majority. */
  async #follow({ letters, projections, settled }: WriteRequest, session: ClientSession | undefined) {
    await this.#parts.letters.insert(letters, session)
    const prune = await this.#parts.rooms.project(projections, session)
    const pruned = prune()
    if (settled !== undefined) await this.#parts.positions.settle(settled, session)
    await pruned
  }

  #causally<T>(use: (session: ClientSession | undefined) => Promise<T>): Promise<T> {
    return this.#parts.connection.causally(this.#causality, use)
  }
}
