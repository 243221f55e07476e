/** What an operator is told at once. */
export type AlertKind =
  /** A command could not be processed. */
  | 'dead_letter'
  /** Commands of many senders die: the partition holds. */
  | 'flood_guard'
  /** An engine does not answer, for longer than a moment. */
  | 'outage'
  /** A record was written by a newer build: the partition waits for one that can read it. */
  | 'newer_version'
  /** A group's or the store's offset lies outside the log: records may be lost, and only an operator may decide. */
  | 'offset_out_of_range'
  /** History was restored: the epoch was raised. */
  | 'restored'
  /** A partition made no progress and was started again. */
  | 'stuck'
  /** The core itself failed: a fault of ours. */
  | 'fault'

/** Must return at once: sending is somebody else's work. */
export type Alert = (kind: AlertKind, fields: Readonly<Record<string, unknown>>) => void
