import { randomUUID } from 'node:crypto'
import { LIMITS } from '@holdfast/protocol'
import type { Client } from './client.ts'

/** Creates a group and resolves with its head: one entry for itself, and one for each member that did not fit into the first command. */
export async function createRoom(owner: Client, room: string, members: readonly string[]): Promise<number> {
  const first = members.slice(0, LIMITS.membersPerCommandMax)
  const others = members.slice(LIMITS.membersPerCommandMax)
  const created = await owner.request({
    type: 'create_room',
    clientId: randomUUID(),
    room,
    kind: 'group',
    members: first,
  })
  const added = await Promise.all(
    others.map((user) => owner.request({ type: 'add_member', clientId: randomUUID(), room, user })),
  )
  return Math.max(...[created, ...added].map(({ seq }) => Number(seq)))
}
