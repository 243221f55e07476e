import type {
  EntryDocument,
  EntryId,
  HistoryStore,
  MemberDocument,
  RoomId,
  RoomView,
  Survey,
  UserId,
  ViewRequest,
} from '../../ports/store.ts'
import type { Connection } from './connection.ts'
import type { Documents } from './documents.ts'
import type { Rooms } from './rooms.ts'

export interface HistoryParts {
  readonly connection: Connection
  readonly documents: Documents
  readonly rooms: Rooms
  readonly epochs: () => readonly number[]
  readonly epochOfRoom: (room: RoomId) => number
}

/** The readers' side: each call reads in one transaction, so order and epoch are those of one moment (G5, G7). */
export class SqliteHistory implements HistoryStore {
  readonly #parts: HistoryParts

  constructor(parts: HistoryParts) {
    this.#parts = parts
  }

  async view({ room, user, after, before, entriesMax }: ViewRequest): Promise<RoomView> {
    const { connection, documents, rooms, epochOfRoom } = this.#parts
    return connection.snapshot(() => {
      const { head, document } = rooms.get(room) ?? { head: 0, document: undefined }
      const [above, below] = [Math.max(after ?? 0, 0), Math.min(before ?? head + 1, head + 1)]
      const entries =
        after === undefined
          ? documents.newest(room, above, below, entriesMax)
          : documents.oldest(room, above, below, entriesMax)
      const member = user === undefined ? undefined : rooms.member(room, user)
      return { epoch: epochOfRoom(room), head, document, entries, member }
    })
  }

  async survey(
    users: readonly UserId[],
    commands: readonly { readonly room: RoomId; readonly id: EntryId }[],
  ): Promise<Survey> {
    const { connection, documents, rooms, epochs, epochOfRoom } = this.#parts
    return connection.snapshot(() => ({
      epochs: epochs(),
      rooms: new Map(
        users.map((user) => [
          user,
          rooms.roomsOf(user).map((room) => ({ ...room, epoch: epochOfRoom(room.document.room) })),
        ]),
      ),
      outcomes: new Map(
        commands.flatMap(({ room, id }) => {
          const document = documents.get(room, id)
          const isVisible = document !== undefined && document.seq <= (rooms.get(room)?.head ?? 0)
          return isVisible ? [[id, document] as const] : []
        }),
      ),
    }))
  }

  async members(room: RoomId, after: UserId | undefined, membersMax: number): Promise<readonly MemberDocument[]> {
    return this.#parts.rooms.members(room, after ?? '', membersMax)
  }

  async entriesAt(
    places: readonly { readonly room: RoomId; readonly seq: number }[],
  ): Promise<readonly EntryDocument[]> {
    const { connection, documents, rooms } = this.#parts
    return connection.snapshot(() =>
      places.flatMap(({ room, seq }) => {
        const entry = documents.entryAt(room, seq)
        return entry !== undefined && seq <= (rooms.get(room)?.head ?? 0) ? [entry] : []
      }),
    )
  }

  async rooms(after: RoomId | undefined, roomsMax: number) {
    return this.#parts.rooms.rooms(after ?? '', roomsMax)
  }
}
