import type { Client } from './client.ts'
import { checkHistory } from './history.ts'
import { Messages } from './messages.ts'
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

  /** As fast as the server takes them with so many in flight, shared by the lanes; everything is looked for in history. */
  async flood(lanes: readonly Lane[], inFlight: number, until: Until): Promise<readonly Sent[]> {
    const share = Math.ceil(inFlight / lanes.length)
    const sent = await Promise.all(
      lanes.map(({ client, room, head }) => sendInClosedLoop(client, new Messages(room), share, head, until)),
    )
    for (const [i, { room, head }] of lanes.entries())
      await checkHistory(this.#server, room, head, sent[i]?.messages ?? 0)
    return sent
  }

  close(): void {
    for (const client of this.#clients) client.close()
  }
}

/** Stored a second, by all of them together. */
export function rateOf(sent: readonly Sent[]): number {
  return sent.reduce((sum, { counted, seconds }) => sum + counted / seconds, 0)
}
