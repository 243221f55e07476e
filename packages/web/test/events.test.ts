import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventText } from '../src/events.ts'

test('[WEB17] the line that begins a room names who was in it from the start', () => {
  assert.equal(eventText(created([]), 'anna'), 'You created Lobby')
  assert.equal(eventText(created(['anna', 'ben']), 'anna'), 'You created Lobby with ben')
  assert.equal(eventText(created(['ben', 'carla']), 'anna'), 'You created Lobby with ben and carla')
  assert.equal(eventText(created(['ben', 'carla']), 'carla'), 'anna created Lobby with you and ben')
  assert.equal(
    eventText(created(['b', 'c', 'd', 'e', 'f', 'g', 'h']), 'anna'),
    'You created Lobby with b, c, d, e, f and 2 others',
  )
})

function created(members: string[]) {
  const roomKind = 'group' as const
  return { seq: 1, id: 'id-1', kind: 'room_created' as const, sender: 'anna', at: 0, roomKind, name: 'Lobby', members }
}
