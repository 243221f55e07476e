import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CLOSE, type Entry, LIMITS } from '@holdfast/protocol'
import type { FaultProxy, Frame, Side, Strike } from './proxy.ts'
import type { Rule } from './rule.ts'
import { Broken, NotJudged, right, type Scene } from './scene.ts'
import { forgedTokens, type OwnServer } from './server.ts'
import type { Session } from './session.ts'
import { nameOf, repeats, type Sent, type Subject, wrongSends, wrongShown } from './subject.ts'

/** What a client must do, whatever happens to its connection. */
export const CLIENT_RULES: readonly Rule[] = [
  cutSends('request lost', 'the 3rd of 6 sends does not arrive', 'lose', 'client', 'send'),
  cutSends('request torn', 'cut in the middle of the 3rd of 6 sends', 'tear', 'client', 'send'),
  cutSends('acceptance lost', 'the 3rd `accepted` does not arrive', 'lose', 'server', 'accepted'),
  cutSends('end lost', 'the 3rd `stored` does not arrive', 'lose', 'server', 'stored'),
  cutSends('reply torn', 'cut in the middle of the 3rd `accepted`', 'tear', 'server', 'accepted'),
  cutSends('stalled, then cut', 'nothing passes from the 3rd send on', 'stall', 'client', 'send'),
  { name: 'stalled, then not', done: 'nothing passes for a while from the 3rd send on', check: stalledSends },
  { name: 'over the rate', done: 'sends until the server refuses one, and 20 more', check: overTheRate },
  { name: 'refusals', done: 'a foreign room, a taken room, a used id, a text too long', check: refusals },
  { name: 'live over cuts', done: '45 entries of somebody else, cut at 3 of them', check: liveOverCuts },
  { name: 'gap', done: `away for ${LIMITS.resumeEntriesMax + 80} entries`, check: gap },
  { name: 'pages', done: 'newest, before, after, both, limit', check: pages },
  { name: 'members', done: 'added, removed, added again; removed while away', check: members },
  {
    name: 'unknown things',
    done: 'fields, kinds of entries, pushes and replies of a newer server',
    check: unknownThings,
  },
  { name: 'goodbyes', done: '45xx, 1001, 1011, 1012: comes again; 44xx: ends', check: goodbyes },
  { name: 'tokens', done: 'expired on the second connection, good on the third', check: expiredToken },
  { name: 'forged token', done: 'a token with alg none', check: forgedToken },
  { name: 'close', done: 'closed at every moment, in a process of its own', check: close },
  { name: 'kill -9', done: 'killed at the 10th of 30 sends, started again', isAlone: true, check: killed },
  { name: 'restored backup', done: 'history set back by 6 entries', isAlone: true, check: restored },
]

/** Whether a frame is the third, say, of its type: counted from now on. */
function nth(count: number, type: string): (frame: Frame) => boolean {
  let left = count
  return (frame) => frame.type === type && --left === 0
}

// ---- sends -----------------------------------------------------------------------------------------------------------

function cutSends(name: string, done: string, strike: Strike, from: Side, type: string): Rule {
  return {
    name,
    done,
    async check(scene) {
      const { proxy, anna, ben, room } = await conversation(scene)
      const struck = proxy.strike(strike, from, nth(3, type))
      for (let i = 1; i <= 6; i++) anna.say(room, `message ${i}`)
      await scene.settled('the fault strikes', struck)
      for (let i = 7; i <= 9; i++) anna.say(room, `message ${i}`)
      if (strike === 'stall') proxy.cut()
      const seen = await allIsWell(scene, { proxy, anna, ben, room })
      const { count } = repeats(proxy.heard)
      if (count === 0) throw new Broken('nothing was sent again')
      return `${seen}; ${count} sent again`
    },
  }
}

async function stalledSends(scene: Scene): Promise<string> {
  const { proxy, anna, ben, room } = await conversation(scene)
  const struck = proxy.strike('stall', 'client', nth(3, 'send'))
  for (let i = 1; i <= 6; i++) anna.say(room, `message ${i}`)
  await scene.settled('the fault strikes', struck)
  for (let i = 7; i <= 9; i++) anna.say(room, `message ${i}`)
  proxy.release()
  return allIsWell(scene, { proxy, anna, ben, room })
}

/** A refusal for the rate closes the room to what was sent behind it, until all of it comes again under a higher number (G2). */
async function overTheRate(scene: Scene): Promise<string> {
  const { proxy, anna, ben, room } = await conversation(scene)
  const refusals = () => proxy.heard.filter(({ from, frame }) => from === 'server' && frame.code === 'RATE_LIMITED')
  for (let i = 1; refusals().length === 0; i++) {
    const sent = anna.say(room, `message ${i}`)
    // So many at once, and the next when they have ended: slower than its rate, a client is never refused.
    if (i % 220 === 0) await scene.until('sends end', () => sent.hasEnded || refusals().length > 0)
  }
  for (let i = 1; i <= 20; i++) anna.say(room, `late message ${i}`)
  const seen = await allIsWell(scene, { proxy, anna, ben, room })
  const numbers = proxy.heard.map(({ from, frame }) => (from === 'client' ? Number(frame.generation ?? 0) : 0))
  return `${seen}; ${refusals().length} refused for the rate, up to generation ${Math.max(...numbers)}`
}

async function refusals(scene: Scene): Promise<string> {
  const { anna, ben, room } = await conversation(scene)
  const foreign = scene.name('foreign')
  await ben.ask({ type: 'create_room', clientId: 'foreign', room: foreign, kind: 'group', members: [] })
  const { client } = anna
  const expected: readonly (readonly [string, string, () => Promise<unknown>])[] = [
    ['a send to no room', 'NOT_FOUND', () => client.send(scene.name('nowhere'), 'x')],
    ['a send to a foreign room', 'NOT_FOUND', () => client.send(foreign, 'x')],
    ['a page of a foreign room', 'NOT_FOUND', () => client.page(foreign, {})],
    ['a taken room', 'CONFLICT', () => client.createRoom(foreign, [])],
    ['a text that is too long', 'TOO_LARGE', () => client.send(room, 'x'.repeat(LIMITS.textBytesMax + 1))],
    ['a lone surrogate', 'BAD_FRAME', () => client.send(room, 'x\ud800')],
    ['an empty text', 'BAD_FRAME', () => client.send(room, '')],
  ]
  for (const [what, code, ask] of expected) await refusedWith(scene, what, code, ask())
  const first = await scene.settled('the first send of an id', client.send(room, 'one', 'an id'))
  await refusedWith(scene, 'a used id with another text', 'ID_REUSED', client.send(room, 'two', 'an id'))
  const same = await scene.settled('a used id with the same text', client.send(room, 'one', 'an id'))
  if (first.seq !== same.seq) throw new Broken(`the same id and text were stored at ${first.seq} and at ${same.seq}`)
  const history = await ben.history(room)
  right(history.length === 2 ? undefined : `history has ${history.length} entries instead of 2`)
  return `${[...new Set(expected.map(([, code]) => code)), 'ID_REUSED'].join(', ')}: not retryable; the repeat at its place`
}

async function refusedWith(scene: Scene, what: string, code: string, asked: Promise<unknown>): Promise<void> {
  const error = await scene.settled(
    what,
    asked.then(
      () => undefined,
      (why: unknown) => why,
    ),
  )
  if (error === undefined) throw new Broken(`${what} was no error`)
  const { code: got, retryable } = error as { code?: unknown; retryable?: unknown }
  if (got !== code || retryable !== false) throw new Broken(`${what}: ${nameOf(error)}, retryable ${retryable}`)
}

// ---- what is shown -----------------------------------------------------------------------------------------------------

async function liveOverCuts(scene: Scene): Promise<string> {
  const { proxy, anna, ben, room } = await conversation(scene)
  for (const [round, strike] of (['lose', 'tear', 'lose'] as const).entries()) {
    const struck = proxy.strike(strike, 'server', nth(4, 'entry'))
    await chatter(ben, room, `round ${round}, there`, 10)
    await scene.settled('the fault strikes', struck)
    await chatter(ben, room, `round ${round}, away`, 5)
    await shownToTheEnd(scene, { proxy, anna, ben, room })
  }
  return `${anna.shown(room).length} entries over ${proxy.connections} connections, as in history`
}

async function gap(scene: Scene): Promise<string> {
  const others = Array.from({ length: 6 }, (_, i) => scene.name(`user${i}`))
  const { proxy, anna, ben, room } = await conversation(scene, others)
  await chatter(ben, room, 'there', 3)
  await shownToTheEnd(scene, { proxy, anna, ben, room })
  proxy.isShut = true
  proxy.cut()
  // So many users, because each may send only so many at once.
  const away = (LIMITS.resumeEntriesMax + 80) / others.length
  const sessions = await Promise.all(others.map((user) => scene.session(user)))
  await Promise.all(sessions.map((session, i) => chatter(session, room, `away, user ${i}`, away)))
  proxy.isShut = false
  const gaps = () => proxy.heard.filter(({ from, frame }) => from === 'server' && frame.type === 'gap').length
  await scene.until('the server sends a gap', () => gaps() > 0)
  await chatter(ben, room, 'there again', 3)
  await shownToTheEnd(scene, { proxy, anna, ben, room })
  return `${anna.shown(room).length} entries with ${gaps()} gap, as in history`
}

async function pages(scene: Scene): Promise<string> {
  const { anna, ben, room } = await conversation(scene)
  await chatter(ben, room, 'entry', 70)
  const history = await ben.history(room)
  const asked: readonly (readonly [object, readonly Entry[]])[] = [
    [{}, history.slice(-LIMITS.pageEntriesDefault)],
    [{ limit: 7 }, history.slice(-7)],
    [{ before: 40, limit: 10 }, history.slice(29, 39)],
    [{ after: 0, limit: 10 }, history.slice(0, 10)],
    [{ after: 40, limit: 10 }, history.slice(40, 50)],
    [{ after: 20, before: 26 }, history.slice(20, 25)],
    [{ after: history.length }, []],
  ]
  for (const [range, entries] of asked) {
    const page = await scene.settled(`page ${JSON.stringify(range)}`, anna.client.page(room, range))
    const got = page.entries.map(({ seq }) => seq)
    const wanted = entries.map(({ seq }) => seq)
    if (got.join() !== wanted.join() || page.head !== history.length)
      throw new Broken(`page ${JSON.stringify(range)} has ${got} of ${page.head}`)
    right(entries.length === 0 ? undefined : wrongShown(page.entries, history.slice(0, wanted.at(-1)), wanted[0] ?? 0))
  }
  return `${asked.length} pages, as in history`
}

async function members(scene: Scene): Promise<string> {
  const { proxy, anna, ben } = await conversation(scene)
  const [room, user] = [scene.name('club'), scene.name('anna')]
  const change = (type: string, id: string) => ben.ask({ type, clientId: id, room, user })
  await ben.ask({ type: 'create_room', clientId: 'club', room, kind: 'group', members: [] })
  await chatter(ben, room, 'before', 3)
  await change('add_member', 'add 1')
  await scene.until('the client is told of its addition', () => anna.told('opened', room) === 1)
  const added = openedAt(proxy, room)
  await chatter(ben, room, 'inside', 3)
  await change('remove_member', 'remove 1')
  await scene.until('the client is told of its removal', () => anna.told('left', room) === 1)
  right(wrongShown(anna.shown(room), (await ben.history(room)).slice(0, 9), added + 1))
  await chatter(ben, room, 'outside', 3)
  await change('add_member', 'add 2')
  await scene.until('the client is told of its second addition', () => anna.told('opened', room) === 2)
  await chatter(ben, room, 'inside again', 3)
  const history = await ben.history(room)
  await scene.until('entries are shown again', () => anna.shown(room).at(-1)?.seq === history.length)
  // What was said meanwhile may be shown too: it is history that a member may read.
  const first = anna.shown(room)[0]?.seq ?? 0
  right([10, openedAt(proxy, room) + 1].includes(first) ? undefined : `shown again from ${first} on`)
  right(wrongShown(anna.shown(room), history, first))
  proxy.isShut = true
  proxy.cut()
  await change('remove_member', 'remove 2')
  proxy.isShut = false
  await scene.until('the client is told of its removal while away', () => anna.told('left', room) === 2)
  return 'opened twice, left twice; shown what is between'
}

/** A newer server says things that nobody has heard of. */
async function unknownThings(scene: Scene): Promise<string> {
  const { proxy, anna, ben, room } = await conversation(scene)
  const changed: Entry[] = []
  proxy.rewrite = (frame) => {
    const more = { ...frame, 'x-new': { deep: [1] } }
    if (frame.type === 'accepted') return [{ type: 'queued', ref: frame.ref ?? null, room, retryable: false }, more]
    if (frame.type !== 'entry') return [more]
    const entry = { ...(frame.entry as Entry & { text: string }) }
    if (entry.text.endsWith('2')) Object.assign(entry, { kind: 'reaction', emoji: '👍', text: undefined })
    const wired = JSON.parse(JSON.stringify({ ...entry, 'x-new': 1 })) as Entry
    changed.push(wired)
    const seen = { type: 'seen', room, epoch: 1, seq: 10_000, head: 10_000, to: 10_000, recovered: true }
    return [{ type: 'weather', sun: true }, seen, { ...more, entry: wired }]
  }
  await chatter(ben, room, 'message', 3)
  anna.say(room, 'own message 1')
  anna.say(room, 'own message 2')
  await ended(scene, anna.sent)
  const history = await ben.history(room)
  await scene.until('all entries are shown', () => anna.shown(room).at(-1)?.seq === history.length)
  right(wrongSends(anna.sent, history))
  const known = history.map((entry) => changed.find(({ seq }) => seq === entry.seq) ?? entry)
  right(wrongShown(anna.shown(room), known, 2))
  right(proxy.connections === 1 ? undefined : 'the client hung up')
  return `${changed.length} entries with unknown fields, 2 of an unknown kind: shown; 2 sends stored`
}

// ---- connections -------------------------------------------------------------------------------------------------------

async function goodbyes(scene: Scene): Promise<string> {
  const { PROTOCOL, UNAUTHENTICATED, ...others } = CLOSE
  const [final, again] = [
    [PROTOCOL, UNAUTHENTICATED],
    [...Object.values(others), 1001, 1011, 1012],
  ]
  await Promise.all([
    ...again.map(async (code) => {
      const { proxy, anna, ben, room } = await conversation(scene, [], `${code}`)
      proxy.sayClose(code)
      await scene.until(`a new connection after ${code}`, () => proxy.connections > 1)
      anna.say(room, 'here again')
      await allIsWell(scene, { proxy, anna, ben, room })
    }),
    ...final.map(async (code) => {
      const { proxy, anna, room } = await conversation(scene, [], `${code}`)
      proxy.sayClose(code)
      await scene.until(`the connection ends by ${code}`, () => proxy.open === 0)
      const sent = anna.say(room, 'still there?')
      await scene.until(`a send is rejected after ${code}`, () => sent.hasEnded)
      right(sent.error === undefined ? `a send was stored after ${code}` : undefined)
      right(proxy.connections === 1 ? undefined : `connected again after ${code}`)
    }),
  ])
  return `again after ${again.join(', ')}; ended by ${final.join(', ')}`
}

async function expiredToken(scene: Scene): Promise<string> {
  const own = ownServer(scene)
  const proxy = await scene.proxy()
  const user = scene.name('anna')
  let asked = 0
  const anna = scene.subject(user, proxy, async () => (++asked === 2 ? own.expiredToken(user) : own.token(user)))
  const { ben, room } = await roomOf(scene, anna)
  proxy.cut()
  anna.say(room, 'here again')
  const seen = await allIsWell(scene, { proxy, anna, ben, room })
  const refusals = proxy.heard.filter(({ frame }) => frame.code === 'TOKEN_EXPIRED')
  right(refusals.length === 1 ? undefined : `TOKEN_EXPIRED was heard ${refusals.length} times`)
  return `${seen}; ${asked} tokens for ${proxy.connections} connections`
}

async function forgedToken(scene: Scene): Promise<string> {
  const proxy = await scene.proxy()
  const user = scene.name('anna')
  const anna = scene.subject(user, proxy, async () => forgedTokens(user)['alg none'] ?? '')
  const sent = anna.say(scene.name('room'), 'let me in')
  await scene.until('the send is rejected', () => sent.hasEnded)
  const { code, retryable } = (sent.error ?? {}) as { code?: unknown; retryable?: unknown }
  right(code === 'UNAUTHENTICATED' && retryable === false ? undefined : `${nameOf(sent.error)}, retryable ${retryable}`)
  right(proxy.connections === 1 ? undefined : `connected ${proxy.connections} times`)
  return 'UNAUTHENTICATED, not retryable; one connection'
}

/** Closes at every moment, and then must end by itself: whatever was left running would keep it alive. */
async function close(scene: Scene): Promise<string> {
  const token = await scene.server.token(scene.name('anna'))
  const arguments_ = [scene.clientName, scene.server.url, token, scene.name('room')]
  const child = spawn(process.execPath, ['--conditions=@holdfast/source', CLOSING, ...arguments_], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  try {
    await scene.until('the process ends by itself', () => child.exitCode !== null || child.signalCode !== null)
  } finally {
    child.kill('SIGKILL')
  }
  if (child.exitCode !== 0) throw new Broken(`exit code ${child.exitCode}: ${output.trim()}`)
  return output.trim().replaceAll('\n', ', ')
}

const CLOSING = fileURLToPath(new URL('closing.ts', import.meta.url))

async function killed(scene: Scene): Promise<string> {
  const own = ownServer(scene)
  const { proxy, anna, room } = await conversation(scene)
  const struck = proxy.strike('lose', 'server', nth(10, 'accepted'))
  for (let i = 1; i <= 30; i++) anna.say(room, `message ${i}`)
  await scene.settled('the fault strikes', struck)
  await own.end('SIGKILL')
  await own.start()
  proxy.target = own.url
  const ben = await scene.session(scene.name('ben'))
  return allIsWell(scene, { proxy, anna, ben, room })
}

async function restored(scene: Scene): Promise<string> {
  const own = ownServer(scene)
  const { proxy, anna, room, ben } = await conversation(scene)
  await chatter(ben, room, 'kept', 5)
  await shownToTheEnd(scene, { proxy, anna, ben, room })
  await own.end('SIGTERM')
  const putBack = own.backUp()
  await own.start()
  proxy.target = own.url
  const lost = await scene.session(scene.name('ben'))
  await chatter(lost, room, 'lost', 6)
  await shownToTheEnd(scene, { proxy, anna, ben: lost, room })
  await own.end('SIGKILL')
  putBack()
  await own.start()
  proxy.target = own.url
  await scene.until('the client is told that history was restored', () => anna.told('reset', room) === 1)
  const back = await scene.session(scene.name('ben'))
  await chatter(back, room, 'new', 3)
  const history = await back.history(room)
  await scene.until('the new entries are shown', () => anna.shown(room).at(-1)?.seq === history.length)
  right(wrongShown(anna.shown(room), history, 7))
  const { entries } = await scene.settled('a page of what is below', anna.client.page(room, { after: 0, before: 7 }))
  right(wrongShown(entries, history.slice(0, 6), 1))
  return 'told once; shown the new history'
}

// ---- pieces --------------------------------------------------------------------------------------------------------------

interface Conversation {
  readonly proxy: FaultProxy
  readonly anna: Subject
  /** Another member, on a bare connection to the server. */
  readonly ben: Session
  readonly room: string
}

/** A room of the client under test, behind a proxy, with somebody else in it. */
async function conversation(scene: Scene, others: readonly string[] = [], word = ''): Promise<Conversation> {
  const proxy = await scene.proxy()
  const anna = scene.subject(scene.name(`anna${word}`), proxy)
  return { proxy, anna, ...(await roomOf(scene, anna, others, word)) }
}

async function roomOf(scene: Scene, anna: Subject, others: readonly string[] = [], word = '') {
  const [room, user] = [scene.name(`room${word}`), scene.name(`ben${word}`)]
  await scene.settled('a room is created', anna.client.createRoom(room, [user, ...others]))
  await scene.until('the room is opened', () => anna.told('opened', room) === 1)
  return { room, ben: await scene.session(user) }
}

/** Somebody says so many things, as fast as the server takes them. */
async function chatter(session: Session, room: string, words: string, count: number): Promise<void> {
  const asked = Array.from({ length: count }, (_, i) =>
    session.ask({ type: 'send', clientId: `${words} ${i + 1}`, room, text: `${words} ${i + 1}` }),
  )
  for (const end of await Promise.all(asked))
    if (end.type !== 'stored') throw new Broken(`a send of another member ended as ${JSON.stringify(end)}`)
}

async function ended(scene: Scene, sent: readonly Sent[]): Promise<void> {
  const open = () => sent.filter(({ hasEnded }) => !hasEnded)
  await scene.until('every send has an end', () => open().length === 0)
}

/** Every send ended once, at its place, in order; what is shown is history; what was repeated was repeated well. */
async function allIsWell(scene: Scene, { proxy, anna, ben, room }: Conversation): Promise<string> {
  await ended(scene, anna.sent)
  const history = await ben.history(room)
  right(wrongSends(anna.sent, history))
  right(repeats(proxy.heard).wrong)
  await shownToTheEnd(scene, { proxy, anna, ben, room })
  return `${anna.sent.length} sends stored once, in order, and shown`
}

async function shownToTheEnd(scene: Scene, { proxy, anna, ben, room }: Conversation): Promise<void> {
  const history = await ben.history(room)
  const first = openedAt(proxy, room) + 1
  const shown = () => anna.shown(room)
  await scene.until('all entries are shown', () => {
    right(anna.told('reset', room) === 0 ? undefined : 'the client was told of a reset that never was')
    right(wrongShown(shown(), history.slice(0, shown().at(-1)?.seq ?? 0), first))
    return (shown().at(-1)?.seq ?? first - 1) >= history.length
  })
  right(wrongShown(shown(), history, first))
}

/** The head that the room was opened at when it became the client's: what is live begins behind it. */
function openedAt(proxy: FaultProxy, room: string): number {
  const told = proxy.heard.flatMap(({ from, frame }) => (from === 'server' && frame.room === room ? [frame] : []))
  const since = told.findLastIndex(({ type }) => type === 'left')
  return Number(told.slice(since + 1).find(({ type }) => type === 'joined')?.head)
}

function ownServer({ server: { own } }: Scene): OwnServer {
  if (own === undefined) throw new NotJudged('needs a server of its own: leave out --url')
  return own
}
