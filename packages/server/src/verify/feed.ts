import { decodeFeed, type FeedRecord } from '../core/feed.ts'
import { wrong } from './report.ts'
import { type Look, partitionsOf, records } from './verify.ts'

/** G6: whatever the feed told, the store has, under an epoch that is not above the store's. */
export async function verifyFeed(look: Look): Promise<void> {
  const { feed, timeline } = look.verified
  for (const partition of partitionsOf(feed)) {
    // The end first, the epoch and the store after it: what was told until then must be there now.
    const { end } = await feed.range(partition)
    const epoch = await timeline.epoch(partition)
    for await (const piece of records(feed, partition, end)) {
      await verifyTold(look, partition, epoch, piece.map(decodeFeed))
      look.progress(`feed: ${look.report.checks.epochs.examined.toLocaleString('en-US')} records`)
    }
  }
}

async function verifyTold(
  { verified, report }: Look,
  partition: number,
  epoch: number,
  told: readonly (FeedRecord | undefined)[],
): Promise<void> {
  const known = told.filter((record) => record !== undefined)
  report.examined('epochs', known.length)
  for (const record of known)
    if (record.epoch > epoch)
      report.add(
        wrong('epochs', `the feed is in epoch ${record.epoch}, the store in ${epoch}: the store was restored`, {
          partition,
        }),
      )
  // Of an earlier epoch nothing can be asked: its history was restored or lost.
  const stored = known.filter((record) => record.end === 'stored' && record.epoch === epoch) as (FeedRecord & {
    end: 'stored'
  })[]
  const found = await verified.timeline.find(stored.map(({ room, id }) => ({ room, id })))
  for (const { room, id, seq } of stored) {
    const document = found.get(id)
    if (document?.end === 'stored' && document.seq === seq) continue
    const text =
      document === undefined
        ? 'was told to clients, and is not in the store'
        : `was told to clients at this seq, and is ${document.end} at ${document.seq}`
    report.add(wrong('epochs', text, { room, seq, id, partition }))
  }
}
