import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '@holdfast/protocol'
import fc from 'fast-check'
import { fault } from '../src/errors.ts'
import { Follower, type ReadPage, type Sink } from '../src/follower.ts'
import { DEFAULTS } from '../src/settings.ts'
import { type Position, Timeline } from '../src/timeline.ts'
import { ManualClock, seeded } from './support/clock.ts'

/** The server's side of one room: its history, and how far the one connection there may be has pushed it. */
interface Server {
  epoch: number
  head: number
  pushed: number | undefined
}

const PAGE_ENTRIES = 3

/** Ids tell the epoch: an entry of another history would show. */
function entry(epoch: number, seq: number): Entry {
  return { seq, id: `${epoch}/${seq}`, kind: 'message', sender: 'bob', at: 1, text: '' }
}

/** The client's side: a follower whose connection and pages are the commands', and a reader that checks each entry as it comes. */
class Client {
  readonly timeline = new Timeline('den')
  readonly #clock = new ManualClock()
  readonly #follower: Follower
  #page: { readonly after: number; readonly answer: Parameters<ReadPage>[2] } | undefined
  /** How many entries the reader takes now. */
  #appetite = 0
  /** Whether it wants nothing of a hole. */
  #skips = false
  #end: Position | undefined

  constructor() {
    const readPage: ReadPage = (_room, after, answer) => {
      const page = { after, answer }
      this.#page = page
      return () => {
        if (this.#page === page) this.#page = undefined
      }
    }
    const settings = { ...DEFAULTS, readerEntriesMax: 4 }
    this.#follower = new Follower(this.timeline, this.#sink(), {
      clock: this.#clock,
      random: seeded(1),
      settings,
      readPage,
    })
  }

  get position(): Position | undefined {
    return this.#follower.position
  }

  get isAsking(): boolean {
    return this.#page !== undefined
  }

  opened(epoch: number, seq: number): void {
    this.#end ??= { epoch, seq }
    this.timeline.opened(epoch, seq, undefined)
  }

  eat(count: number): void {
    this.#appetite += count
    this.#follower.fill()
  }

  skipGaps(skips: boolean): void {
    this.#skips = skips
  }

  answer({ epoch }: Server, head: number): void {
    const page = this.#page
    this.#page = undefined
    const count = Math.max(0, Math.min(PAGE_ENTRIES, head - (page?.after ?? 0)))
    const entries = Array.from({ length: count }, (_, i) => entry(epoch, (page?.after ?? 0) + i + 1))
    page?.answer.page({ epoch, head, entries })
  }

  fail(): void {
    const page = this.#page
    this.#page = undefined
    page?.answer.failed(fault('STORE_UNAVAILABLE'))
  }

  async pass(): Promise<void> {
    await this.#clock.advance(20_000)
  }

  #sink(): Sink {
    return {
      wants: () => true,
      hasRoom: () => this.#appetite > 0,
      take: ({ seq, id }) => {
        const { epoch, seq: last } = this.#end ?? { epoch: 0, seq: 0 }
        assert.deepEqual([seq, id], [last + 1, `${epoch}/${seq}`], 'the next one, of this history')
        this.#end = { epoch, seq }
        assert.ok(this.#appetite > -PAGE_ENTRIES, 'one page more than it has room for, at most')
        this.#appetite -= 1
      },
      gap: (from, to) => {
        const { epoch, seq } = this.#end ?? { epoch: 0, seq: 0 }
        assert.equal(from, seq + 1)
        if (!this.#skips) return
        this.#end = { epoch, seq: to }
        this.#follower.skip(to)
      },
      reset: (position) => {
        assert.notEqual(position.epoch, this.#end?.epoch, 'history is void only where it changed')
        this.#end = position
      },
      left: () => {},
      failed: () => assert.fail('no page was refused for good'),
    }
  }
}

type Step = fc.AsyncCommand<Server, Client>

/** A command with a name for the counterexample, and when it can happen. */
function step(
  name: string,
  run: (server: Server, client: Client) => void | Promise<void>,
  check: (server: Readonly<Server>) => boolean = () => true,
): Step {
  return { check, run: async (server, client) => run(server, client), toString: () => name }
}

const isUp = ({ pushed }: Server) => pushed !== undefined
const isDown = ({ pushed }: Server) => pushed === undefined
const isBehind = ({ pushed, head }: Server) => pushed !== undefined && pushed < head

function push(server: Server, client: Client, count: number): void {
  for (let i = 0; i < count && isBehind(server); i++) {
    server.pushed = (server.pushed ?? 0) + 1
    client.timeline.entry(server.epoch, entry(server.epoch, server.pushed))
  }
}

/** As the gateway opens a room: behind the client's place where that is of this history, else at the head. */
function open(server: Server, client: Client, { isResumed, isOld }: { isResumed: boolean; isOld: boolean }): void {
  const { place, isMember } = client.timeline
  const head = isOld ? Math.min(server.head, place?.seq ?? 0) >> 1 : server.head
  const isKnown = isResumed && isMember && place !== undefined
  const isRecovered = isKnown && place.epoch === server.epoch
  server.pushed = isRecovered && !isOld ? place.seq : head
  if (isKnown && !isRecovered) client.timeline.reset(server.epoch, server.pushed)
  client.opened(server.epoch, server.pushed)
}

const few = fc.integer({ min: 1, max: 5 })
const STEPS: readonly fc.Arbitrary<Step>[] = [
  few.map((n) =>
    step(`append ${n}`, (server) => {
      server.head += n
    }),
  ),
  few.map((n) => step(`push ${n}`, (server, client) => push(server, client, n), isBehind)),
  few.map((n) =>
    step(
      `push the last ${n} again`,
      (server, client) => {
        server.pushed = Math.max(0, (server.pushed ?? 0) - n)
        push(server, client, n)
      },
      isUp,
    ),
  ),
  few.map((n) =>
    step(
      `gap of ${n}`,
      (server, client) => {
        server.pushed = Math.min(server.head, (server.pushed ?? 0) + n)
        client.timeline.gap(server.epoch, server.pushed)
      },
      isBehind,
    ),
  ),
  fc.constant(
    step(
      'lose the connection',
      (server, client) => {
        server.pushed = undefined
        client.timeline.isOpen = false
      },
      isUp,
    ),
  ),
  fc
    .record({ isResumed: fc.boolean(), isOld: fc.boolean() })
    .map((how) => step(`connect ${JSON.stringify(how)}`, (server, client) => open(server, client, how), isDown)),
  fc.constant(
    step(
      'remove',
      (server, client) => {
        server.pushed = undefined
        client.timeline.left()
      },
      isUp,
    ),
  ),
  fc.nat(5).map((lost) =>
    step(`restore all but ${lost}`, (server) => {
      server.epoch += 1
      server.head = Math.max(0, server.head - lost)
      // It pushes nothing more before it has said so.
      server.pushed = undefined
    }),
  ),
  fc.nat(5).map((behind) =>
    step(
      `push of a later history, ${behind} behind its head`,
      (server, client) => {
        if ((client.timeline.epoch ?? server.epoch) === server.epoch || !client.timeline.isOpen) return
        server.pushed = Math.max(0, server.head - behind - 1)
        push(server, client, 1)
      },
      (server) => isDown(server) && server.head > 0,
    ),
  ),
  fc.integer({ min: 1, max: 2 }).map((n) => step(`eat ${n}`, (_, client) => client.eat(n))),
  fc.boolean().map((skips) => step(`skip gaps: ${skips}`, (_, client) => client.skipGaps(skips))),
  fc
    .nat(5)
    .map((old) =>
      step(`page as of ${old} entries ago`, (server, client) => client.answer(server, Math.max(0, server.head - old))),
    ),
  fc.constant(step('a page fails', (_, client) => client.fail())),
  fc.constant(step('time', (_, client) => client.pass())),
]

/** Everything works from now on: the reader must come to the head. */
async function heal(server: Server, client: Client): Promise<void> {
  client.skipGaps(false)
  client.eat(1_000)
  if (server.pushed === undefined) open(server, client, { isResumed: true, isOld: false })
  push(server, client, server.head)
  for (let rounds = 0; rounds < 200 && client.position?.seq !== server.head; rounds++) {
    client.answer(server, server.head)
    await client.pass()
  }
  assert.deepEqual(client.position, { epoch: server.epoch, seq: server.head })
  assert.ok(!client.isAsking)
}

test('[SDK32] however a history comes, by pushes, gaps, pages, resumes and restores: a reader takes each entry once, in order', async () => {
  const steps = fc.commands([...STEPS], { maxCommands: 60, size: 'max' })
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const server: Server = { epoch: 1, head: 0, pushed: undefined }
      const client = new Client()
      await fc.asyncModelRun(() => ({ model: server, real: client }), steps)
      await heal(server, client)
    }),
    { numRuns: 1_000 },
  )
})
