import type { StatementSync } from 'node:sqlite'
import type { MemberDocument, Projection, Role, RoomDocument, RoomId, UserId } from '../../ports/store.ts'
import type { Connection } from './connection.ts'

export interface RoomRow {
  readonly head: number
  readonly document: RoomDocument | undefined
}

/** What rooms are and who is in them: the projection of their entries. Nothing here is ever lowered, whichever projection comes late. */
export class Rooms {
  readonly #connection: Connection
  readonly #raiseHead: StatementSync
  readonly #putDocument: StatementSync
  readonly #putMember: StatementSync
  readonly #room: StatementSync
  readonly #member: StatementSync
  readonly #membersAfter: StatementSync
  readonly #roomsOf: StatementSync
  readonly #roomsAfter: StatementSync

  constructor(connection: Connection) {
    this.#connection = connection
    this.#raiseHead = connection.prepare(
      `INSERT INTO rooms (room, head) VALUES (?, ?)
       ON CONFLICT (room) DO UPDATE SET head = excluded.head WHERE excluded.head > head`,
    )
    this.#putDocument = connection.prepare(
      `INSERT INTO rooms (room, head, seq, document) VALUES (?, 0, ?, ?)
       ON CONFLICT (room) DO UPDATE SET seq = excluded.seq, document = excluded.document WHERE excluded.seq > seq`,
    )
    this.#putMember = connection.prepare(
      `INSERT INTO members (room, user, role, seq) VALUES (?, ?, ?, ?)
       ON CONFLICT (room, user) DO UPDATE SET role = excluded.role, seq = excluded.seq WHERE excluded.seq > seq`,
    )
    this.#room = connection.prepare('SELECT head, document FROM rooms WHERE room = ?')
    this.#member = connection.prepare('SELECT user, role, seq FROM members WHERE room = ? AND user = ?')
    this.#membersAfter = connection.prepare(
      'SELECT user, role, seq FROM members WHERE room = ? AND user > ? AND role IS NOT NULL ORDER BY user LIMIT ?',
    )
    this.#roomsOf = connection.prepare(
      `SELECT rooms.document, rooms.head, members.role, members.seq AS since
       FROM members JOIN rooms ON rooms.room = members.room
       WHERE members.user = ? AND members.role IS NOT NULL AND rooms.document IS NOT NULL`,
    )
    this.#roomsAfter = connection.prepare('SELECT room, head FROM rooms WHERE room > ? ORDER BY room LIMIT ?')
  }

  /** In a transaction of the caller. The head is written last: it says that all the rest is. */
  project({ room, document, members, head }: Projection): void {
    if (document !== undefined) this.#putDocument.run(room, document.seq, JSON.stringify(document))
    for (const { user, role, seq } of members) this.#putMember.run(room, user, role ?? null, seq)
    this.#raiseHead.run(room, head)
  }

  get(room: RoomId): RoomRow | undefined {
    const row = this.#connection.ask(() => this.#room.get(room)) as
      | { head: number; document: string | null }
      | undefined
    return row === undefined ? undefined : { head: row.head, document: documentOf(row.document) }
  }

  member(room: RoomId, user: UserId): MemberDocument | undefined {
    const row = this.#connection.ask(() => this.#member.get(room, user)) as unknown as MemberRow | undefined
    return row === undefined ? undefined : memberOf(row)
  }

  /** Ascending by user; only those who are members now. */
  members(room: RoomId, after: UserId, membersMax: number): readonly MemberDocument[] {
    const rows = this.#connection.ask(() => this.#membersAfter.all(room, after, membersMax)) as unknown as MemberRow[]
    return rows.map(memberOf)
  }

  roomsOf(user: UserId): readonly { document: RoomDocument; role: Role; since: number; head: number }[] {
    const rows = this.#connection.ask(() => this.#roomsOf.all(user)) as unknown as RoomOfUserRow[]
    return rows.map(({ document, role, since, head }) => ({ document: JSON.parse(document), role, since, head }))
  }

  rooms(after: RoomId, roomsMax: number): readonly { room: RoomId; head: number }[] {
    const rows = this.#connection.ask(() => this.#roomsAfter.all(after, roomsMax))
    return (rows as unknown as { room: RoomId; head: number }[]).map(({ room, head }) => ({ room, head }))
  }
}

interface MemberRow {
  readonly user: UserId
  readonly role: Role | null
  readonly seq: number
}

interface RoomOfUserRow {
  readonly document: string
  readonly role: Role
  readonly since: number
  readonly head: number
}

function memberOf({ user, role, seq }: MemberRow): MemberDocument {
  return { user, role: role ?? undefined, seq }
}

/** JSON leaves out what is undefined: a name or a pair that is not there comes back so. */
function documentOf(text: string | null): RoomDocument | undefined {
  return text === null ? undefined : JSON.parse(text)
}
