import { type Client, connect, HoldfastError, type Entry as WireEntry } from '@holdfast/client'
import type { Claim, Letter } from '../../../../faults/checker/history.ts'
import { Problem } from '../../src/core/problem.ts'
import { type Found, searchMessages } from '../../src/core/search-messages.ts'
import type { Document, LetterDocument } from '../../src/ports/store.ts'
import type { SimulatedNetwork } from './network.ts'
import { newTryOf } from './operator.ts'
import { COMMON_WORD } from './people.ts'
import { ADMINISTRATOR, type Engines } from './processes.ts'
import { entryOf, type Recorder } from './recorder.ts'
import type { Surroundings } from './world.ts'

export interface FinalOptions {
  readonly surroundings: Surroundings
  readonly recorder: Recorder
  readonly network: SimulatedNetwork
  readonly engines: Engines
  readonly unindexable: ReadonlySet<string>
  readonly gateways: readonly string[]
  readonly rooms: readonly string[]
}

const PAGE = 200
const OBSERVER = { user: ADMINISTRATOR, administrator: true, expires: Number.POSITIVE_INFINITY }
const READ_MS_MAX = 60_000

/** Reads everything when nothing moves any more: each room from its beginning through each gateway, and what lies behind it. */
export async function readFinally(options: FinalOptions): Promise<void> {
  await readRooms(options)
  await options.surroundings.clock.outcome(readBehind(options), READ_MS_MAX)
}

export async function readRooms(options: FinalOptions): Promise<void> {
  await options.surroundings.clock.outcome(readEach(options), READ_MS_MAX)
}

async function readEach(options: FinalOptions): Promise<void> {
  const { surroundings, recorder, network } = options
  const { clock, chance } = surroundings
  for (const gateway of options.gateways) {
    const client = connect({
      url: `http://${gateway}`,
      getToken: () => ADMINISTRATOR,
      webSocket: network.webSocket(() => recorder.ear(`final/${gateway}`, true)),
      clock,
      random: chance.fork(),
    })
    for (const room of options.rooms) await readRoom(client, options, gateway, room)
    client.close()
  }
}

async function readBehind(options: FinalOptions): Promise<void> {
  await readStore(options)
  await readIndex(options)
}

async function readRoom(client: Client, options: FinalOptions, gateway: string, room: string): Promise<void> {
  const { recorder, engines } = options
  const entries: WireEntry[] = []
  try {
    let end = { epoch: 0, head: 0 }
    do {
      const page = await client.room(room).page({ after: entries.at(-1)?.seq ?? 0, limit: PAGE })
      entries.push(...page.entries)
      end = page
      if (page.entries.length === 0) break
    } while (entries.length < end.head)
    const { epoch, head } = end
    recorder.add({ type: 'history', t: recorder.t, gateway, room, epoch, head, entries: entries.map(entryOf) })
  } catch (error) {
    // A room that nobody could create is empty, and so is one whose creation a restore lost and that died in its second try: of which epoch it
    // is, only the store tells.
    if (!(error instanceof HoldfastError && error.code === 'NOT_FOUND')) throw error
    const nothing = { room, user: undefined, after: undefined, before: undefined, entriesMax: 0 }
    const { epoch } = await engines.store.history.view(nothing)
    recorder.add({ type: 'history', t: recorder.t, gateway, room, epoch, head: 0, entries: [] })
  }
}

async function readStore({ recorder, engines: { store, logs }, rooms }: FinalOptions): Promise<void> {
  const claims: Claim[] = []
  let last: Document | undefined
  do {
    const documents: readonly Document[] = await store.audit.documents(last, PAGE)
    for (const document of documents)
      if (document.end !== 'stored') claims.push({ id: document.id, end: document.end, code: document.code })
    last = documents.at(-1)
  } while (last !== undefined)
  recorder.add({ type: 'claims', t: recorder.t, claims })

  const { items } = await store.letters.list(undefined, undefined, 10_000)
  const letters = items.map(letterOf)
  // What no rule of the engines' tables knows, again and again, is taken for poison.
  recorder.poisoned(new Set(items.filter((letter) => letter.class === 'unknown').map(({ id }) => id)))
  recorder.add({ type: 'letters', t: recorder.t, letters })

  const ids: string[] = []
  for (let partition = 0; partition < logs.deadLetters.partitions; partition++) {
    const { records } = await logs.deadLetters.read(partition, 0, { recordsMax: 100_000, bytesMax: 1 << 30 })
    for (const { headers } of records) ids.push(headers['hf-dlq-id'] ?? '')
  }
  recorder.add({ type: 'letter_log', t: recorder.t, ids })

  for (const room of rooms) {
    const members = await store.history.members(room, undefined, 10_000)
    recorder.add({ type: 'members', t: recorder.t, room, users: members.map(({ user }) => user) })
  }
}

/** Who replayed it may have died before hearing of the new try; its identity is told by the letter. */
function letterOf(letter: LetterDocument): Letter {
  const { id, state } = letter
  const again = state === 'replayed' ? newTryOf(letter) : undefined
  return again === undefined ? { id, state } : { id, state, replayedAs: again.id }
}

/** A room that nobody could create holds nothing. */
function nowhere(error: unknown): Found {
  if (error instanceof Problem && error.code === 'NOT_FOUND')
    return { hits: [], next: undefined, behind: 0, partial: false }
  throw error
}

async function readIndex({ recorder, engines, unindexable, rooms }: FinalOptions): Promise<void> {
  const { store, search } = engines
  if (!search.visibleAtOnce) await search.refresh()
  for (const room of rooms) {
    const query = { text: COMMON_WORD, room, hitsMax: 100_000 }
    const found = await searchMessages({ history: store.history, search }, OBSERVER, query).catch(nowhere)
    // What search took from the store instead of the index does not count.
    const { hits } = found
    const partial = found.partial || found.behind > 0
    // What the index could never take is excused.
    const { entries } = await store.history.view({
      room,
      user: undefined,
      after: 0,
      before: undefined,
      entriesMax: 100_000,
    })
    const excused = entries.filter(({ id }) => unindexable.has(id))
    const ids = new Set([...hits, ...excused].map(({ id }) => id))
    recorder.add({ type: 'found', t: recorder.t, room, ids: [...ids], partial })
  }
}
