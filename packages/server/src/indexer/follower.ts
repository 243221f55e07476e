import { decodeFeed, type FeedRecord, feedEntry } from '../core/feed.ts'
import { documentsOf, indexedSeq, indexHead } from '../core/indexed.ts'
import { Halt, type Life } from '../core/life.ts'
import { failureClass } from '../ports/failure.ts'
import type { Log, OwnedPartition, StoredRecord } from '../ports/log.ts'
import type { SearchDocument, SearchIndex } from '../ports/search.ts'
import type { RoomId, Timestamp } from '../ports/store.ts'
import type { Clock, Logger } from '../ports/system.ts'
import { Behind, type Done } from './behind.ts'
import { type FillOptions, fill } from './filler.ts'
import type { Refresher } from './refresher.ts'

export interface FollowerOptions extends FillOptions {
  readonly owned: OwnedPartition
  readonly logs: { readonly feed: Log }
  readonly search: SearchIndex
  readonly refresher: Refresher
  readonly clock: Clock
  readonly logger: Logger
  /** Asks for a comparison with the store: the feed does not tell everything. */
  readonly sweepNow: () => void
}

type Stored = FeedRecord & { readonly end: 'stored' }

/** Follows one partition of the feed into the index. */
export class Follower {
  readonly #options: FollowerOptions
  /** How far each room is indexed, as far as is remembered: the least recently seen first. */
  readonly #heads = new Map<RoomId, number>()
  #epoch = 0
  /** The index that the heads are of. */
  #into = ''
  /** How often records were missed, and how often a sweep has made up for that: until it has, nothing is promised. */
  #missed = 0
  #madeUp = 0
  #through: Timestamp = 0
  /** Written, but perhaps not found yet: an engine that has to be refreshed. */
  #unrefreshed: Timestamp | undefined
  /** How far this or an earlier owner came: what is said again while nothing comes. */
  #committed = 0
  #committedAt = 0
  #behind = new Behind(async () => {})

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  /** Everything that was published by then is found. */
  get through(): Timestamp {
    return this.#through
  }

  get missed(): number {
    return this.#missed
  }

  get isIncomplete(): boolean {
    return this.#madeUp < this.#missed
  }

  /** A sweep has ended that began when records had been `missed` so often. */
  madeUp(missed: number): void {
    this.#madeUp = Math.max(this.#madeUp, missed)
  }

  async run(life: Life): Promise<void> {
    for (;;)
      try {
        await this.#begin()
        return await this.#goOn(life)
      } catch (cause) {
        if (failureClass(cause) !== 'lost') throw cause
        const { owned, clock, settings, logger } = this.#options
        logger.warn({ cause, partition: owned.id }, 'the index was lost: filling it anew')
        this.#through = 0
        this.#miss()
        await clock.sleep(settings.outageBackoff.delayMs, life.ending)
      }
  }

  /** Reads on while the batch before is being written, and writes on while what was written is committed and made visible. */
  async #goOn(life: Life): Promise<void> {
    const { owned, search, clock, settings, writer } = this.#options
    const behind = new Behind((done) => this.#tell(done))
    this.#behind = behind
    this.#committedAt = clock.elapsed()
    const { batchRecordsMax: recordsMax, batchBytesMax: bytesMax, idleMsMax, refreshMsMin } = settings
    // One write of many documents costs a fraction of many writes.
    const gather = { records: settings.gatherRecords, ms: settings.lingerMsMax }
    try {
      while (!life.ending.aborted && !owned.signal.aborted) {
        const askedAt = clock.now()
        const waitMs = this.#unrefreshed === undefined ? idleMsMax : Math.min(idleMsMax, refreshMsMin)
        const limit = { recordsMax, bytesMax, waitMs, gather }
        const records = await writer.until(() => life.orEnding(this.#read(limit)))
        if (records === undefined) break
        const last = records.at(-1)
        if (last !== undefined) {
          await this.#index(records, last)
          continue
        }
        await behind.all()
        // A late commit of a member that was taken over may have set ours back (R8): harmless, but it looks like lag.
        if (this.#committed > 0 && clock.elapsed() - this.#committedAt >= settings.sweepMs)
          await writer.until(() => this.#commit(this.#committed))
        // What was published before the question, an empty answer shows to be indexed already: in this index, unless another has taken its place.
        if (search.visibleAtOnce) await writer.until(() => search.refresh(this.#into))
        await this.#reached(askedAt)
      }
    } finally {
      // What is on its way comes to its end, or to the end of the drain: then nothing is told of it.
      await behind.settled()
    }
    await behind.all()
  }

  /** A log may have let go what was still to be read here: then the store has it, and the feed goes on from where it begins. */
  async #read(limit: Parameters<OwnedPartition['read']>[0]): Promise<readonly StoredRecord[]> {
    const { owned, logs } = this.#options
    try {
      return await owned.read(limit)
    } catch (cause) {
      if (failureClass(cause) !== 'operator') throw cause
      const { begin, end } = await logs.feed.range(owned.id)
      if (this.#committed >= begin && this.#committed <= end) throw cause
      await this.#behind.all()
      await this.#begin()
      return await owned.read(limit)
    }
  }

  async #begin(): Promise<void> {
    const { search, writer } = this.#options
    const into = await writer.until(() => search.open())
    // What is remembered was in the index that was there before.
    if (into !== this.#into) this.#heads.clear()
    this.#into = into
    this.#committed = await this.#start()
    this.#options.owned.seek(this.#committed)
  }

  /** Where both the group and the index have been: what lies above may be missing in one of them. */
  async #start(): Promise<number> {
    const { owned, logs, search, writer, logger } = this.#options
    const { begin, end } = await writer.until(() => logs.feed.range(owned.id))
    const committed = await writer.until(() => logs.feed.committed('indexer', owned.id))
    const indexed = await writer.until(() => search.progress(owned.id))
    const start = Math.min(committed ?? 0, indexed ?? 0)
    if (start >= begin && start <= end) return start
    logger.warn(
      { partition: owned.id, start, begin, end },
      'the feed does not reach back: filling the index from the store',
    )
    this.#miss()
    return begin
  }

  /** Whoever has the partition now commits for it: a commit that is refused because of that, would be refused for ever. */
  async #commit(next: number): Promise<void> {
    const { owned } = this.#options
    if (owned.signal.aborted) throw new Halt('stopped')
    await owned.commit(next)
    this.#committed = next
    this.#committedAt = this.#options.clock.elapsed()
  }

  async #index(records: readonly StoredRecord[], { offset, timestamp }: StoredRecord): Promise<void> {
    const { owned, search, writer } = this.#options
    const stored = this.#decode(records)
    await this.#learnHeads(stored)
    const batch = new Batch()
    for (const record of stored) {
      const head = this.#heads.get(record.room) ?? 0
      if (record.seq > head + 1) {
        // What is collected goes first, and what is on its way, so that no head is told before everything below it is in.
        await this.#behind.written()
        if (batch.documents.length > 0) await writer.write({ into: this.#into, ...batch.take(), through: undefined })
        const { room, seq, epoch } = record
        await fill(this.#options, { room, after: head, before: seq, epoch, into: this.#into })
      }
      batch.add(record)
      this.#remember(record.room, Math.max(head, record.seq))
    }
    const next = offset + 1
    const { documents, heads } = batch.take()
    // Where both are one transaction, that is the least; elsewhere the next documents need not wait until these are told of.
    const told = search.visibleAtOnce
      ? { heads, through: { partition: owned.id, next } }
      : { heads: NO_HEADS, through: undefined }
    const write = () => writer.write({ into: this.#into, documents, ...told })
    await this.#behind.write(write, { heads: search.visibleAtOnce ? NO_HEADS : heads, next, timestamp })
  }

  /** Documents are in: says so to the index, where it was not told with them, and to the feed, and makes them visible. */
  async #tell({ heads, next, timestamp }: Done): Promise<void> {
    const { owned, search, writer } = this.#options
    if (!search.visibleAtOnce) {
      const through = { partition: owned.id, next }
      await writer.write({ into: this.#into, documents: [], heads, through })
    }
    await writer.until(() => this.#commit(next))
    await this.#reached(timestamp)
  }

  /** The stored ones of the epoch that holds. A new epoch may have taken places away, so every head is in doubt. */
  #decode(records: readonly StoredRecord[]): readonly Stored[] {
    const stored: Stored[] = []
    for (const record of records) {
      const decoded = decodeFeed(record)
      if (decoded === undefined || !(decoded.epoch >= this.#epoch)) continue
      if (decoded.epoch > this.#epoch) {
        const isRestore = this.#epoch > 0 || decoded.end === 'epoch'
        this.#epoch = decoded.epoch
        if (isRestore) {
          this.#heads.clear()
          this.#miss()
        }
      }
      if (decoded.end === 'stored') stored.push(decoded)
    }
    return stored
  }

  async #learnHeads(stored: readonly Stored[]): Promise<void> {
    const { search, writer, settings } = this.#options
    const rooms = new Set<RoomId>()
    for (const { room } of stored) if (!this.#heads.has(room)) rooms.add(room)
    for (const room of this.#heads.keys()) {
      if (this.#heads.size + rooms.size <= settings.headsMax) break
      this.#heads.delete(room)
    }
    const unknown = [...rooms]
    if (unknown.length === 0) return
    const heads = await writer.until(() => search.heads(unknown, this.#into))
    for (const room of unknown) this.#heads.set(room, indexedSeq(heads.get(room), this.#epoch))
  }

  #remember(room: RoomId, head: number): void {
    this.#heads.delete(room)
    this.#heads.set(room, head)
  }

  #miss(): void {
    this.#missed++
    this.#options.sweepNow()
  }

  async #reached(timestamp: Timestamp): Promise<void> {
    const { search, clock, refresher } = this.#options
    if (search.visibleAtOnce) return this.#promise(timestamp)
    this.#unrefreshed = timestamp
    if (!(await refresher.shows(this.#into, clock.elapsed()))) return
    this.#unrefreshed = undefined
    this.#promise(timestamp)
  }

  #promise(timestamp: Timestamp): void {
    if (!this.isIncomplete) this.#through = Math.max(this.#through, timestamp)
  }
}

const NO_HEADS: ReadonlyMap<RoomId, number> = new Map()

/** What is collected for one write. */
class Batch {
  documents: SearchDocument[] = []
  #heads = new Map<RoomId, number>()

  add(record: Stored): void {
    const { room, seq, id, at, epoch } = record
    const { sender, ...content } = feedEntry(record)
    this.documents.push(...documentsOf({ room, seq, id, sender, at, content }, epoch))
    this.#heads.set(room, Math.max(indexHead(epoch, seq), this.#heads.get(room) ?? 0))
  }

  take(): { documents: SearchDocument[]; heads: ReadonlyMap<RoomId, number> } {
    const taken = { documents: this.documents, heads: this.#heads }
    this.documents = []
    this.#heads = new Map()
    return taken
  }
}
