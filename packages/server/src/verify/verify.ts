import type { Log } from '../ports/log.ts'
import type { SearchIndex } from '../ports/search.ts'
import type { AuditStore, HistoryStore, LetterStore, TimelineStore } from '../ports/store.ts'
import type { Clock, Sha256 } from '../ports/system.ts'
import { verifyCommands } from './commands.ts'
import { verifyFeed } from './feed.ts'
import { verifyLag } from './lag.ts'
import { verifyLetters } from './letters.ts'
import { Report } from './report.ts'
import { type BehindRoom, verifyRooms } from './rooms.ts'

/** What is read of an installation, through its ports: nothing is ever written. */
export interface Verified {
  readonly commands: ReadLog
  readonly feed: ReadLog
  readonly timeline: Pick<TimelineStore, 'find' | 'load' | 'settled' | 'epoch'>
  readonly history: Pick<HistoryStore, 'rooms' | 'members'>
  readonly letters: Pick<LetterStore, 'list' | 'get'>
  readonly audit: AuditStore
  readonly search: Pick<SearchIndex, 'heads' | 'seqs' | 'progress'>
  /** The consumer groups of the two readers that work. */
  readonly groups: { readonly worker: string; readonly indexer: string }
  readonly sha256: Sha256
  readonly clock: Clock
}

export type ReadLog = Pick<Log, 'name' | 'partitions' | 'read' | 'range' | 'lag' | 'committed'>

export interface Look {
  readonly verified: Verified
  readonly report: Report
  /** Called often, with what is being looked at. */
  readonly progress: (what: string) => void
}

/**
 * Looks at a whole installation: everything that was accepted, stored, claimed, dead-lettered and indexed. It may run beside a
 * working server: what only seems wrong because it is just being written is looked at again. Memory is bounded by the
 * members of one room. Rejects with the Failure of an engine that cannot be read.
 */
export async function verify(verified: Verified, progress: (what: string) => void = () => {}): Promise<Report> {
  const look: Look = { verified, report: new Report(), progress }
  await verifyCommands(look)
  const behind: readonly BehindRoom[] = await verifyRooms(look)
  await verifyFeed(look)
  await verifyLetters(look)
  await verifyLag(look, behind)
  return look.report
}

/** Every record of a partition that is kept below `end`, in pieces. */
export async function* records(log: ReadLog, partition: number, end: number) {
  let position = (await log.range(partition)).begin
  while (position < end) {
    const { records, next } = await log.read(partition, position, READ_LIMIT)
    if (next === position) return
    position = next
    yield records.filter(({ offset }) => offset < end)
  }
}

const READ_LIMIT = { recordsMax: 500, bytesMax: 4 << 20 }

export function partitionsOf({ partitions }: ReadLog): readonly number[] {
  return Array.from({ length: partitions }, (_, partition) => partition)
}
