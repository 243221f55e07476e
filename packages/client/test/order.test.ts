import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '@holdfast/protocol'
import fc from 'fast-check'
import { connect, HoldfastError, type Room } from '../src/index.ts'
import { ManualClock, seeded, turn } from './support/clock.ts'
import { CALM, ModelGateway, type Weather } from './support/gateway.ts'
import { TestSockets } from './support/socket.ts'

const ROOMS = ['den', 'hut']

/** One message this client was asked to send, and what came of its promise. */
interface Sent {
  readonly room: string
  readonly text: string
  readonly clientId: string
  readonly abort: AbortController
  settled: { readonly seq: number } | HoldfastError | undefined
  settledTimes: number
}

/** One run: a client against the model, driven by the numbers a property hands in. */
class Run {
  readonly #clock = new ManualClock()
  readonly #random
  readonly #gateway: ModelGateway
  readonly #client
  readonly #sent: Sent[] = []
  readonly #heard = new Map<string, number[]>(ROOMS.map((room) => [room, []]))
  readonly #read = new Map<string, number[]>(ROOMS.map((room) => [room, []]))
  readonly #hungry = new Map<string, () => void>()
  #said = 0

  constructor(seed: number, weather: Weather) {
    this.#random = seeded(seed)
    this.#gateway = new ModelGateway(ROOMS, this.#random)
    this.#gateway.weather = weather
    const sockets = new TestSockets((socket) => this.#gateway.connect(socket))
    this.#client = connect({
      url: 'http://chat.test',
      getToken: () => 'token',
      webSocket: sockets.webSocket,
      clock: this.#clock,
      random: this.#random,
      // Small, so that their edges are met.
      settings: { readerEntriesMax: 206, windowMax: 8 },
    })
    for (const name of ROOMS) {
      const room = this.#client.room(name)
      room.on('entry', ({ seq }) => this.#heard.get(name)?.push(seq))
      void this.#readSlowly(name, room)
    }
  }

  async step(choice: number): Promise<void> {
    const act = ['send', 'send', 'bob', 'cut', 'time', 'abort', 'read', 'read'][choice % 24]
    if (act === 'send') this.#send()
    else if (act === 'bob') this.#gateway.say(this.#pick(ROOMS), `${this.#said++}`)
    else if (act === 'cut') this.#gateway.cut()
    else if (act === 'time') await this.#clock.advance(this.#random.next() * 400)
    else if (act === 'abort') this.#pick(this.#sent)?.abort.abort()
    else if (act === 'read') this.#hungry.get(this.#pick(ROOMS))?.()
    else for (let i = 0; i < 4; i++) this.#gateway.step()
    await turn()
  }

  /** The weather clears: everything must come to its end. */
  async finish(): Promise<void> {
    this.#gateway.weather = CALM
    for (let quiet = 0, turns = 0; quiet < 20; turns++) {
      assert.ok(turns < 5_000, 'it comes to rest')
      for (let i = 0; i < 40; i++) this.#gateway.step()
      for (const room of ROOMS) this.#hungry.get(room)?.()
      await this.#clock.advance(100)
      quiet = this.#gateway.isIdle && this.#isDone() ? quiet + 1 : 0
    }
  }

  check(): void {
    for (const room of ROOMS) {
      const history = this.#gateway.history(room)
      const seqs = history.map(({ seq }) => seq)
      assert.deepEqual(this.#read.get(room), seqs, 'a loop from 0 shows all of history, in order, once')
      const heard = this.#heard.get(room) ?? []
      assert.deepEqual(heard, seqs.slice(seqs.length - heard.length), 'events show an end of it, in order, once')
      this.#checkOrder(room, history)
    }
    for (const sent of this.#sent) this.#checkEnd(sent)
    this.#client.close()
    assert.equal(this.#clock.timers, 0)
  }

  #checkOrder(room: string, history: readonly Entry[]): void {
    const mine = history.filter(({ sender }) => sender === 'ann').map((entry) => entry.id.slice(room.length + 1))
    const asked = this.#sent.filter((sent) => sent.room === room).map(({ clientId }) => clientId)
    const stored = new Set(mine)
    assert.equal(stored.size, mine.length, 'no command is stored twice')
    assert.deepEqual(
      mine,
      asked.filter((clientId) => stored.has(clientId)),
      'stored in the order they were asked for',
    )
  }

  #checkEnd({ room, clientId, settled, settledTimes }: Sent): void {
    assert.equal(settledTimes, 1, 'each send ends once')
    const outcome = this.#gateway.outcome(room, clientId)
    if (!(settled instanceof HoldfastError)) {
      assert.ok(outcome?.end === 'stored')
      assert.equal(settled?.seq, outcome.entry.seq)
    } else if (settled.outcome === 'not-sent') assert.equal(outcome, undefined, 'what was taken back never happens')
    else if (settled.outcome === 'unknown') assert.ok(outcome, 'what may be in the log goes on to its end')
    else assert.equal(settled.outcome, outcome?.end)
  }

  #isDone(): boolean {
    const isRead = ROOMS.every((room) => this.#read.get(room)?.length === this.#gateway.history(room).length)
    const isShown = ROOMS.every((room) => this.#client.room(room).position?.seq === this.#gateway.history(room).length)
    return isRead && isShown && this.#sent.every(({ settled }) => settled !== undefined)
  }

  #send(): void {
    const room = this.#pick(ROOMS)
    const text = `text ${this.#sent.length}`
    const sent: Sent = { room, text, clientId: text, abort: new AbortController(), settled: undefined, settledTimes: 0 }
    this.#sent.push(sent)
    const settle = (outcome: NonNullable<Sent['settled']>) => {
      sent.settled = outcome
      sent.settledTimes++
    }
    this.#client.room(room).send(text, { clientId: text, signal: sent.abort.signal }).then(settle, settle)
  }

  async #readSlowly(name: string, room: Room): Promise<void> {
    try {
      for await (const { seq } of room.entries({ after: 0 })) {
        this.#read.get(name)?.push(seq)
        if (this.#gateway.weather !== CALM) await new Promise<void>((resolve) => this.#hungry.set(name, resolve))
      }
    } catch (error) {
      assert.ok(error instanceof HoldfastError && error.code === 'CLOSED', String(error))
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random.next() * items.length)] as Item
  }
}

const weather = fc.record({
  refuse: fc.constantFrom(0, 0.1, 0.4),
  appendFails: fc.constantFrom(0, 0.1, 0.4),
  claim: fc.constantFrom(0, 0.1),
  gap: fc.constantFrom(0, 0.2, 0.6),
  repeat: fc.constantFrom(0, 0.2),
  oldRead: fc.constantFrom(0, 0.3),
  pageFails: fc.constantFrom(0, 0.3),
})

test('[SDK27] whatever is dropped, refused or repeated: order holds, each command ends once, each entry is shown once', async () => {
  const steps = fc.array(fc.nat({ max: 1_000 }), { minLength: 20, maxLength: 400, size: 'max' })
  await fc.assert(
    fc.asyncProperty(fc.integer(), weather, steps, async (seed, weather, choices) => {
      const run = new Run(seed, weather)
      for (const choice of choices) await run.step(choice)
      await run.finish()
      run.check()
    }),
    { numRuns: Number(process.env.HFTEST_RUNS ?? 100) },
  )
})
