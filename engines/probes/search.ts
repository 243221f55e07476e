import { HOST } from '../machine/ports.ts'
import type { Door } from './exchange.ts'

const PATIENCE_MS = 1_000

/** Whether every primary is there: https://docs.opensearch.org/latest/api-reference/cluster-api/cluster-health/. */
export async function searchAnswers({ port }: Door): Promise<boolean> {
  const response = await fetch(`http://${HOST}:${port}/_cluster/health?wait_for_status=yellow&timeout=500ms`, {
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  await response.arrayBuffer()
  return response.status === 200
}
