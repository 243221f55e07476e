import type { Durability } from '@holdfast/protocol'

/** A place in a partition. Offsets rise; they may leave numbers out. */
export type Offset = number

export interface LogRecord {
  /** What the record belongs to, and what its partition was chosen by: a room. */
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly value: Uint8Array
}

export interface StoredRecord extends LogRecord {
  readonly partition: number
  readonly offset: Offset
  /** When the log took it, in milliseconds UTC: the only clock that decisions know. */
  readonly timestamp: number
}

export interface ReadLimit {
  readonly recordsMax: number
  readonly bytesMax: number
}

/** What a reader waits for behind a first record: many at once cost less than one by one. */
export interface Gather {
  readonly records: number
  readonly ms: number
}

/**
 * A durable, ordered, partitioned record. Commands, the feed and the dead letters are three logs of this kind.
 * Order holds within a partition. Errors are `Failure`s.
 */
export interface Log {
  /** Its name, for messages and origins: `commands`, `feed`, `dead-letters`. */
  readonly name: string
  readonly partitions: number
  /** What an acknowledged append survives, read from the engine and not from a setting. */
  readonly durability: Durability
  /** For how long records are kept, read or not; missing where they stay at least until every group has passed them. */
  readonly retentionMs?: number | undefined
  /**
   * Appends in the order given and resolves, with the offsets, only when every record would survive what `durability` names. [LOG1]
   * A `Failure` of class `ambiguous` or `unknown` says that any of them may appear, now or later; any other class, that none ever will. [LOG2]
   */
  append(partition: number, records: readonly LogRecord[]): Promise<readonly Offset[]>
  /** Reads without a group, from the first record at or above `from`. `next` is where to go on; it is `from` when there was nothing. [LOG3] */
  read(partition: number, from: Offset, limit: ReadLimit): Promise<{ records: readonly StoredRecord[]; next: Offset }>
  /** The offsets of the first record kept (`begin`) and of the record to come (`end`). [LOG4] */
  range(partition: number): Promise<{ begin: Offset; end: Offset }>
  /**
   * Joins a group: `run` is called for each partition this member comes to own, at most one call at a time for each;
   * the partition's signal aborts when it is lost or the membership stops. When `run` returns or throws although the partition
   * is still ours, it is called again after a back-off. [LOG5]
   */
  work(group: string, run: (owned: OwnedPartition) => Promise<void>): Membership
  /** Shows every record from now on to this reader, in order within a partition, without a group. [LOG6] */
  tail(reader: TailReader): Membership
  /** How many records of each partition the group has not committed. [LOG7] */
  lag(group: string): Promise<readonly PartitionLag[]>
  /** What the group committed last: the offset of the next record to be read; undefined before the first commit. [LOG8] */
  committed(group: string, partition: number): Promise<Offset | undefined>
}

/** A log for those who append to it and follow it, but own no partition. */
export type SharedLog = Omit<Log, 'work'>

export interface OwnedPartition {
  readonly id: number
  /** Aborts when the partition is lost, or shall be given up. */
  readonly signal: AbortSignal
  /** Where the next read starts: the group's committed offset at first, or the log's beginning. */
  readonly position: Offset
  /** Reads go on from here instead. */
  seek(offset: Offset): void
  /**
   * Waits at most `waitMs` for a first record; empty when none came or the signal aborted. With `gather`, waits behind a first one so long
   * for so many, or about so many. Nothing is taken before the waiting is over, so a read that fails has passed over nothing. [LOG10]
   * Where the log has let go what was still to be read here, it fails with class operator until a seek: what comes later must not pass for it.
   */
  read(limit: ReadLimit & { readonly waitMs: number; readonly gather?: Gather }): Promise<readonly StoredRecord[]>
  /**
   * Everything below `next` is finished. Late, repeated and backward commits are harmless by design (R8). To lose the last one is too, but not
   * one that goes back: that one is durable when it resolves, because a restored store rests on it (R9). [LOG9]
   */
  commit(next: Offset): Promise<void>
}

export interface TailReader {
  /** Every partition is being followed (again): what is appended from now on will be shown. Between a `broken` and this, records are missed. */
  established(): void
  /** Records of one partition. */
  records(records: readonly StoredRecord[]): void
  broken(cause: unknown): void
}

export interface Membership {
  /** Gives everything up and resolves when no callback runs any more. May be called twice. */
  stop(): Promise<void>
}

export interface PartitionLag {
  readonly partition: number
  readonly records: number
  /** The timestamp of the oldest record not committed; undefined when there is none. */
  readonly oldest: number | undefined
}

/** The three logs of an installation. */
export interface Logs {
  readonly commands: Log
  readonly feed: Log
  readonly deadLetters: Log
}
