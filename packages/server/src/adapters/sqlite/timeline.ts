import type { StatementSync } from 'node:sqlite'
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
} from '../../ports/store.ts'
import type { Failpoint } from '../../ports/system.ts'
import type { Connection } from './connection.ts'
import type { Documents } from './documents.ts'
import { failureOf, isCertain, isDuplicate, isPoison } from './failures.ts'
import type { SqliteLetters } from './letters.ts'
import type { Rooms } from './rooms.ts'
import type { SqliteUsers } from './users.ts'

export interface TimelineParts {
  readonly connection: Connection
  readonly documents: Documents
  readonly rooms: Rooms
  readonly letters: SqliteLetters
  readonly users: SqliteUsers
  readonly failpoint: Failpoint
}

/** The worker's side of the store. Each call is one transaction; a write is one with one sync. */
export class SqliteTimeline implements TimelineStore {
  readonly canTimeOut = false
  readonly #parts: TimelineParts
  readonly #putSettled: StatementSync
  readonly #settled: StatementSync
  readonly #takeTerm: StatementSync
  readonly #term: StatementSync
  readonly #raiseEpoch: StatementSync
  readonly #epoch: StatementSync

  constructor(parts: TimelineParts) {
    const { connection } = parts
    this.#parts = parts
    this.#putSettled = connection.prepare('INSERT OR REPLACE INTO settled (partition, next, feed) VALUES (?, ?, ?)')
    this.#settled = connection.prepare('SELECT partition, next, feed FROM settled WHERE partition = ?')
    this.#takeTerm = connection.prepare('INSERT INTO terms (partition, term, worker) VALUES (?, ?, ?)')
    this.#term = connection.prepare('SELECT coalesce(max(term), 0) AS term FROM terms WHERE partition = ?')
    this.#raiseEpoch = connection.prepare(
      `INSERT INTO epochs (partition, epoch) VALUES (?, ?)
       ON CONFLICT (partition) DO UPDATE SET epoch = excluded.epoch WHERE excluded.epoch > epoch`,
    )
    this.#epoch = connection.prepare('SELECT epoch FROM epochs WHERE partition = ?')
  }

  async find(
    keys: readonly { readonly room: RoomId; readonly id: EntryId }[],
  ): Promise<ReadonlyMap<EntryId, Document>> {
    const find = () => {
      const found = new Map<EntryId, Document>()
      for (const { room, id } of keys) {
        const document = this.#parts.documents.get(room, id)
        if (document !== undefined) found.set(id, document)
      }
      return found
    }
    // One statement is of one moment by itself.
    return keys.length === 1 ? find() : this.#parts.connection.snapshot(find)
  }

  async load(needs: readonly RoomNeed[], users: readonly UserId[]) {
    return this.#parts.connection.snapshot(() => ({
      rooms: new Map(needs.map((need) => [need.room, this.#roomSnapshot(need)])),
      users: new Set(users.filter((user) => this.#parts.users.isRegistered(user))),
    }))
  }

  async write(request: WriteRequest): Promise<Written> {
    const { connection, failpoint } = this.#parts
    try {
      const written = connection.transaction(() => {
        const written = this.#insert(request.documents)
        if (written.result === 'all') this.#follow(request)
        failpoint('store:written')
        return written
      })
      failpoint('store:committed')
      return written
    } catch (error) {
      const failure = failureOf(error, 'commit', connection.file)
      if (isCertain(failure)) throw failure
      return { result: 'unknown', cause: failure }
    }
  }

  async lease(partition: number, worker: string): Promise<{ readonly term: number }> {
    return this.#parts.connection.transaction(() => {
      const term = Number(this.#term.get(partition)?.term) + 1
      this.#takeTerm.run(partition, term, worker)
      return { term }
    })
  }

  async term(partition: number): Promise<number> {
    return this.#parts.connection.ask(() => Number(this.#term.get(partition)?.term))
  }

  async settled(partition: number): Promise<Settled | undefined> {
    const row = this.#parts.connection.ask(() => this.#settled.get(partition))
    return row === undefined ? undefined : ({ ...row } as unknown as Settled)
  }

  async epoch(partition: number): Promise<number> {
    return this.epochOf(partition)
  }

  async raiseEpoch(partition: number, epoch: number): Promise<number> {
    return this.#parts.connection.transaction(() => {
      this.#raiseEpoch.run(partition, epoch)
      return this.epochOf(partition)
    })
  }

  epochOf(partition: number): number {
    return this.#parts.connection.ask(() => Number(this.#epoch.get(partition)?.epoch ?? 1))
  }

  /** All documents, or those before the first that cannot be in: they are committed all the same, as a prefix. */
  #insert(documents: readonly Document[]): Written {
    const half = Math.ceil(documents.length / 2)
    for (const [at, document] of documents.entries()) {
      try {
        this.#parts.documents.insert(document)
      } catch (cause) {
        if (isDuplicate(cause)) return { result: 'duplicate', at }
        if (isPoison(cause)) return { result: 'poison', at, cause }
        throw cause
      }
      if (at + 1 === half) this.#parts.failpoint('store:mid-write')
    }
    return { result: 'all' }
  }

  #follow({ letters, projections, settled }: WriteRequest): void {
    for (const letter of letters) this.#parts.letters.insert(letter)
    for (const projection of projections) this.#parts.rooms.project(projection)
    if (settled !== undefined) this.#putSettled.run(settled.partition, settled.next, settled.feed)
  }

  #roomSnapshot({ room, users }: RoomNeed): RoomSnapshot {
    const { rooms, documents } = this.#parts
    const { head, document } = rooms.get(room) ?? { head: 0, document: undefined }
    const members = new Map(
      users.flatMap((user) => {
        const member = rooms.member(room, user)
        return member === undefined ? [] : [[user, member] as const]
      }),
    )
    return { head, document, members, above: documents.entriesAbove(room, head) }
  }
}
