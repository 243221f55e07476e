import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EntryDocument, RoomSnapshot } from '../../src/ports/store.ts'
import { Rooms, Tentative } from '../../src/worker/rooms.ts'

const NOBODY: RoomSnapshot = { head: 3, document: undefined, members: new Map(), above: [] }

function entry(seq: number, user = 'bo'): EntryDocument {
  const content = { kind: 'member_removed', user } as const
  return { end: 'stored', id: `e${seq}`, room: 'r', seq, sender: 'al', at: 1, digest: 'd', origin: seq, content }
}

test('[WRK18] a piece of a room that shows another head than what is known drops the room: no state is of two moments (R3)', () => {
  const rooms = new Rooms(1 << 20)
  assert.ok(rooms.absorb({ room: 'r', users: ['al'] }, NOBODY))
  assert.ok(rooms.absorb({ room: 'r', users: ['bo'] }, NOBODY))
  assert.deepEqual([...(rooms.get('r')?.state.members.keys() ?? [])], ['al', 'bo'])

  assert.equal(rooms.absorb({ room: 'r', users: ['cy'] }, { ...NOBODY, above: [entry(4)] }), false)
  assert.equal(rooms.get('r'), undefined)
})

test('[WRK18] what is only tentative leaves the known room as it was', () => {
  const rooms = new Rooms(1 << 20)
  const members = new Map([['bo', { user: 'bo', role: 'member', seq: 1 } as const]])
  rooms.absorb({ room: 'r', users: ['bo'] }, { ...NOBODY, members })
  const known = rooms.get('r')
  assert.ok(known)
  const tentative = new Tentative(known)
  tentative.add(entry(4))

  assert.deepEqual([tentative.state.head, tentative.state.members.get('bo')?.role], [4, undefined])
  assert.deepEqual([known.state.head, known.state.members.get('bo')?.role], [3, 'member'])
})

test('[WRK18] rooms in memory are bounded: the least recently used go first', () => {
  const rooms = new Rooms(10_000)
  for (let i = 0; i < 100; i++) rooms.absorb({ room: `r${i}`, users: [] }, NOBODY)
  const first = rooms.get('r0')
  assert.ok(first)
  rooms.projected(first, first.state)
  rooms.trim()

  assert.notEqual(rooms.get('r0'), undefined)
  assert.equal(rooms.get('r1'), undefined)
  assert.notEqual(rooms.get('r99'), undefined)
})
