// The least a process can do that keeps what an indexer keeps: a loop of plain HTTP requests that brings the same documents into an index of
// the same layout, from memory. It is given the index that an indexer has left. For each group it posts what an indexer has to post: the
// messages, with the same ids, routing and versions; then, asked to, the heads of their rooms and how far the partition is, which may only
// be told once the messages are in. It reads no feed, makes no tokens, looks nothing up and never refreshes.
import { LAYOUT } from '../../packages/server/src/adapters/opensearch/layout.ts'
import { partitionOf } from '../../packages/server/src/core/identity.ts'
import { Http, Refused } from '../load/http.ts'
import { sleep } from '../load/machine.ts'

export interface Question {
  /** The index to make and to write; gone afterwards. */
  readonly into: string
  /** Messages in one request. */
  readonly group: number
  /** Whether heads and positions are written too. */
  readonly tells: boolean
}

export interface Answer {
  readonly messages: number
  readonly seconds: number
  /** Of CPU, of this process, while it wrote. */
  readonly cpuSeconds: number
}

interface Item {
  readonly _id: string
  readonly _routing: string
  readonly _version: number
  readonly _source: object
}

type Found = Item & { readonly _source: { readonly room: string; readonly seq: number } }

const SCROLL = '1m'
const PAGE = 1_000
/** An engine with a small heap asks for patience, until it has collected its garbage. */
const PATIENCE_MS = 50
const BUSY = 429
const [engine = '', from = '', partitions = '1'] = process.argv.slice(2)
const http = new Http(engine)
const lanes = await readLanes()

/** The messages of each partition, about in the order in which they were stored. */
async function readLanes(): Promise<readonly (readonly Found[])[]> {
  const lanes: Found[][] = Array.from({ length: Number(partitions) }, () => [])
  const query = { size: PAGE, version: true, sort: ['_doc'], query: { exists: { field: 'seq' } } }
  let page = (await ask('POST', `/${from}/_search?scroll=${SCROLL}`, JSON.stringify(query))) as Page
  while (page.hits.hits.length > 0) {
    for (const hit of page.hits.hits) lanes[partitionOf(hit._source.room, lanes.length)]?.push(hit)
    const more = { scroll: SCROLL, scroll_id: page._scroll_id }
    page = (await ask('POST', '/_search/scroll', JSON.stringify(more))) as Page
  }
  await ask('DELETE', `/_search/scroll/${page._scroll_id}`)
  for (const lane of lanes) lane.sort((a, b) => a._source.seq - b._source.seq)
  return lanes
}

interface Page {
  readonly _scroll_id: string
  readonly hits: { readonly hits: readonly Found[] }
}

async function run({ into, group, tells }: Question): Promise<Answer> {
  await ask('PUT', `/${into}?wait_for_active_shards=1`, JSON.stringify(LAYOUT))
  const [begun, cpuBefore] = [performance.now(), process.cpuUsage()]
  // As an indexer does: the partitions beside each other, and one group of each at a time.
  await Promise.all(lanes.map((lane, partition) => write(into, partition, lane, { group, tells })))
  const { user, system } = process.cpuUsage(cpuBefore)
  const messages = lanes.reduce((sum, lane) => sum + lane.length, 0)
  const answer = { messages, seconds: (performance.now() - begun) / 1_000, cpuSeconds: (user + system) / 1e6 }
  await ask('POST', `/${into}/_refresh`)
  const query = JSON.stringify({ query: { exists: { field: 'seq' } } })
  const { count } = (await ask('POST', `/${into}/_count`, query)) as { readonly count: number }
  if (count !== messages) throw new Error(`the bare loop has indexed ${count} of ${messages} messages`)
  await ask('DELETE', `/${into}`)
  return answer
}

async function write(
  into: string,
  partition: number,
  lane: readonly Found[],
  { group, tells }: Omit<Question, 'into'>,
): Promise<void> {
  for (let at = 0; at < lane.length; at += group) {
    const some = lane.slice(at, at + group)
    await bulk(into, some.map(linesOf))
    if (tells) await bulk(into, [...headsOf(some).map(linesOf), positionLines(partition, at + some.length)])
  }
}

async function bulk(into: string, lines: readonly string[]): Promise<void> {
  const { errors } = (await ask('POST', `/${into}/_bulk?filter_path=errors`, lines.join(''))) as {
    errors: boolean
  }
  if (errors !== false) throw new Error('the index refused something')
}

function linesOf({ _id, _routing, _version, _source }: Item): string {
  const index = { _id, routing: _routing, version: _version, version_type: 'external' }
  return `${JSON.stringify({ index })}\n${JSON.stringify(_source)}\n`
}

/** A document for each room, as the indexer writes one: the highest holds. */
function headsOf(some: readonly Found[]): readonly Item[] {
  const heads = new Map(some.map(({ _source: { room, seq } }) => [room, seq]))
  return [...heads].map(([room, head]) => ({
    _id: `head ${room}`,
    _routing: room,
    _version: head,
    _source: { headOf: room, head },
  }))
}

function positionLines(partition: number, next: number): string {
  const index = { _id: `progress ${partition}`, routing: 'progress' }
  return `${JSON.stringify({ index })}\n${JSON.stringify({ progress: next })}\n`
}

async function ask(method: string, path: string, body = ''): Promise<unknown> {
  for (;;)
    try {
      return await http.ask(method, path, body)
    } catch (error) {
      if (!(error instanceof Refused && error.status === BUSY)) throw error
      await sleep(PATIENCE_MS)
    }
}

process.on('message', async (question: Question) => process.send?.(await run(question)))
process.on('disconnect', () => process.exit(0))
process.send?.({ messages: lanes.reduce((sum, lane) => sum + lane.length, 0) })
