import assert from 'node:assert/strict'
import { connect } from '@holdfast/client'
import type { ServerProcess } from '../support/server.ts'
import { type Installation, Operator } from './operator.ts'

export const ROOM = 'lobby'
export const ONCE = { clientId: 'once', text: 'xin chào, only once 👋' }

/** A room with people in it: whatever is said there first gets seq 2. */
export async function roomOf(server: ServerProcess, installation?: Installation): Promise<Operator> {
  const operator = await Operator.of(server, installation)
  for (const user of ['anna', 'ben']) await operator.register(user)
  await operator.createRoom(ROOM, ['anna', 'ben'])
  return operator
}

/** Sent again over HTTP, over a socket as if for the first time, and over a socket as what it is. */
export async function isDuplicateOfSeq2({ url }: ServerProcess, operator: Operator): Promise<void> {
  const { status, body } = await operator.say(ROOM, 'anna', ONCE.clientId, ONCE.text)
  assert.equal(status, 201, JSON.stringify(body))
  const first = { id: body.id, seq: 2, at: body.at, duplicate: true }
  assert.deepEqual(body, first)

  const token = await operator.token('anna')
  for (const again of [false, true]) {
    const client = connect({ url, getToken: () => token })
    try {
      const { clientId } = ONCE
      const { id, seq, at, duplicate } = await client.room(ROOM).send(ONCE.text, { clientId, again })
      assert.deepEqual({ id, seq, at, duplicate }, first)
    } finally {
      client.close()
    }
  }
}
