import type { Client } from './client.ts'
import { checkHistory } from './history.ts'
import { Messages } from './messages.ts'
import { type OnStored, type Pace, sendAtRate } from './pacing.ts'
import { roomsPerPartition, SENDER } from './preload.ts'
import { createRoom } from './rooms.ts'
import { type Sent, sendInClosedLoop, type Until } from './sender.ts'
import type { Holdfast } from './server.ts'

/** A room with who sends into it. */
export interface Lane {
  readonly client: Client
  readonly room: string
  /** Of the new room. */
  readonly head: number
}

/** A connection with a room of its own in each partition. */
export class Lanes {
  readonly #server: Holdfast
  readonly #partitions: number
  readonly #clients: readonly Client[]
  #count = 0

  private constructor(server: Holdfast, partitions: number, clients: readonly Client[]) {
    this.#server = server
    this.#partitions = partitions
    this.#clients = clients
  }

  static async open(server: Holdfast, partitions: number): Promise<Lanes> {
    // Administrators: nobody else may send more than fifty a second. Each another one, who is pushed what is said in one room only.
    const clients = Array.from({ length: partitions }, (_, i) => server.signIn(`${SENDER}-${i}`, 'administrator'))
    return new Lanes(server, partitions, await Promise.all(clients))
  }

  /** New rooms, so that their histories are what is sent now. */
  async rooms(): Promise<readonly Lane[]> {
    const rooms = roomsPerPartition(this.#partitions, 1, `bench-${++this.#count}`).flat()
    return await Promise.all(
      this.#clients.map(async (client, i) => {
        const room = rooms[i] ?? ''
        return { client, room, head: await createRoom(client, room, []) }
      }),
    )
  }

  /** As fast as the server takes them with so many in flight, shared by the lanes. */
  async flood(lanes: readonly Lane[], inFlight: number, until: Until): Promise<readonly Sent[]> {
    const share = Math.ceil(inFlight / lanes.length)
    const sent = await Promise.all(
      lanes.map(({ client, room, head }) => sendInClosedLoop(client, new Messages(room), share, head, until)),
    )
    const counts = sent.map(({ messages }) => messages)
    await this.#check(lanes, counts)
    return sent
  }

  /** So many a second, shared by the lanes. Resolves with how many messages each has. */
  async pace(
    lanes: readonly Lane[],
    { perSecond, seconds }: Pace,
    onStored: (lane: Lane) => OnStored,
  ): Promise<readonly number[]> {
    const pace = { perSecond: perSecond / lanes.length, seconds }
    const counts = await Promise.all(
      lanes.map((lane) => sendAtRate(lane.client, new Messages(lane.room), lane.head, pace, onStored(lane))),
    )
    await this.#check(lanes, counts)
    return counts
  }

  async #check(lanes: readonly Lane[], counts: readonly number[]): Promise<void> {
    await Promise.all(lanes.map(({ room, head }, i) => checkHistory(this.#server, room, head, counts[i] ?? 0)))
  }

  close(): void {
    for (const client of this.#clients) client.close()
  }
}

/** Stored a second, by all of them together. */
export function rateOf(sent: readonly Sent[]): number {
  return sent.reduce((sum, { counted, seconds }) => sum + counted / seconds, 0)
}
