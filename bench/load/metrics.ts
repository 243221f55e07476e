import type { Holdfast } from './server.ts'

/** How many batches the worker has finished, by the server's own account. */
export function groupsOf(server: Holdfast): Promise<number> {
  return sumOf(server, 'holdfast_worker_batches_total')
}

/** How many times the indexer of a cluster has written to the index. */
export function indexWritesOf(server: Holdfast): Promise<number> {
  return sumOf(server, 'holdfast_engine_call_seconds_count', 'port="search",name="index",call="write"')
}

/** How many calls of index or store failed and were tried again. */
export async function indexFailuresOf(server: Holdfast): Promise<number> {
  const failures = await sumOf(server, 'holdfast_indexer_failures_total')
  return Number.isNaN(failures) ? 0 : failures
}

/** How many seconds the calls of the index took that were of this kind, all together. */
export function indexSecondsOf(server: Holdfast, call: 'write' | 'refresh'): Promise<number> {
  return sumOf(server, 'holdfast_engine_call_seconds_sum', `port="search",name="index",call="${call}"`)
}

/** Over all series of a metric with these labels; NaN where there is none. */
async function sumOf(server: Holdfast, metric: string, labels = ''): Promise<number> {
  const text = await (await server.get('/metrics', 'bench-sender')).text()
  let sum = Number.NaN
  for (const [, value] of text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*${labels}[^}]*\\})? (\\S+)`, 'gm')))
    sum = (Number.isNaN(sum) ? 0 : sum) + Number(value)
  return sum
}
