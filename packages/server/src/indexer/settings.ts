import type { Backoff } from '../core/retry.ts'

export interface IndexerSettings {
  /** Feed records, and so at most documents, in one write to the index. */
  readonly batchRecordsMax: number
  readonly batchBytesMax: number
  /** A write waits for so many documents, and so long at most: what makes indexing cheap makes search so much later. */
  readonly gatherRecords: number
  readonly lingerMsMax: number
  /** How long an idle partition waits for a record before it looks around. */
  readonly idleMsMax: number
  /** Entries read from the store at once where the feed left a hole. */
  readonly fillEntriesMax: number
  /** How often what the store has is compared with what the index has. */
  readonly sweepMs: number
  readonly sweepRoomsMax: number
  /** Rooms remembered between two sweeps as behind; those beyond it are filled at once. */
  readonly suspectRoomsMax: number
  /** Rooms whose indexed head is remembered, per partition. */
  readonly headsMax: number
  /** An engine that has to be refreshed is so at most this often, for all partitions of a process. */
  readonly refreshMsMin: number
  readonly outageBackoff: Backoff
  /** How long a write in flight may take when the process stops. */
  readonly drainMsMax: number
}

export const INDEXER_DEFAULTS: IndexerSettings = {
  batchRecordsMax: 1_000,
  batchBytesMax: 4 << 20,
  gatherRecords: 128,
  lingerMsMax: 100,
  idleMsMax: 1_000,
  fillEntriesMax: 200,
  sweepMs: 60_000,
  sweepRoomsMax: 500,
  suspectRoomsMax: 10_000,
  headsMax: 100_000,
  refreshMsMin: 500,
  // Nothing waits for the index but search, and nobody is hurried by a question every few seconds.
  outageBackoff: { delayMs: 100, delayMsMax: 5_000 },
  drainMsMax: 2_000,
}

/** What is measured while an indexer runs. */
export interface IndexerObserver {
  indexed(documents: number): void
  /** From the store, where the feed did not have them. */
  filled(documents: number): void
  /** Documents that the engine can never take. */
  dropped(documents: number): void
  /** A call of the index or the store failed and is tried again. */
  failed(): void
}

export const SILENT_INDEXER: IndexerObserver = { indexed() {}, filled() {}, dropped() {}, failed() {} }
