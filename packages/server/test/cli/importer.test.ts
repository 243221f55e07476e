import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { type Answer, Refusal, Unreachable } from '../../src/cli/connection.ts'
import { IMPORT_LIMITS, Importer, type ImporterParts } from '../../src/cli/importing/importer.ts'
import { type BrokenLine, ImportIds } from '../../src/cli/importing/line.ts'
import type { SourceLine } from '../../src/cli/importing/source.ts'
import { entryId } from '../../src/core/identity.ts'

/** What happens to one request. */
type Fate = 'done' | 'refused for now' | 'unreachable' | 'reply lost' | 'only accepted'

interface Said {
  readonly sender: string
  readonly text: string
}

/** The rules that an import relies on, without a server around them: ids are adopted, rooms and members must be there. */
class Rules {
  readonly rooms = new Map<
    string,
    { readonly members: Set<string>; readonly messages: (Said & { readonly id: string })[] }
  >()
  readonly users = new Set<string>()
  readonly #fate: () => Fate
  /** How many messages were sent, stored before or not. */
  sends = 0
  inFlight = 0
  inFlightMost = 0

  constructor(fate: () => Fate) {
    this.#fate = fate
  }

  request = async (method: string, path: string, body: object = {}): Promise<Answer> => {
    this.inFlightMost = Math.max(this.inFlightMost, ++this.inFlight)
    // Requests of different rooms overtake each other.
    for (let turns = path.length % 4; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
    try {
      const fate = this.#fate()
      if (fate === 'unreachable') throw new Unreachable(new URL('http://server'), 'ECONNREFUSED')
      if (fate === 'refused for now') throw new Refusal(503, { code: 'OVERLOADED', message: 'later', retryable: true })
      const answer = this.#answer(method, path, body as Readonly<Record<string, string>>)
      if (fate === 'reply lost') throw new Unreachable(new URL('http://server'), 'ECONNRESET')
      return fate === 'only accepted' && method === 'POST' ? { status: 202, body: {} } : answer
    } finally {
      this.inFlight--
    }
  }

  #answer(method: string, path: string, body: Readonly<Record<string, string>>): Answer {
    const [place = '', query] = path.split('?')
    const [, , kind, id = '', below, member = ''] = place.split('/').map(decodeURIComponent)
    if (below === 'messages') return this.#send(id, body)
    if (below === 'timeline') return this.#page(id, new URLSearchParams(query))
    if (kind === 'rooms' && below === undefined) return this.#create(body)
    if (kind === 'users') this.users.add(id)
    else this.#room(id).members.add(member)
    return { status: 200, body: { method } }
  }

  #create({ room = '', sender = '' }: Readonly<Record<string, string>>): Answer {
    if (!this.users.has(sender)) throw refusal('SENDER_UNKNOWN', 422)
    const duplicate = this.rooms.has(room)
    if (!duplicate) this.rooms.set(room, { members: new Set([sender]), messages: [] })
    return { status: 201, body: { duplicate } }
  }

  #page(room: string, query: URLSearchParams): Answer {
    const [after, limit] = [Number(query.get('after')), Number(query.get('limit'))]
    // Pages are short here, so that many are needed.
    const entries = this.#room(room).messages.map((message, i) => ({ seq: i + 1, kind: 'message', at: 0, ...message }))
    return {
      status: 200,
      body: { entries: entries.slice(after, after + Math.min(limit, 3)), epoch: 1, head: entries.length },
    }
  }

  #send(room: string, { clientId = '', sender = '', text = '' }: Readonly<Record<string, string>>): Answer {
    this.sends++
    if (text === 'poison') throw refusal('UNPROCESSABLE', 422)
    const { members, messages } = this.#room(room)
    if (!members.has(sender)) throw refusal('NOT_A_MEMBER', 403)
    const id = entryId(sha256, room, sender, clientId)
    const known = messages.find((message) => message.id === id)
    if (known !== undefined && known.text !== text) throw refusal('ID_REUSED', 409)
    if (known === undefined) messages.push({ id, sender, text })
    return { status: 201, body: { duplicate: known !== undefined } }
  }

  #room(room: string) {
    const found = this.rooms.get(room)
    if (found === undefined) throw refusal('NOT_FOUND', 404)
    return found
  }
}

function refusal(
  code: 'SENDER_UNKNOWN' | 'UNPROCESSABLE' | 'NOT_A_MEMBER' | 'ID_REUSED' | 'NOT_FOUND',
  status: number,
): Refusal {
  return new Refusal(status, { code, message: code, retryable: false })
}

type Line = Said & { readonly room: string }

async function* source(lines: readonly (Line | string)[]): AsyncGenerator<SourceLine> {
  for (const [i, line] of lines.entries()) {
    const text = typeof line === 'string' ? line : JSON.stringify(line)
    yield { number: i + 1, text, bytes: text.length }
  }
}

function importer(rules: Rules, changed: Partial<ImporterParts> = {}): Importer {
  const clock = { ...systemClock, sleep: () => Promise.resolve() }
  return new Importer({
    request: rules.request,
    ids: new ImportIds('test'),
    clock,
    random: { next: () => 0 },
    limits: { ...IMPORT_LIMITS, roomsMax: 3, aheadLinesMax: 10 },
    onError: 'stop',
    problem: () => {},
    ...changed,
  })
}

function messagesOf(rules: Rules): Record<string, readonly Said[]> {
  const said = [...rules.rooms].map(([room, { messages }]) => [
    room,
    messages.map(({ sender, text }) => ({ sender, text })),
  ])
  return Object.fromEntries(said)
}

function byRoom(lines: readonly Line[]): Record<string, Said[]> {
  const rooms: Record<string, Said[]> = {}
  for (const { room, sender, text } of lines) {
    rooms[room] ??= []
    rooms[room].push({ sender, text })
  }
  return rooms
}

const LINES = fc.array(
  fc.record({
    room: fc.constantFrom('a', 'b b', '..', '日本', 'e'),
    sender: fc.constantFrom('x', 'X', '.', 'y ', 'ä/?'),
    text: fc.constantFrom('hi', 'ho', '…'),
  }),
  { maxLength: 60 },
)
const FATES = fc.infiniteStream(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant<Fate>('done') },
    { weight: 4, arbitrary: fc.constantFrom<Fate>('refused for now', 'unreachable', 'reply lost', 'only accepted') },
  ),
)

test('[CLI8] whatever becomes of requests and replies, each room holds its lines once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(LINES, FATES, async (lines, fates) => {
      const rules = new Rules(() => fates.next().value ?? 'done')
      const first = importer(rules)
      assert.deepEqual(await first.run(source(lines)), { end: 'complete' })
      assert.deepEqual(messagesOf(rules), byRoom(lines))
      const { imported, already, repeated } = first.counts
      assert.deepEqual({ already, sum: imported + repeated }, { already: 0, sum: lines.length })

      const again = importer(rules)
      await again.run(source(lines))
      assert.deepEqual(messagesOf(rules), byRoom(lines))
      assert.equal(again.counts.imported, 0)
      assert.equal(again.counts.already + again.counts.repeated, lines.length)
    }),
    { numRuns: 200 },
  )
})

test('[CLI11] stopped at any moment and run again, it goes on without a double', async () => {
  await fc.assert(
    fc.asyncProperty(LINES, fc.nat(150), async (lines, after) => {
      let requests = 0
      const rules = new Rules(() => {
        if (++requests === after) first.interrupt()
        return 'done'
      })
      const first = importer(rules)
      const { end } = await first.run(source(lines))
      if (end === 'interrupted') {
        for (const [room, messages] of Object.entries(messagesOf(rules)))
          assert.deepEqual(messages, byRoom(lines)[room]?.slice(0, messages.length) ?? [])
      }
      await importer(rules).run(source(lines))
      assert.deepEqual(messagesOf(rules), byRoom(lines))
    }),
    { numRuns: 100 },
  )
})

test('[CLI9] a broken line stops the import there: all before it is in, whatever the room, and nothing of its own room behind it', async () => {
  await fc.assert(
    fc.asyncProperty(
      LINES,
      fc.nat(60),
      fc.constantFrom('{', '{"room":"a","sender":"x","text":"poison"}'),
      async (lines, at, broken) => {
        const file: (Line | string)[] = [...lines]
        file.splice(Math.min(at, lines.length), 0, broken)
        const number = Math.min(at, lines.length) + 1
        const problems: BrokenLine[] = []
        const rules = new Rules(() => 'done')
        const end = await importer(rules, { problem: (line) => problems.push(line) }).run(source(file))
        assert.equal(end.end === 'stopped' && end.at.number, number)
        assert.deepEqual(
          problems.map((line) => line.number),
          [number],
        )
        const before = byRoom(lines.slice(0, number - 1))
        for (const [room, messages] of Object.entries(before))
          assert.deepEqual(messagesOf(rules)[room]?.slice(0, messages.length), messages)
        if (broken !== '{') assert.deepEqual(messagesOf(rules).a ?? [], before.a ?? [])
      },
    ),
    { numRuns: 100 },
  )
})

test('[CLI9] told to skip, it names each broken line and imports the others', async () => {
  const said = (text: string): Line => ({ room: 'a', sender: 'x', text })
  const problems: number[] = []
  const rules = new Rules(() => 'done')
  const skipping = importer(rules, { onError: 'skip', problem: ({ number }) => problems.push(number) })

  const end = await skipping.run(source([said('one'), '[]', said('poison'), said('two'), 'nonsense']))

  assert.deepEqual(end, { end: 'complete' })
  assert.deepEqual(problems.sort(), [2, 3, 5])
  assert.deepEqual(messagesOf(rules).a, [
    { sender: 'x', text: 'one' },
    { sender: 'x', text: 'two' },
  ])
  assert.deepEqual([skipping.counts.lines, skipping.counts.imported, skipping.counts.skipped], [5, 2, 3])
})

test('[CLI9] another file of the same name is told apart by what it says, and by name', async () => {
  const rules = new Rules(() => 'done')
  await importer(rules).run(source([{ room: 'a', sender: 'x', text: 'one' }]))
  const problems: string[] = []

  await importer(rules, { problem: ({ problem }) => problems.push(problem) }).run(
    source([{ room: 'a', sender: 'x', text: 'other' }]),
  )

  assert.match(
    problems[0] ?? '',
    /imported before, with other content, from a file named "test": give this file another --name/,
  )
})

test('[CLI7] what an earlier run has stored is read a page at a time, and not sent again', async () => {
  const lines = Array.from(
    { length: 50 },
    (_, i): Line => ({ room: `room ${i % 3}`, sender: `user ${i % 4}`, text: `line ${i}` }),
  )
  const rules = new Rules(() => 'done')
  await importer(rules).run(source(lines.slice(0, 20)))
  // Others talk in between, and one of the lines was never stored.
  rules.rooms.get('room 1')?.messages.push({ id: 'other', sender: 'user 1', text: 'live' })
  rules.rooms.get('room 2')?.messages.splice(2, 1)
  await importer(rules).run(source(lines.slice(0, 30)))
  rules.sends = 0

  const last = importer(rules)
  await last.run(source(lines))

  assert.deepEqual([last.counts.already, last.counts.imported], [30, 20])
  assert.ok(rules.sends <= 20 + 10, `${rules.sends} were sent`)
  assert.deepEqual(messagesOf(rules)['room 0'], byRoom(lines)['room 0'])
})

test('[CLI8] what the server only accepted is asked for until it is stored, or refused', async () => {
  const fates: Fate[] = ['done', 'done', 'only accepted', 'only accepted']
  const rules = new Rules(() => fates.shift() ?? 'done')
  const importing = importer(rules)
  await importing.run(source([{ room: 'a', sender: 'x', text: 'one' }]))
  assert.deepEqual([importing.counts.repeated, importing.counts.retries], [1, 2])
  assert.equal(rules.sends, 3)
})

for (const [limit, changed, most] of [
  ['lines', { aheadLinesMax: 100 }, 105],
  ['bytes', { aheadBytesMax: 3_000 }, 60],
] as const) {
  test(`[CLI10] a file of any length is held only as far as its limits: ${limit} ahead, rooms at once`, async () => {
    let read = 0
    let held = 0
    const rules = new Rules(() => 'done')
    const bounded = importer(rules, {
      limits: { ...IMPORT_LIMITS, roomsMax: 4, rememberedMax: 10, ...changed },
    })
    async function* long(): AsyncGenerator<SourceLine> {
      for (let number = 1; number <= 5_000; number++) {
        const text = JSON.stringify({
          room: `room ${number % 20}`,
          sender: `user ${number % 30}`,
          text: `line ${number}`,
        })
        yield { number, text, bytes: text.length }
        held = Math.max(held, ++read - bounded.counts.lines)
      }
    }

    await bounded.run(long())

    assert.equal(
      [...rules.rooms.values()].reduce((sum, { messages }) => sum + messages.length, 0),
      5_000,
    )
    assert.ok(held <= most, `${held} lines were held`)
    assert.ok(rules.inFlightMost <= 4, `${rules.inFlightMost} requests were under way`)
  })
}

test('[CLI8] a server that stays away is given up after the patience named, and a refusal that is final at once', async () => {
  const line = [{ room: 'a', sender: 'x', text: 'one' }]
  let now = 0
  const sleep = async () => {
    now += 1_000
  }
  const clock = { ...systemClock, elapsed: () => now, sleep }
  const gone = importer(new Rules(() => 'unreachable'), { clock, limits: { ...IMPORT_LIMITS, patienceMsMax: 60_000 } })
  await assert.rejects(gone.run(source(line)), Unreachable)
  assert.ok(now >= 60_000 && now < 65_000, `it took ${now} ms`)

  const expired = importer(new Rules(() => 'done'), {
    request: () => Promise.reject(new Refusal(401, { code: 'TOKEN_EXPIRED', message: 'expired', retryable: false })),
  })
  await assert.rejects(expired.run(source(line)), Refusal)
})
