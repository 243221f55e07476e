import { LIMITS } from '@holdfast/protocol'

/** The gateway's bounds and times. Each bound names what it prevents; the unit stands last. */
export interface GatewaySettings {
  /** Sockets at once; the next ones are refused before the upgrade. */
  readonly sessionsMax: number
  /** What waits for one reader: one frozen phone must not hold a room's memory. */
  readonly outboxBytesMax: number
  /** From the socket's opening to `hello`. */
  readonly greetingMsMax: number
  /** Frames kept from a client that does not wait for `hello`, each counted with 100 bytes more than it has. */
  readonly greetingBytesMax: number
  /** Every session is pinged so often. */
  readonly pingMs: number
  /** And then the peer has so long to show that it lives. */
  readonly pongMsMax: number
  /** Deadlines of sessions are looked at this often. */
  readonly housekeepingMs: number
  /** A peer that does not finish the closing handshake holds its socket no longer than this. */
  readonly closeMsMax: number
  /** A stop waits so long for the ends of commands. */
  readonly drainMsMax: number
  /** G11: how often the reads of G1 are repeated. */
  readonly sweepMs: number
  /** Entries replayed to a room that resumes; beyond them one gap stands for all. */
  readonly resumeEntriesMax: number
  /** Entries of one read when a hole is filled. */
  readonly fillEntriesMax: number
  /** A page ends early rather than being longer: it has to fit into the outbox beside everything else. */
  readonly pageBytesMax: number
  /** Pages and openings that one session may have in progress. */
  readonly requestsInFlightMax: number
  /** Commands of one session that have no end yet. */
  readonly commandsInFlightMax: number
  /** Rooms of one session in which a command failed, or is under way. */
  readonly lanesMax: number
  /** Reads of the store at once, for all sessions: a storm of reconnects must not bury the store. */
  readonly readsInFlightMax: number
  /** Rooms that one session opens at once after `hello`. */
  readonly openingsInFlightMax: number
  /** Users asked about in one read of the sweep. */
  readonly surveyUsersMax: number
  /** An old or failed read is repeated after a random part of this, doubled each time up to the second. */
  readonly retryMsMin: number
  readonly retryMsMax: number
  /** Fresh reads that have to disagree with a client's position before history counts as lost (G11). */
  readonly openTriesMax: number
  /** For so long at least: a primary that was replaced may answer until it notices. */
  readonly openDoubtMs: number
}

export const GATEWAY_DEFAULTS: GatewaySettings = {
  sessionsMax: 50_000,
  outboxBytesMax: 1 << 20,
  greetingMsMax: 10_000,
  greetingBytesMax: 1 << 16,
  pingMs: 30_000,
  pongMsMax: 10_000,
  housekeepingMs: 1_000,
  closeMsMax: 2_000,
  drainMsMax: 2_000,
  sweepMs: 60_000,
  resumeEntriesMax: LIMITS.resumeEntriesMax,
  fillEntriesMax: 200,
  pageBytesMax: 1 << 18,
  requestsInFlightMax: 32,
  commandsInFlightMax: 10_000,
  lanesMax: 10_000,
  readsInFlightMax: 64,
  openingsInFlightMax: 8,
  surveyUsersMax: 200,
  retryMsMin: 20,
  retryMsMax: 2_000,
  openTriesMax: 6,
  openDoubtMs: 10_000,
}
