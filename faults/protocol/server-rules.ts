import { once } from 'node:events'
import { CLOSE, type Entry, LIMITS, SOCKET_PATH, SUBPROTOCOL } from '@holdfast/protocol'
import { WebSocket } from 'ws'
import type { Frame } from './proxy.ts'
import type { Rule } from './rule.ts'
import { Broken, NotJudged, right, type Scene } from './scene.ts'
import { forgedTokens } from './server.ts'
import type { Session } from './session.ts'

/** A room of a signed-in user, on a bare connection. */
interface Room {
  readonly scene: Scene
  readonly session: Session
  readonly room: string
}

/** What the server must answer, frame by frame, and whether it goes on. */
export const SERVER_RULES: readonly Rule[] = [
  // ---- what is no request
  bad('not JSON', 'hello?', () => 'hello?', 'BAD_FRAME', null),
  bad('no object', '[], null, 7, "x"', () => ['[]', 'null', '7', '"x"'], 'BAD_FRAME', null),
  bad(
    'binary',
    'a request as a binary frame',
    () => Buffer.from('{"type":"page","ref":7,"room":"x"}'),
    'BAD_FRAME',
    null,
  ),
  bad('unknown type', '"shout", "__proto__", "constructor"', unknownTypes, 'UNKNOWN_TYPE', 7),
  bad('no type', 'type missing, or a number', () => ['{"ref":7}', '{"type":1,"ref":7}'], 'BAD_FRAME', 7),
  bad('no ref', 'ref missing, negative, a text', badRefs, 'BAD_FRAME', null),
  bad('missing field', 'a send without text', () => frame({ room: 'x', clientId: 'c' }), 'BAD_FRAME', 7),
  bad('wrong type', 'text 1, room null, again "yes"', wrongTypes, 'BAD_FRAME', 7),
  bad('unknown field', 'a send with "txet"', () => frame({ ...SEND, txet: 'x' }), 'BAD_FRAME', 7),
  bad('__proto__', 'as a field, with what is missing in it', protos, 'BAD_FRAME', 7),
  bad('10,000 deep', 'arrays in arrays, alone and as members', deep, 'BAD_FRAME'),
  bad('lone surrogates', 'in text, room, clientId', surrogates, 'BAD_FRAME', 7),
  bad('empty', 'text, room, clientId', empties, 'BAD_FRAME', 7),
  bad('control characters', 'in room and clientId', controls, 'BAD_FRAME', 7),
  bad('long ids', `${LIMITS.idBytesMax + 1} bytes`, longIds, 'BAD_FRAME', 7),
  bad('text too long', `${LIMITS.textBytesMax + 1} bytes, of one and of two a character`, longTexts, 'TOO_LARGE', 7),
  bad('many members', `${LIMITS.membersPerCommandMax + 1} of them`, manyMembers, 'TOO_LARGE', 7),
  bad('signed in twice', 'a second authenticate', () => frame({ type: 'authenticate', token: 'x' }), 'BAD_FRAME', 7),
  { name: 'frame too long', done: `${LIMITS.frameBytesMax} bytes, then one more`, check: inRoom(longFrame) },
  { name: 'not UTF-8', done: 'a text frame of the bytes ff fe', check: inRoom(notUtf8) },
  { name: 'text at its limit', done: `${LIMITS.textBytesMax} bytes`, check: inRoom(longestText) },
  // ---- before hello
  closed(
    'asked before hello',
    'page as the first frame',
    '{"type":"page","ref":7,"room":"x"}',
    'UNAUTHENTICATED',
    CLOSE.UNAUTHENTICATED,
  ),
  closed('greeted with nonsense', 'hello?', 'hello?', 'BAD_FRAME', CLOSE.PROTOCOL),
  closed('greeted with an unknown type', '"shout"', '{"type":"shout","ref":7}', 'UNKNOWN_TYPE', CLOSE.PROTOCOL),
  closed('too many rooms', `resume with ${LIMITS.resumeRoomsMax + 1} rooms`, manyRooms(), 'TOO_LARGE', CLOSE.PROTOCOL),
  { name: 'forged tokens', done: Object.keys(forgedTokens('x')).join(', '), check: forged },
  { name: 'expired token', done: 'an hour ago', check: expired },
  { name: 'no subprotocol', done: 'none, another one; another path', check: upgrades },
  // ---- rooms and commands
  { name: 'no such room', done: 'send, add, remove, page, subscribe', check: inRoom(noRoom) },
  { name: 'a foreign room', done: 'send, add, remove, page, subscribe', check: inRoom(foreignRoom) },
  { name: 'a former room', done: 'send, page, subscribe after a removal', check: inRoom(formerRoom) },
  { name: 'not the owner', done: 'a member adds and removes somebody', check: inRoom(notOwner) },
  { name: 'a taken room', done: 'create_room of a room that exists', check: inRoom(takenRoom) },
  { name: 'used id', done: 'other text, same text, both with and without again', check: inRoom(usedId) },
  { name: 'unlike ids', done: 'one id in two rooms, and of two users', check: inRoom(sameIdElsewhere) },
  { name: 'wrong generation', done: '5, where 0 is right', check: inRoom(wrongGeneration) },
  { name: 'over the rate', done: 'sends at once until refused; those behind again', check: inRoom(burst) },
  {
    name: 'resume of foreign places',
    done: 'a room that is not yours; a seq beyond the head; another epoch',
    check: inRoom(places),
  },
  { name: 'refresh', done: 'a token of the same user, of another', check: inRoom(refresh) },
]

const SEND = { type: 'send', room: 'x', clientId: 'c', text: 'x' }

function frame(fields: object): string {
  return JSON.stringify({ type: 'send', ...fields, ref: 7 })
}

// ---- frames that are no request ----------------------------------------------------------------------------------------

type Frames = string | Buffer | readonly (string | Buffer)[]

/** Each of these is answered by this error, and the session goes on. */
function bad(name: string, done: string, frames: () => Frames, code: string, ref?: number | null): Rule {
  return {
    name,
    done,
    check: inRoom(async (where) => {
      const all = [frames()].flat()
      let message: unknown
      for (const one of all) {
        const before = where.session.heard.length
        where.session.raw(one)
        const error = await where.session.hear(({ type }) => type === 'error', before)
        if (error.code !== code || error.retryable !== false || (ref !== undefined && error.ref !== ref))
          throw new Broken(`${String(one).slice(0, 60)}: ${JSON.stringify(error)}`)
        message = error.message
      }
      await goesOn(where)
      return `${code}, goes on: "${message}"`
    }),
  }
}

function unknownTypes(): Frames {
  return ['shout', '__proto__', 'constructor', 'hello'].map((type) => `{"type":${JSON.stringify(type)},"ref":7}`)
}

function badRefs(): Frames {
  return ['', '"ref":-1,', '"ref":"7",', '"ref":7.5,'].map((ref) => `{${ref}"type":"page","room":"x"}`)
}

function wrongTypes(): Frames {
  return [{ text: 1 }, { room: null }, { clientId: [] }, { again: 'yes' }, { again: false }, { generation: -1 }].map(
    (field) => frame({ ...SEND, ...field }),
  )
}

function protos(): Frames {
  return [
    '{"type":"send","ref":7,"__proto__":{"room":"x","clientId":"c","text":"x"}}',
    '{"type":"send","ref":7,"room":"x","clientId":"c","text":"x","__proto__":{"again":true}}',
    '{"type":"send","ref":7,"room":"x","clientId":"c","text":"x","constructor":{}}',
  ]
}

function deep(): Frames {
  const arrays = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
  const objects = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`
  const create = (members: string) =>
    `{"type":"create_room","ref":7,"clientId":"c","kind":"group","members":${members}}`
  return [arrays, create(arrays), create(`[${objects}]`)]
}

function surrogates(): Frames {
  return [{ text: 'x\ud800' }, { text: '\udc00x' }, { room: '\ud83d' }, { clientId: '\ude00' }].map((field) =>
    frame({ ...SEND, ...field }),
  )
}

function empties(): Frames {
  return [{ text: '' }, { room: '' }, { clientId: '' }].map((field) => frame({ ...SEND, ...field }))
}

function controls(): Frames {
  return [{ room: 'a\nb' }, { clientId: 'a\u0000b' }, { room: 'a\u007fb' }].map((field) => frame({ ...SEND, ...field }))
}

function longIds(): Frames {
  const long = 'x'.repeat(LIMITS.idBytesMax + 1)
  return [{ room: long }, { clientId: long }, { room: 'é'.repeat(LIMITS.idBytesMax / 2 + 1) }].map((field) =>
    frame({ ...SEND, ...field }),
  )
}

function longTexts(): Frames {
  return ['x'.repeat(LIMITS.textBytesMax + 1), 'é'.repeat(LIMITS.textBytesMax / 2 + 1)].map((text) =>
    frame({ ...SEND, text }),
  )
}

function manyMembers(): Frames {
  const members = Array.from({ length: LIMITS.membersPerCommandMax + 1 }, (_, i) => `user${i}`)
  return JSON.stringify({ type: 'create_room', ref: 7, clientId: 'c', kind: 'group', members })
}

async function longFrame(where: Room): Promise<string> {
  const empty = frame({ fill: '' })
  const sized = (bytes: number) => empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`)
  where.session.raw(sized(LIMITS.frameBytesMax))
  const error = await where.session.hear(({ type }) => type === 'error')
  right(error.code === 'BAD_FRAME' ? undefined : JSON.stringify(error))
  where.session.raw(sized(LIMITS.frameBytesMax + 1))
  return closesWith(where.session, 1009, `BAD_FRAME, then closed with`)
}

async function notUtf8(where: Room): Promise<string> {
  where.session.rawText(Buffer.from([0xff, 0xfe]))
  return closesWith(where.session, 1007, 'closed with')
}

async function longestText(where: Room): Promise<string> {
  const { session, room } = where
  const texts = ['x'.repeat(LIMITS.textBytesMax), 'é'.repeat(LIMITS.textBytesMax / 2), '\u0000'.repeat(100)]
  for (const [i, text] of texts.entries())
    await endsAs(session, { ...SEND, room, clientId: `long ${i}`, text }, 'stored')
  const kept = (await session.history(room)).flatMap((entry) => (entry.kind === 'message' ? [entry.text] : []))
  right(texts.every((text, i) => kept[i] === text) ? undefined : 'history has another text')
  return 'stored, as it was sent'
}

// ---- before hello ------------------------------------------------------------------------------------------------------

/** Answered by this error, and then the door is closed. */
function closed(name: string, done: string, first: string, code: string, closeCode: number): Rule {
  return {
    name,
    done,
    async check(scene) {
      const session = await scene.bareSession()
      session.raw(first)
      return turnedAway(session, code, closeCode)
    },
  }
}

async function turnedAway(session: Session, code: string, closeCode: number): Promise<string> {
  const error = await session.hear(({ type }) => type === 'error')
  right(error.code === code ? undefined : `${error.code} instead of ${code}`)
  return closesWith(session, closeCode, `${code}, closed with`)
}

function manyRooms(): string {
  const resume = Array.from({ length: LIMITS.resumeRoomsMax + 1 }, (_, i) => ({ room: `room${i}`, epoch: 1, seq: 1 }))
  return JSON.stringify({ type: 'authenticate', ref: 7, token: 'x', resume })
}

async function forged(scene: Scene): Promise<string> {
  const seen = []
  for (const [what, token] of Object.entries(forgedTokens(scene.name('anna')))) {
    const session = await scene.bareSession()
    session.tell({ type: 'authenticate', token })
    seen.push(await turnedAway(session, 'UNAUTHENTICATED', CLOSE.UNAUTHENTICATED).catch((cause) => fail(what, cause)))
  }
  return `each: ${seen[0]}`
}

async function expired(scene: Scene): Promise<string> {
  if (scene.server.own === undefined) throw new NotJudged('needs a server of its own: leave out --url')
  const session = await scene.bareSession()
  session.tell({ type: 'authenticate', token: scene.server.own.expiredToken(scene.name('anna')) })
  return turnedAway(session, 'TOKEN_EXPIRED', CLOSE.SESSION_EXPIRED)
}

async function upgrades(scene: Scene): Promise<string> {
  const url = scene.server.url.replace(/^http/, 'ws')
  const asked: readonly (readonly [string, string | undefined, number])[] = [
    [SOCKET_PATH, undefined, 400],
    [SOCKET_PATH, 'other.v1', 400],
    ['/v2/socket', SUBPROTOCOL, 404],
  ]
  for (const [path, protocol, status] of asked) {
    const socket = new WebSocket(`${url}${path}`, protocol === undefined ? [] : [protocol])
    socket.on('error', () => {})
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode?: number }]
    socket.terminate()
    right(response.statusCode === status ? undefined : `${path}, ${protocol}: ${response.statusCode}`)
  }
  return 'refused before the upgrade: 400, 400, 404'
}

// ---- rooms and commands ------------------------------------------------------------------------------------------------

async function noRoom({ scene, session }: Room): Promise<string> {
  return notFound(session, scene.name('nowhere'))
}

async function foreignRoom({ scene, session }: Room): Promise<string> {
  const room = scene.name('foreign')
  const other = await scene.session(scene.name('ben'))
  await endsAs(other, { type: 'create_room', clientId: 'foreign', room, kind: 'group', members: [] }, 'stored')
  const seen = await notFound(session, room)
  right((await other.history(room)).length === 1 ? undefined : 'the room has changed')
  return seen
}

/** A room that does not exist and one that is not yours look the same. */
async function notFound(session: Session, room: string): Promise<string> {
  const user = 'somebody'
  await endsAs(session, { ...SEND, room }, 'refused', 'NOT_FOUND')
  await endsAs(session, { type: 'add_member', clientId: 'a', room, user }, 'refused', 'NOT_FOUND')
  await endsAs(session, { type: 'remove_member', clientId: 'r', room, user }, 'refused', 'NOT_FOUND')
  await endsAs(session, { type: 'page', room }, 'error', 'NOT_FOUND')
  await endsAs(session, { type: 'subscribe', room }, 'error', 'NOT_FOUND')
  right(
    session.heard.some((heard) => 'room' in heard && heard.type === 'joined' && heard.room === room)
      ? 'it was opened'
      : undefined,
  )
  return 'NOT_FOUND: commands accepted and refused, reads an error'
}

async function formerRoom({ scene, session, room }: Room): Promise<string> {
  const user = scene.name('ben')
  const ben = await scene.session(user)
  await endsAs(session, { type: 'add_member', clientId: 'add', room, user }, 'stored')
  await ben.hear(({ type }) => type === 'joined')
  await endsAs(session, { type: 'remove_member', clientId: 'remove', room, user }, 'stored')
  await ben.hear(({ type }) => type === 'left')
  await endsAs(session, { ...SEND, room, text: 'behind your back' }, 'stored')
  await endsAs(ben, { ...SEND, room }, 'refused', 'NOT_A_MEMBER')
  await endsAs(ben, { type: 'page', room }, 'error', 'NOT_A_MEMBER')
  await endsAs(ben, { type: 'subscribe', room }, 'error', 'NOT_A_MEMBER')
  const pushed = ben.heard.filter(({ type }) => type === 'entry' || type === 'left')
  const [last, goodbye] = [pushed.at(-2)?.entry as { kind?: unknown } | undefined, pushed.at(-1)]
  right(last?.kind === 'member_removed' && goodbye?.type === 'left' ? undefined : 'the removal was not the last entry')
  return 'NOT_A_MEMBER; the last push was the removal, then left'
}

async function notOwner({ scene, session, room }: Room): Promise<string> {
  const user = scene.name('ben')
  const ben = await scene.session(user)
  await endsAs(session, { type: 'add_member', clientId: 'add', room, user }, 'stored')
  await endsAs(ben, { type: 'add_member', clientId: 'a', room, user: 'cara' }, 'refused', 'FORBIDDEN')
  await endsAs(ben, { type: 'remove_member', clientId: 'r', room, user: scene.name('anna') }, 'refused', 'FORBIDDEN')
  await endsAs(session, { type: 'add_member', clientId: 'add 2', room, user }, 'refused', 'ALREADY')
  await endsAs(session, { type: 'remove_member', clientId: 'r', room, user: scene.name('anna') }, 'refused', 'CONFLICT')
  await endsAs(ben, { type: 'remove_member', clientId: 'leave', room, user }, 'stored')
  return 'FORBIDDEN; adding twice ALREADY; the owner cannot leave: CONFLICT; a member can'
}

async function takenRoom({ scene, session, room }: Room): Promise<string> {
  const create = { type: 'create_room', room, kind: 'group', members: [] }
  await endsAs(session, { ...create, clientId: 'again' }, 'refused', 'CONFLICT')
  const other = scene.name('ben')
  const direct = { type: 'create_room', kind: 'direct', members: [other] }
  await endsAs(session, { ...direct, clientId: 'direct 1' }, 'stored')
  await endsAs(
    await scene.session(other),
    { ...direct, members: [scene.name('anna')], clientId: 'direct 2' },
    'refused',
    'ALREADY',
  )
  return 'CONFLICT; of a direct room, from either side, ALREADY'
}

async function usedId({ session, room }: Room): Promise<string> {
  const one = { ...SEND, room, clientId: 'used', text: 'one' }
  const first = await endsAs(session, one, 'stored')
  await endsAs(session, { ...one, text: 'two' }, 'refused', 'ID_REUSED')
  await endsAs(session, { ...one, text: 'two', again: true }, 'refused', 'ID_REUSED')
  for (const again of [{}, { again: true }]) {
    const repeat = await endsAs(session, { ...one, ...again }, 'stored')
    right(repeat.seq === first.seq && repeat.duplicate === true ? undefined : JSON.stringify(repeat))
  }
  right((await session.history(room)).length === 2 ? undefined : 'history has more than one of it')
  return `ID_REUSED; the same text: duplicate, at ${first.seq}`
}

async function sameIdElsewhere({ scene, session, room }: Room): Promise<string> {
  const user = scene.name('ben')
  const [second, ben] = [scene.name('second'), await scene.session(user)]
  await endsAs(
    session,
    { type: 'create_room', clientId: 'second', room: second, kind: 'group', members: [user] },
    'stored',
  )
  const ends = [
    await endsAs(session, { ...SEND, room }, 'stored'),
    await endsAs(session, { ...SEND, room: second }, 'stored'),
    await endsAs(ben, { ...SEND, room: second }, 'stored'),
  ]
  right(ends.every(({ duplicate }) => duplicate === false) ? undefined : JSON.stringify(ends))
  return 'three commands, three entries'
}

async function wrongGeneration({ session, room }: Room): Promise<string> {
  const error = await endsAs(session, { ...SEND, room, generation: 5 }, 'error', 'OUT_OF_ORDER')
  const { generation, retryable, appended } = error
  right(generation === 0 && retryable === true && appended === false ? undefined : JSON.stringify(error))
  await endsAs(session, { ...SEND, room, generation: 0 }, 'stored')
  return 'OUT_OF_ORDER, names 0, not appended; 0 is stored'
}

/** The page's rule of order: the first is refused for the rate, those behind it as out of order, and all come again under a number. */
async function burst({ session, room }: Room): Promise<string> {
  const texts: string[] = []
  const refs = new Map<number, string>()
  const isLimited = ({ code }: Frame) => code === 'RATE_LIMITED'
  while (!session.heard.some(isLimited)) {
    for (let i = 0; i < 230; i++) {
      const text = `message ${texts.length}`
      texts.push(text)
      refs.set(session.tell({ ...SEND, room, clientId: text, text }), text)
    }
    await session.hear(({ ref }) => ref === [...refs.keys()].at(-1))
  }
  const errors = session.heard.filter(({ type }) => type === 'error')
  const [limited, ...behind] = errors
  const { retryable, retryAfterMs, appended, generation } = limited ?? {}
  right(
    limited?.code === 'RATE_LIMITED' &&
      retryable === true &&
      Number(retryAfterMs) > 0 &&
      appended === false &&
      generation === 1
      ? undefined
      : JSON.stringify(limited),
  )
  const wrong = behind.find(
    (error) => error.code !== 'OUT_OF_ORDER' || error.appended !== false || error.generation !== 1,
  )
  right(wrong === undefined ? undefined : `behind it: ${JSON.stringify(wrong)}`)
  const failed = errors.map(({ ref }) => refs.get(Number(ref)) ?? '')
  right(failed.join() === texts.slice(-failed.length).join() ? undefined : 'one behind a refused one was taken')
  await repeat(session, room, failed)
  const kept = (await session.history(room)).flatMap((entry) => (entry.kind === 'message' ? [entry.text] : []))
  right(kept.join() === texts.join() ? undefined : 'history has not each once, in order')
  return `1 RATE_LIMITED, ${behind.length} OUT_OF_ORDER; again under higher numbers: each once, in order`
}

/** Sends again what was refused, one by one, under the number named last. */
async function repeat(session: Session, room: string, texts: readonly string[]): Promise<void> {
  let generation = 1
  for (const text of texts) {
    for (;;) {
      const end = await session.ask({ ...SEND, room, clientId: text, text, generation, again: true })
      if (end.type === 'stored') break
      right(end.code === 'RATE_LIMITED' ? undefined : JSON.stringify(end))
      generation = Number(end.generation)
      await new Promise((resolve) => setTimeout(resolve, Number(end.retryAfterMs)))
    }
  }
}

async function places({ scene, session, room }: Room): Promise<string> {
  const foreign = scene.name('foreign')
  const ben = await scene.session(scene.name('ben'))
  await endsAs(ben, { type: 'create_room', clientId: 'foreign', room: foreign, kind: 'group', members: [] }, 'stored')
  await endsAs(session, { ...SEND, room }, 'stored')
  const comeAgain = async (...resume: object[]) => {
    const again = await scene.bareSession()
    await again.ask({ type: 'authenticate', token: await scene.server.token(scene.name('anna')), resume })
    await again.hear(({ type }) => type === 'ready')
    return again.heard
  }
  const known = await comeAgain({ room, epoch: 1, seq: 1 }, { room: foreign, epoch: 1, seq: 1 })
  const of = (heard: readonly Frame[], id: string) => heard.filter((one) => one.room === id)
  right(
    of(known, foreign)
      .map(({ type }) => type)
      .join() === 'left'
      ? undefined
      : 'a foreign room was not answered by left alone',
  )
  const [resumed, pushed] = of(known, room)
  right(
    resumed?.recovered === true && resumed.seq === 1 && (pushed?.entry as Partial<Entry> | undefined)?.seq === 2
      ? undefined
      : JSON.stringify([resumed, pushed]),
  )
  for (const place of [
    { epoch: 1, seq: 99 },
    { epoch: 7, seq: 1 },
  ]) {
    const [first] = of(await comeAgain({ room, ...place }), room)
    right(first?.recovered === false && first.epoch === 1 && first.seq === 2 ? undefined : JSON.stringify(first))
  }
  return 'left; recovered: false at the head; a right place: recovered, and what is behind it'
}

async function refresh({ scene, session, room }: Room): Promise<string> {
  const { server } = scene
  await endsAs(session, { type: 'refresh', token: await server.token(scene.name('anna')) }, 'refreshed')
  await endsAs(session, { type: 'refresh', token: await server.token(scene.name('ben')) }, 'error', 'FORBIDDEN')
  await endsAs(session, { type: 'refresh', token: 'x' }, 'error', 'UNAUTHENTICATED')
  await goesOn({ scene, session, room })
  return 'refreshed; of another FORBIDDEN, of nobody UNAUTHENTICATED: goes on'
}

// ---- pieces --------------------------------------------------------------------------------------------------------------

function inRoom(check: (where: Room) => Promise<string>): (scene: Scene) => Promise<string> {
  return async (scene) => {
    const [session, room] = [await scene.session(scene.name('anna')), scene.name('room')]
    await endsAs(session, { type: 'create_room', clientId: 'room', room, kind: 'group', members: [] }, 'stored')
    await session.hear(({ type }) => type === 'joined')
    return check({ scene, session, room })
  }
}

async function endsAs(
  session: Session,
  request: { type: string } & Record<string, unknown>,
  type: string,
  code?: string,
): Promise<Frame> {
  const end = await session.ask(request)
  // A used id is the one refusal that may come before the log was asked.
  const isAccepted = code === 'ID_REUSED' || session.heard.some((one) => one.type === 'accepted' && one.ref === end.ref)
  if (type === 'refused' && !isAccepted) throw new Broken(`${request.type} was refused without being accepted`)
  if (end.type === type && (code === undefined || end.code === code)) return end
  throw new Broken(`${request.type} ended as ${JSON.stringify(end)} instead of ${type} ${code ?? ''}`.trim())
}

/** The session still answers, and still tells its room. */
async function goesOn({ session, room }: Room): Promise<void> {
  const { seq } = await endsAs(session, { ...SEND, room, clientId: 'goes on' }, 'stored')
  await session.hear((heard) => heard.type === 'entry' && (heard.entry as { seq?: unknown }).seq === seq)
}

async function closesWith(session: Session, code: number, words: string): Promise<string> {
  const got = await session.closed
  right(got === code ? undefined : `closed with ${got} instead of ${code}`)
  return `${words} ${code}`
}

function fail(what: string, cause: unknown): never {
  throw new Broken(`${what}: ${cause instanceof Error ? cause.message : cause}`)
}
