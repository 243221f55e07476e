import { partitionOf } from '../../../src/core/identity.ts'
import { Failure } from '../../../src/ports/failure.ts'
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
} from '../../../src/ports/store.ts'
import type { Client, Moment } from './client.ts'
import { byteOrder, type Collections } from './collections.ts'
import { entriesIn, found, headOf, membershipsOf, roomOfUser } from './reading.ts'
import type { Position } from './versioned.ts'

/** Reads of one call that ended under another epoch than they began with. */
const AGAIN_MAX = 5

/** The readers' side, as one process has it: each call is several commands, from some moment of the past on. */
export class SimulatedHistory implements HistoryStore {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /** (epoch, head), then entries, then membership (G5), then the epoch again (G7). */
  view({ room, user, after, before, entriesMax }: ViewRequest): Promise<RoomView> {
    const collections = this.#collections
    return this.#underOneEpoch(`views ${room}`, tellView, async (epochs, moment) => {
      let at = await moment()
      const head = headOf(collections, room, at)
      const document = collections.rooms.get(room)?.document.at(at)
      at = await moment()
      const through = Math.min(head, (before ?? Number.POSITIVE_INFINITY) - 1)
      const all = entriesIn(collections, room, after ?? 0, through, at)
      const entries = after === undefined ? all.slice(Math.max(0, all.length - entriesMax)) : all.slice(0, entriesMax)
      at = await moment()
      const member = user === undefined ? undefined : collections.rooms.get(room)?.members.get(user)?.at(at)
      return { epoch: this.#epochOf(room, epochs), head, document, entries, member }
    })
  }

  /** Epochs, memberships, then the rooms with their heads, then outcomes, then the epochs again. */
  survey(
    users: readonly UserId[],
    commands: readonly { readonly room: RoomId; readonly id: EntryId }[],
  ): Promise<Survey> {
    const collections = this.#collections
    return this.#underOneEpoch('surveys', tellSurvey, async (epochs, moment) => {
      let at = await moment()
      const memberships = users.map((user) => membershipsOf(collections, user, at))
      at = await moment()
      const rooms = new Map(
        users.map((user, i) => [
          user,
          (memberships[i] ?? []).flatMap(([room, member]) =>
            roomOfUser(collections, room, member, this.#epochOf(room, epochs), at),
          ),
        ]),
      )
      at = await moment()
      const outcomes = found(collections, commands, at)
      for (const { id, room, seq } of outcomes.values()) if (seq > headOf(collections, room, at)) outcomes.delete(id)
      return { epochs, rooms, outcomes }
    })
  }

  members(room: RoomId, after: UserId | undefined, membersMax: number): Promise<readonly MemberDocument[]> {
    return this.#client.readHistory('lists members', async (moment) => {
      const at = await moment()
      return [...(this.#collections.rooms.get(room)?.members.values() ?? [])]
        .flatMap((member) => member.at(at) ?? [])
        .filter(({ user, role }) => role !== undefined && (after === undefined || byteOrder(user, after) > 0))
        .sort((a, b) => byteOrder(a.user, b.user))
        .slice(0, membersMax)
    })
  }

  entriesAt(places: readonly { readonly room: RoomId; readonly seq: number }[]): Promise<readonly EntryDocument[]> {
    const collections = this.#collections
    return this.#client.readHistory('looks up entries', async (moment) => {
      const at = await moment()
      return places.flatMap(({ room, seq }) => {
        const through = Math.min(seq, headOf(collections, room, at))
        return entriesIn(collections, room, seq - 1, through, at)
      })
    })
  }

  rooms(after: RoomId | undefined, roomsMax: number) {
    return this.#client.readHistory('lists rooms', async (moment) => {
      const at = await moment()
      return [...this.#collections.rooms]
        .flatMap(([room, { head }]) => ({ room, head: head.at(at) }))
        .flatMap(({ room, head }) => (head === undefined ? [] : [{ room, head }]))
        .filter(({ room }) => after === undefined || byteOrder(room, after) > 0)
        .sort((a, b) => byteOrder(a.room, b.room))
        .slice(0, roomsMax)
    })
  }

  /** Reads again where the epochs at the end are not those of the beginning. */
  #underOneEpoch<T>(
    call: string,
    tell: (result: T) => string,
    read: (epochs: readonly number[], moment: Moment) => Promise<T>,
  ): Promise<T> {
    const run = async (moment: Moment) => {
      for (let again = 0; again < AGAIN_MAX; again++) {
        const epochs = this.#epochs(await moment())
        const result = await read(epochs, moment)
        if (this.#epochs(await moment()).every((epoch, partition) => epoch === epochs[partition])) return result
        this.#client.shared.engine.surroundings.sometimes('store.history.epochChanged')
      }
      throw new Failure('transient', 'the epoch changed with every read')
    }
    return this.#client.readHistory(call, run, tell)
  }

  #epochs(at: Position): readonly number[] {
    return this.#collections.epochs.map((epoch) => epoch.at(at) ?? 1)
  }

  #epochOf(room: RoomId, epochs: readonly number[]): number {
    return epochs[partitionOf(room, this.#collections.partitions)] ?? 1
  }

  get #collections(): Collections {
    return this.#client.shared.collections
  }
}

function tellView({ epoch, head, entries, member }: RoomView): string {
  return `${entries.map(({ seq }) => seq).join(' ')} up to ${head} in ${epoch}, as ${member?.role ?? 'nobody'}`
}

function tellSurvey({ epochs, outcomes }: Survey): string {
  return `epochs ${epochs.join(' ')}, ends of ${[...outcomes.keys()].join(' ')}`
}
