import { decodeFeed, feedHead, feedSubjects } from '../core/feed.ts'
import { partitionOf } from '../core/identity.ts'
import type { Intake } from '../core/intake.ts'
import type { Log, Membership, StoredRecord } from '../ports/log.ts'
import type { UserId } from '../ports/store.ts'
import type { Service } from '../ports/system.ts'
import type { CatchUp } from './catch-up.ts'
import type { Context } from './context.ts'
import { follow } from './following.ts'
import { frameOfRecord } from './frames.ts'

export interface TailParts {
  readonly context: Context
  readonly feed: Pick<Log, 'tail'>
  readonly intake: Pick<Intake, 'awaits' | 'answered'>
  readonly catchUp: CatchUp
}

/** Follows the feed and tells everybody here what it says; after each establishment everything is read again (G1). */
export class Tail implements Service {
  readonly #parts: TailParts
  #membership: Membership | undefined

  constructor(parts: TailParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    const { feed, context, catchUp } = this.#parts
    this.#membership = feed.tail({
      established: () => {
        context.establishment.establish()
        catchUp.run()
      },
      records: (records) => {
        for (const record of records) this.#hear(record)
      },
      broken: (cause) => {
        context.establishment.lose()
        context.logger.warn({ cause }, 'the feed is not followed: nothing live until it is again')
      },
    })
  }

  async stop(): Promise<void> {
    await this.#membership?.stop()
    this.#membership = undefined
  }

  /** A record that cannot be read must not end the tail: what it said is read from the store. */
  #hear(record: StoredRecord): void {
    try {
      this.#see(record)
    } catch (cause) {
      const { partition, offset } = record
      this.#parts.context.logger.error({ cause, partition, offset }, 'a record of the feed cannot be read')
      this.#parts.catchUp.run()
    }
  }

  /** Who waits first, then the subjects, then the key: a record of a room nobody here is in is not decoded. */
  #see(record: StoredRecord): void {
    const { intake, context, catchUp } = this.#parts
    const head = feedHead(record)
    if (head === undefined) return
    if (intake.awaits(head.id)) this.#answer(record)
    const known = context.hub.epochOf(record.partition)
    context.hub.sawEpoch(record.partition, head.epoch)
    if (known > 0 && head.epoch > known) catchUp.run()
    switch (head.end) {
      case 'stored':
        this.#tell(record, head)
        return
      case 'epoch':
        this.#tellEpoch(record.partition, head.epoch)
        return
      case 'refused':
      case 'dead':
        return
    }
    head.end satisfies never
  }

  #answer(record: StoredRecord): void {
    const decoded = decodeFeed(record)
    if (decoded !== undefined) this.#parts.intake.answered(decoded)
  }

  #tell(record: StoredRecord, at: { readonly epoch: number; readonly seq: number }): void {
    const { hub, observer } = this.#parts.context
    const subjects = feedSubjects(record)
    for (const user of subjects) this.#tellSubject(user, record.key, at)
    const followers = hub.followersOf(record.key)
    if (followers === undefined) return
    const frame = frameOfRecord(record, at, subjects)
    observer.delivered(followers.size)
    for (const following of followers) following.saw(at.epoch, at.seq, frame)
  }

  /** An addition opens the room where it is not open (G9). Whether it is one, and still holds, the opening's own read says. */
  #tellSubject(user: UserId, room: string, { epoch, seq }: { readonly epoch: number; readonly seq: number }): void {
    const { context } = this.#parts
    for (const session of context.hub.sessionsOf(user)) {
      if (session.live?.rooms.has(room) === false)
        session.spawn(follow(context, session, room, { need: { epoch, seq } }))
    }
  }

  /** History was restored or lost (G6): every room of the partition looks for its new head. */
  #tellEpoch(partition: number, epoch: number): void {
    const { hub, partitions } = this.#parts.context
    for (const room of hub.rooms()) {
      if (partitionOf(room, partitions) !== partition) continue
      for (const following of hub.followersOf(room) ?? []) following.saw(epoch, 0)
    }
  }
}
