import type { Log } from '../ports/log.ts'
import type { Clock } from '../ports/system.ts'
import { GROUP } from '../worker/start.ts'
import type { Worker } from '../worker/worker.ts'

export interface WorkOffOptions {
  readonly worker: Pick<Worker, 'status'>
  readonly commands: Pick<Log, 'lag' | 'range'>
  readonly clock: Clock
  readonly msMax: number
}

/** How often it is looked whether the worker has come to the end. */
const LOOK_MS = 10

/**
 * Lets the worker come to the end of what was accepted, for so long at most, when nothing is appended any more: in one process nobody
 * else will take it up. What waits for a sender or behind a pause is not waited for: the next start goes on with that.
 */
export async function workOff({ worker, commands, clock, msMax }: WorkOffOptions): Promise<void> {
  const end = clock.elapsed() + msMax
  while (clock.elapsed() < end && (await hasWork(worker, commands))) await clock.sleep(LOOK_MS)
}

async function hasWork(worker: WorkOffOptions['worker'], commands: WorkOffOptions['commands']): Promise<boolean> {
  const statuses = new Map(worker.status().map((status) => [status.partition, status]))
  for (const { partition, records } of await commands.lag(GROUP)) {
    if (records === 0) continue
    const status = statuses.get(partition)
    if (status?.state === 'paused') continue
    const isRead = status?.end === (await commands.range(partition)).end
    if (!isRead || status.waitingRecords === 0) return true
  }
  return false
}
