import type { Alert } from '../core/alert.ts'
import type { FloodGuard } from '../core/flood.ts'
import { Lanes } from '../core/lanes.ts'
import { Halt, type Life } from '../core/life.ts'
import { Prefix } from '../core/prefix.ts'
import type { Logs, Offset, OwnedPartition, StoredRecord } from '../ports/log.ts'
import type { TimelineStore, Timestamp, UserId } from '../ports/store.ts'
import type { Clock, Failpoint, FailpointName, Logger, Random, Sha256 } from '../ports/system.ts'
import { Batch } from './batch.ts'
import { before } from './deadlines.ts'
import { type Item, itemOf, type Writer } from './item.ts'
import type { PartitionStatus, WorkerObserver } from './observer.ts'
import type { Pauses } from './pauses.ts'
import { Rooms } from './rooms.ts'
import type { WorkerSettings } from './settings.ts'
import { findStart, OutOfRange, type Start } from './start.ts'

/** What the work on a partition is made of, whoever owns it and however often it starts again. */
export interface Workshop {
  /** Its name in leases and letters. */
  readonly name: string
  readonly build: string
  readonly logs: Logs
  /** With deadlines already. */
  readonly store: TimelineStore
  readonly clock: Clock
  readonly random: Random
  readonly sha256: Sha256
  readonly logger: Logger
  readonly failpoint: Failpoint
  readonly settings: WorkerSettings
  readonly observer: WorkerObserver
  readonly alert: Alert
}

/** What lasts while this process owns the partition, over every new start. */
export interface Tenure {
  readonly life: Life
  readonly pauses: Pauses
  readonly guard: FloodGuard
}

/**
 * The work on one partition under one lease, from the group's commit on.
 * Invariant: every record read and not finished is in the batch in flight, in `lanes`, or in `#backlog`; and open in `prefix`.
 */
export class Ownership {
  readonly partition: number
  readonly logs: Logs
  readonly store: TimelineStore
  readonly clock: Clock
  readonly sha256: Sha256
  readonly settings: WorkerSettings
  readonly observer: WorkerObserver
  readonly alert: Alert
  readonly life: Life
  readonly pauses: Pauses
  readonly guard: FloodGuard
  readonly rooms: Rooms
  readonly lanes: Lanes<Item>
  /** Senders known to be registered: nobody ceases to be. */
  readonly users = new Set<UserId>()
  readonly isRegistered = (user: UserId): boolean => this.users.has(user)
  prefix = new Prefix<Item>(0)
  term = 0
  epoch = 0
  /** What the store was last told, and the log. */
  settled: Offset = 0
  committed: Offset = 0
  feedEnd: Offset = 0
  /** How many records one write takes: fewer after an overload, and while an offender is looked for. */
  width: number
  /** Attempts finished, well or not: what the watchdog looks at. */
  attempts = 0
  readonly #workshop: Workshop
  readonly #owned: OwnedPartition
  /** Read, but held back. */
  #backlog: Item[] = []
  #hold: Hold | undefined
  #committedAt = 0
  #epochReadAt = 0
  /** The one record of a held partition that is tried in this interval. */
  #probe: Item | undefined

  constructor(workshop: Workshop, owned: OwnedPartition, { life, pauses, guard }: Tenure) {
    const { logs, store, clock, sha256, settings, observer, alert, random } = workshop
    this.#workshop = workshop
    this.#owned = owned
    this.partition = owned.id
    this.logs = logs
    this.store = store
    this.clock = clock
    this.sha256 = sha256
    this.settings = settings
    this.observer = observer
    this.alert = alert
    this.life = life
    this.pauses = pauses
    this.guard = guard
    this.rooms = new Rooms(settings.roomsBytesMax)
    this.lanes = new Lanes(settings, random)
    this.width = settings.batchRecordsMax
  }

  /** Until the work is ending. Throws only a `Halt`, or a fault of ours. */
  async run(): Promise<void> {
    await this.#begin()
    while (!this.life.ending.aborted) {
      const items = await this.#next()
      if (items.length > 0) await this.#work(items)
    }
  }

  get status(): PartitionStatus {
    const { partition, prefix, lanes } = this
    const progress = {
      partition,
      next: prefix.next,
      end: prefix.end,
      waitingLanes: lanes.lanes,
      waitingRecords: lanes.records,
      oldest: prefix.oldest?.timestamp,
    }
    const pause = this.pauses.current ?? this.#hold
    if (pause === undefined) return { ...progress, state: 'running' }
    return { ...progress, state: 'paused', reason: pause.reason, since: pause.since }
  }

  /** A failure at a failpoint is no record's fault: it breaks the work off. */
  failpoint(name: FailpointName): void {
    try {
      this.#workshop.failpoint(name)
    } catch (cause) {
      throw new Halt('fault', cause)
    }
  }

  writer(): Writer {
    const { name, build, clock } = this.#workshop
    return { worker: name, build, now: clock.now() }
  }

  /** Commits the contiguous prefix. The store was told by the batch's last write, so it is never behind the log but by a restore (R9). */
  async commit(): Promise<void> {
    const { next } = this.prefix
    if (next <= this.committed) return
    if (next > this.settled)
      throw new Error(`offset ${next} is to be committed, but the store was told ${this.settled}`)
    await this.#commit(next)
  }

  async #commit(next: Offset): Promise<void> {
    this.life.check()
    await this.pauses.until('log', () => this.#owned.commit(next))
    this.committed = next
    this.#committedAt = this.clock.elapsed()
  }

  /**
   * A late commit of a member that was taken over may have set ours back: harmless (R8), but the lag it shows looks like work that nobody
   * does. So who is idle says again how far it is, sooner than anybody takes it for stuck.
   */
  async #commitAgain(): Promise<void> {
    const { clock, settings, prefix, committed } = this
    if (committed === 0 || prefix.next !== committed) return
    if (clock.elapsed() - this.#committedAt >= settings.stuckMsMax / 4) await this.#commit(committed)
  }

  /**
   * Who was frozen in the middle of its start and taken over may raise the epoch long after us (R8), and then nobody listens any more to what
   * is published under ours (G7). So the store is asked now and then, and where it holds a higher one the work starts again.
   */
  async #checkEpoch(): Promise<void> {
    const { clock, settings, store, partition } = this
    if (clock.elapsed() - this.#epochReadAt < settings.stuckMsMax / 4) return
    this.#epochReadAt = clock.elapsed()
    // Of an outage the batches tell.
    const epoch = await store.epoch(partition).catch(() => this.epoch)
    if (epoch > this.epoch) throw new Halt('taken_over')
  }

  // ---- the start -------------------------------------------------------------------------------------------------------

  async #begin(): Promise<void> {
    const { partition, pauses, life, alert } = this
    await this.#lease()
    const { next, settled, epoch, feedEnd, restored } = await this.#findStart()
    this.#epochReadAt = this.clock.elapsed()
    // By itself, so that a log that refuses it does not raise the epoch with every try.
    if (restored) await pauses.until('starting', () => this.#owned.commit(next), life.ending)
    this.#owned.seek(next)
    this.prefix = new Prefix(next)
    this.settled = settled
    this.committed = next
    this.epoch = epoch
    this.feedEnd = feedEnd
    if (restored) alert('restored', { partition, epoch, from: next })
    this.#workshop.logger.info({ partition, term: this.term, epoch, next }, 'partition started')
  }

  async #lease(): Promise<void> {
    const { store, partition, pauses, life } = this
    const { term } = await pauses.until('starting', () => store.lease(partition, this.#workshop.name), life.ending)
    this.term = term
  }

  async #findStart(): Promise<Start> {
    const { store, logs, pauses, life } = this
    for (;;) {
      try {
        const start = await findStart(store, logs, this.#owned, this.sha256, () => this.#lease())
        pauses.over()
        return start
      } catch (cause) {
        if (cause instanceof OutOfRange) await this.#holdOutOfRange(cause)
        else await pauses.failed('starting', cause, life.ending)
      }
    }
  }

  /** Only an operator knows what was lost, so nothing is reset: the partition waits until the offsets agree with the log. */
  async #holdOutOfRange(cause: OutOfRange): Promise<void> {
    const { partition, pauses, clock, life, settings, alert } = this
    if (pauses.current?.reason !== 'offset_out_of_range') {
      pauses.begin('offset_out_of_range', cause)
      alert('offset_out_of_range', { partition, error: cause.message })
    }
    await clock.sleep(settings.probeMs, life.ending)
    if (life.ending.aborted) throw new Halt('stopped')
  }

  // ---- what comes next -------------------------------------------------------------------------------------------------

  async #next(): Promise<readonly Item[]> {
    await this.#checkEpoch()
    const { lanes, clock, settings } = this
    const isFull = this.prefix.spread >= settings.unfinishedRecordsMax || lanes.bytes >= settings.waitingBytesMax
    if (isFull) lanes.hurryOldest(clock.now())
    const released = await this.#releaseLanes()
    const waitMs = released.length > 0 ? 0 : this.#idleMs()
    const fresh = isFull ? await this.#rest(waitMs) : await this.#take(waitMs)
    if (released.length === 0) return fresh
    return fresh.length === 0 ? released : [...released, ...fresh].sort((a, b) => a.offset - b.offset)
  }

  #idleMs(): number {
    const { lanes, clock, settings } = this
    const dueAt = lanes.dueAt
    return dueAt === undefined ? settings.idleMsMax : Math.min(settings.idleMsMax, Math.max(0, dueAt - clock.now()))
  }

  async #rest(ms: number): Promise<readonly Item[]> {
    if (ms > 0) await this.clock.sleep(ms, this.life.ending)
    return []
  }

  /** One look-up for all lanes that are due; other lanes never wait for more than that. */
  async #releaseLanes(): Promise<readonly Item[]> {
    const { lanes, clock, store, settings } = this
    const lookedUpAt = clock.now()
    if ((lanes.dueAt ?? Number.POSITIVE_INFINITY) > lookedUpAt) return []
    const awaited = [...lanes.awaited(lookedUpAt)]
    try {
      const answer = store.load([], awaited)
      const { users } = await (store.canTimeOut ? before(clock, settings.lookUpMsMax, 'a look-up', answer) : answer)
      for (const user of users) this.users.add(user)
      this.attempts++
      return lanes.release(users, lookedUpAt, clock.now())
    } catch {
      // The batches notice an outage; to those who wait it only means that this was no try.
      lanes.postpone(lookedUpAt, clock.now())
      return []
    }
  }

  async #take(waitMs: number): Promise<readonly Item[]> {
    const { clock } = this
    if (this.#hold !== undefined) {
      const ms = this.#hold.probeAt - clock.now()
      if (ms > 0) return this.#rest(Math.min(waitMs, ms))
      this.#probe = this.#backlog[0]
      return this.#backlog.splice(0, 1)
    }
    if (this.#backlog.length > 0) return this.#backlog.splice(0)
    try {
      return this.#open(await this.#read(waitMs))
    } catch (cause) {
      await this.pauses.failed('log', cause, this.life.ending)
      return []
    }
  }

  async #read(waitMs: number): Promise<readonly StoredRecord[]> {
    const { batchRecordsMax: recordsMax, batchBytesMax: bytesMax, lingerMsMax: ms } = this.settings
    const limit = { recordsMax, bytesMax, waitMs, gather: { records: recordsMax, ms } }
    const records = await this.life.orEnding(this.#owned.read(limit))
    if (this.pauses.current?.reason === 'log') this.pauses.over()
    if (records?.length === 0) await this.#commitAgain()
    return records ?? []
  }

  #open(records: readonly StoredRecord[]): readonly Item[] {
    if (records.length === 0) return []
    this.failpoint('worker:fetched')
    const items: Item[] = new Array(records.length)
    for (const [i, record] of records.entries()) {
      const item = itemOf(this.sha256, record)
      this.prefix.open(record.offset, item)
      items[i] = item
    }
    return items
  }

  // ---- the batch, and what it leaves -----------------------------------------------------------------------------------

  async #work(items: readonly Item[]): Promise<void> {
    const probe = this.#probe
    this.#probe = undefined
    const newer = items.findIndex((item) => item.newer !== undefined)
    const readable = newer < 0 ? items : items.slice(0, newer)
    const left = readable.length === 0 ? [] : await new Batch(this, readable, probe).run()
    this.#keep(left, newer < 0 ? [] : items.slice(newer))
    if (probe !== undefined && this.#backlog[0] !== probe) this.#judge(probe)
    this.rooms.trim()
    for (const user of this.users) {
      if (this.users.size <= this.settings.usersMax) break
      this.users.delete(user)
    }
  }

  /** What could not be worked on stays in memory, open, and the partition holds. */
  #keep(left: readonly Item[], unreadable: readonly Item[]): void {
    const { partition, alert } = this
    this.#backlog.unshift(...left, ...unreadable)
    const [item] = unreadable
    if (left.length > 0) {
      if (this.#holdFor('flood_guard')) alert('flood_guard', { partition, next: this.prefix.next })
    } else if (item !== undefined) {
      const { offset, newer: version } = item
      if (this.#holdFor('newer_version')) alert('newer_version', { partition, offset, version })
    }
  }

  /** A probe that died of the same trouble prolongs the hold; any other end lifts it. */
  #judge({ outcome, adopted }: Item): void {
    const died = outcome?.end === 'dead' && !adopted && outcome.letter.class !== 'expired'
    if (this.#hold?.reason === 'flood_guard' && died) this.#holdFor('flood_guard')
    else this.#hold = undefined
  }

  /** Returns whether it is a new hold. */
  #holdFor(reason: Hold['reason']): boolean {
    const { clock, settings, partition } = this
    const probeAt = clock.now() + settings.probeMs
    const isNew = this.#hold?.reason !== reason
    if (this.#hold === undefined || isNew) {
      this.#hold = { reason, since: clock.now(), probeAt }
      this.#workshop.logger.error({ partition, reason, next: this.prefix.next }, 'partition holds')
    } else this.#hold.probeAt = probeAt
    return isNew
  }
}

interface Hold {
  readonly reason: 'flood_guard' | 'newer_version'
  readonly since: Timestamp
  probeAt: Timestamp
}
