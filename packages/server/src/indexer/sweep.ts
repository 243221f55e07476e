import { partitionOf } from '../core/identity.ts'
import { indexedSeq } from '../core/indexed.ts'
import type { SearchIndex } from '../ports/search.ts'
import type { RoomId } from '../ports/store.ts'
import { type FillOptions, fill } from './filler.ts'
import type { Follower } from './follower.ts'

export interface SweepOptions extends FillOptions {
  readonly search: SearchIndex
  /** Of the feed. */
  readonly partitions: number
}

/**
 * Compares what the store has with what the index has, page by page, and fills what is missing: so the index converges whatever
 * the feed lost (I10).
 */
export class Sweep {
  readonly #options: SweepOptions
  /** Rooms that were behind at the last sweep, with how far they were: most of these the feed brings by itself. */
  #suspects = new Map<RoomId, number>()
  #running: Promise<void> = Promise.resolve()

  constructor(options: SweepOptions) {
    this.#options = options
  }

  /** Over the rooms of these followers' partitions. Runs after the one that is running. */
  run(followers: ReadonlyMap<number, Follower>): Promise<void> {
    const next = this.#running.catch(() => {}).then(() => this.#sweep(followers))
    this.#running = next
    return next
  }

  async #sweep(followers: ReadonlyMap<number, Follower>): Promise<void> {
    const { history, search, writer, settings, partitions } = this.#options
    const missed = [...followers.values()].map((follower) => ({ follower, times: follower.missed }))
    const { epochs } = await writer.until(() => history.survey([], []))
    const into = await writer.until(() => search.open())
    const suspects = new Map<RoomId, number>()
    for (let after: RoomId | undefined; ; ) {
      const from = after
      const page = await writer.until(() => history.rooms(from, settings.sweepRoomsMax))
      const ours = page.filter(({ room }) => followers.has(partitionOf(room, partitions)))
      const heads = await writer.until(() =>
        search.heads(
          ours.map(({ room }) => room),
          into,
        ),
      )
      for (const { room, head } of ours) {
        const partition = partitionOf(room, partitions)
        const epoch = epochs[partition] ?? 0
        const indexed = indexedSeq(heads.get(room), epoch)
        if (indexed >= head) continue
        const isMissed = followers.get(partition)?.isIncomplete === true
        const stands = this.#suspects.get(room) === indexed
        if (isMissed || stands || suspects.size >= settings.suspectRoomsMax)
          await fill(this.#options, { room, after: indexed, epoch, into })
        else suspects.set(room, indexed)
      }
      after = page.at(-1)?.room
      if (after === undefined) break
    }
    this.#suspects = suspects
    for (const { follower, times } of missed) follower.madeUp(times)
  }
}
