import type { Offset } from '../ports/log.ts'
import type { RoomId, Timestamp, UserId } from '../ports/store.ts'
import type { Random } from '../ports/system.ts'
import { type Backoff, waitMs } from './retry.ts'

/** A record that can wait. Of one lane (room, sender) all wait as soon as one does, in the order of their offsets. */
export interface Waiter {
  readonly room: RoomId
  readonly sender: UserId
  readonly offset: Offset
  /** When the log took it: its wait runs from there. */
  readonly timestamp: Timestamp
  readonly bytes: number
  /** Fresh look-ups made for its doubt. */
  doubts: number
  /** Its lane was chosen to end now, whatever its deadline says, because too much waits. */
  hurried: boolean
}

export interface LaneSettings {
  /** How long a doubt may last, from the record's log timestamp. */
  readonly laneWaitMsMax: number
  /** Fresh look-ups a doubt gets even where its deadline passed while nobody worked. */
  readonly laneTriesMin: number
  readonly laneBackoff: Backoff
}

/**
 * Who waits behind whom, and until when.
 * Invariants: a lane's records stand in rising order of their offsets; every room in here has a lane whose first record waits for
 * a user (`awaits`), because nothing else waits but behind such a one; a room's records leave together, or not at all,
 * so whatever is decided about a room meanwhile lies above everything of that room that waits.
 */
export class Lanes<Record extends Waiter> {
  readonly #settings: LaneSettings
  readonly #random: Random
  readonly #rooms = new Map<RoomId, WaitingRoom<Record>>()
  #lanes = 0
  #records = 0
  #bytes = 0

  constructor(settings: LaneSettings, random: Random) {
    this.#settings = settings
    this.#random = random
  }

  get lanes(): number {
    return this.#lanes
  }

  get records(): number {
    return this.#records
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether a new record of this sender has to wait behind an earlier one (I5). */
  waits(room: RoomId, sender: UserId): boolean {
    return this.#rooms.get(room)?.lanes.has(sender) ?? false
  }

  /** Whether any record of this room waits: then no refusal that depends on the room's state is final (R6). */
  waitsIn(room: RoomId): boolean {
    return this.#rooms.has(room)
  }

  /** `awaits`: the user not known yet; undefined for a record that only waits behind another. */
  park(record: Record, awaits: UserId | undefined, now: Timestamp): void {
    let room = this.#rooms.get(record.room)
    if (room === undefined) {
      room = { lanes: new Map(), dueAt: now + waitMs(this.#random, this.#settings.laneBackoff, record.doubts) }
      this.#rooms.set(record.room, room)
    }
    const lane = room.lanes.get(record.sender)
    if (lane === undefined) {
      room.lanes.set(record.sender, { awaits, records: [record] })
      this.#lanes++
    } else insertInOrder(lane.records, record)
    this.#records++
    this.#bytes += record.bytes
  }

  /** The earliest time at which a room should be looked at again. */
  get dueAt(): Timestamp | undefined {
    let earliest: Timestamp | undefined
    for (const { dueAt } of this.#rooms.values()) if (earliest === undefined || dueAt < earliest) earliest = dueAt
    return earliest
  }

  /** The users whom the rooms due now wait for. */
  awaited(now: Timestamp): ReadonlySet<UserId> {
    const users = new Set<UserId>()
    for (const room of this.#due(now))
      for (const { awaits } of room.lanes.values()) if (awaits !== undefined) users.add(awaits)
    return users
  }

  /**
   * After a look-up that began at `lookedUpAt`: the rooms due then in which something can go on, whole and in log order; the others
   * wait for their next try.
   */
  release(registered: ReadonlySet<UserId>, lookedUpAt: Timestamp, now: Timestamp): Record[] {
    const released: Record[] = []
    for (const room of [...this.#due(lookedUpAt)]) {
      const tries = this.#count(room)
      if (this.#mayGoOn(room, registered, lookedUpAt)) this.#take(room, released)
      else room.dueAt = now + waitMs(this.#random, this.#settings.laneBackoff, tries)
    }
    return released.sort((a, b) => a.offset - b.offset)
  }

  /** The look-up failed: that was no try. */
  postpone(lookedUpAt: Timestamp, now: Timestamp): void {
    for (const room of this.#due(lookedUpAt)) room.dueAt = now + waitMs(this.#random, this.#settings.laneBackoff, 30)
  }

  /** Whether a doubt that this record still has, after a look-up begun at `lookedUpAt`, is given up. */
  givesUp({ timestamp, doubts, hurried }: Waiter, lookedUpAt: Timestamp): boolean {
    if (hurried) return true
    return doubts >= this.#settings.laneTriesMin && lookedUpAt >= timestamp + this.#settings.laneWaitMsMax
  }

  /** Makes the lane that has waited longest due now, and the next look-up its last. */
  hurryOldest(now: Timestamp): void {
    let oldest: { room: WaitingRoom<Record>; lane: Lane<Record>; offset: Offset } | undefined
    for (const room of this.#rooms.values()) {
      for (const lane of room.lanes.values()) {
        const offset = lane.records[0]?.offset ?? Number.POSITIVE_INFINITY
        if (oldest === undefined || offset < oldest.offset) oldest = { room, lane, offset }
      }
    }
    if (oldest === undefined || oldest.lane.records[0]?.hurried) return
    for (const record of oldest.lane.records) record.hurried = true
    oldest.room.dueAt = Math.min(oldest.room.dueAt, now)
  }

  *#due(now: Timestamp): Iterable<WaitingRoom<Record>> {
    for (const room of this.#rooms.values()) if (room.dueAt <= now) yield room
  }

  /** One more fresh look-up for each record that is in doubt itself. */
  #count(room: WaitingRoom<Record>): number {
    let fewest = Number.POSITIVE_INFINITY
    for (const { awaits, records } of room.lanes.values()) {
      const [first] = records
      if (awaits === undefined || first === undefined) continue
      first.doubts++
      fewest = Math.min(fewest, first.doubts)
    }
    return fewest
  }

  #mayGoOn(room: WaitingRoom<Record>, registered: ReadonlySet<UserId>, lookedUpAt: Timestamp): boolean {
    for (const { awaits, records } of room.lanes.values()) {
      const [first] = records
      if (awaits === undefined || first === undefined) continue
      if (registered.has(awaits) || this.givesUp(first, lookedUpAt)) return true
    }
    return false
  }

  #take(room: WaitingRoom<Record>, into: Record[]): void {
    for (const { records } of room.lanes.values()) {
      this.#lanes--
      for (const record of records) {
        this.#records--
        this.#bytes -= record.bytes
        into.push(record)
      }
      const [first] = records
      if (first !== undefined) this.#rooms.delete(first.room)
    }
  }
}

interface WaitingRoom<Record> {
  readonly lanes: Map<UserId, Lane<Record>>
  dueAt: Timestamp
}

interface Lane<Record> {
  readonly awaits: UserId | undefined
  readonly records: Record[]
}

/** Nearly always at the end: only a copy of an earlier record comes late. */
function insertInOrder(records: Waiter[], record: Waiter): void {
  let at = records.length
  while (at > 0 && (records[at - 1]?.offset ?? 0) > record.offset) at--
  records.splice(at, 0, record)
}
