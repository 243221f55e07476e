import type { ClientSession } from 'mongodb'
import type { MemberDocument, Projection, Role, RoomDocument, RoomId, RoomNeed, UserId } from '../../ports/store.ts'
import { keyOf } from './collections.ts'
import type { Connection } from './connection.ts'
import { ROOM_KINDS } from './documents.ts'
import { type Raw, Row } from './row.ts'
import { encodeText } from './text.ts'
import { listNewest, newest, type Version, Versions } from './versions.ts'

export interface RoomRow {
  readonly head: number
  readonly document: RoomDocument | undefined
}

export interface MemberRow extends MemberDocument {
  readonly room: RoomId
  readonly version: number
}

const [ROOMS, MEMBERS] = ['rooms', 'members']
const ROOMS_ORDER = { room: 1, what: 1, version: 1 } as const
const MEMBERS_ORDER = { room: 1, user: 1, version: 1 } as const

/** What rooms are and who is in them: the projection of their entries, as rows with versions. */
export class Rooms {
  readonly #connection: Connection
  readonly #rooms: Versions
  readonly #members: Versions

  constructor(connection: Connection) {
    this.#connection = connection
    this.#rooms = new Versions(connection, ROOMS)
    this.#members = new Versions(connection, MEMBERS)
  }

  /** The heads are written last: they say that all the rest is in. Returns what removes what they supersede; it never rejects. */
  async project(projections: readonly Projection[], session: ClientSession | undefined): Promise<() => Promise<void>> {
    const members = projections.flatMap(({ room, members }) => members.map((member) => memberVersion(room, member)))
    const documents = projections.flatMap(({ document }) => (document === undefined ? [] : [documentVersion(document)]))
    const heads = projections.map(({ room, head }) => headVersion(room, head))
    await this.#members.put(members, session)
    await this.#rooms.put(documents, session)
    await this.#rooms.put(heads, session)
    return async () => {
      await Promise.all([this.#members.prune(members), this.#rooms.prune([...documents, ...heads])])
    }
  }

  /** Each with its head and its document, which is as new as the head or newer; rooms without any projection are left out. */
  async get(rooms: readonly RoomId[], session?: ClientSession): Promise<ReadonlyMap<RoomId, RoomRow>> {
    const found = new Map<RoomId, RoomRow>()
    if (rooms.length === 0) return found
    const filter = { room: { $in: rooms.map(encodeText) } }
    // The index gives the order in which R3 wants them read, so it must be this one.
    const options = { sort: ROOMS_ORDER, hint: ROOMS_ORDER }
    const rows = (await this.#connection.find(ROOMS, filter, session, options)).map(roomRowOf)
    for (const { room, document, what, version } of newest(rows, ({ room, what }) => keyOf(room, what))) {
      const known = found.get(room) ?? { head: 0, document: undefined }
      found.set(room, what === 'head' ? { ...known, head: version } : { ...known, document })
    }
    return found
  }

  /** What these users are in these rooms; who never was anything is left out. */
  async members(needs: readonly RoomNeed[], session?: ClientSession): Promise<readonly MemberRow[]> {
    const $or = needs
      .filter(({ users }) => users.length > 0)
      .map(({ room, users }) => ({ room: encodeText(room), user: { $in: users.map(encodeText) } }))
    if ($or.length === 0) return []
    return newestMembers(await this.#connection.find(MEMBERS, { $or }, session))
  }

  /** What these users are, in every room where they are or were something. */
  async membershipsOf(users: readonly UserId[], session?: ClientSession): Promise<readonly MemberRow[]> {
    if (users.length === 0) return []
    const filter = { user: { $in: users.map(encodeText) } }
    return newestMembers(await this.#connection.find(MEMBERS, filter, session))
  }

  /** Ascending by user; only those who are members now. */
  listMembers(room: RoomId, after: UserId | undefined, itemsMax: number): Promise<readonly MemberRow[]> {
    return listNewest({
      read: async (user, limit) => {
        const filter = { room: encodeText(room), ...(user === undefined ? {} : { user: { $gt: encodeText(user) } }) }
        const rows = await this.#connection.find(MEMBERS, filter, undefined, { sort: MEMBERS_ORDER, limit })
        return rows.map(memberRowOf)
      },
      keyOf: ({ user }) => user,
      isListed: ({ role }) => role !== undefined,
      after,
      itemsMax,
    })
  }

  /** Ascending by room. */
  async listHeads(after: RoomId | undefined, itemsMax: number) {
    const listed = await listNewest({
      read: async (room, limit) => {
        const filter = { what: 'head', ...(room === undefined ? {} : { room: { $gt: encodeText(room) } }) }
        const rows = await this.#connection.find(ROOMS, filter, undefined, { sort: ROOMS_ORDER, limit })
        return rows.map(roomRowOf)
      },
      keyOf: ({ room }) => room,
      isListed: () => true,
      after,
      itemsMax,
    })
    return listed.map(({ room, version }) => ({ room, head: version }))
  }
}

function headVersion(room: RoomId, head: number): Version {
  const key = { room: encodeText(room), what: 'head' }
  return { key, version: head, row: { _id: keyOf(room, 'head', head), ...key, version: head } }
}

function documentVersion({ room, seq, kind, name, owner, pair, createdAt, memberCount }: RoomDocument): Version {
  const key = { room: encodeText(room), what: 'room' }
  const about = {
    kind,
    name: name === undefined ? undefined : encodeText(name),
    owner: encodeText(owner),
    pair: pair?.map(encodeText),
    createdAt,
    memberCount,
  }
  return { key, version: seq, row: { _id: keyOf(room, 'room', seq), ...key, version: seq, ...about } }
}

function memberVersion(room: RoomId, { user, role, seq }: MemberDocument): Version {
  const key = { room: encodeText(room), user: encodeText(user) }
  return { key, version: seq, row: { _id: keyOf(room, user, seq), ...key, version: seq, role } }
}

const WHATS = { head: true, room: true }
const ROLES = { owner: true, member: true } satisfies Record<Role, true>

function roomRowOf(raw: Raw) {
  const row = Row.of(ROOMS, raw)
  const [what, room, version] = [row.oneOf('what', WHATS), row.text('room'), row.integer('version')]
  return { what, room, version, document: what === 'room' ? roomDocumentOf(row, room, version) : undefined }
}

function roomDocumentOf(row: Row, room: RoomId, seq: number): RoomDocument {
  return {
    room,
    seq,
    kind: row.oneOf('kind', ROOM_KINDS),
    name: row.textIfAny('name'),
    owner: row.text('owner'),
    pair: pairOf(row),
    createdAt: row.integer('createdAt'),
    memberCount: row.integer('memberCount'),
  }
}

function pairOf(row: Row): readonly [UserId, UserId] | undefined {
  if (!row.has('pair')) return undefined
  const [one, other, ...more] = row.texts('pair')
  return one === undefined || other === undefined || more.length > 0 ? row.wrong('pair', 'two texts') : [one, other]
}

function memberRowOf(raw: Raw): MemberRow {
  const row = Row.of(MEMBERS, raw)
  const version = row.integer('version')
  return {
    room: row.text('room'),
    user: row.text('user'),
    role: row.oneOfIfAny('role', ROLES),
    seq: version,
    version,
  }
}

function newestMembers(rows: readonly Raw[]): readonly MemberRow[] {
  return newest(rows.map(memberRowOf), ({ room, user }) => keyOf(room, user))
}
