import { Failure, failureClass } from '../../ports/failure.ts'
import type { Offset } from '../../ports/log.ts'
import type { SearchDocument, SearchDrafts, SearchIndex, SearchQuery, SearchWrite } from '../../ports/search.ts'
import type { SetUpStep } from '../../ports/set-up.ts'
import type { RoomId } from '../../ports/store.ts'
import type { Clock } from '../../ports/system.ts'
import { type Item, writeAll } from './bulk.ts'
import { Cluster, type ClusterOptions } from './cluster.ts'
import { field } from './failures.ts'
import { Hanging } from './hanging.ts'
import { createIndex, currentIndex, draftIndex, publishIndex, readAlias } from './indexes.ts'
import { RESULTS_MAX, ROOMS_MAX } from './layout.ts'
import { hitsIn, requestOf, rowsIn } from './query.ts'

/** Whoever waits for an answer waits no longer; what is missing then comes from the store. */
const ANSWER_MS_MAX = 2_000
/** For the indexer, which has time. */
const READ_MS_MAX = 10_000
const PROGRESS = 'progress'
/** For so few rooms only their shards are asked. */
const ROUTED_ROOMS_MAX = 20

export interface OpenedSearch {
  readonly search: SearchIndex & SearchDrafts
  /** What the cluster is waited for, in a sentence each. */
  waiting(): readonly string[]
  close(): Promise<void>
}

/**
 * An index in OpenSearch or Elasticsearch. Nothing is asked before the first call, so a cluster that is away holds up nobody's start; an index
 * that is missing is made by whoever writes. Throws a Failure of class operator where the options are wrong.
 */
export function openSearch(options: ClusterOptions, clock: Pick<Clock, 'elapsed'>): OpenedSearch {
  const cluster = new Cluster(options)
  return {
    search: new ClusterIndex(cluster, clock),
    waiting: () => cluster.troubles,
    close: () => cluster.close(),
  }
}

/** Makes the index, or finds it there. Rejects with a Failure that says what is in the way; may be repeated, also by several at once. */
export async function setUpSearch(options: ClusterOptions): Promise<readonly SetUpStep[]> {
  const cluster = new Cluster(options)
  try {
    const isThere = (await currentIndex(cluster)) !== undefined
    const done = !isThere && (await createIndex(cluster)) ? 'created' : 'was there'
    return [{ what: `search index ${readAlias(cluster.prefix)}`, done }]
  } finally {
    await cluster.close()
  }
}

class ClusterIndex implements SearchIndex, SearchDrafts {
  readonly visibleAtOnce = false
  readonly #cluster: Cluster
  readonly #read: string
  readonly #hanging: Hanging
  /** The own name of what is read, as it was last known. */
  #current: string | undefined
  /** One copy of each shard answers all that this process asks, so that what one answer tells of the next one finds. */
  readonly #preference = `holdfast-${crypto.randomUUID()}`

  constructor(cluster: Cluster, clock: Pick<Clock, 'elapsed'>) {
    this.#cluster = cluster
    this.#hanging = new Hanging(clock)
    this.#read = readAlias(cluster.prefix)
  }

  async open(): Promise<string> {
    this.#current = await currentIndex(this.#cluster)
    if (this.#current !== undefined) return this.#current
    await createIndex(this.#cluster)
    this.#current = await currentIndex(this.#cluster)
    if (this.#current === undefined)
      throw new Failure(
        'operator',
        `${this.#cluster.name}: the index ${this.#cluster.prefix}-1 is there without its names: remove it, and it is made again`,
      )
    return this.#current
  }

  async current(): Promise<string | undefined> {
    this.#current ??= await this.#hanging.ask(() => currentIndex(this.#cluster, ANSWER_MS_MAX))
    return this.#current
  }

  draft(): Promise<string> {
    return draftIndex(this.#cluster)
  }

  async publish(draft: string): Promise<void> {
    // Its heads tell of what is found, from the first moment on.
    await this.refresh(draft)
    await publishIndex(this.#cluster, draft)
    this.#current = draft
  }

  async write({ into, documents, heads, through }: SearchWrite): Promise<readonly SearchDocument[]> {
    const index = into ?? (await this.open())
    const byItem = new Map(documents.map((document) => [itemOf(document), document]))
    const refused = await writeAll(this.#cluster, index, [...byItem.keys()])
    // Only when all of these are in: the second bulk tells of the first.
    const told: Item[] = [...heads].map(([room, head]) => ({
      id: `head ${room}`,
      routing: room,
      version: head,
      source: { headOf: room, head },
    }))
    if (through !== undefined)
      told.push({
        id: `${PROGRESS} ${through.partition}`,
        routing: PROGRESS,
        version: undefined,
        source: { progress: through.next },
      })
    const [untold] = await writeAll(this.#cluster, index, told)
    if (untold !== undefined)
      throw new Failure('operator', `${this.#cluster.name} refuses what the index is to tell of itself: ${untold.id}`)
    return refused.flatMap((item) => byItem.get(item) ?? [])
  }

  async progress(partition: number): Promise<Offset | undefined> {
    const answer = await this.#cluster.ask({
      method: 'GET',
      path: `/${this.#read}/_doc/${encodeURIComponent(`${PROGRESS} ${partition}`)}`,
      query: { routing: PROGRESS },
      timeoutMs: READ_MS_MAX,
      isFine: (status) => status === 404,
    })
    const next = field(field(answer, '_source'), 'progress')
    return typeof next === 'number' ? next : undefined
  }

  async heads(rooms: readonly RoomId[], of?: string): Promise<ReadonlyMap<RoomId, number>> {
    const heads = new Map<RoomId, number>()
    for (let from = 0; from < rooms.length; from += RESULTS_MAX) {
      const some = rooms.slice(from, from + RESULTS_MAX)
      const answer = await this.#search(of, some, {
        query: { bool: { filter: [{ terms: { headOf: some } }] } },
        _source: false,
        docvalue_fields: ['headOf', 'head'],
        track_total_hits: false,
        size: some.length,
      })
      for (const row of rowsIn(answer)) {
        const fields = field(row, 'fields')
        heads.set(String(field(field(fields, 'headOf'), '0')), Number(field(field(fields, 'head'), '0')))
      }
    }
    return heads
  }

  async refresh(of?: string): Promise<void> {
    const answer = await this.#cluster.ask({
      method: 'POST',
      path: `/${of ?? this.#read}/_refresh`,
      timeoutMs: READ_MS_MAX,
      isFine: (status) => of === undefined && status === 404,
    })
    const shards = field(answer, '_shards')
    // A copy that is nowhere is refreshed when it comes back; a shard that is nowhere at all shows as none successful.
    if (shards !== undefined && (field(shards, 'failed') !== 0 || field(shards, 'successful') === 0))
      throw new Failure('transient', `${this.#cluster.name}: not every shard was refreshed`)
  }

  async seqs(room: RoomId, after: number, seqsMax: number): Promise<readonly number[]> {
    const answer = await this.#search(undefined, [room], {
      query: { bool: { filter: [{ term: { room } }, { range: { seq: { gt: after } } }] } },
      _source: false,
      track_total_hits: false,
      sort: [{ seq: 'asc' }],
      size: Math.min(seqsMax, RESULTS_MAX),
    })
    return rowsIn(answer).map((row) => Number(field(field(row, 'sort'), '0')))
  }

  async query(query: SearchQuery) {
    if (query.wanted.length === 0 || query.rooms.length === 0) return { hits: [], partial: false }
    const answer = await this.#search(query.of, query.rooms, requestOf(query))
    return { hits: hitsIn(answer), partial: field(answer, 'timed_out') === true || query.rooms.length > ROOMS_MAX }
  }

  /** Of an index that does not exist yet there is nothing; one that was named, and does not exist any more, is lost. */
  async #search(of: string | undefined, rooms: readonly RoomId[], body: object): Promise<unknown> {
    const routing =
      rooms.length <= ROUTED_ROOMS_MAX && rooms.every((room) => !room.includes(',')) ? { routing: rooms.join(',') } : {}
    try {
      return await this.#hanging.ask(() =>
        this.#cluster.ask({
          method: 'POST',
          path: `/${of ?? this.#read}/_search`,
          query: { allow_partial_search_results: false, preference: this.#preference, ...routing },
          body,
          timeoutMs: ANSWER_MS_MAX,
          isFine: (status) => of === undefined && status === 404,
        }),
      )
    } catch (cause) {
      if (failureClass(cause) === 'lost' && this.#current === of) this.#current = undefined
      throw cause
    }
  }
}

/** A place's document is found by the place. */
function itemOf({ room, seq, sender, at, version, tokens, exact }: SearchDocument): Item {
  return { id: `${seq} ${room}`, routing: room, version, source: { room, seq, sender, at, f: tokens, x: exact } }
}
