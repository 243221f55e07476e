import type { FloodSettings } from '../core/flood.ts'
import type { LaneSettings } from '../core/lanes.ts'
import type { Backoff } from '../core/retry.ts'

export interface WorkerSettings extends LaneSettings, FloodSettings {
  // A batch closes at whichever comes first.
  readonly batchRecordsMax: number
  readonly batchBytesMax: number
  /** How long a batch that is not full waits for more; 0 takes what is there. */
  readonly lingerMsMax: number
  /** How long an idle partition waits for a record before it looks around. */
  readonly idleMsMax: number
  /** Records in one append to the feed: a whole batch by default. */
  readonly feedRecordsMax: number
  /** Reading ahead of a waiting record stops here: so many records at most come again after a crash. */
  readonly unfinishedRecordsMax: number
  /** What waiting records may hold in memory; beyond it the oldest lane is given up. */
  readonly waitingBytesMax: number
  /** What is remembered of rooms, per partition. */
  readonly roomsBytesMax: number
  /** Registered senders remembered, per partition. */
  readonly usersMax: number
  /** One call of a store that can be timed out; then its outcome is unknown. */
  readonly storeAttemptMsMax: number
  /** The look-up behind a doubt: short, because other lanes wait for it. */
  readonly lookUpMsMax: number
  readonly outageBackoff: Backoff
  /** A batch that is not done by then is no moment's trouble: the operator is told. */
  readonly batchMsMax: number
  /** Attempts with a record alone before an unknown error is its own. */
  readonly isolateTriesMax: number
  /** How often a partition that holds looks whether it still has to. */
  readonly probeMs: number
  /** How long a batch in flight may take when the process stops. */
  readonly drainMsMax: number
  /** How long it may take when the partition goes to another member. */
  readonly revokeMsMax: number
  /** With records to do and no attempt finished for so long, a partition is started again. */
  readonly stuckMsMax: number
}

export const WORKER_DEFAULTS: WorkerSettings = {
  batchRecordsMax: 500,
  batchBytesMax: 4 << 20,
  lingerMsMax: 0,
  idleMsMax: 1_000,
  feedRecordsMax: 500,
  unfinishedRecordsMax: 100_000,
  waitingBytesMax: 64 << 20,
  roomsBytesMax: 64 << 20,
  usersMax: 100_000,
  storeAttemptMsMax: 2_000,
  lookUpMsMax: 250,
  laneWaitMsMax: 30_000,
  laneTriesMin: 3,
  laneBackoff: { delayMs: 50, delayMsMax: 1_000 },
  outageBackoff: { delayMs: 50, delayMsMax: 5_000 },
  batchMsMax: 10_000,
  isolateTriesMax: 3,
  floodSendersMax: 20,
  floodWindowMs: 60_000,
  probeMs: 10_000,
  drainMsMax: 8_000,
  revokeMsMax: 5_000,
  stuckMsMax: 60_000,
}
