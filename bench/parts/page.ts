import { join } from 'node:path'
import { SearchFile } from '../../packages/server/src/adapters/sqlite/search-file.ts'
import type { Answer, Query, Question } from '../bare/fts5.ts'
import { Bare } from '../load/bare.ts'
import type { Http } from '../load/http.ts'
import { checkIndexed } from '../load/indexed.ts'
import { cpuSeconds, cpuSecondsWhenQuiet, sleep } from '../load/machine.ts'
import { createRoom } from '../load/rooms.ts'
import { sendInClosedLoop } from '../load/sender.ts'
import { Folder, Holdfast } from '../load/server.ts'
import { counting, probeNote, type Turn, takeTurns } from '../load/turns.ts'
import { Vocabulary, WordMessages } from '../load/words.ts'
import type { Progress } from '../main.ts'
import { figure, type PartReport, ranged, type Table } from '../report.ts'
import { type BenchSettings, profiling } from '../settings.ts'
import { percentile, type Spread, spread } from '../stats.ts'

const USER = 'bench-sender'
const ROOMS = 100
const FILL_IN_FLIGHT = 1_000
const HITS = 20
/** Of each kind in each pass, no two of them alike. */
const QUERIES = 200
/** Of the words said: the ranks from which frequent, medium and rare ones are taken. */
const FREQUENT = 10
const MEDIUM = 1_000
const RARE = 30_000
const LOOK_MS = 1_000
const STALLED_MS_MAX = 60_000

interface Kind {
  readonly what: string
  query(vocabulary: Vocabulary, number: number): Query
}

const KINDS: readonly Kind[] = [
  words('a frequent word', FREQUENT),
  words('a medium word', MEDIUM),
  words('a rare word', RARE),
  words('two frequent words', FREQUENT, FREQUENT + QUERIES),
  words('a frequent and a medium word', FREQUENT, MEDIUM),
  words('two medium words', MEDIUM, MEDIUM + QUERIES),
  beginning('two letters, as a beginning', 2),
  beginning('four letters, as a beginning', 4),
  {
    what: 'a frequent word, in one room',
    query: (vocabulary, number) => ({
      words: [vocabulary.ofRank(FREQUENT + number)],
      isPrefix: false,
      room: roomOf(number % ROOMS),
    }),
  },
]

function words(what: string, ...ranks: readonly number[]): Kind {
  return {
    what,
    query: (vocabulary, number) => ({
      words: ranks.map((rank) => vocabulary.ofRank(rank + number)),
      isPrefix: false,
      room: undefined,
    }),
  }
}

function beginning(what: string, letters: number): Kind {
  return {
    what,
    query: (vocabulary, number) => ({
      words: [vocabulary.ofRank(MEDIUM + number).slice(0, letters)],
      isPrefix: true,
      room: undefined,
    }),
  }
}

/** A page of hits through HTTP, in a store of very many messages, beside the bare query of the same words on the same index. */
export async function page(settings: BenchSettings, progress: Progress): Promise<PartReport> {
  using folder = new Folder()
  const vocabulary = new Vocabulary()
  const server = await Holdfast.start({ data: folder.path, nodeOptions: profiling(settings) })
  await using ends = new AsyncDisposableStack()
  ends.defer(() => server.stop())
  const entries = await fill(server, vocabulary, settings.entries, progress)
  const { bare } = await Bare.start('fts5', { args: [join(folder.path, 'search.db')] })
  ends.defer(() => bare.stop())
  const http = server.http(USER)
  ends.defer(async () => http.close())
  const results = KINDS.map(({ what, query }) => {
    const queries = Array.from({ length: QUERIES }, (_, number) => query(vocabulary, number))
    return { what, asking: new Asking({ server, http, bare }, queries), turns: [] as PageTurn[] }
  })
  for (let pass = 0; pass <= settings.passes; pass++) {
    for (const { what, asking, turns } of results) {
      const turn = await takeTurns(
        pass,
        folder.path,
        () => asking.server(),
        () => asking.bare(),
      )
      asking.check()
      progress(`${pass === 0 ? 'warm-up' : `pass ${pass} of ${settings.passes}`}, ${what}: ${told(turn)}`)
      if (pass > 0) turns.push(turn)
    }
  }
  return report(results, entries)
}

interface Measured {
  readonly ms: { readonly p50: number; readonly p99: number }
  /** Microseconds of CPU for each query, of the one process. */
  readonly cpu: number
  readonly hitsPerQuery: number
}

type PageTurn = Turn<Measured, Measured>

interface Asked {
  readonly server: Holdfast
  readonly http: Http
  readonly bare: Bare
}

/** The same queries, to both. */
class Asking {
  readonly #asked: Asked
  readonly #queries: readonly Query[]
  /** When what was found by each query was stored: messages of one moment have no order that both share. */
  #ours: readonly (readonly number[])[] = []
  #theirs: readonly (readonly number[])[] = []

  constructor(asked: Asked, queries: readonly Query[]) {
    this.#asked = asked
    this.#queries = queries
  }

  async server(): Promise<Measured> {
    const { server, http } = this.#asked
    const cpuBefore = await cpuSecondsWhenQuiet(server.pid)
    const [ms, at]: [number[], number[][]] = [[], []]
    for (const query of this.#queries) {
      const path = pathOf(query)
      const begun = performance.now()
      const { hits } = (await http.ask('GET', path)) as Page
      ms.push(performance.now() - begun)
      at.push(hits.map((hit) => hit.at))
      for (const { text } of hits) checkText(text, query)
    }
    const cpu = cpuSeconds(server.pid).all - cpuBefore.all
    this.#ours = at
    return measuredOf(ms, at, cpu)
  }

  async bare(): Promise<Measured> {
    const question: Question = { queries: this.#queries, hitsMax: HITS }
    const { ms, at, cpuSeconds } = await this.#asked.bare.ask<Answer>(question)
    this.#theirs = at
    return measuredOf(ms, at, cpuSeconds)
  }

  /** Throws an Error that names the first query for which the two found different things. */
  check(): void {
    for (const [i, query] of this.#queries.entries()) {
      const [ours, theirs] = [String(this.#ours[i]), String(this.#theirs[i])]
      if (ours !== theirs) throw new Error(`${pathOf(query)} finds messages of ${ours}, and the index has ${theirs}`)
    }
  }
}

interface Page {
  readonly hits: readonly { readonly at: number; readonly text: string }[]
  readonly behind: number
}

function pathOf({ words, isPrefix, room }: Query): string {
  const more = room === undefined ? '' : `&room=${encodeURIComponent(room)}`
  return `/v1/search?q=${encodeURIComponent(words.join(' '))}&prefix=${isPrefix}&limit=${HITS}${more}`
}

function checkText(text: string, { words, isPrefix }: Query): void {
  const said = text.split(' ')
  for (const word of words)
    if (!said.some((one) => (isPrefix ? one.startsWith(word) : one === word)))
      throw new Error(`a search for ${word} found: ${text}`)
}

function measuredOf(ms: readonly number[], at: readonly (readonly number[])[], cpuSeconds: number): Measured {
  const sorted = Float64Array.from(ms).sort()
  return {
    ms: { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) },
    cpu: (cpuSeconds * 1e6) / ms.length,
    hitsPerQuery: at.flat().length / ms.length,
  }
}

/** Sends so many messages through a socket, and waits until the index has all of them. Returns how many they are. */
async function fill(server: Holdfast, vocabulary: Vocabulary, entries: number, progress: Progress): Promise<number> {
  const sender = await server.signIn(USER, 'administrator')
  const perRoom = Math.ceil(entries / ROOMS)
  const heads: number[] = []
  for (let i = 0; i < ROOMS; i++) {
    const head = await createRoom(sender, roomOf(i), [])
    const messages = new WordMessages(roomOf(i), vocabulary, i)
    await sendInClosedLoop(sender, messages, Math.min(FILL_IN_FLIGHT, perRoom), head, { messages: perRoom })
    heads.push(head)
    if ((i + 1) % 10 === 0) progress(`filled with ${figure((i + 1) * perRoom)} of ${figure(perRoom * ROOMS)} entries`)
  }
  sender.close()
  await indexed(server, progress)
  const file = new SearchFile({ file: join(server.data, 'search.db'), readOnly: true })
  for (const [i, head] of heads.entries()) await checkIndexed(file, roomOf(i), head, perRoom)
  file.close()
  return perRoom * ROOMS
}

async function indexed(server: Holdfast, progress: Progress): Promise<void> {
  const http = server.http(USER)
  let [known, since] = [Number.POSITIVE_INFINITY, performance.now()]
  for (;;) {
    const { behind } = (await http.ask('GET', '/v1/search?q=nothing&limit=1')) as Page
    if (behind === 0) break
    if (behind < known) [known, since] = [behind, performance.now()]
    if (performance.now() - since > STALLED_MS_MAX) throw new Error(`the index lacks ${behind} entries, for long`)
    progress(`the index lacks ${figure(behind)} entries`)
    await sleep(LOOK_MS)
  }
  http.close()
}

function roomOf(number: number): string {
  return `bench-fill-${number}`
}

function told({ ours, theirs, probe }: PageTurn): string {
  return (
    `${figure(ours.ms.p50)} ms (p99 ${figure(ours.ms.p99)} ms, ${figure(ours.cpu)} µs), ` +
    `bare ${figure(theirs.ms.p50)} ms (p99 ${figure(theirs.ms.p99)} ms, ${figure(theirs.cpu)} µs), ` +
    `ratio ${figure(ours.ms.p50 / theirs.ms.p50)}, ${figure(ours.hitsPerQuery)} hits, probe ${figure(probe)}/s`
  )
}

// ---- what it says ------------------------------------------------------------------------------------------------------

interface Result {
  readonly what: string
  readonly turns: readonly PageTurn[]
}

function report(results: readonly Result[], entries: number): PartReport {
  return {
    part: 'page',
    tables: [table(results, entries)],
    goals: [],
    notes: [
      probeNote(results.flatMap(({ turns }) => turns)),
      'Both found messages of the same moments for each query, with the words in them, and the index has every message exactly once.',
      `Messages of ${ROOMS} rooms, in all of which the caller is. Words are said as often as in any language: those called frequent are of rank`,
      `${FREQUENT} and up, medium of ${MEDIUM}, rare of ${RARE}. The bare query is FTS5's own, on the same file, in a process without sockets; the server also`,
      'judges what the caller may read, before and after, reads the texts, and marks the words in them.',
    ],
    figures: { entries, results: results.map(({ what, turns }) => ({ what, turns })) },
  }
}

function table(results: readonly Result[], entries: number): Table {
  return {
    title: `Milliseconds, and microseconds of CPU, for a page of ${HITS} hits among ${figure(entries)} entries: median (min–max)`,
    columns: [
      'query',
      'hits',
      'Holdfast p50 ms',
      'bare p50 ms',
      'ratio',
      'p99 ms',
      'bare p99 ms',
      'Holdfast µs',
      'bare µs',
      'ratio',
    ],
    rows: results.map((result) => {
      const { turns } = counting(result.turns)
      const column = (pick: (turn: PageTurn) => number) => ranged(spread(turns.map(pick)))
      return [
        result.what,
        figure(turns[0]?.ours.hitsPerQuery ?? Number.NaN),
        column(({ ours }) => ours.ms.p50),
        column(({ theirs }) => theirs.ms.p50),
        ranged(ratioOf(turns, ({ ms }) => ms.p50)),
        column(({ ours }) => ours.ms.p99),
        column(({ theirs }) => theirs.ms.p99),
        column(({ ours }) => ours.cpu),
        column(({ theirs }) => theirs.cpu),
        ranged(ratioOf(turns, ({ cpu }) => cpu)),
      ]
    }),
  }
}

function ratioOf(turns: readonly PageTurn[], pick: (measured: Measured) => number): Spread {
  return spread(turns.map(({ ours, theirs }) => pick(ours) / pick(theirs)))
}
