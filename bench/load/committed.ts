import type { Log } from '../../packages/server/src/ports/log.ts'
import { sleep } from './machine.ts'

/** How often the log is asked how far a group is. */
const LOOK_MS = 50
const STALLED_MS_MAX = 60_000

/** Waits until a group has committed so many records of a log; returns how many they are. */
export async function committedBy(log: Log, group: string, records: number): Promise<number> {
  let [known, since] = [-1, performance.now()]
  for (;;) {
    const all = await Promise.all(Array.from({ length: log.partitions }, (_, id) => log.committed(group, id)))
    const committed = all.reduce<number>((sum, next = 0) => sum + next, 0)
    if (committed >= records) return committed
    if (committed !== known) [known, since] = [committed, performance.now()]
    if (performance.now() - since > STALLED_MS_MAX)
      throw new Error(
        `the ${group} has finished ${committed} of ${records} records of ${log.name}, and none more for long`,
      )
    await sleep(LOOK_MS)
  }
}

/** How many records a log has, where none was let go. */
export async function recordsIn(log: Log): Promise<number> {
  const ranges = await Promise.all(Array.from({ length: log.partitions }, (_, id) => log.range(id)))
  return ranges.reduce((sum, { end }) => sum + end, 0)
}
