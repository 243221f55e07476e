import type { Cluster } from './cluster.ts'
import { field } from './failures.ts'
import { LAYOUT } from './layout.ts'

const TIMEOUT_MS = 30_000

/** Everybody reads and writes by these names; which index that is may change (rebuild.ts). */
export function aliasesOf(prefix: string): { readonly read: string; readonly write: string } {
  return { read: `${prefix}-read`, write: `${prefix}-write` }
}

/** Makes the first index, with both names, unless somebody has. Returns whether it was made here. */
export async function createIndex(cluster: Cluster): Promise<boolean> {
  const { read, write } = aliasesOf(cluster.prefix)
  const answer = await cluster.ask({
    method: 'PUT',
    path: `/${cluster.prefix}-1`,
    query: { wait_for_active_shards: 1, timeout: '20s' },
    body: { ...LAYOUT, aliases: { [read]: {}, [write]: { is_write_index: true } } },
    timeoutMs: TIMEOUT_MS,
    isFine: (status) => status === 400,
  })
  if (field(answer, 'error') === undefined) return true
  if (String(field(field(answer, 'error'), 'type')).startsWith('resource_already_exists')) return false
  throw cluster.failure(400, answer)
}
