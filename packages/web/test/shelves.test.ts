import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pending } from '../src/timeline.ts'
import { SeenShelf, together, unread } from '../src/unread.ts'
import { UnsentShelf } from '../src/unsent.ts'
import { memoryShelf } from './support/shelf.ts'

test('[WEB6] what is not stored outlives a reload under its own id, and what was refused stays refused', () => {
  const window = memoryShelf()
  const refused = { state: 'failed', outcome: 'refused', message: 'No.' } as const
  const unknown = { state: 'failed', outcome: 'unknown', message: '?' } as const
  const written = [
    pending('1', { state: 'sending' }),
    pending('2', { state: 'accepted' }),
    pending('3', refused),
    pending('4', unknown),
    pending('5', { state: 'stored', seq: 7 }),
  ]
  new UnsentShelf(window, 'anna').write([['lobby', written]])

  const read = new UnsentShelf(window, 'anna').read().lobby ?? []
  assert.deepEqual(
    read.map(({ clientId, text, status }) => [clientId, text, status]),
    [
      ['1', 'text 1', { state: 'sending' }],
      ['2', 'text 2', { state: 'sending' }],
      ['3', 'text 3', refused],
      ['4', 'text 4', { state: 'sending' }],
    ],
  )
  assert.deepEqual(Object.keys(new UnsentShelf(window, 'ben').read()), [])
})

test('[WEB6] a shelf that is empty, full, or holds something else does no harm', () => {
  const window = memoryShelf()
  const shelf = new UnsentShelf(window, 'anna')
  shelf.write([['__proto__', [pending('1', { state: 'sending' })]]])
  assert.deepEqual(Object.keys(shelf.read()), ['__proto__'])
  shelf.write([['lobby', []]])
  assert.equal(window.size, 0)
  for (const junk of ['', '{', '[1]', 'null', '{"lobby":[null,{"text":1}]}']) {
    window.setItem('holdfast:unsent:anna', junk)
    assert.deepEqual(Object.values(shelf.read()).flat(), [])
  }
  const full = { ...memoryShelf(), setItem: () => assert.fail('quota') }
  new UnsentShelf(full, 'anna').write([['lobby', [pending('1', { state: 'sending' })]]])
})

test('[WEB7] a room counts what came since it was looked at; another epoch, or another person, begins anew', () => {
  const device = memoryShelf()
  const seen = new SeenShelf(device, 'anna')
  seen.write('lobby', 1, 7)
  seen.write('lobby', 1, 5)
  assert.equal(seen.read('lobby', 1), 7)
  assert.equal(seen.read('lobby', 2), undefined)
  assert.equal(new SeenShelf(device, 'ben').read('lobby', 1), undefined)
  assert.deepEqual(unread(9, 7), { unread: 'some', count: 2 })
  assert.deepEqual(unread(7, 7), { unread: 'none' })
  assert.deepEqual(unread(7, undefined), { unread: 'new' })
})

test('[WEB16] what several rooms have new is their sum, or a mark where no number is known', () => {
  const [none, mark, two] = [unread(7, 7), unread(7, undefined), unread(9, 7)]
  assert.deepEqual(together([none, mark, two, two]), { unread: 'some', count: 4 })
  assert.deepEqual(together([none, mark]), { unread: 'new' })
  assert.deepEqual(together([none]), { unread: 'none' })
})

function pending(clientId: string, status: Pending['status']): Pending {
  return { clientId, text: `text ${clientId}`, at: 1, id: undefined, status }
}
