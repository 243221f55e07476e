import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Call } from '../../src/adapters/memory/memory.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { Heard, SocketPair } from '../support/socket-pair.ts'
import { Rig } from './rig.ts'

/** A client that keeps to the rules: told a higher generation, it sends everything of the room again that was not accepted, oldest first. */
class Sender {
  readonly #peer: SocketPair
  readonly #name: string
  readonly #commands: { clientId: string; room: string; tries: number; isAccepted: boolean }[] = []
  readonly #generations = new Map<string, number>()
  readonly #refs = new Map<number, number>()
  #ref = 0

  constructor(peer: SocketPair, name: string) {
    this.#peer = peer
    this.#name = name
  }

  say(room: string): void {
    this.#commands.push({ clientId: `${this.#name}${this.#commands.length}`, room, tries: 0, isAccepted: false })
    this.#send(this.#commands.length - 1)
  }

  hear(frames: readonly Heard[]): void {
    for (const { type, ref, generation } of frames) {
      const command = this.#commands[this.#refs.get(Number(ref)) ?? -1]
      if (command === undefined) continue
      if (type === 'accepted') command.isAccepted = true
      if (type !== 'error' || Number(generation) <= (this.#generations.get(command.room) ?? 0)) continue
      this.#generations.set(command.room, Number(generation))
      for (const [i, other] of this.#commands.entries())
        if (other.room === command.room && !other.isAccepted) this.#send(i)
    }
  }

  #send(index: number): void {
    const command = this.#commands[index]
    if (command === undefined) return
    const { clientId, room, tries } = command
    command.tries += 1
    this.#refs.set(++this.#ref, index)
    const generation = this.#generations.get(room) ?? 0
    this.#peer.send({
      type: 'send',
      ref: this.#ref,
      clientId,
      room,
      text: clientId,
      generation,
      ...(tries > 0 && { again: true }),
    })
  }
}

test('[GW36] whatever appends and look-ups fail: the first appearances in the log are in the order of sending, room by room', async () => {
  const step = fc.record({
    sender: fc.nat(1),
    room: fc.constantFrom('a', 'b'),
    fate: fc.constantFrom('ok', 'ok', 'none', 'lost', 'read'),
    turns: fc.nat(3),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25, size: 'max' }), async (steps) => {
      const rig = new Rig({ partitions: 2 })
      for (const room of ['a', 'b']) await rig.group(room, ['x', 'y'])
      const peers = [await rig.enter('x'), await rig.enter('y')]
      const senders = peers.map((peer, i) => new Sender(peer, 'xy'[i] ?? ''))
      const listen = () => {
        for (const [i, peer] of peers.entries()) senders[i]?.hear(peer.take())
      }
      let fate = 'ok'
      const isAppend = (call: Call) => call.call === 'append' && call.log === 'commands'
      const failing = (call: Call, at: string) => {
        if (at === 'before' && fate === 'none' && isAppend(call)) throw new Failure('transient', 'no')
        if (at === 'after' && fate === 'lost' && isAppend(call)) throw new Failure('ambiguous', 'lost')
        if (at === 'before' && fate === 'read' && call.call === 'survey') throw new Failure('transient', 'no')
      }
      rig.faults = { before: (call) => failing(call, 'before'), after: (call) => failing(call, 'after') }
      for (const step of steps) {
        fate = step.fate
        senders[step.sender]?.say(step.room)
        for (let i = 0; i < step.turns; i++) {
          await rig.clock.settle()
          rig.turn()
          listen()
        }
      }
      fate = 'ok'
      for (let i = 0; i < 5; i++) {
        await rig.pass(1_000)
        listen()
      }
      await checkOrder(rig, steps)
    }),
    { numRuns: 60 },
  )
})

async function checkOrder(rig: Rig, steps: readonly { sender: number; room: string }[]): Promise<void> {
  const log = (await rig.commands()).map(({ value }) => JSON.parse(Buffer.from(value).toString()))
  for (const [sender, name] of ['x', 'y'].entries()) {
    for (const room of ['a', 'b']) {
      const sent = steps
        .filter((step) => step.sender === sender)
        .flatMap((step, n) => (step.room === room ? [`${name}${n}`] : []))
      const said = log.filter(
        ({ sender, room: in_, content }) => sender === name && in_ === room && content.kind === 'message',
      )
      const first = said.map(({ clientId }) => clientId).filter((id, i, all) => all.indexOf(id) === i)
      assert.deepEqual(first, sent)
    }
  }
}

test('[GW37] whatever the feed loses: what a session is pushed is each room`s history, without a hole, while it is a member', async () => {
  const step = fc.record({
    do: fc.constantFrom(
      'say',
      'say',
      'say',
      'add',
      'remove',
      'lose',
      'hold',
      'release',
      'break',
      'mend',
      'stall',
      'resume',
      'again',
    ),
    user: fc.constantFrom('b', 'c'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const rig = new Rig({
        gateway: { sweepMs: 5_000, outboxBytesMax: 20_000, fillEntriesMax: 3, resumeEntriesMax: 6 },
      })
      await rig.group('r', ['a', 'b', 'c'])
      const readers = new Map([
        ['b', new Reader(rig, 'b')],
        ['c', new Reader(rig, 'c')],
      ])
      await rig.settle()
      let isBroken = false
      for (const { do: what, user } of steps) {
        const reader = readers.get(user)
        if (what === 'say')
          await rig.did({ room: 'r', sender: 'a', content: { kind: 'message', text: 'x'.repeat(1_500) } })
        else if (what === 'add') await rig.did({ room: 'r', sender: 'a', content: { kind: 'member_added', user } })
        else if (what === 'remove') await rig.did({ room: 'r', sender: 'a', content: { kind: 'member_removed', user } })
        else if (what === 'lose') rig.scribe.held.splice(0, 1)
        else if (what === 'hold') rig.scribe.isHolding = true
        else if (what === 'release') {
          rig.scribe.isHolding = false
          await rig.scribe.release()
        } else if (what === 'break' && !isBroken) {
          isBroken = true
          rig.memory.logs.feed.breakTails(new Error('broken'))
        } else if (what === 'mend' && isBroken) {
          isBroken = false
          rig.memory.logs.feed.mendTails()
        } else if (what === 'stall') reader?.peer.stall()
        else if (what === 'resume') reader?.peer.resume()
        else if (what === 'again') reader?.connect()
        await rig.settle()
        for (const each of readers.values()) each.listen()
      }
      if (isBroken) rig.memory.logs.feed.mendTails()
      rig.scribe.isHolding = false
      for (const each of readers.values()) each.peer.resume()
      await rig.pass(12_000, 1_000)
      for (const each of readers.values()) each.listen()
      const view = await rig.scribe.store.history.view({
        room: 'r',
        user: undefined,
        after: 0,
        before: undefined,
        entriesMax: 1_000,
      })
      for (const [user, reader] of readers) reader.check(view.entries, user)
    }),
    { numRuns: 60 },
  )
})

/** A reader that checks as it hears, and remembers where it is. */
class Reader {
  peer: SocketPair
  readonly #rig: Rig
  readonly #user: string
  readonly #seen = new Map<number, string>()
  #at: number | undefined
  #isIn = false

  constructor(rig: Rig, user: string) {
    this.#rig = rig
    this.#user = user
    this.peer = rig.connect()
    this.#greet([])
  }

  connect(): void {
    this.peer.cut()
    this.peer = this.#rig.connect()
    this.#greet(this.#isIn && this.#at !== undefined ? [{ room: 'r', epoch: 1, seq: this.#at }] : [])
  }

  listen(): void {
    for (const frame of this.peer.take()) this.#hear(frame)
  }

  check(history: readonly { seq: number; id: string; content: { kind: string } }[], user: string): void {
    for (const [seq, id] of this.#seen) assert.equal(history[seq - 1]?.id, id)
    const changes = history.filter(
      ({ content }) => content.kind !== 'message' && (!('user' in content) || content.user === user),
    )
    const isMember = changes.at(-1)?.content.kind !== 'member_removed'
    assert.equal(this.#isIn, isMember)
    if (isMember) assert.equal(this.#at, history.length)
  }

  #greet(resume: readonly object[]): void {
    this.peer.send({ type: 'authenticate', ref: 0, token: this.#user, resume })
  }

  #hear({ type, head, seq, from, to, entry, recovered }: Heard): void {
    switch (type) {
      case 'joined':
        this.#isIn = true
        this.#at = Number(head)
        return
      case 'resumed':
        assert.equal(recovered, true, 'nothing was restored')
        assert.equal(seq, this.#at)
        this.#isIn = true
        return
      case 'left':
        this.#isIn = false
        return
      case 'gap':
        assert.ok(this.#isIn)
        assert.equal(from, (this.#at ?? 0) + 1)
        this.#at = Number(to)
        return
      case 'entry': {
        assert.ok(this.#isIn, 'nothing is pushed after left')
        const { seq, id } = entry as { seq: number; id: string }
        assert.equal(seq, (this.#at ?? 0) + 1)
        this.#seen.set(seq, id)
        this.#at = seq
      }
    }
  }
}
