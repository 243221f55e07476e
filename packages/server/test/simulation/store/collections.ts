import type {
  Document,
  EntryDocument,
  EntryId,
  LetterDocument,
  MemberDocument,
  RoomDocument,
  RoomId,
  Settled,
  UserDocument,
  UserId,
} from '../../../src/ports/store.ts'
import type { Change, Primary } from './replica-set.ts'
import { type Position, Versioned } from './versioned.ts'

/** A document that is inserted once, and since when a majority has it. */
export interface Inserted<D extends Document = Document> {
  readonly document: D
  readonly position: Position
}

export interface Room {
  readonly head: Versioned<number>
  readonly document: Versioned<RoomDocument>
  readonly members: Map<UserId, Versioned<MemberDocument>>
  readonly places: Map<number, Inserted>
  /** Those of `places` that are entries, ascending by seq. */
  readonly entries: Inserted<EntryDocument>[]
}

/** Everything a restore sets back. */
export interface Backup {
  readonly documents: readonly Document[]
  readonly rooms: ReadonlyMap<RoomId, BackedUpRoom>
  readonly letters: readonly LetterDocument[]
  readonly settled: readonly (Settled | undefined)[]
  readonly epochs: readonly number[]
}

interface BackedUpRoom {
  readonly head: number | undefined
  readonly document: RoomDocument | undefined
  readonly members: readonly MemberDocument[]
}

/** What is stored. Invariant: `documents` and the rooms' `places` hold the same documents, those that a majority has. */
export class Collections {
  readonly partitions: number
  documents = new Map<EntryId, Inserted>()
  rooms = new Map<RoomId, Room>()
  letters = new Map<EntryId, Versioned<LetterDocument>>()
  /** The rooms in which each user may ever have been: the members say which. */
  roomsOf = new Map<UserId, Set<RoomId>>()
  settled: Versioned<Settled>[]
  epochs: Versioned<number>[]
  readonly terms: Versioned<number>[]
  readonly users = new Map<UserId, Versioned<UserDocument>>()

  constructor(partitions: number) {
    this.partitions = partitions
    this.settled = perPartition(partitions)
    this.epochs = perPartition(partitions)
    this.terms = perPartition(partitions)
  }

  room(id: RoomId): Room {
    return entryOf(this.rooms, id, newRoom)
  }

  member(room: RoomId, user: UserId): Versioned<MemberDocument> {
    entryOf(this.roomsOf, user, () => new Set<RoomId>()).add(room)
    return entryOf(this.room(room).members, user, () => new Versioned<MemberDocument>())
  }

  letter(id: EntryId): Versioned<LetterDocument> {
    return entryOf(this.letters, id, () => new Versioned<LetterDocument>())
  }

  user(id: UserId): Versioned<UserDocument> {
    return entryOf(this.users, id, () => new Versioned<UserDocument>())
  }

  ofPartition<T>(each: readonly Versioned<T>[], partition: number): Versioned<T> {
    const found = each[partition]
    if (found === undefined) throw new Error(`there is no partition ${partition}`)
    return found
  }

  /** Whether one of the two unique keys is taken, as this primary sees it: it may see what no majority read shows, and vice versa. */
  isTaken(primary: Primary, { id, room, seq }: Document): boolean {
    const isSeen = (inserted: Inserted | undefined) => inserted !== undefined && inserted.position <= primary.sees
    return (
      primary.ids.has(id) ||
      primary.places.has(placeOf(room, seq)) ||
      isSeen(this.documents.get(id)) ||
      isSeen(this.rooms.get(room)?.places.get(seq))
    )
  }

  /** What majority reads show under one of its two keys. */
  hasShown({ id, room, seq }: Document): boolean {
    return this.documents.has(id) || this.rooms.get(room)?.places.has(seq) === true
  }

  insert(document: Document): Change {
    const { id, room, seq } = document
    const place = placeOf(room, seq)
    return {
      show: (primary) => {
        primary.ids.set(id, document)
        primary.places.add(place)
      },
      commit: (primary, position) => {
        this.#add(document, position)
        primary.ids.delete(id)
        primary.places.delete(place)
      },
    }
  }

  // ---- restoring -------------------------------------------------------------------------------------------------------

  backup(at: Position): Backup {
    const rooms = [...this.rooms].map(([id, room]): [RoomId, BackedUpRoom] => {
      const members = [...room.members.values()].flatMap((member) => member.at(at) ?? [])
      return [id, { head: room.head.at(at), document: room.document.at(at), members }]
    })
    return {
      documents: [...this.documents.values()].flatMap(({ document, position }) => (position <= at ? [document] : [])),
      rooms: new Map(rooms),
      letters: [...this.letters.values()].flatMap((letter) => letter.at(at) ?? []),
      settled: this.settled.map((settled) => settled.at(at)),
      epochs: this.epochs.map((epoch) => epoch.at(at) ?? 1),
    }
  }

  /** Terms and users stay: a lease is no part of history, and applications bring their users again. */
  restore(
    { documents, rooms, letters, settled, epochs }: Backup,
    { primary, position: at }: { readonly primary: Primary; readonly position: Position },
  ): void {
    this.documents = new Map()
    this.rooms = new Map()
    this.letters = new Map()
    this.roomsOf = new Map()
    this.settled = perPartition(this.partitions)
    this.epochs = perPartition(this.partitions)
    const put = <T>(where: Versioned<T>, value: T | undefined) => {
      if (value !== undefined) where.commit(primary, value, at)
    }
    for (const document of documents) this.#add(document, at)
    for (const [id, { head, document, members }] of rooms) {
      const room = this.room(id)
      put(room.head, head)
      put(room.document, document)
      for (const member of members) put(this.member(id, member.user), member)
    }
    for (const letter of letters) put(this.letter(letter.id), letter)
    for (const [partition, value] of settled.entries()) put(this.ofPartition(this.settled, partition), value)
    for (const [partition, value] of epochs.entries()) put(this.ofPartition(this.epochs, partition), value)
  }

  #add(document: Document, position: Position): void {
    const { id, seq } = document
    const room = this.room(document.room)
    this.documents.set(id, { document, position })
    room.places.set(seq, { document, position })
    if (document.end === 'stored') room.entries.splice(firstAbove(room.entries, seq), 0, { document, position })
  }
}

/** The change that gives a versioned document another value. */
export function setting<T>(versioned: Versioned<T>, value: T): Change {
  return {
    show: (primary) => versioned.show(primary, value),
    commit: (primary, position) => versioned.commit(primary, value, position),
  }
}

/** Where the first entry with a higher seq stands. */
export function firstAbove(entries: readonly Inserted<EntryDocument>[], seq: number): number {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle]?.document.seq ?? 0) > seq) high = middle
    else low = middle + 1
  }
  return low
}

/** The order of the UTF-8 bytes. */
export function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function newRoom(): Room {
  return { head: new Versioned(), document: new Versioned(), members: new Map(), places: new Map(), entries: [] }
}

function perPartition<T>(partitions: number): Versioned<T>[] {
  return Array.from({ length: partitions }, () => new Versioned<T>())
}

function placeOf(room: RoomId, seq: number): string {
  return `${seq} ${room}`
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
