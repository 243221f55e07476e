import type { Standing } from '../../../../faults/checker/history.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { decodeCommand } from '../../src/core/command.ts'
import { decodeFeed } from '../../src/core/feed.ts'
import { partitionOf } from '../../src/core/identity.ts'
import type { EntryDocument } from '../../src/ports/store.ts'
import type { SimulatedLogs } from './log.ts'
import type { Backup } from './store.ts'

type Records = Pick<SimulatedLogs, 'records' | 'committed'>

/**
 * The entries that a restore of this backup takes without a trace: in their partitions neither the feed nor the log's commit tells of any
 * document that the backup lacks, so no worker can notice (R9). Judged by all that lies in the logs, not as a worker does.
 */
export function unpublishedSince(
  backup: Backup,
  entries: readonly EntryDocument[],
  logs: Records,
): readonly Standing[] {
  const partitions = backup.epochs.length
  const kept = new Set(backup.documents.map(({ id }) => id))
  const isSilent = backup.epochs.map((_, partition) => !tellsOfMore(backup, kept, logs, partition))
  return entries.flatMap(({ room, seq, id }) => {
    const partition = partitionOf(room, partitions)
    const epoch = backup.epochs[partition] ?? 1
    return isSilent[partition] === true && !kept.has(id) ? [{ room, epoch, seq, id }] : []
  })
}

function tellsOfMore({ epochs }: Backup, kept: ReadonlySet<string>, logs: Records, partition: number): boolean {
  const epoch = epochs[partition] ?? 1
  const published = logs.records('feed', partition).flatMap((record) => decodeFeed(record) ?? [])
  if (published.some((one) => one.epoch > epoch || (one.end !== 'epoch' && one.epoch === epoch && !kept.has(one.id))))
    return true
  const committed = logs.committed('commands', 'worker', partition) ?? 0
  return logs.records('commands', partition).some((record) => {
    const decoded = record.offset < committed ? decodeCommand(sha256, record) : undefined
    return decoded?.result === 'command' && !kept.has(decoded.command.id)
  })
}
