import type { Holdfast } from './server.ts'

/** How many batches the worker has finished, by the server's own account. */
export function groupsOf(server: Holdfast): Promise<number> {
  return sumOf(server, 'holdfast_worker_batches_total')
}

/** How many calls of index or store failed and were tried again. */
export async function indexFailuresOf(server: Holdfast): Promise<number> {
  const failures = await sumOf(server, 'holdfast_indexer_failures_total')
  return Number.isNaN(failures) ? 0 : failures
}

/** Over all series of a metric; NaN where there is none. */
async function sumOf(server: Holdfast, metric: string): Promise<number> {
  const text = await (await server.get('/metrics', 'bench-sender')).text()
  let sum = Number.NaN
  for (const [, value] of text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)`, 'gm')))
    sum = (Number.isNaN(sum) ? 0 : sum) + Number(value)
  return sum
}
