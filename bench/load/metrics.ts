import type { Holdfast } from './server.ts'

const BATCHES = 'holdfast_worker_batches_total'

/** How many batches the worker has finished, by the server's own account. */
export async function groupsOf(server: Holdfast): Promise<number> {
  const text = await (await server.get('/metrics', 'bench-sender')).text()
  let batches = Number.NaN
  for (const [, value] of text.matchAll(new RegExp(`^${BATCHES}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))) {
    batches = (Number.isNaN(batches) ? 0 : batches) + Number(value)
  }
  return batches
}
