import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Call, Faults } from '../../src/adapters/memory/faults.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { Heard, SocketPair } from '../support/socket-pair.ts'
import { Rig } from './rig.ts'

/** One try of a command, and what was heard of it. */
interface Try {
  readonly index: number
  readonly room: string
  readonly generation: number
  readonly answers: string[]
}

/** A client that keeps to the rules: told a higher generation, it sends everything of the room again that was not accepted, oldest first. */
class Sender {
  readonly #peer: SocketPair
  readonly #name: string
  readonly commands: { clientId: string; room: string; tries: number; isAccepted: boolean; seq: number | undefined }[] =
    []
  readonly #generations = new Map<string, number>()
  /** By their `ref`, which counts from 1. */
  readonly tries: Try[] = []
  /** The refs of what was accepted, by room and generation, as it was heard. */
  readonly accepted = new Map<string, number[]>()

  constructor(peer: SocketPair, name: string) {
    this.#peer = peer
    this.#name = name
  }

  say(room: string): void {
    const clientId = `${this.#name}${this.commands.length}`
    this.commands.push({ clientId, room, tries: 0, isAccepted: false, seq: undefined })
    this.#send(this.commands.length - 1)
  }

  hear(frames: readonly Heard[]): void {
    for (const frame of frames) {
      const of = this.tries[Number(frame.ref) - 1]
      if (of !== undefined) this.#answered(of, frame)
    }
  }

  #answered(of: Try, { type, ref, generation, seq }: Heard): void {
    const command = this.commands[of.index]
    if (command === undefined) return
    const { room } = command
    of.answers.push(type)
    if (type === 'stored') command.seq ??= Number(seq)
    if (type === 'accepted') {
      command.isAccepted = true
      const key = `${room} ${of.generation}`
      this.accepted.set(key, [...(this.accepted.get(key) ?? []), Number(ref)])
    }
    if (type !== 'error' || Number(generation) <= (this.#generations.get(room) ?? 0)) return
    this.#generations.set(room, Number(generation))
    for (const [i, other] of this.commands.entries()) if (other.room === room && !other.isAccepted) this.#send(i)
  }

  #send(index: number): void {
    const command = this.commands[index]
    if (command === undefined) return
    const { clientId, room, tries } = command
    command.tries += 1
    const generation = this.#generations.get(room) ?? 0
    const ref = this.tries.push({ index, room, generation, answers: [] })
    this.#peer.send({
      type: 'send',
      ref,
      clientId,
      room,
      text: clientId,
      generation,
      ...(tries > 0 && { again: true }),
    })
  }
}

test('[GW36] whatever appends and look-ups fail, and in whichever order replies come: what is sent enters the log in order, and each try has its answer', async () => {
  const step = fc.record({
    sender: fc.nat(1),
    room: fc.constantFrom('a', 'b'),
    /** Whether the client hears what was said before it says more. */
    listens: fc.boolean(),
    replies: fc.nat(3),
    passMs: fc.constantFrom(0, 0, 0, 4_000),
  })
  const fates = fc.array(fc.constantFrom('ok', 'ok', 'none', 'lost'), { maxLength: 30, size: 'max' })
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fates,
      fc.array(step, { maxLength: 20, size: 'max' }),
      async (scheduler, fates, steps) => {
        const rig = new Rig({ partitions: 2 })
        for (const room of ['a', 'b']) await rig.group(room, ['x', 'y'])
        const peers = [await rig.enter('x'), await rig.enter('y')]
        const senders = peers.map((peer, i) => new Sender(peer, 'xy'[i] ?? ''))
        rig.faults = inSomeOrder(scheduler, fates)
        const go = async () => {
          await rig.clock.settle()
          await rig.scribe.work()
          rig.turn()
          for (const [i, peer] of peers.entries()) senders[i]?.hear(peer.take())
        }
        for (const { sender, room, listens, replies, passMs } of steps) {
          senders[sender]?.say(room)
          if (listens) await go()
          else rig.turn()
          for (let i = 0; i < replies && scheduler.count() > 0; i++) {
            await scheduler.waitOne()
            if (listens) await go()
          }
          await rig.clock.advance(passMs)
          if (listens) await go()
        }
        fates.length = 0
        for (let quiet = 0; quiet < 8; quiet++) {
          if (scheduler.count() > 0) quiet = 0
          await scheduler.waitAll()
          await go()
        }
        for (const sender of senders) checkAnswers(sender)
        await checkOrder(rig, steps)
      },
    ),
    { numRuns: 60 },
  )
})

/** Appends and look-ups begin, and are answered, when the schedule lets them; the fates are those of the appends, one after the other. */
function inSomeOrder(scheduler: fc.Scheduler, fates: string[]): Faults {
  const isAppend = (call: Call) => call.call === 'append' && call.log === 'commands'
  const lost = new Set<Call>()
  return {
    before: async (call) => {
      if (!isAppend(call) && call.call !== 'survey') return
      const fate = fates.shift()
      await scheduler.schedule(Promise.resolve(), `${call.call} begins`)
      if (fate === 'none') throw new Failure('transient', 'no')
      if (fate === 'lost') lost.add(call)
    },
    after: async (call) => {
      if (!isAppend(call)) return
      await scheduler.schedule(Promise.resolve(), `${call.call} is answered`)
      if (lost.has(call)) throw new Failure('ambiguous', 'lost')
    },
  }
}

/** Each try has one answer and, of one generation, they were accepted as they were sent; each command has its own place, in order. */
function checkAnswers({ tries, accepted, commands }: Sender): void {
  for (const { answers } of tries) assert.match(answers.join(' '), /^(?:error|accepted stored)$/)
  for (const refs of accepted.values())
    assert.deepEqual(
      refs,
      refs.toSorted((a, b) => a - b),
    )
  for (const room of ['a', 'b']) {
    const seqs = commands.filter((command) => command.room === room).map(({ seq }) => seq ?? Number.NaN)
    assert.deepEqual(
      seqs,
      [...new Set(seqs)].sort((a, b) => a - b),
    )
  }
}

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
