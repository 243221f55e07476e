import { Failure } from '../../ports/failure.ts'
import type { Cluster } from './cluster.ts'
import { field } from './failures.ts'
import { LAYOUT } from './layout.ts'

const TIMEOUT_MS = 30_000
const TRIES_MAX = 10

/** Everybody reads by this name; which index that is may change. */
export function readAlias(prefix: string): string {
  return `${prefix}-read`
}

/** The name by which this one index is written, and no other: whoever writes by it writes into nothing once the index is gone. */
function ownAlias(prefix: string): string {
  return `${prefix}-is-${crypto.randomUUID()}`
}

/** By this name an index that is still being made is found again. */
function draftAlias(prefix: string): string {
  return `${prefix}-draft`
}

/** An index of the cluster, and the name of its own by which alone it is written. */
interface Named {
  readonly index: string
  readonly own: string
}

/** What stands under this name; undefined where nothing does. */
async function named(cluster: Cluster, alias: string, timeoutMs = TIMEOUT_MS): Promise<Named | undefined> {
  const answer = await cluster.ask({
    method: 'GET',
    path: `/${alias}/_alias`,
    timeoutMs,
    isFine: (status) => status === 404,
  })
  for (const [index, about] of Object.entries(Object(answer))) {
    const own = Object.keys(Object(field(about, 'aliases'))).find((name) => name.startsWith(`${cluster.prefix}-is-`))
    if (own !== undefined) return { index, own }
  }
  return undefined
}

/** The own name of the index that is read; undefined where there is none. */
export async function currentIndex(cluster: Cluster, timeoutMs = TIMEOUT_MS): Promise<string | undefined> {
  return (await named(cluster, readAlias(cluster.prefix), timeoutMs))?.own
}

/** The own name of the draft: of the one that was begun, or of a new one. */
export async function draftIndex(cluster: Cluster): Promise<string> {
  const { prefix } = cluster
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const begun = await named(cluster, draftAlias(prefix))
    if (begun !== undefined) return begun.own
    // Where somebody else is faster, theirs is found.
    await create(cluster, `${prefix}-${(await lastNumber(cluster)) + 1}`, draftAlias(prefix))
  }
  throw new Failure('transient', `${cluster.name}: other indexes of ${prefix} are being made all the time`)
}

/** Makes the draft what is read, and removes what was, in one step. */
export async function publishIndex(cluster: Cluster, draft: string): Promise<void> {
  const { prefix } = cluster
  const [next, before] = await Promise.all([named(cluster, draft), named(cluster, readAlias(prefix))])
  if (next === undefined) throw new Failure('lost', `${cluster.name}: the index that was being made is gone`)
  if (next.index === before?.index) return
  const actions = [
    { remove: { index: next.index, alias: draftAlias(prefix) } },
    { add: { index: next.index, alias: readAlias(prefix) } },
    ...(before === undefined ? [] : [{ remove_index: { index: before.index } }]),
  ]
  await cluster.ask({ method: 'POST', path: '/_aliases', body: { actions }, timeoutMs: TIMEOUT_MS })
}

async function lastNumber(cluster: Cluster): Promise<number> {
  const { prefix } = cluster
  const answer = await cluster.ask({
    method: 'GET',
    path: `/${prefix}-*/_alias`,
    timeoutMs: TIMEOUT_MS,
    isFine: (status) => status === 404,
  })
  const numbers = Object.keys(Object(answer)).map((index) => Number(index.slice(prefix.length + 1)))
  return Math.max(0, ...numbers.filter(Number.isSafeInteger))
}

/** Makes the first index, with its names, unless somebody has meanwhile. Returns whether it was made here. */
export async function createIndex(cluster: Cluster): Promise<boolean> {
  const { prefix } = cluster
  return create(cluster, `${prefix}-1`, readAlias(prefix))
}

async function create(cluster: Cluster, index: string, alias: string): Promise<boolean> {
  const answer = await cluster.ask({
    method: 'PUT',
    path: `/${index}`,
    query: { wait_for_active_shards: 1, timeout: '20s' },
    body: { ...LAYOUT, aliases: { [alias]: {}, [ownAlias(cluster.prefix)]: {} } },
    timeoutMs: TIMEOUT_MS,
    isFine: (status) => status === 400,
  })
  if (field(answer, 'error') === undefined) return true
  if (String(field(field(answer, 'error'), 'type')).startsWith('resource_already_exists')) return false
  throw cluster.failure(400, answer)
}
