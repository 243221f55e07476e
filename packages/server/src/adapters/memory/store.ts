import { partitionOf } from '../../core/identity.ts'
import { Failure } from '../../ports/failure.ts'
import type {
  AuditStore,
  Document,
  EntryDocument,
  EntryId,
  HistoryStore,
  LetterDocument,
  LetterStore,
  MemberDocument,
  Projection,
  RoomDocument,
  RoomId,
  RoomNeed,
  RoomOfUser,
  RoomSnapshot,
  RoomView,
  Settled,
  Store,
  Survey,
  TimelineStore,
  Timestamp,
  UserDocument,
  UserId,
  UserStore,
  ViewRequest,
  WriteRequest,
  Written,
} from '../../ports/store.ts'
import { between, type Call, type Faults } from './faults.ts'

export interface MemoryStoreOptions {
  readonly partitions: number
  readonly faults: Faults
}

/** Invariant: `documents` and the rooms' `places` hold the same documents; `entries` are those of them with seq > 0, ascending. */
interface State {
  readonly documents: Map<EntryId, Document>
  readonly rooms: Map<RoomId, Room>
  /** The rooms each user is or was in. */
  readonly roomsOf: Map<UserId, Set<RoomId>>
  readonly letters: Map<EntryId, LetterDocument>
  readonly users: Map<UserId, UserDocument>
  readonly terms: Map<number, number>
  readonly settled: Map<number, Settled>
  readonly epochs: number[]
}

interface Room {
  /** undefined until something was projected. */
  head: number | undefined
  document: RoomDocument | undefined
  readonly members: Map<UserId, MemberDocument>
  readonly places: Map<number, Document>
  readonly entries: EntryDocument[]
}

/** A store in memory. Every call is one step, so what it returns was true at one moment. */
export class MemoryStore implements Store {
  readonly timeline: TimelineStore
  readonly history: HistoryStore
  readonly letters: LetterStore
  readonly users: UserStore
  readonly audit: AuditStore
  readonly #gate: Gate

  constructor({ partitions, faults }: MemoryStoreOptions) {
    const state: State = {
      documents: new Map(),
      rooms: new Map(),
      roomsOf: new Map(),
      letters: new Map(),
      users: new Map(),
      terms: new Map(),
      settled: new Map(),
      epochs: Array.from({ length: partitions }, () => 1),
    }
    const epochOf = (room: RoomId) => state.epochs[partitionOf(room, partitions)] ?? 1
    this.#gate = new Gate(faults)
    this.timeline = new MemoryTimeline(state, this.#gate, faults)
    this.history = new MemoryHistory(state, this.#gate, epochOf)
    this.letters = new MemoryLetters(state, this.#gate)
    this.users = new MemoryUsers(state, this.#gate)
    this.audit = new MemoryAudit(state, this.#gate)
  }

  close(): void {
    this.#gate.close()
  }
}

/** What every call passes: refused once closed, and between its faults. */
class Gate {
  readonly #faults: Faults
  #closed = false

  constructor(faults: Faults) {
    this.#faults = faults
  }

  pass<T>(call: Call, effect: () => T): Promise<T> {
    return between(this.#faults, call, () => {
      if (this.#closed) throw new Failure('closed', 'the store was closed')
      return effect()
    })
  }

  close(): void {
    this.#closed = true
  }
}

class MemoryTimeline implements TimelineStore {
  /** A fault may make a call as slow as it likes, and a deadline then ends the wait for it. */
  readonly canTimeOut = true
  readonly #state: State
  readonly #gate: Gate
  readonly #faults: Faults

  constructor(state: State, gate: Gate, faults: Faults) {
    this.#state = state
    this.#gate = gate
    this.#faults = faults
  }

  find(keys: readonly { readonly room: RoomId; readonly id: EntryId }[]): Promise<ReadonlyMap<EntryId, Document>> {
    return this.#gate.pass({ call: 'find', ids: keys.map(({ id }) => id) }, () => found(this.#state, keys))
  }

  load(rooms: readonly RoomNeed[], users: readonly UserId[]) {
    return this.#gate.pass({ call: 'load', rooms }, () => ({
      rooms: new Map(rooms.map((need) => [need.room, this.#snapshot(need)])),
      users: new Set(users.filter((user) => this.#state.users.has(user))),
    }))
  }

  async write(request: WriteRequest): Promise<Written> {
    try {
      return await this.#gate.pass({ call: 'write', request }, () => this.#write(request))
    } catch (cause) {
      if (cause instanceof Failure && cause.class !== 'ambiguous' && cause.class !== 'unknown') throw cause
      return { result: 'unknown', cause }
    }
  }

  lease(partition: number, _worker: string): Promise<{ readonly term: number }> {
    return this.#gate.pass({ call: 'lease', partition }, () => {
      const term = (this.#state.terms.get(partition) ?? 0) + 1
      this.#state.terms.set(partition, term)
      return { term }
    })
  }

  term(partition: number): Promise<number> {
    return this.#gate.pass({ call: 'lease', partition }, () => this.#state.terms.get(partition) ?? 0)
  }

  settled(partition: number): Promise<Settled | undefined> {
    return this.#gate.pass({ call: 'settled', partition }, () => this.#state.settled.get(partition))
  }

  epoch(partition: number): Promise<number> {
    return this.#gate.pass({ call: 'epoch', partition }, () => this.#state.epochs[partition] ?? 1)
  }

  raiseEpoch(partition: number, epoch: number): Promise<number> {
    return this.#gate.pass({ call: 'epoch', partition }, () => {
      const now = Math.max(epoch, this.#state.epochs[partition] ?? 1)
      this.#state.epochs[partition] = now
      return now
    })
  }

  #snapshot({ room, users }: RoomNeed): RoomSnapshot {
    const known = this.#state.rooms.get(room)
    const head = known?.head ?? 0
    const members = new Map<UserId, MemberDocument>()
    for (const user of users) {
      const member = known?.members.get(user)
      if (member !== undefined) members.set(user, member)
    }
    const entries = known?.entries ?? []
    return { head, document: known?.document, members, above: entries.slice(firstAbove(entries, head)) }
  }

  #write({ documents, letters, projections, settled }: WriteRequest): Written {
    for (const [at, document] of documents.entries()) {
      try {
        this.#faults.document?.(document, at)
      } catch (cause) {
        if (cause instanceof Failure && cause.class === 'poison') return { result: 'poison', at, cause }
        throw cause
      }
      if (!insert(this.#state, document)) return { result: 'duplicate', at }
    }
    for (const letter of letters) if (!this.#state.letters.has(letter.id)) this.#state.letters.set(letter.id, letter)
    for (const projection of projections) project(this.#state, projection)
    if (settled !== undefined) this.#state.settled.set(settled.partition, settled)
    return { result: 'all' }
  }
}

/** Whether the document is in now and was not before: both its id and its place were free. */
function insert(state: State, document: Document): boolean {
  const room = roomIn(state, document.room)
  if (state.documents.has(document.id) || room.places.has(document.seq)) return false
  state.documents.set(document.id, document)
  room.places.set(document.seq, document)
  if (document.end === 'stored') room.entries.splice(firstAbove(room.entries, document.seq), 0, document)
  return true
}

function project(state: State, { room: id, document, members, head }: Projection): void {
  const room = roomIn(state, id)
  if (document !== undefined && document.seq > (room.document?.seq ?? 0)) room.document = document
  for (const member of members) {
    if (member.seq <= (room.members.get(member.user)?.seq ?? 0)) continue
    room.members.set(member.user, member)
    const rooms = state.roomsOf.get(member.user) ?? new Set()
    state.roomsOf.set(member.user, rooms.add(id))
  }
  room.head = Math.max(head, room.head ?? 0)
}

function roomIn(state: State, id: RoomId): Room {
  let room = state.rooms.get(id)
  if (room === undefined) {
    room = { head: undefined, document: undefined, members: new Map(), places: new Map(), entries: [] }
    state.rooms.set(id, room)
  }
  return room
}

function found(state: State, keys: readonly { readonly room: RoomId; readonly id: EntryId }[]): Map<EntryId, Document> {
  const documents = new Map<EntryId, Document>()
  for (const { room, id } of keys) {
    const document = state.documents.get(id)
    if (document?.room === room) documents.set(id, document)
  }
  return documents
}

/** Where the first entry with a higher seq stands. */
function firstAbove(entries: readonly EntryDocument[], seq: number): number {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle]?.seq ?? 0) > seq) high = middle
    else low = middle + 1
  }
  return low
}

class MemoryHistory implements HistoryStore {
  readonly #state: State
  readonly #gate: Gate
  readonly #epochOf: (room: RoomId) => number

  constructor(state: State, gate: Gate, epochOf: (room: RoomId) => number) {
    this.#state = state
    this.#gate = gate
    this.#epochOf = epochOf
  }

  view(request: ViewRequest): Promise<RoomView> {
    const { room: id, user, after, before, entriesMax } = request
    return this.#gate.pass({ call: 'view', request }, () => {
      const room = this.#state.rooms.get(id)
      const head = room?.head ?? 0
      const entries = room?.entries ?? []
      const from = after === undefined ? 0 : firstAbove(entries, after)
      const to = firstAbove(entries, Math.min(head, (before ?? Number.POSITIVE_INFINITY) - 1))
      const page =
        after === undefined
          ? entries.slice(Math.max(from, to - entriesMax), to)
          : entries.slice(from, Math.min(to, from + entriesMax))
      const member = user === undefined ? undefined : room?.members.get(user)
      return { epoch: this.#epochOf(id), head, document: room?.document, entries: page, member }
    })
  }

  survey(
    users: readonly UserId[],
    commands: readonly { readonly room: RoomId; readonly id: EntryId }[],
  ): Promise<Survey> {
    return this.#gate.pass({ call: 'survey' }, () => {
      const outcomes = found(this.#state, commands)
      for (const { id, room, seq } of outcomes.values())
        if (seq > (this.#state.rooms.get(room)?.head ?? 0)) outcomes.delete(id)
      const rooms = new Map(users.map((user) => [user, this.#roomsOf(user)]))
      return { epochs: [...this.#state.epochs], rooms, outcomes }
    })
  }

  members(room: RoomId, after: UserId | undefined, membersMax: number): Promise<readonly MemberDocument[]> {
    return this.#gate.pass({ call: 'history' }, () =>
      [...(this.#state.rooms.get(room)?.members.values() ?? [])]
        .filter(({ user, role }) => role !== undefined && (after === undefined || byteOrder(user, after) > 0))
        .sort((a, b) => byteOrder(a.user, b.user))
        .slice(0, membersMax),
    )
  }

  entriesAt(places: readonly { readonly room: RoomId; readonly seq: number }[]): Promise<readonly EntryDocument[]> {
    return this.#gate.pass({ call: 'history' }, () =>
      places.flatMap(({ room: id, seq }) => {
        const room = this.#state.rooms.get(id)
        const entry = seq > (room?.head ?? 0) ? undefined : room?.entries[firstAbove(room.entries, seq) - 1]
        return entry?.seq === seq ? [entry] : []
      }),
    )
  }

  rooms(after: RoomId | undefined, roomsMax: number) {
    return this.#gate.pass({ call: 'history' }, () =>
      [...this.#state.rooms]
        .flatMap(([room, { head }]) => (head === undefined ? [] : [{ room, head }]))
        .filter(({ room }) => after === undefined || byteOrder(room, after) > 0)
        .sort((a, b) => byteOrder(a.room, b.room))
        .slice(0, roomsMax),
    )
  }

  #roomsOf(user: UserId): RoomOfUser[] {
    return [...(this.#state.roomsOf.get(user) ?? [])].flatMap((id) => {
      const room = this.#state.rooms.get(id)
      const member = room?.members.get(user)
      if (room?.document === undefined || member?.role === undefined) return []
      const { document, head = 0 } = room
      return [{ document, role: member.role, since: member.seq, head, epoch: this.#epochOf(id) }]
    })
  }
}

/** The order of the UTF-8 bytes, which every engine can keep; that of UTF-16 differs beyond the first plane. */
function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

class MemoryLetters implements LetterStore {
  readonly #state: State
  readonly #gate: Gate

  constructor(state: State, gate: Gate) {
    this.#state = state
    this.#gate = gate
  }

  list(state: LetterDocument['state'] | undefined, cursor: string | undefined, lettersMax: number) {
    return this.#gate.pass({ call: 'letters' }, () => {
      const letters = [...this.#state.letters.values()].filter(
        (letter) => state === undefined || letter.state === state,
      )
      letters.sort((a, b) => newestFirst(a, b))
      const last = cursor === undefined ? undefined : place(cursor)
      const rest = last === undefined ? letters : letters.filter((letter) => newestFirst(letter, last) > 0)
      const items = rest.slice(0, lettersMax)
      const end = items.at(-1)
      return { items, next: end === undefined || items.length === rest.length ? undefined : cursorOf(end) }
    })
  }

  get(id: EntryId): Promise<LetterDocument | undefined> {
    return this.#gate.pass({ call: 'letters' }, () => this.#state.letters.get(id))
  }

  mark(id: EntryId, state: LetterDocument['state'], at: Timestamp, by: string): Promise<boolean> {
    return this.#gate.pass({ call: 'letters' }, () => {
      const letter = this.#state.letters.get(id)
      if (letter === undefined) return false
      this.#state.letters.set(id, { ...letter, state, stateAt: at, stateBy: by })
      return true
    })
  }
}

type LetterPlace = Pick<LetterDocument, 'firstFailedAt' | 'id'>

function newestFirst(a: LetterPlace, b: LetterPlace): number {
  return b.firstFailedAt - a.firstFailedAt || byteOrder(b.id, a.id)
}

function cursorOf({ firstFailedAt, id }: LetterPlace): string {
  return `${firstFailedAt}/${id}`
}

/** The place a cursor names; what is no cursor of ours stands before everything. */
function place(cursor: string): LetterPlace {
  const slash = cursor.indexOf('/')
  const firstFailedAt = Number(cursor.slice(0, slash))
  return {
    firstFailedAt: Number.isNaN(firstFailedAt) ? Number.POSITIVE_INFINITY : firstFailedAt,
    id: cursor.slice(slash + 1),
  }
}

class MemoryUsers implements UserStore {
  readonly #state: State
  readonly #gate: Gate

  constructor(state: State, gate: Gate) {
    this.#state = state
    this.#gate = gate
  }

  put(user: UserId, name: string | undefined, at: Timestamp): Promise<UserDocument> {
    return this.#gate.pass({ call: 'users' }, () => {
      const known = this.#state.users.get(user)
      const document = { user, name: name ?? known?.name, createdAt: known?.createdAt ?? at }
      this.#state.users.set(user, document)
      return document
    })
  }

  get(user: UserId): Promise<UserDocument | undefined> {
    return this.#gate.pass({ call: 'users' }, () => this.#state.users.get(user))
  }
}

class MemoryAudit implements AuditStore {
  readonly #state: State
  readonly #gate: Gate

  constructor(state: State, gate: Gate) {
    this.#state = state
    this.#gate = gate
  }

  documents(after: { readonly room: RoomId; readonly seq: number } | undefined, documentsMax: number) {
    return this.#gate.pass({ call: 'audit' }, () => {
      const documents: Document[] = []
      for (const room of [...this.#state.rooms.keys()].sort(byteOrder)) {
        if (documents.length >= documentsMax) break
        const order = after === undefined ? 1 : byteOrder(room, after.room)
        if (order < 0) continue
        const above = order === 0 && after !== undefined ? after.seq : Number.NEGATIVE_INFINITY
        const places = [...(this.#state.rooms.get(room)?.places.values() ?? [])]
        documents.push(...places.filter(({ seq }) => seq > above).sort((a, b) => a.seq - b.seq))
      }
      return documents.slice(0, documentsMax)
    })
  }
}
