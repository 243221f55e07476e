import type { Offset } from '../ports/log.ts'
import type { LetterDocument, Timestamp } from '../ports/store.ts'

/** What one batch came to. */
export interface BatchReport {
  readonly partition: number
  readonly records: number
  readonly stored: number
  /** Found stored or claimed from an earlier time, and published again. */
  readonly adopted: number
  readonly refused: number
  readonly reused: number
  /** Copies of a record of the same batch, which share its end. */
  readonly copies: number
  readonly waiting: number
  /** By class; only those that died now. */
  readonly dead: Readonly<Record<LetterDocument['class'], number>>
}

/** What is measured while a worker runs. Called a constant number of times per batch, but for `latency`. */
export interface WorkerObserver {
  batch(report: BatchReport): void
  /** From the log's timestamp to durable in the store, of `count` entries that the log took at the same moment. */
  latency(ms: number, count: number): void
  /** A number or an id was taken by somebody else. */
  conflict(partition: number): void
  /** Stopped because another worker took the partition over. */
  fenced(partition: number): void
  /** A pause ended. */
  paused(partition: number, reason: PauseReason, ms: number): void
  restarted(partition: number): void
}

export const SILENT: WorkerObserver = {
  batch() {},
  latency() {},
  conflict() {},
  fenced() {},
  paused() {},
  restarted() {},
}

/** Why a partition does not go on. */
export type PauseReason =
  | 'starting'
  | 'log'
  | 'store'
  | 'feed'
  | 'dead_letters'
  | 'taken_over'
  | 'flood_guard'
  | 'newer_version'
  | 'offset_out_of_range'
  | 'fault'

/** How a partition is, for readiness and metrics. */
export type PartitionStatus = Progress &
  (
    | { readonly state: 'running' }
    | { readonly state: 'paused'; readonly reason: PauseReason; readonly since: Timestamp }
  )

interface Progress {
  readonly partition: number
  /** Everything below is finished. */
  readonly next: Offset
  /** One above the highest offset read. */
  readonly end: Offset
  readonly waitingLanes: number
  readonly waitingRecords: number
  /** The log's timestamp of the oldest unfinished record read. */
  readonly oldest: Timestamp | undefined
}
