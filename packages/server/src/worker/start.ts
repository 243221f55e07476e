import { decodeFeed, epochRecord, type FeedRecord } from '../core/feed.ts'
import type { Log, Logs, Offset, OwnedPartition, StoredRecord } from '../ports/log.ts'
import type { Settled, TimelineStore } from '../ports/store.ts'
import type { Sha256 } from '../ports/system.ts'
import { itemOf } from './item.ts'

export const GROUP = 'worker'

/** Where the work on a partition starts. */
export interface Start {
  readonly next: Offset
  /** By the store's own account, everything below is stored or claimed. */
  readonly settled: Offset
  readonly epoch: number
  readonly feedEnd: Offset
  /**
   * History was restored: a new epoch began (G6). What is left to do is to commit `next`: until then the next start sees a restore again, and
   * with both positions set back it sees none.
   */
  readonly restored: boolean
}

/** A position points outside the log: records may be lost, and only an operator may decide what then. */
export class OutOfRange extends Error {}

const PAGE = { recordsMax: 500, bytesMax: 4 << 20 }

/** Where store, log and feed of a partition are compared, and up to where the logs count. */
interface Comparison {
  readonly store: TimelineStore
  readonly logs: Logs
  readonly partition: number
  readonly sha256: Sha256
  readonly committed: Offset | undefined
  readonly feed: { readonly begin: Offset; readonly end: Offset }
}

/**
 * Compares what store, log and feed say of each other, and makes a restore seen (R9, G6). Every step may be repeated.
 * `leaseAgain` writes to the store, and what is read after it was there by then or later.
 */
export async function findStart(
  store: TimelineStore,
  logs: Logs,
  owned: OwnedPartition,
  sha256: Sha256,
  leaseAgain: () => Promise<void>,
): Promise<Start> {
  const partition = owned.id
  // In this order: who commits or publishes tells the store first, so a store read later is behind only after a restore.
  const committed = await logs.commands.committed(GROUP, partition)
  const comparison = { store, logs, partition, sha256, committed, feed: await logs.feed.range(partition) }
  let seen = await compare(comparison)
  // Who was frozen since its lease may be shown the store as it was before its successor wrote what the logs tell of (R2, R8).
  if (seen.isRestored) {
    await leaseAgain()
    seen = await compare(comparison)
  }
  const { next, settled, epoch, published, isRestored } = seen
  if (!isRestored) return { next, settled, epoch, feedEnd: comparison.feed.end, restored: false }

  const raised = await store.raiseEpoch(partition, Math.max(epoch, published) + 1)
  const [place = comparison.feed.end] = await logs.feed.append(partition, [epochRecord(raised)])
  const feedEnd = place + 1
  await store.write({ documents: [], letters: [], projections: [], settled: { partition, next, feed: feedEnd } })
  return { next, settled: next, epoch: raised, feedEnd, restored: true }
}

async function compare(comparison: Comparison) {
  const { store, logs, partition, sha256, committed } = comparison
  const settled = await store.settled(partition)
  const commands = await logs.commands.range(partition)
  checkRange('the committed offset', committed, commands)
  checkRange("the store's settled offset", settled?.next, commands)
  const next = settled === undefined ? commands.begin : Math.min(committed ?? commands.begin, settled.next)

  const epoch = await store.epoch(partition)
  const feed = await readFeed(comparison, settled, epoch)
  const isBehind = (settled?.next ?? 0) < (committed ?? 0)
  const hasLost =
    isBehind &&
    (settled === undefined || (await lacksEnd(store, logs.commands, partition, next, committed ?? 0, sha256)))
  const isRestored = hasLost || feed.lacksDocument || feed.epoch > epoch
  return { next, settled: settled?.next ?? 0, epoch, published: feed.epoch, isRestored }
}

/**
 * Whether any command from `from` to `to`, all of them once finished, has no end in the store. Where none lacks it, nothing was lost:
 * then a worker that had been taken over came late and set the store's offset back (R8).
 */
async function lacksEnd(
  store: TimelineStore,
  commands: Log,
  partition: number,
  from: Offset,
  to: Offset,
  sha256: Sha256,
): Promise<boolean> {
  for (let at = from; at < to; ) {
    const { records, next } = await commands.read(partition, at, PAGE)
    if (next <= at) return false
    at = next
    const items = records.filter(({ offset }) => offset < to).map((record) => itemOf(sha256, record))
    const found = items.length === 0 ? new Map() : await store.find(items)
    if (items.some(({ id }) => !found.has(id))) return true
  }
  return false
}

function checkRange(what: string, offset: Offset | undefined, { begin, end }: { begin: Offset; end: Offset }): void {
  if (offset !== undefined && (offset < begin || offset > end))
    throw new OutOfRange(`${what} is ${offset}, but the log holds ${begin} to ${end}`)
}

/** What the feed tells of the store, in the part published since the store last said how far it was. */
async function readFeed(comparison: Comparison, settled: Settled | undefined, epoch: number) {
  const { store, logs, partition } = comparison
  const { begin, end } = comparison.feed
  const seen = { epoch: 0, lacksDocument: false }
  for (let from = Math.max(begin, settled?.feed ?? begin); from < end; ) {
    const { records, next } = await logs.feed.read(partition, from, PAGE)
    if (next <= from) break
    from = next
    const known = records.filter(({ offset }) => offset < end).flatMap(ours)
    for (const record of known) seen.epoch = Math.max(seen.epoch, record.epoch)
    const published = known.filter((record) => isOutcome(record) && record.epoch === epoch) as Outcome[]
    const found = published.length === 0 ? new Map() : await store.find(published)
    if (published.some(({ id }) => !found.has(id))) seen.lacksDocument = true
  }
  return seen
}

function ours(record: StoredRecord): FeedRecord[] {
  const decoded = decodeFeed(record)
  return decoded !== undefined && Number.isSafeInteger(decoded.epoch) ? [decoded] : []
}

type Outcome = FeedRecord & { readonly room: string; readonly id: string }

function isOutcome(record: FeedRecord): record is Outcome {
  return record.end !== 'epoch'
}
