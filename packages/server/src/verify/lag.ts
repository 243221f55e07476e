import type { PartitionLag } from '../ports/log.ts'
import { roomsIndexedThrough } from './indexed.ts'
import { waiting, wrong } from './report.ts'
import type { BehindRoom } from './rooms.ts'
import { type Look, partitionsOf, type ReadLog } from './verify.ts'

const ROOMS_MAX = 500

/** What worker and indexer have still to do; and whether the rooms whose index was behind are only waiting for that. */
export async function verifyLag(look: Look, behind: readonly BehindRoom[]): Promise<void> {
  const { commands, feed, groups } = look.verified
  await tellLag(look, commands, groups.worker, 'the worker')
  const isIndexing = await tellLag(look, feed, groups.indexer, 'the indexer')
  for (let i = 0; i < behind.length; i += ROOMS_MAX)
    await verifyBehind(look, behind.slice(i, i + ROOMS_MAX), isIndexing)
}

async function tellLag({ verified, report }: Look, log: ReadLog, group: string, who: string): Promise<boolean> {
  const lag = await log.lag(group)
  report.examined('uncommitted', partitionsOf(log).length)
  for (const { partition, records, oldest } of lag)
    if (records > 0)
      report.add(
        waiting('uncommitted', text(who, { partition, records, oldest }, verified.clock.now()), {
          partition,
          count: records,
        }),
      )
  return lag.some(({ records }) => records > 0)
}

function text(who: string, { records, oldest }: PartitionLag, now: number): string {
  const age =
    oldest === undefined
      ? ''
      : `, the oldest for ${Math.max(0, Math.round((now - oldest) / 1_000)).toLocaleString('en-US')} s`
  return `${records.toLocaleString('en-US')} records wait for ${who}${age}`
}

/** Read again: with nothing left for the indexer to do, a room that is still behind will stay so. */
async function verifyBehind(
  { verified, report }: Look,
  behind: readonly BehindRoom[],
  isIndexing: boolean,
): Promise<void> {
  const through = await roomsIndexedThrough(
    verified,
    behind.map(({ room }) => room),
  )
  for (const { room, head } of behind) {
    const indexed = through.get(room) ?? 0
    if (indexed >= head) continue
    const where = { room, seq: indexed + 1, count: head - indexed }
    if (isIndexing) report.add(waiting('unindexed', `the indexer is at ${indexed} of ${head}`, where))
    else
      report.add(
        wrong('unindexed', `the index ends at ${indexed} of ${head}, and the indexer has nothing left to do`, where),
      )
  }
}
