import { sha256 } from '../../adapters/system/sha256.ts'
import { entryId } from '../../core/identity.ts'
import { Refusal } from '../connection.ts'
import { type PageBounds, roomPath, type TimelinePage, timelinePath } from '../timeline.ts'
import { type Asking, STORED } from './asking.ts'
import { EarlierEntries } from './earlier.ts'
import type { ImportLimits } from './importer.ts'
import type { ImportIds, ImportLine } from './line.ts'
import { Recent } from './recent.ts'

/** What became of a line: stored now; stored by an earlier run; or stored once, by an earlier run or by a try of ours whose answer was lost. */
export type Delivered = 'imported' | 'already' | 'repeated'

export function userPath(user: string): string {
  return `/v1/users/${encodeURIComponent(user)}`
}

/** The way of one line: what it needs is created, then it is sent, unless an earlier run has stored it. One at a time for each room. */
export class Delivery {
  readonly #asking: Asking
  readonly #ids: ImportIds
  readonly #resumedRoomsMax: number
  readonly #users: Recent
  readonly #rooms: Recent
  readonly #members: Recent
  /** Of rooms that were there before this run. */
  readonly #earlier = new Map<string, EarlierEntries>()

  constructor(
    asking: Asking,
    ids: ImportIds,
    { rememberedMax, resumedRoomsMax }: Pick<ImportLimits, 'rememberedMax' | 'resumedRoomsMax'>,
  ) {
    this.#asking = asking
    this.#ids = ids
    this.#resumedRoomsMax = resumedRoomsMax
    this.#users = new Recent(rememberedMax)
    this.#rooms = new Recent(rememberedMax)
    this.#members = new Recent(rememberedMax)
  }

  /** Resolves when the line is stored. Rejects like `Asking.ask`. */
  async deliver(line: ImportLine): Promise<Delivered> {
    const { room, sender, at, text } = line
    if (!this.#rooms.has(room)) await this.#createRoom(line)
    if (await this.#isStored(line)) return 'already'
    await this.#createUser(sender)
    if (!this.#members.has(membership(line))) await this.#addMember(line)
    const message = { clientId: this.#ids.message(line), text, sender, at }
    const { answer, isCertain } = await this.#asking.ask('POST', `${roomPath(room)}/messages?${STORED}`, message)
    const { duplicate } = answer.body as { duplicate: boolean }
    if (!duplicate) return 'imported'
    return isCertain ? 'already' : 'repeated'
  }

  async #createUser(user: string): Promise<void> {
    if (this.#users.has(user)) return
    await this.#asking.ask('PUT', userPath(user), {})
    this.#users.add(user)
  }

  async #createRoom(line: ImportLine): Promise<void> {
    const { room, sender, at } = line
    await this.#createUser(sender)
    const create = { room, kind: 'group', name: room, members: [], clientId: this.#ids.room(line), sender, at }
    try {
      const { answer } = await this.#asking.ask('POST', `/v1/rooms?${STORED}`, create)
      // Whoever creates a room owns it, and is in it.
      this.#members.add(membership(line))
      const { duplicate } = answer.body as { duplicate?: boolean }
      if (duplicate !== false) this.#readEarlier(room)
    } catch (error) {
      // Somebody else has created it: then the sender has to be added like any other.
      if (!(error instanceof Refusal) || error.code !== 'CONFLICT') throw error
      this.#readEarlier(room)
    }
    this.#rooms.add(room)
  }

  async #addMember(line: ImportLine): Promise<void> {
    const query = new URLSearchParams({ wait: 'accepted', clientId: this.#ids.member(line) })
    await this.#asking.ask('PUT', `${roomPath(line.room)}/members/${encodeURIComponent(line.sender)}?${query}`)
    this.#members.add(membership(line))
  }

  // ---- what an earlier run has stored -------------------------------------------------------------------------------------

  #readEarlier(room: string): void {
    const [oldest] = this.#earlier.keys()
    if (this.#earlier.size >= this.#resumedRoomsMax && oldest !== undefined) this.#earlier.delete(oldest)
    const readPage = async (bounds: PageBounds) => {
      const { answer } = await this.#asking.ask('GET', timelinePath(room, bounds))
      return (answer.body as TimelinePage).entries
    }
    this.#earlier.set(room, new EarlierEntries(readPage))
  }

  async #isStored(line: ImportLine): Promise<boolean> {
    const { room, sender } = line
    const earlier = this.#earlier.get(room)
    if (earlier === undefined) return false
    const isStored = await earlier.has(entryId(sha256, room, sender, this.#ids.message(line)), line)
    if (earlier.isAtEnd) this.#earlier.delete(room)
    if (isStored) {
      this.#users.add(sender)
      this.#members.add(membership(line))
    }
    return isStored
  }
}

function membership({ room, sender }: ImportLine): string {
  return JSON.stringify([room, sender])
}
