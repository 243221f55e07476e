import type { ClientSession } from 'mongodb'
import { partitionOf } from '../../core/identity.ts'
import { Failure } from '../../ports/failure.ts'
import type {
  EntryDocument,
  EntryId,
  HistoryStore,
  MemberDocument,
  RoomId,
  RoomOfUser,
  RoomView,
  Survey,
  UserId,
  ViewRequest,
} from '../../ports/store.ts'
import type { Connection } from './connection.ts'
import type { Documents } from './documents.ts'
import type { Positions } from './positions.ts'
import type { MemberRow, RoomRow, Rooms } from './rooms.ts'

export interface HistoryParts {
  readonly connection: Connection
  readonly documents: Documents
  readonly rooms: Rooms
  readonly positions: Positions
  readonly partitions: number
}

/** Epochs rise when history is restored, once in a long while: who meets that more often than this meets something else. */
const EPOCH_TRIES_MAX = 10

/** The readers' side: each call reads in a session of its own, in the order that G5 names, and under one epoch (G7). */
export class History implements HistoryStore {
  readonly #parts: HistoryParts

  constructor(parts: HistoryParts) {
    this.#parts = parts
  }

  view({ room, user, after, before, entriesMax }: ViewRequest): Promise<RoomView> {
    const { documents, rooms, positions, partitions } = this.#parts
    const partition = partitionOf(room, partitions)
    return this.#underOneEpoch(
      (session) => positions.epoch(partition, session),
      async (epoch, session) => {
        const { head, document } = await this.#room(room, session)
        const range = {
          above: Math.max(after ?? 0, 0),
          below: Math.min(before ?? head + 1, head + 1),
          from: after === undefined ? 'newest' : 'oldest',
          entriesMax,
        } as const
        const entries = await documents.between(room, range, session)
        const [member] = user === undefined ? [] : await rooms.members([{ room, users: [user] }], session)
        return { epoch, head, document, entries, member: member && memberOf(member) }
      },
    )
  }

  survey(
    users: readonly UserId[],
    commands: readonly { readonly room: RoomId; readonly id: EntryId }[],
  ): Promise<Survey> {
    const { documents, rooms, positions, partitions } = this.#parts
    return this.#underOneEpoch(
      async (session) => (await positions.epochs(partitions, session)).join(),
      async (joined, session) => {
        const epochs = joined.split(',').map(Number)
        const before = await rooms.membershipsOf(users, session)
        const wanted = new Set([...before, ...commands].map(({ room }) => room))
        const known = await rooms.get([...wanted], session)
        const outcomes = new Map(await documents.find(commands, session))
        for (const { id, room, seq } of outcomes.values()) if (seq > (known.get(room)?.head ?? 0)) outcomes.delete(id)
        // Read last, so that nobody is shown a head from after their removal.
        const members = before.length === 0 ? [] : await rooms.membershipsOf(users, session)
        const roomsOf = new Map<UserId, RoomOfUser[]>(users.map((user) => [user, []]))
        for (const member of members) {
          const epoch = epochs[partitionOf(member.room, partitions)] ?? 1
          const room = roomOfUser(member, known.get(member.room), epoch)
          if (room !== undefined) roomsOf.get(member.user)?.push(room)
        }
        return { epochs, rooms: roomsOf, outcomes }
      },
    )
  }

  async members(room: RoomId, after: UserId | undefined, membersMax: number): Promise<readonly MemberDocument[]> {
    return (await this.#parts.rooms.listMembers(room, after, membersMax)).map(memberOf)
  }

  entriesAt(places: readonly { readonly room: RoomId; readonly seq: number }[]): Promise<readonly EntryDocument[]> {
    const seqs = new Map<RoomId, number[]>()
    for (const { room, seq } of places) {
      const known = seqs.get(room)
      if (known === undefined) seqs.set(room, [seq])
      else known.push(seq)
    }
    return this.#inSession(async (session) => {
      const known = await this.#parts.rooms.get([...seqs.keys()], session)
      const entries = await this.#parts.documents.entriesAt(seqs, session)
      return entries.filter(({ room, seq }) => seq <= (known.get(room)?.head ?? 0))
    })
  }

  rooms(after: RoomId | undefined, roomsMax: number) {
    return this.#parts.rooms.listHeads(after, roomsMax)
  }

  async #room(room: RoomId, session: ClientSession | undefined): Promise<RoomRow> {
    return (await this.#parts.rooms.get([room], session)).get(room) ?? { head: 0, document: undefined }
  }

  #inSession<T>(use: (session: ClientSession | undefined) => Promise<T>): Promise<T> {
    return this.#parts.connection.causally({ operationTime: undefined }, use)
  }

  /** What was read counts only if the epoch is the same before and after it (G7). */
  #underOneEpoch<E extends string | number, T>(
    epoch: (session: ClientSession | undefined) => Promise<E>,
    read: (epoch: E, session: ClientSession | undefined) => Promise<T>,
  ): Promise<T> {
    return this.#inSession(async (session) => {
      let known = await epoch(session)
      for (let tries = 0; tries < EPOCH_TRIES_MAX; tries++) {
        const result = await read(known, session)
        const now = await epoch(session)
        if (now === known) return result
        known = now
      }
      throw new Failure('transient', `${this.#parts.connection.name}: the epoch was raised again and again`)
    })
  }
}

function memberOf({ user, role, seq }: MemberRow): MemberDocument {
  return { user, role, seq }
}

/** undefined where the user is no member as of the head: an addition that is not projected through yet is told when it is. */
function roomOfUser({ role, seq: since }: MemberRow, room: RoomRow | undefined, epoch: number): RoomOfUser | undefined {
  if (role === undefined || room?.document === undefined || since > room.head) return undefined
  return { document: room.document, role, since, head: room.head, epoch }
}
