import type { Call } from '../../src/adapters/memory/memory.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { command } from '../../src/core/command.ts'
import { decide } from '../../src/core/decide.ts'
import { apply, type RoomState } from '../../src/core/room.ts'
import { Failure, type FailureClass } from '../../src/ports/failure.ts'
import type { Document, EntryDocument } from '../../src/ports/store.ts'
import type { Worker } from '../../src/worker/worker.ts'
import { add, create, partsOf, remove, Scene, type Sent, say, seeded } from './scene.ts'

const ROOMS = ['r', 's']
const SENDERS = ['al', 'u1', 'u2', 'late']
const FAILURES: readonly FailureClass[] = ['transient', 'overload', 'ambiguous', 'ambiguous', 'operator']

export interface Ran {
  readonly broken: readonly string[]
  /** Which interesting things happened: a run in which none do proves nothing. */
  readonly seen: {
    conflicts: number
    fenced: number
    adopted: number
    waited: number
    reused: number
    dead: number
    crashes: number
  }
}

/**
 * One random schedule: commands, resends and reused ids arrive while workers start, stop and are dropped in the middle of a batch,
 * up to three at once on one partition, and engines fail before, after and in the middle of a call. Then everything heals, and
 * the history has to be what the invariants say.
 */
export async function runSchedule(seed: number): Promise<Ran> {
  const random = seeded(seed)
  const chance = (p: number) => random.next() < p
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.next() * from.length)] as T
  const scene = new Scene({
    zombies: true,
    random,
    settings: {
      batchRecordsMax: 1 + Math.floor(random.next() * 8),
      laneWaitMsMax: pick([50, 2_000]),
      laneTriesMin: 2,
      laneBackoff: { delayMs: 10, delayMsMax: 100 },
      outageBackoff: { delayMs: 5, delayMsMax: 50 },
      idleMsMax: 50,
      // A crash leaves at once what is in flight: it may land later all the same.
      drainMsMax: pick([0, 0, 1_000]),
      roomsBytesMax: pick([1, 1 << 20]),
      unfinishedRecordsMax: pick([6, 100_000]),
    },
  })
  const faultRate = pick([0, 0.02, 0.1])
  const crashRate = pick([0, 0.1, 0.3])
  let isHealthy = false
  const fails = () => !isHealthy && chance(faultRate)
  scene.faults = {
    before(call) {
      if (isOurs(call)) return
      if (fails()) throw new Failure(pick(FAILURES), 'before')
      if (call.call === 'append' && call.log === 'commands') return
      // A slow call lets everybody else go first.
      if (!isHealthy && chance(0.2)) return scene.clock.sleep(1 + Math.floor(random.next() * 20))
    },
    after(call) {
      if (isOurs(call) || (call.call === 'append' && call.log === 'commands')) return
      if (fails()) throw new Failure('ambiguous', 'after')
    },
    document() {
      if (fails()) throw new Failure(pick(['ambiguous', 'unknown']), 'in the middle')
    },
  }
  await scene.users('al', 'u1', 'u2')
  const sent: { readonly command: Sent; readonly digest: string; readonly id: string }[] = []
  const order = new Map<string, number>()
  const send = async (command_: Sent) => {
    const { id, digest } = command(sha256, partsOf(command_))
    const [offset = -1] = await scene.send(command_).catch(() => [])
    if (offset < 0) return
    sent.push({ command: command_, id, digest })
    if (!order.has(id)) order.set(id, offset)
  }
  const snapshots: { readonly room: string; readonly ids: readonly string[] }[] = []
  const snapshot = async () => {
    for (const room of ROOMS) snapshots.push({ room, ids: (await scene.entries(room)).map(({ id }) => id) })
  }

  let crashes = 0
  let names = 0
  const alive: Worker[] = []
  const startOne = async () => alive.push(await scene.start(`w${++names}`))
  for (const room of ROOMS) await send(create(['u1'], room))
  await startOne()
  const wanted = 6 + Math.floor(random.next() * 20)
  for (let n = 0; n < wanted; n++) {
    if (sent.length > 0 && chance(0.2)) {
      const { command: earlier } = pick(sent)
      await send(chance(0.3) ? { ...earlier, content: { kind: 'message', text: `other ${n}` } } : earlier)
    } else await send(randomCommand(n, random.next, pick))
    if (chance(0.5)) await scene.clock.advance(Math.floor(random.next() * 60))
    if (chance(0.05)) await scene.users('late')
    if (chance(crashRate) && alive.length > 0) {
      crashes++
      // Not waited for: it may still have a write on its way when the next one starts.
      void alive.splice(Math.floor(random.next() * alive.length), 1)[0]?.stop()
    }
    if (alive.length === 0 || (alive.length < 3 && chance(0.1))) await startOne()
    if (chance(0.2)) await snapshot()
  }
  isHealthy = true
  await scene.drained()
  await scene.stop()
  await snapshot()

  const broken: string[] = []
  await check(scene, sent, order, snapshots, broken)
  const total = (key: 'adopted' | 'waiting' | 'reused') => scene.batches.reduce((sum, batch) => sum + batch[key], 0)
  const dead = scene.batches.reduce((sum, batch) => sum + batch.dead.expired + batch.dead.unknown, 0)
  const { conflicts, fenced } = scene.counts
  const seen = {
    conflicts,
    fenced,
    crashes,
    dead,
    adopted: total('adopted'),
    waited: total('waiting'),
    reused: total('reused'),
  }
  return { broken, seen }
}

/** Calls of the test itself, which no fault may hit. */
function isOurs({ call }: Call): boolean {
  return call === 'read' || call === 'audit' || call === 'view' || call === 'users' || call === 'letters'
}

function randomCommand(n: number, next: () => number, pick: <T>(from: readonly T[]) => T): Sent {
  const room = pick(ROOMS)
  const kind = next()
  if (kind < 0.15) return add(`c${n}`, pick(['u1', 'u2', 'late']), room)
  if (kind < 0.3) return remove(`c${n}`, pick(['u1', 'u2']), room)
  return say(`c${n}`, pick(SENDERS), `text ${n}`, room)
}

async function check(
  scene: Scene,
  sent: readonly { readonly command: Sent; readonly digest: string; readonly id: string }[],
  order: ReadonlyMap<string, number>,
  snapshots: readonly { readonly room: string; readonly ids: readonly string[] }[],
  broken: string[],
): Promise<void> {
  const documents = await scene.documents()
  const byId = new Map(documents.map((document) => [document.id, document]))
  const feed = await scene.feed()
  if (documents.length !== byId.size) broken.push('I3 an id twice')
  for (const {
    id,
    digest,
    command: { clientId },
  } of sent) {
    const document = byId.get(id)
    if (document === undefined) broken.push(`I1 ${clientId} neither stored nor claimed`)
    else if (!feed.some((record) => record.end !== 'epoch' && record.id === id && record.digest === digest))
      broken.push(`I1 ${clientId} was never told`)
    if (document?.end === 'dead' && document.digest === digest) {
      if ((await scene.memory.store.letters.get(id)) === undefined)
        broken.push(`I1 ${clientId} is dead without a letter`)
      if (!(await scene.deadLetters()).some(({ headers }) => headers['hf-dlq-id'] === id))
        broken.push(`I1 ${clientId} is dead without a record in the dead-letter log`)
    }
  }
  for (const record of feed) {
    if (record.end === 'epoch') broken.push('R9 an epoch was raised though nothing was restored')
    else if (record.end === 'stored') {
      const document = byId.get(record.id)
      if (document?.seq !== record.seq)
        broken.push(`I4 the feed said ${record.seq} of ${record.id}, history says ${document?.seq}`)
    }
  }
  for (const room of ROOMS) await checkRoom(scene, room, documents, order, broken)
  for (const { room, ids } of snapshots) {
    const final = (await scene.entries(room)).map(({ id }) => id)
    if (ids.some((id, i) => final[i] !== id)) broken.push(`I6 what was seen of ${room} is no prefix of what is there`)
  }
}

async function checkRoom(
  scene: Scene,
  room: string,
  documents: readonly Document[],
  order: ReadonlyMap<string, number>,
  broken: string[],
): Promise<void> {
  const entries = documents.filter(
    (document): document is EntryDocument => document.end === 'stored' && document.room === room,
  )
  if (entries.some(({ seq }, i) => seq !== i + 1)) return void broken.push(`I4 ${room} has gaps`)
  const shown = await scene.entries(room)
  if (shown.length !== entries.length)
    broken.push(`PROJECTION readers see ${shown.length} of ${entries.length} entries of ${room}`)
  const members = new Map(SENDERS.map((user) => [user, { user, role: undefined, seq: 0 }] as const))
  const state: RoomState = { room, head: 0, document: undefined, members: new Map(members) }
  const last = new Map<string, number>()
  for (const entry of entries) {
    const { sender, id, content } = entry
    const parts = { ...partsOf({ room, sender, clientId: '', content }), id, digest: '' }
    if (decide(state, parts, true).decision !== 'entry') broken.push(`DECISION ${id} contradicts the entries before it`)
    apply(state, entry)
    const offset = order.get(id) ?? -1
    if (offset < (last.get(sender) ?? -1)) broken.push(`I5 ${sender} was reordered in ${room}`)
    last.set(sender, offset)
  }
  const loaded = await scene.memory.store.timeline.load([{ room, users: SENDERS }], [])
  const snapshot = loaded.rooms.get(room)
  for (const user of SENDERS)
    if (snapshot?.members.get(user)?.role !== state.members.get(user)?.role)
      broken.push(`PROJECTION ${user} in ${room} differs from history`)
  if (JSON.stringify(snapshot?.document) !== JSON.stringify(state.document))
    broken.push(`PROJECTION ${room} differs from history`)
}
