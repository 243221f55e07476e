import type { Gather, Membership, Offset, OwnedPartition, ReadLimit, StoredRecord, TailReader } from '../ports/log.ts'
import type { Clock } from '../ports/system.ts'

/** What a log that lives in one process has to offer so that its readers can be served here. */
export interface PartitionSource {
  readonly partitions: number
  read(partition: number, from: Offset, limit: ReadLimit): { records: readonly StoredRecord[]; next: Offset }
  /** The offset of the record to come. */
  end(partition: number): Offset
  /** Where a group's new owner of a partition starts: its commit, or the first record kept. */
  start(group: string, partition: number): Offset
  commit(group: string, partition: number, next: Offset): Promise<void>
}

/** How long `run` rests after it returned or threw although it still owns its partition: doubled each time without a commit. */
const RUN_AGAIN_MS = 100
const RUN_AGAIN_MS_MAX = 5_000

/**
 * The readers of a log whose every reader is in this process, for the engines that are so: groups that share partitions, readers
 * that wait without polling, tails that are handed what was just appended. `Log` says what they may rely on.
 */
export class InProcessReaders {
  readonly #source: PartitionSource
  readonly #clock: Clock
  readonly #groups = new Map<string, Group>()
  readonly #tails = new Set<Tail>()
  readonly #arrivals: Arrivals
  #interrupted = false

  constructor(source: PartitionSource, clock: Clock) {
    this.#source = source
    this.#clock = clock
    this.#arrivals = new Arrivals(clock)
  }

  work(name: string, run: (owned: OwnedPartition) => Promise<void>): Membership {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = new Group(name, this.#source, this.#arrivals, this.#clock)
      this.#groups.set(name, group)
    }
    return group.join(run)
  }

  tail(reader: TailReader): Membership {
    const tail = new Tail(reader)
    this.#tails.add(tail)
    queueMicrotask(() => {
      if (!this.#interrupted) tail.establish()
    })
    return {
      stop: () => {
        tail.stop()
        this.#tails.delete(tail)
        return Promise.resolve()
      },
    }
  }

  /** Tells everybody who waits of records that are in the log now, durably; they belong to one partition. */
  appended(records: readonly StoredRecord[]): void {
    const last = records.at(-1)
    if (last === undefined) return
    for (const tail of this.#tails) tail.records(records)
    this.#arrivals.announce(last.partition, last.offset + 1)
  }

  /** Interrupts every tail: until `mendTails` they miss what is appended. */
  breakTails(cause: unknown): void {
    this.#interrupted = true
    for (const tail of this.#tails) tail.interrupt(cause)
  }

  mendTails(): void {
    this.#interrupted = false
    for (const tail of this.#tails) tail.establish()
  }

  async close(): Promise<void> {
    for (const tail of this.#tails) tail.stop()
    this.#tails.clear()
    await Promise.all([...this.#groups.values()].map((group) => group.close()))
  }
}

/** Wakes those who wait for a partition to grow. */
class Arrivals {
  readonly #clock: Clock
  readonly #waiting = new Map<number, Set<Waiter>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  announce(partition: number, end: Offset): void {
    for (const waiter of this.#waiting.get(partition) ?? []) if (waiter.end <= end) waiter.wake()
  }

  /** Whoever works off a long lag never waits for anything: it has to let everybody else in this process have a turn. */
  turn(): Promise<void> {
    return this.#clock.sleep(0)
  }

  /** Resolves when the partition ends at `end` or above, after `ms`, or when the signal aborts, whichever is first. */
  reached(partition: number, end: Offset, ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(partition) ?? new Set()
      this.#waiting.set(partition, waiting)
      const cancel = this.#clock.after(ms, wake)
      const waiter = { end, wake }
      function wake(): void {
        cancel()
        signal.removeEventListener('abort', wake)
        waiting.delete(waiter)
        resolve()
      }
      waiting.add(waiter)
      signal.addEventListener('abort', wake)
    })
  }
}

interface Waiter {
  readonly end: Offset
  readonly wake: () => void
}

type Run = (owned: OwnedPartition) => Promise<void>

/** The members of a group share its partitions evenly; who joins or leaves shifts them. */
class Group {
  readonly #name: string
  readonly #source: PartitionSource
  readonly #arrivals: Arrivals
  readonly #clock: Clock
  readonly #members: Member[] = []
  /** Who works on a partition now. Invariant: one at a time, so a next owner begins only when the last one's `run` returned. */
  readonly #tenures: (Tenure | undefined)[] = []

  constructor(name: string, source: PartitionSource, arrivals: Arrivals, clock: Clock) {
    this.#name = name
    this.#source = source
    this.#arrivals = arrivals
    this.#clock = clock
  }

  join(run: Run): Membership {
    const member: Member = { run }
    this.#members.push(member)
    this.#assign()
    return { stop: () => this.#leave(member) }
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.slice().map((member) => this.#leave(member)))
  }

  async #leave(member: Member): Promise<void> {
    const at = this.#members.indexOf(member)
    if (at >= 0) this.#members.splice(at, 1)
    this.#assign()
    await Promise.all(this.#tenures.map((tenure) => (tenure?.member === member ? tenure.ended : undefined)))
  }

  #assign(): void {
    for (let partition = 0; partition < this.#source.partitions; partition++) {
      const tenure = this.#tenures[partition]
      if (tenure === undefined) this.#begin(partition)
      else if (tenure.member !== this.#ownerOf(partition)) tenure.release.abort()
    }
  }

  #ownerOf(partition: number): Member | undefined {
    return this.#members[partition % Math.max(1, this.#members.length)]
  }

  #begin(partition: number): void {
    const member = this.#ownerOf(partition)
    if (member === undefined) {
      this.#tenures[partition] = undefined
      return
    }
    const release = new AbortController()
    const ended = this.#runWhileOwned(partition, member, release.signal)
    this.#tenures[partition] = { member, release, ended }
    ended.then(() => this.#begin(partition))
  }

  async #runWhileOwned(partition: number, member: Member, signal: AbortSignal): Promise<void> {
    // Joining returns before the first `run` is called.
    await undefined
    let restMs = RUN_AGAIN_MS
    while (!signal.aborted) {
      const owned = new Owned(this.#name, partition, this.#source, this.#arrivals, signal)
      try {
        await member.run(owned)
      } catch {
        // Whoever runs says for itself why it ended; here it only matters that it did.
      }
      if (owned.hasCommitted) restMs = RUN_AGAIN_MS
      await this.#clock.sleep(restMs, signal)
      restMs = Math.min(2 * restMs, RUN_AGAIN_MS_MAX)
    }
  }
}

interface Member {
  readonly run: Run
}

interface Tenure {
  readonly member: Member
  readonly release: AbortController
  readonly ended: Promise<void>
}

class Owned implements OwnedPartition {
  readonly id: number
  readonly signal: AbortSignal
  hasCommitted = false
  readonly #group: string
  readonly #source: PartitionSource
  readonly #arrivals: Arrivals
  #position: Offset | undefined
  /** Whether the last read found records without waiting for them. */
  #hasMore = false

  constructor(group: string, id: number, source: PartitionSource, arrivals: Arrivals, signal: AbortSignal) {
    this.#group = group
    this.id = id
    this.#source = source
    this.#arrivals = arrivals
    this.signal = signal
  }

  get position(): Offset {
    this.#position ??= this.#source.start(this.#group, this.id)
    return this.#position
  }

  seek(offset: Offset): void {
    this.#position = offset
  }

  async read({
    waitMs,
    gather,
    ...limit
  }: ReadLimit & { readonly waitMs: number; readonly gather?: Gather }): Promise<readonly StoredRecord[]> {
    const end = this.#source.end(this.id)
    const hadMore = this.#hasMore
    this.#hasMore = !this.#isEmpty
    if (!this.#hasMore && waitMs > 0) await this.#arrivals.reached(this.id, end + 1, waitMs, this.signal)
    else if (hadMore) await this.#arrivals.turn()
    if (gather !== undefined && gather.ms > 0 && !this.#isEmpty) await this.#gather(gather)
    return this.signal.aborted ? [] : this.#take(limit)
  }

  async commit(next: Offset): Promise<void> {
    await this.#source.commit(this.#group, this.id, next)
    this.hasCommitted = true
  }

  /** Offsets ahead are no records yet: numbers may have been left out. */
  get #isEmpty(): boolean {
    const { position } = this
    if (position >= this.#source.end(this.id)) return true
    return this.#source.read(this.id, position, { recordsMax: 1, bytesMax: 1 }).records.length === 0
  }

  async #gather({ records, ms }: Gather): Promise<void> {
    const end = this.position + records
    if (this.#source.end(this.id) < end) await this.#arrivals.reached(this.id, end, ms, this.signal)
  }

  #take(limit: ReadLimit): readonly StoredRecord[] {
    const { records, next } = this.#source.read(this.id, this.position, limit)
    this.#position = next
    return records
  }
}

/** One reader without a group. It is shown records only between `established` and `broken`. */
class Tail {
  readonly #reader: TailReader
  #state: 'waiting' | 'established' | 'stopped' = 'waiting'

  constructor(reader: TailReader) {
    this.#reader = reader
  }

  establish(): void {
    if (this.#state !== 'waiting') return
    this.#state = 'established'
    this.#reader.established()
  }

  records(records: readonly StoredRecord[]): void {
    if (this.#state !== 'established') return
    try {
      this.#reader.records(records)
    } catch (cause) {
      // The append succeeded whatever a reader makes of it; this reader has missed records and has to look afresh.
      this.interrupt(cause)
      queueMicrotask(() => this.establish())
    }
  }

  interrupt(cause: unknown): void {
    if (this.#state !== 'established') return
    this.#state = 'waiting'
    this.#reader.broken(cause)
  }

  stop(): void {
    this.#state = 'stopped'
  }
}
