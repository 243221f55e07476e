import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '@holdfast/protocol'
import fc from 'fast-check'
import { newClientId } from '../src/ids.ts'
import { type Line, type MessageLine, merged, type Pending, timeline, unplaced } from '../src/timeline.ts'

const me = 'anna'
const NOON = Date.UTC(2026, 10, 20, 12)
const MINUTE = 60_000
const HOUR = 60 * MINUTE

test('[WEB1] however reads overlap, each entry is shown once, in the order of seq', () => {
  const whole = Array.from({ length: 30 }, (_, i) => message(i + 1))
  const piece = fc
    .tuple(fc.nat(29), fc.nat(29))
    .map(([from, to]) => whole.slice(Math.min(from, to), Math.max(from, to) + 1))
  fc.assert(
    fc.property(fc.array(piece), (reads) => {
      const known = reads.reduce<readonly Entry[]>(merged, [])
      const expected = [...new Set(reads.flat().map(({ seq }) => seq))].sort((one, other) => one - other)
      assert.deepEqual(seqs(known), expected)
    }),
  )
})

test('[WEB1] an entry that was shown is not changed by a later read', () => {
  const first = message(1, { text: 'as it was' })
  assert.equal(merged([first, message(2)], [message(1, { text: 'otherwise' })])[0], first)
})

test('[WEB2] missing numbers are holes, at the top, in the middle and at the end', () => {
  const lines = shown({ entries: [message(3), message(4), message(9)], head: 12 })
  assert.deepEqual(
    lines.filter((line) => line.line === 'hole').map(({ from, to }) => [from, to]),
    [
      [1, 2],
      [5, 8],
      [10, 12],
    ],
  )
})

test('[WEB2] a room of which nothing is loaded is one hole, and an empty one is none', () => {
  assert.deepEqual(shown({ entries: [], head: 7 }).map(kind), ['hole'])
  assert.deepEqual(shown({ entries: [], head: 0 }), [])
})

test('[WEB2] a kind of entry that is not known here takes its number and no line', () => {
  const strange = { ...message(2), kind: 'poll' } as unknown as Entry
  assert.deepEqual(shown({ entries: [message(1), strange, message(3)], head: 3 }).map(kind), [
    'day',
    'message',
    'message',
  ])
})

test('[WEB3] a message whose entry is here has no line of its own any more', () => {
  const accepted = pending('hello', { id: 'id-5', status: { state: 'accepted' } })
  const entries = [message(5, { id: 'id-5', sender: me, text: 'hello' })]
  assert.deepEqual(unplaced([accepted], entries, me), [])
  assert.deepEqual(unplaced([accepted], [], me), [accepted])
})

test('[WEB3] a message whose answer was lost is known by its time, sender and text', () => {
  const lost = pending('hello')
  const entry = message(5, { id: entryIdOf(lost.clientId), sender: me, text: 'hello' })
  assert.deepEqual(unplaced([lost], [entry], me), [])
  for (const other of [
    { text: 'hullo' },
    { sender: 'ben' },
    { id: entryIdOf(newClientId(NOON + 1, new Uint8Array(10))) },
  ]) {
    assert.deepEqual(unplaced([lost], [{ ...entry, ...other } as Entry], me), [lost])
  }
})

test('[WEB3] the same text said twice is two messages', () => {
  const again = pending('ok', { clientId: newClientId(NOON + 1_000, new Uint8Array(10)) })
  const entry = message(5, { id: entryIdOf(newClientId(NOON, new Uint8Array(10))), sender: me, text: 'ok' })
  assert.deepEqual(unplaced([again], [entry], me), [again])
})

test('[WEB3] a stored message below what is loaded is left to the hole that will bring it', () => {
  const stored = pending('hello', { id: 'id-5', status: { state: 'stored', seq: 5 } })
  assert.deepEqual(unplaced([stored], [message(4)], me), [stored])
  assert.deepEqual(unplaced([stored], [message(9)], me), [])
})

test('[WEB4] a new day, and the day after a hole, is named before its first message', () => {
  const entries = [
    message(1),
    message(2, { at: NOON + HOUR }),
    message(3, { at: NOON + 24 * HOUR }),
    message(5, { at: NOON + 24 * HOUR }),
  ]
  assert.deepEqual(shown({ entries, head: 5 }).map(kind), [
    'day',
    'message',
    'message',
    'day',
    'message',
    'hole',
    'day',
    'message',
  ])
})

test('[WEB4] messages of one sender within five minutes are one run', () => {
  const entries = [
    message(1, { sender: 'ben', at: NOON }),
    message(2, { sender: 'ben', at: NOON + 5 * MINUTE }),
    message(3, { sender: 'ben', at: NOON + 11 * MINUTE }),
    message(4, { sender: 'cara', at: NOON + 11 * MINUTE }),
  ]
  assert.deepEqual(
    messages(shown({ entries, head: 4 })).map(({ first, last }) => [first, last]),
    [
      [true, false],
      [false, true],
      [true, true],
      [true, true],
    ],
  )
})

test('[WEB4] the first unread message has a mark before it, unless it is one’s own', () => {
  const entries = [message(1), message(2), message(3)]
  assert.deepEqual(shown({ entries, head: 3, seenAtOpen: 1 }).map(kind), [
    'day',
    'message',
    'unread',
    'message',
    'message',
  ])
  const own = [message(1), message(2, { sender: me })]
  assert.deepEqual(shown({ entries: own, head: 2, seenAtOpen: 1 }).map(kind), ['day', 'message', 'message'])
})

test('[WEB5] a run of stored messages, or of waiting ones, says so once, and everything else says its own', () => {
  const entries = [message(1, { sender: me }), message(2, { sender: me })]
  const status = { state: 'accepted' } as const
  const waiting = [pending('a', { status }), pending('b', { status }), pending('c'), pending('d')]
  assert.deepEqual(
    messages(shown({ entries, head: 2, pending: waiting })).map(({ status, tells }) => [status?.state, tells]),
    [
      ['stored', false],
      ['stored', true],
      ['accepted', true],
      ['accepted', true],
      ['sending', false],
      ['sending', true],
    ],
  )
})

test('[WEB5] nobody else’s message has a status', () => {
  const [line] = messages(shown({ entries: [message(1, { sender: 'ben' })], head: 1 }))
  assert.equal(line?.status, undefined)
})

interface Shown {
  readonly entries: readonly Entry[]
  readonly head: number
  readonly pending?: readonly Pending[]
  readonly seenAtOpen?: number
}

function shown({ entries, head, pending = [], seenAtOpen }: Shown): readonly Line[] {
  const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)
  return timeline({ entries, head, pending, me, seenAtOpen, dayOf })
}

function message(
  seq: number,
  { at = NOON, ...more }: { at?: number; id?: string; sender?: string; text?: string } = {},
): Entry {
  return { seq, id: `id-${seq}`, kind: 'message', sender: 'ben', at, text: `text ${seq}`, ...more }
}

function pending(text: string, more: Partial<Pending> = {}): Pending {
  const clientId = newClientId(NOON, new Uint8Array(10))
  return { clientId, text, at: NOON, id: undefined, status: { state: 'sending' }, ...more }
}

/** An entry id as the server makes it: base 32 of 128 bits that begin with the 48 bits of the client id's time. */
function entryIdOf(clientId: string): string {
  const time = BigInt(`0x${clientId.slice(0, 8)}${clientId.slice(9, 13)}`)
  let bits = ((time << 80n) | 0xabcdefn) << 2n
  let id = ''
  for (let i = 0; i < 26; i++) {
    id = ('0123456789abcdefghjkmnpqrstvwxyz'[Number(bits & 31n)] ?? '') + id
    bits >>= 5n
  }
  return id
}

function seqs(entries: readonly Entry[]): number[] {
  return entries.map(({ seq }) => seq)
}

function kind({ line }: Line): string {
  return line
}

function messages(lines: readonly Line[]): MessageLine[] {
  return lines.filter((line) => line.line === 'message')
}
