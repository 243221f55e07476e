import { Failure } from '../../src/ports/failure.ts'
import type { Offset } from '../../src/ports/log.ts'
import {
  compareHits,
  judge,
  type SearchDocument,
  type SearchHit,
  type SearchIndex,
  type SearchQuery,
  type SearchWrite,
} from '../../src/ports/search.ts'
import type { RoomId } from '../../src/ports/store.ts'
import { Engine, engineFaults, faultsOf, type Line, REPLY_MS_MAX, spread } from './line.ts'
import type { Surroundings } from './world.ts'

const WRITE = faultsOf('search.write')
const READ = faultsOf('search.read')

/** Every fault of the simulated index. */
export const SEARCH_FAULTS: readonly string[] = [
  ...engineFaults('search'),
  ...Object.values(WRITE),
  ...Object.values(READ),
  'search.write.late',
  'search.write.broken',
  'search.write.poisonNameless',
  'search.poison',
  'search.partial',
]
/** What comes of them, or of the kind of cluster. */
export const SEARCH_EVENTS: readonly string[] = ['search.landedLate', 'search.unrefreshed']

const PAUSE_MS_MAX = 200
/** A cluster makes visible what it has, every so often, whether asked or not; some are told not to. */
const REFRESH_MS: readonly number[] = [1_000, Number.POSITIVE_INFINITY]
/** Of the rooms a query looks at, those whose part of the index does not answer. */
const UNANSWERED = 0.5

/**
 * A search cluster behind a network: late, slow, overloaded or gone, for minutes. A write may stop anywhere, but heads and position are only told
 * behind the documents they speak for. What is in is found at once or only after a refresh: each run has one kind of cluster.
 */
export class SimulatedSearch {
  readonly #engine: Engine
  readonly #cluster: Cluster
  readonly #clients = new Map<string, SearchIndex>()

  constructor(surroundings: Surroundings) {
    this.#engine = new Engine({ name: 'search', surroundings, slowMsMax: 10_000, outageMsMax: 120_000 })
    this.#cluster = new Cluster(this.#engine)
  }

  /** The index as this process sees it. */
  connect(process: string): SearchIndex {
    let client = this.#clients.get(process)
    if (client === undefined) {
      client = new Client(this.#engine.line(process), this.#engine, this.#cluster)
      this.#clients.set(process, client)
    }
    return client
  }

  /** Nothing of it has any effect from now on, but for what is on its way already. */
  crash(process: string): void {
    this.#clients.delete(process)
    this.#engine.crash(process)
  }

  freeze(process: string): void {
    this.#engine.freeze(process)
  }

  thaw(process: string): void {
    this.#engine.thaw(process)
  }

  cutOff(process: string): void {
    this.#engine.cutOff(process)
  }

  mend(process: string): void {
    this.#engine.mend(process)
  }

  /** As a process does that stops in order: every later call is refused as closed. */
  close(process: string): void {
    this.#clients.delete(process)
    this.#engine.close(process)
  }

  /** Every process finds it gone for so long. */
  down(ms: number): void {
    this.#engine.down(ms)
  }

  /** Messages that it could never take. */
  get poisoned(): ReadonlySet<string> {
    return this.#cluster.poisoned
  }

  heal(): void {
    this.#engine.heal()
  }
}

/** What is in the index. */
class Cluster {
  readonly visibleAtOnce: boolean
  readonly poisoned = new Set<string>()
  readonly #heads = new Map<RoomId, number>()
  readonly progress = new Map<number, Offset>()
  readonly #engine: Engine
  readonly #judged = new Map<string, boolean>()
  readonly #rooms = new Map<RoomId, Map<number, SearchDocument>>()
  readonly #refreshMs: number
  /** In, but not found and not told yet, with when it went in. */
  #unrefreshed: { readonly shown: () => void; readonly at: number }[] = []

  constructor(engine: Engine) {
    this.#engine = engine
    this.visibleAtOnce = engine.chance.happens(0.5)
    this.#refreshMs = engine.chance.pick(REFRESH_MS)
  }

  put(document: SearchDocument): void {
    this.#later(() => this.#show(document))
  }

  raiseHead(room: RoomId, head: number): void {
    this.#later(() => {
      if (head > (this.#heads.get(room) ?? Number.NEGATIVE_INFINITY)) this.#heads.set(room, head)
    })
  }

  refresh(): void {
    for (const { shown } of this.#unrefreshed) shown()
    this.#unrefreshed = []
  }

  /** The documents of a room that are found now, by seq. */
  visible(room: RoomId): ReadonlyMap<number, SearchDocument> {
    this.#passTime()
    return this.#rooms.get(room) ?? NOTHING
  }

  /** How far a room is indexed, as is told now: never further than what is found. */
  headOf(room: RoomId): number | undefined {
    this.#passTime()
    return this.#heads.get(room)
  }

  #later(shown: () => void): void {
    if (this.visibleAtOnce) shown()
    else this.#unrefreshed.push({ shown, at: this.#now })
  }

  #passTime(): void {
    const [oldest] = this.#unrefreshed
    if (oldest === undefined) return
    if (Math.floor(oldest.at / this.#refreshMs) < Math.floor(this.#now / this.#refreshMs)) this.refresh()
    else this.#engine.surroundings.sometimes('search.unrefreshed')
  }

  /** Decided when it is first seen; it stays so. */
  isPoison({ id }: SearchDocument): boolean {
    let isPoison = this.#judged.get(id)
    if (isPoison === undefined) {
      isPoison = this.#engine.strikes('search.poison')
      this.#judged.set(id, isPoison)
      if (isPoison) this.poisoned.add(id)
    }
    return isPoison
  }

  #show(document: SearchDocument): void {
    let room = this.#rooms.get(document.room)
    if (room === undefined) {
      room = new Map()
      this.#rooms.set(document.room, room)
    }
    const there = room.get(document.seq)
    if (there === undefined || document.version > there.version) room.set(document.seq, document)
  }

  get #now(): number {
    return this.#engine.surroundings.clock.elapsed()
  }
}

const NAME = 'simulated'
const NOTHING: ReadonlyMap<number, SearchDocument> = new Map()

class Client implements SearchIndex {
  readonly #line: Line
  readonly #engine: Engine
  readonly #cluster: Cluster

  constructor(line: Line, engine: Engine, cluster: Cluster) {
    this.#line = line
    this.#engine = engine
    this.#cluster = cluster
  }

  get visibleAtOnce(): boolean {
    return this.#cluster.visibleAtOnce
  }

  open(): Promise<string> {
    return this.#read(() => NAME)
  }

  async current(): Promise<string> {
    return NAME
  }

  async write(request: SearchWrite): Promise<readonly SearchDocument[]> {
    if (request.into !== undefined && request.into !== NAME) throw new Failure('lost', 'another index')
    const { chance, surroundings } = this.#engine
    surroundings.trace(() => `search ${this.#line.process} is sent ${told(request)}`)
    await this.#line.send(WRITE)
    if (this.#engine.strikes('search.write.late')) {
      this.#engine.landLater(() => {
        surroundings.sometimes('search.landedLate')
        this.#putAll(request)
      })
      await this.#line.fail('ambiguous', spread(chance, 1, REPLY_MS_MAX), 'no reply to a write')
    }
    if (this.#engine.strikes('search.write.broken')) await this.#putSome(request)
    if (request.documents.length > 0 && this.#engine.strikes('search.write.poisonNameless'))
      if (request.documents.some((document) => this.#cluster.isPoison(document)))
        await this.#line.fail('poison', 0, 'one of these documents')
    const refused = this.#putAll(request)
    await this.#line.receive(WRITE, 0)
    return refused
  }

  progress(partition: number): Promise<Offset | undefined> {
    return this.#read(() => this.#cluster.progress.get(partition))
  }

  heads(rooms: readonly RoomId[]): Promise<ReadonlyMap<RoomId, number>> {
    return this.#read(() => {
      const heads = new Map<RoomId, number>()
      for (const room of rooms) {
        const head = this.#cluster.headOf(room)
        if (head !== undefined) heads.set(room, head)
      }
      return heads
    })
  }

  refresh(): Promise<void> {
    return this.#read(() => this.#cluster.refresh())
  }

  seqs(room: RoomId, after: number, seqsMax: number): Promise<readonly number[]> {
    return this.#read(() =>
      [...this.#cluster.visible(room).keys()]
        .filter((seq) => seq > after)
        .sort((a, b) => a - b)
        .slice(0, seqsMax),
    )
  }

  query(request: SearchQuery) {
    return this.#read(() => {
      const partial = this.#engine.strikes('search.partial')
      const isAsked = () => !partial || !this.#engine.chance.happens(UNANSWERED)
      const hits: SearchHit[] = [...new Set(request.rooms)]
        .filter(isAsked)
        .flatMap((room) => [...this.#cluster.visible(room).values()])
        .flatMap((document) => judge(document, request) ?? [])
        .sort(compareHits)
        .slice(0, request.hitsMax)
      return { hits, partial }
    })
  }

  /** Documents in any order, and nothing of what they stand for: the call throws. */
  async #putSome({ documents }: SearchWrite): Promise<never> {
    const { chance, surroundings } = this.#engine
    for (const document of documents) {
      if (chance.happens(0.5)) continue
      if (!this.#cluster.isPoison(document)) this.#cluster.put(document)
      await surroundings.clock.sleep(chance.between(0, PAUSE_MS_MAX))
    }
    return this.#line.fail('ambiguous', 0, 'the connection was lost in a write')
  }

  #putAll({ documents, heads, through }: SearchWrite): readonly SearchDocument[] {
    const refused = documents.filter((document) => this.#cluster.isPoison(document))
    for (const document of documents) if (!refused.includes(document)) this.#cluster.put(document)
    for (const [room, head] of heads) this.#cluster.raiseHead(room, head)
    if (through !== undefined) this.#cluster.progress.set(through.partition, through.next)
    return refused
  }

  async #read<T>(answer: () => T): Promise<T> {
    await this.#line.send(READ)
    const result = answer()
    await this.#line.receive(READ, 0)
    return result
  }
}

function told({ documents, heads, through }: SearchWrite): string {
  const places = documents.map(({ room, seq }) => `${room}#${seq}`)
  const upTo = [...heads].map(([room, head]) => `${room}<=${head}`)
  return [...places, ...upTo, through === undefined ? 'no position' : `position ${through.next}`].join(' ')
}
