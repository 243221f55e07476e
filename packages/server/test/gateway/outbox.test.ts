import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Frame, frameOfEntry, pushFrame, replyFrame } from '../../src/gateway/frames.ts'
import { Outbox, Turn } from '../../src/gateway/outbox.ts'
import type { Content } from '../../src/ports/store.ts'
import { type Heard, SocketPair } from '../support/socket-pair.ts'
import { Rig } from './rig.ts'

function entry(room: string, seq: number, content: Content = { kind: 'message', text: 'x'.repeat(200) }): Frame {
  return frameOfEntry(
    { end: 'stored', id: `${room}${seq}`, room, seq, sender: 's', at: 1, digest: 'd', origin: 0, content },
    1,
  )
}

/** An outbox whose socket drains into a listener-less pair. */
function outbox(bytesMax: number) {
  const ends: (() => void)[] = []
  const turn = new Turn((call) => void ends.push(call))
  const pair = new SocketPair()
  const box = new Outbox(pair, turn, bytesMax)
  box.user = 'me'
  const drained = () => box.drained()
  pair.join({ message: drained, binary: drained, pong: drained, closed: () => {}, drained })
  const turnOver = () => {
    for (const call of ends.splice(0)) call()
  }
  return { box, pair, turnOver }
}

test('[GW29] what a turn made ready leaves as one write, the same bytes for every session that hears the same', async () => {
  const rig = new Rig()
  await rig.group('r', ['alice', 'bob', 'carol'])
  const [bob, carol] = [await rig.enter('bob'), await rig.enter('carol')]
  const written: Uint8Array[][] = [[], []]
  for (const [i, peer] of [bob, carol].entries()) {
    const write = peer.write.bind(peer)
    peer.write = (frames) => {
      written[i]?.push(frames)
      return write(frames)
    }
  }
  rig.scribe.isHolding = true
  for (let i = 0; i < 16; i++)
    await rig.did({ room: 'r', sender: 'alice', content: { kind: 'message', text: `m${i}` } })
  await rig.scribe.release()
  await rig.settle()
  assert.deepEqual(
    written.map(({ length }) => length),
    [1, 1],
  )
  assert.equal(written[0]?.[0], written[1]?.[0], 'put together once')
  assert.equal(bob.take('entry').length, 16)
})

test('[GW30] over the bound gaps replace entries, but never the reader`s own membership change', () => {
  const { box, pair, turnOver } = outbox(100_000)
  pair.stall()
  const push = (frame: Frame) => {
    assert.equal(box.push(frame), true)
    turnOver()
  }
  for (let seq = 1; seq <= 200; seq++) push(entry('r', seq))
  push(entry('r', 201, { kind: 'member_removed', user: 'me' }))
  push(pushFrame({ type: 'left', room: 'r' }))
  push(entry('q', 1))
  push(entry('r', 202, { kind: 'member_added', user: 'me' }))
  for (let seq = 203; seq <= 900; seq++) push(entry('r', seq))
  push(entry('q', 2))
  pair.resume()
  while (pair.flush()) turnOver()
  const heard = pair
    .take()
    .map(({ type, entry, from, to, room }) => [
      type,
      room,
      ...(type === 'gap' ? [from, to] : entry === undefined ? [] : [(entry as { seq: number }).seq]),
    ])
  const isOwn = ([, room, seq]: (typeof heard)[number]) => room === 'r' && (seq === 201 || seq === 202)
  assert.deepEqual(heard.filter(isOwn), [
    ['entry', 'r', 201],
    ['entry', 'r', 202],
  ])
  assert.ok(heard.some(([type, , from, to]) => type === 'gap' && Number(to) > Number(from)))
  assert.deepEqual(
    heard
      .filter(([, room]) => room === 'q')
      .flatMap(([, , first, last]) => [first, last ?? first])
      .filter((seq, i, all) => all.indexOf(seq) === i),
    [1, 2],
  )
  const left = heard.findIndex(([type]) => type === 'left')
  assert.deepEqual(heard[left - 1], ['entry', 'r', 201])
})

test('[GW30] what cannot be replaced makes a reader too slow', () => {
  const { box, pair, turnOver } = outbox(50_000)
  pair.stall()
  let pushed = 0
  while (box.push(replyFrame({ type: 'refreshed', ref: pushed, expires: 1 }))) {
    turnOver()
    pushed += 1
    assert.ok(pushed < 2_000, 'there is a bound')
  }
  assert.ok(pushed > 100)
})

test('[GW30] a slow reader is closed as such, at once', async () => {
  const rig = new Rig({ gateway: { outboxBytesMax: 60_000, closeMsMax: 1_000 } })
  await rig.group('r', ['alice'])
  const alice = await rig.enter('alice')
  alice.stall()
  for (let ref = 1; ref <= 2_000; ref++) alice.send({ type: 'nonsense', ref })
  await rig.settle()
  assert.equal(rig.gateway.status.sessions, 1)
  await rig.pass(1_500)
  assert.equal(alice.closed, 'cut')
  assert.equal(rig.gateway.status.sessions, 0)
})

test('[GW31] any mixture of frames, turns, stalls and drains: each room is contiguous, order holds, memory is bounded', () => {
  const step = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constant('entry' as const),
        room: fc.constantFrom('a', 'b'),
        text: fc.integer({ min: 1, max: 3_000 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('own' as const), room: fc.constantFrom('a', 'b'), adds: fc.boolean() }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('joined' as const),
        room: fc.constantFrom('a', 'b'),
        skip: fc.integer({ min: 0, max: 3 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('reply' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('turn' as const, 'stall' as const, 'resume' as const, 'flush' as const),
      }),
    },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const { box, pair, turnOver } = outbox(24_000)
      const seqs = new Map([
        ['a', 0],
        ['b', 0],
      ])
      const sent: string[] = []
      let refs = 0
      let isSlow = false
      const push = (frame: Frame) => {
        if (!box.push(frame)) isSlow = true
      }
      for (const step of steps) {
        if (isSlow) break
        switch (step.do) {
          case 'entry': {
            const seq = (seqs.get(step.room) ?? 0) + 1
            seqs.set(step.room, seq)
            push(entry(step.room, seq, { kind: 'message', text: 'x'.repeat(step.text) }))
            break
          }
          case 'own': {
            const seq = (seqs.get(step.room) ?? 0) + 1
            seqs.set(step.room, seq)
            sent.push(`${step.room}${seq}`)
            push(entry(step.room, seq, { kind: step.adds ? 'member_added' : 'member_removed', user: 'me' }))
            break
          }
          case 'joined': {
            const head = (seqs.get(step.room) ?? 0) + step.skip
            seqs.set(step.room, head)
            push(
              pushFrame({
                type: 'joined',
                room: step.room,
                epoch: 1,
                head,
                about: { kind: 'group', owner: 'x', memberCount: 1 },
              }),
            )
            break
          }
          case 'reply':
            push(replyFrame({ type: 'refreshed', ref: refs++, expires: 1 }))
            break
          case 'turn':
            turnOver()
            break
          case 'stall':
            pair.stall()
            break
          case 'resume':
            pair.resume()
            break
          case 'flush':
            pair.flush()
        }
        const isPush = ['entry', 'own', 'joined', 'reply'].includes(step.do)
        assert.ok(isSlow || !isPush || box.bytes <= 24_000, `${box.bytes} bytes wait`)
      }
      if (isSlow) return
      pair.resume()
      turnOver()
      while (pair.flush()) turnOver()
      assert.equal(box.bytes, 0, 'what was read counts no more')
      checkContiguous(pair.take(), seqs, sent, refs)
    }),
    { numRuns: 300 },
  )
})

function checkContiguous(
  heard: readonly Heard[],
  seqs: ReadonlyMap<string, number>,
  own: readonly string[],
  refs: number,
): void {
  const at = new Map([
    ['a', 0],
    ['b', 0],
  ])
  const seen = new Set<string>()
  let ref = 0
  for (const frame of heard) {
    const room = String(frame.room)
    const next = (at.get(room) ?? 0) + 1
    if (frame.type === 'refreshed') assert.equal(frame.ref, ref++)
    else if (frame.type === 'joined') at.set(room, Number(frame.head))
    else if (frame.type === 'gap') {
      assert.equal(frame.from, next)
      assert.ok(Number(frame.to) >= next)
      at.set(room, Number(frame.to))
    } else {
      const { seq } = frame.entry as { seq: number }
      assert.equal(seq, next)
      at.set(room, seq)
      seen.add(`${room}${seq}`)
    }
  }
  assert.deepEqual(at, seqs)
  assert.equal(ref, refs)
  for (const place of own) assert.ok(seen.has(place), `${place} is the reader's own and fell into a gap`)
}
