import { apply, projection, type RoomState, roomState } from '../core/room.ts'
import type { EntryDocument, Projection, RoomId, RoomNeed, RoomSnapshot, UserId } from '../ports/store.ts'

/** A room as of `state.head`, of which the store's documents show everything up to `projected`. */
export interface KnownRoom {
  state: RoomState
  projected: number
  /** The entries above `projected`: whoever knows them projects them first (R3). */
  above: EntryDocument[]
  bytes: number
}

/** The bytes a room and a member of it take here, roughly: the bound is there to hold, not to be met exactly. */
const ROOM_BYTES = 600
const MEMBER_BYTES = 150

/**
 * What is known of rooms while a partition is owned, the least recently used first.
 * A room is as of exactly one seq, moves only by its next entry, and is dropped whole when anything contradicts it (R3, R4).
 */
export class Rooms {
  readonly #bytesMax: number
  readonly #rooms = new Map<RoomId, KnownRoom>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get(room: RoomId): KnownRoom | undefined {
    return this.#rooms.get(room)
  }

  forget(room: RoomId): void {
    const known = this.#rooms.get(room)
    if (known === undefined) return
    this.#rooms.delete(room)
    this.#bytes -= known.bytes
  }

  /** Takes in what was loaded. Where it shows another head than what is known already, the room is dropped instead, and false returned. */
  absorb(need: RoomNeed, snapshot: RoomSnapshot): boolean {
    const state = roomState(need, snapshot)
    const known = this.#rooms.get(need.room)
    if (known === undefined) {
      const fresh = { state, projected: snapshot.head, above: [...snapshot.above], bytes: 0 }
      this.#rooms.set(need.room, fresh)
      this.#weigh(fresh)
      return true
    }
    if (known.state.head !== state.head) {
      this.forget(need.room)
      return false
    }
    for (const [user, member] of state.members)
      if (!known.state.members.has(user)) known.state.members.set(user, member)
    if (snapshot.head > known.projected) {
      known.projected = snapshot.head
      known.above = known.above.filter(({ seq }) => seq > snapshot.head)
    }
    this.#weigh(known)
    return true
  }

  /** The next entry of the room is durable, but not projected yet. */
  stored(entry: EntryDocument): void {
    const known = this.#rooms.get(entry.room)
    if (known === undefined) return
    apply(known.state, entry)
    known.above.push(entry)
  }

  /** Everything up to this state is durable and projected. */
  projected(known: KnownRoom, state: RoomState): void {
    known.state = state
    known.projected = state.head
    if (known.above.length > 0) known.above = []
    this.#weigh(known)
    // Reinserted, the room is the one used last.
    this.#rooms.delete(state.room)
    this.#rooms.set(state.room, known)
  }

  /** Between batches, when nobody holds a room. */
  trim(): void {
    for (const room of this.#rooms.keys()) {
      if (this.#bytes <= this.#bytesMax) return
      this.forget(room)
    }
  }

  #weigh(known: KnownRoom): void {
    const bytes = ROOM_BYTES + known.state.members.size * MEMBER_BYTES
    this.#bytes += bytes - known.bytes
    known.bytes = bytes
  }
}

/** A room with what a batch has decided of it so far: dropped unless the write succeeds. */
export class Tentative {
  readonly known: KnownRoom
  state: RoomState
  readonly entries: EntryDocument[] = []
  #ownsMembers = false

  constructor(known: KnownRoom) {
    this.known = known
    this.state = { ...known.state }
  }

  add(entry: EntryDocument): void {
    // Messages change no member, so the (possibly long) list of them is shared until something does.
    if (entry.content.kind !== 'message' && !this.#ownsMembers) {
      this.state = { ...this.state, members: new Map(this.state.members) }
      this.#ownsMembers = true
    }
    apply(this.state, entry)
    this.entries.push(entry)
  }

  /** What has to be projected so that readers see everything decided here; undefined where they do already. */
  projection(): Projection | undefined {
    const { known, state, entries } = this
    if (state.head <= known.projected) return undefined
    return projection(state, known.above.length === 0 ? entries : [...known.above, ...entries])
  }
}

/** The users of a room whose membership has to be looked up. */
export class Needs {
  readonly #rooms = new Map<RoomId, Set<UserId>>()

  add(room: RoomId, user: UserId | undefined): void {
    let users = this.#rooms.get(room)
    if (users === undefined) {
      users = new Set()
      this.#rooms.set(room, users)
    }
    if (user !== undefined) users.add(user)
  }

  get size(): number {
    return this.#rooms.size
  }

  list(): readonly RoomNeed[] {
    return [...this.#rooms].map(([room, users]) => ({ room, users: [...users] }))
  }
}
