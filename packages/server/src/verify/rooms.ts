import { apply, type RoomState } from '../core/room.ts'
import { tokens } from '../core/tokens.ts'
import type { ClaimDocument, Document, EntryDocument, MemberDocument, RoomDocument, RoomId } from '../ports/store.ts'
import { IndexedSeqs, roomsIndexedThrough } from './indexed.ts'
import { type Finding, wrong } from './report.ts'
import type { Look } from './verify.ts'

/** A room whose index does not reach as far as its history: whether it is late or wrong is seen at the end. */
export interface BehindRoom {
  readonly room: RoomId
  readonly head: number
}

const DOCUMENTS_MAX = 500
const USERS_MAX = 500
const ROOMS_MAX = 500
const BEHIND_ROOMS_MAX = 10_000
/** What seems wrong may be half written just now: so often it is looked at again, so many milliseconds apart. */
const LOOKS_MAX = 5
const LOOK_AGAIN_MS = 200
const FIRST_SEQ = Number.MIN_SAFE_INTEGER
const LAST_SEQ = Number.MAX_SAFE_INTEGER
const NO_MESSAGE = 'is in the index, but not a message in history'

/** Walks every room from its first entry to its last, and compares what is kept beside it. Returns the rooms whose index is behind. */
export async function verifyRooms(look: Look): Promise<readonly BehindRoom[]> {
  const { audit } = look.verified
  const behind: BehindRoom[] = []
  let after: { room: RoomId; seq: number } | undefined
  for (;;) {
    const [next] = await audit.documents(after, 1)
    if (next === undefined) break
    const { room } = next
    const walk = await verifyRoom(look, room)
    if (walk.indexHead < walk.state.head && behind.length < BEHIND_ROOMS_MAX)
      behind.push({ room, head: walk.state.head })
    after = { room, seq: LAST_SEQ }
    look.progress(
      `rooms: ${look.report.totals.rooms.toLocaleString('en-US')}, entries: ${look.report.totals.entries.toLocaleString('en-US')}`,
    )
  }
  await verifyHeadsWithoutEntries(look)
  return behind
}

/** A room as it was walked through. */
interface Walk {
  /** What the entries say, up to the last one without a hole before it. */
  readonly state: RoomState
  readonly findings: Finding[]
  readonly indexHead: number
  entries: number
  messages: number
  claims: number
  /** The highest seq seen, holes or not. */
  last: number
}

async function verifyRoom(look: Look, room: RoomId): Promise<Walk> {
  const { report, verified } = look
  let walk = await walkRoom(look, room)
  for (let looks = 1; walk.findings.length > 0 && looks < LOOKS_MAX; looks++) {
    await verified.clock.sleep(LOOK_AGAIN_MS)
    walk = await walkRoom(look, room)
  }
  const { entries, messages, claims, findings } = walk
  for (const finding of findings) report.add(finding)
  for (const check of ['gapped', 'doubled', 'heads', 'projections'] as const)
    report.examined(check, check === 'doubled' ? entries + claims : entries > 0 ? 1 : 0)
  report.examined('unindexed', messages)
  report.totals.rooms += entries > 0 ? 1 : 0
  report.totals.entries += entries
  report.totals.messages += messages
  report.totals.claims += claims
  return walk
}

async function walkRoom({ verified, progress }: Look, room: RoomId): Promise<Walk> {
  const state: RoomState = { room, head: 0, document: undefined, members: new Map() }
  // Read first: the index may only grow while the entries are walked through.
  const indexHead = (await roomsIndexedThrough(verified, [room])).get(room) ?? 0
  const walk: Walk = { state, findings: [], indexHead, entries: 0, messages: 0, claims: 0, last: 0 }
  const indexed = new IndexedSeqs(verified.search, room)
  for await (const documents of documentsOf(verified, room)) {
    await checkIdentities(verified, walk, documents)
    for (const document of documents) {
      if (document.end === 'stored') {
        if (step(walk, document)) await checkIndexed(walk, document, indexed)
      } else {
        walk.claims++
        await checkClaim(verified, walk, document)
      }
    }
    progress(`room ${room}: ${walk.entries.toLocaleString('en-US')} entries`)
  }
  // What is indexed above the last entry that was seen here has been stored meanwhile.
  for (const seq of await indexed.upTo(walk.last)) found(walk, wrong('unindexed', NO_MESSAGE, { seq }))
  if (walk.entries > 0) await checkDocuments(verified, walk)
  return walk
}

/** Until a piece is not full: a room that is being written to is not followed for ever. */
async function* documentsOf({ audit }: Look['verified'], room: RoomId): AsyncGenerator<readonly Document[]> {
  let after = { room, seq: FIRST_SEQ }
  for (;;) {
    const documents = (await audit.documents(after, DOCUMENTS_MAX)).filter((document) => document.room === room)
    const last = documents.at(-1)
    if (last === undefined) return
    yield documents
    if (documents.length < DOCUMENTS_MAX) return
    after = { room, seq: last.seq }
  }
}

function found(walk: Walk, finding: Finding): void {
  walk.findings.push({ room: walk.state.room, ...finding })
}

/** I3: looked up by its id, each document is the one at this place and no other. */
async function checkIdentities(
  { timeline }: Look['verified'],
  walk: Walk,
  documents: readonly Document[],
): Promise<void> {
  const byId = await timeline.find(documents.map(({ room, id }) => ({ room, id })))
  for (const { id, seq } of documents) {
    const other = byId.get(id)
    if (other?.seq === seq) continue
    const text = other === undefined ? 'cannot be found by its id' : `has the id of another one, at seq ${other.seq}`
    found(walk, wrong('doubled', text, { seq, id }))
  }
}

/** I3 and I4: the next entry has the next number. Returns whether it is a new one. */
function step(walk: Walk, entry: EntryDocument): boolean {
  const { seq, id } = entry
  walk.entries++
  if (entry.content.kind === 'message') walk.messages++
  if (seq <= walk.last) {
    found(walk, wrong('doubled', 'is there twice', { seq, id }))
    return false
  }
  const missing = seq - walk.last - 1
  if (missing > 0) {
    const text = missing === 1 ? 'is missing' : `and ${missing - 1} more are missing`
    found(walk, wrong('gapped', text, { seq: walk.last + 1, count: missing }))
  }
  walk.last = seq
  // Behind a hole nobody knows what the room was.
  if (seq === walk.state.head + 1) apply(walk.state, entry)
  return true
}

async function checkIndexed(walk: Walk, { seq, id, content }: EntryDocument, indexed: IndexedSeqs): Promise<void> {
  const isThere = await indexed.has(seq)
  const isMessage = content.kind === 'message'
  const phantoms = isThere && !isMessage ? [...indexed.takePassed(), seq] : indexed.takePassed()
  for (const phantom of phantoms) found(walk, wrong('unindexed', NO_MESSAGE, { seq: phantom }))
  const shouldBe = isMessage && seq <= walk.indexHead && tokens(content.text).length > 0
  if (shouldBe && !isThere)
    found(walk, wrong('unindexed', `is not in the index, which claims everything up to ${walk.indexHead}`, { seq, id }))
}

async function checkClaim({ letters }: Look['verified'], walk: Walk, { end, id, seq }: ClaimDocument): Promise<void> {
  if (seq >= 0) found(walk, wrong('doubled', 'is a claim at the place of an entry', { seq, id }))
  if (end === 'dead' && (await letters.get(id)) === undefined)
    found(walk, wrong('dead', 'was claimed as dead, and has no letter', { id }))
}

/** The head, the room's document and its members, against what the entries say. */
async function checkDocuments({ timeline, history }: Look['verified'], walk: Walk): Promise<void> {
  const { state, last } = walk
  const { room } = state
  const users = [...state.members.keys()]
  for (let i = 0; i === 0 || i < users.length; i += USERS_MAX) {
    const { rooms } = await timeline.load([{ room, users: users.slice(i, i + USERS_MAX) }], [])
    const snapshot = rooms.get(room)
    // A head above the last entry seen is one that rose meanwhile, with its entries.
    if (snapshot === undefined || snapshot.head < last) {
      found(walk, wrong('heads', `the head is ${snapshot?.head ?? 0}, the last entry ${last}`, { seq: last }))
      return
    }
    if (i === 0) checkDocument(walk, snapshot.document)
    for (const member of snapshot.members.values()) checkMember(walk, member)
    for (const user of users.slice(i, i + USERS_MAX)) {
      if (!snapshot.members.has(user))
        found(walk, wrong('projections', `${user} was in the room, and nothing is kept of it`))
    }
  }
  for (let after: string | undefined; ; ) {
    const members = await history.members(room, after, USERS_MAX)
    for (const member of members) if (!state.members.has(member.user)) checkMember(walk, member)
    after = members.at(-1)?.user
    if (members.length < USERS_MAX) return
  }
}

/** A document newer than the walk says nothing about it; one as old must be what the entries made of it. */
function checkDocument(walk: Walk, document: RoomDocument | undefined): void {
  const { document: expected, head } = walk.state
  if (document === undefined || expected === undefined) {
    if (document !== expected)
      found(
        walk,
        wrong('projections', document === undefined ? 'the room has no document' : 'the room was never created'),
      )
    return
  }
  if (document.seq > head) return
  for (const field of ['seq', 'kind', 'name', 'owner', 'memberCount', 'createdAt'] as const) {
    if (document[field] === expected[field]) continue
    found(walk, wrong('projections', `${field} is ${document[field]}, and by history ${expected[field]}`))
  }
}

function checkMember(walk: Walk, { user, role, seq }: MemberDocument): void {
  if (seq > walk.state.head) return
  const expected = walk.state.members.get(user)
  if (expected?.role === role && expected?.seq === seq) return
  const by =
    expected === undefined ? 'never was in the room' : `is ${expected.role ?? 'no member'} since ${expected.seq}`
  found(walk, wrong('projections', `${user} is ${role ?? 'no member'} since ${seq}, and by history ${by}`))
}

/** Rooms that claim a history and have none. */
async function verifyHeadsWithoutEntries({ verified, report }: Look): Promise<void> {
  let after: RoomId | undefined
  for (;;) {
    const rooms = await verified.history.rooms(after, ROOMS_MAX)
    for (const { room, head } of rooms) {
      const [first] = head === 0 ? [] : await verified.audit.documents({ room, seq: 0 }, 1)
      if (head > 0 && first?.room !== room)
        report.add(wrong('heads', `the head is ${head}, and there is no entry`, { room }))
    }
    after = rooms.at(-1)?.room
    if (rooms.length < ROOMS_MAX) return
  }
}
