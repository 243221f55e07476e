import type { Cluster } from './cluster.ts'
import { field } from './failures.ts'
import { LAYOUT } from './layout.ts'

const TIMEOUT_MS = 30_000

/** Everybody reads by this name; which index that is may change. */
export function readAlias(prefix: string): string {
  return `${prefix}-read`
}

/** The name by which this one index is written, and no other: whoever writes by it writes into nothing once the index is gone. */
function ownAlias(prefix: string): string {
  return `${prefix}-is-${crypto.randomUUID()}`
}

/** The own name of the index that is read; undefined where there is none. */
export async function currentIndex(cluster: Cluster): Promise<string | undefined> {
  const answer = await cluster.ask({
    method: 'GET',
    path: `/${readAlias(cluster.prefix)}/_alias`,
    timeoutMs: TIMEOUT_MS,
    isFine: (status) => status === 404,
  })
  const [index] = Object.values(Object(answer))
  return Object.keys(Object(field(index, 'aliases'))).find((name) => name.startsWith(`${cluster.prefix}-is-`))
}

/** Makes the first index, with its names, unless somebody has meanwhile. Returns whether it was made here. */
export async function createIndex(cluster: Cluster): Promise<boolean> {
  const { prefix } = cluster
  const answer = await cluster.ask({
    method: 'PUT',
    path: `/${prefix}-1`,
    query: { wait_for_active_shards: 1, timeout: '20s' },
    body: { ...LAYOUT, aliases: { [readAlias(prefix)]: {}, [ownAlias(prefix)]: {} } },
    timeoutMs: TIMEOUT_MS,
    isFine: (status) => status === 400,
  })
  if (field(answer, 'error') === undefined) return true
  if (String(field(field(answer, 'error'), 'type')).startsWith('resource_already_exists')) return false
  throw cluster.failure(400, answer)
}
