import type { CloseCode, Durability, ErrorCode } from '@holdfast/protocol'
import type { Rate } from '../core/rate.ts'
import type { Submissions } from '../core/submissions.ts'
import type { Identity } from '../ports/access.ts'
import type { Clock, Logger, Random, Sha256 } from '../ports/system.ts'
import type { Establishment } from './establishment.ts'
import type { Hub } from './hub.ts'
import type { Turn } from './outbox.ts'
import type { Reads } from './reads.ts'
import type { GatewaySettings } from './settings.ts'

/** What is counted of sessions. Called often: it has to be cheap. */
export interface GatewayObserver {
  opened(): void
  closed(code: CloseCode | undefined): void
  /** A request was answered with an error. */
  refused(code: ErrorCode): void
  /** An entry of the feed is going to so many sessions. */
  delivered(sessions: number): void
}

/** What every session of a gateway shares. */
export interface Context {
  readonly settings: GatewaySettings
  readonly clock: Clock
  readonly random: Random
  readonly sha256: Sha256
  readonly logger: Logger
  readonly observer: GatewayObserver
  /** What `accepted` means here. */
  readonly durability: Durability
  readonly partitions: number
  readonly admit: (token: string) => Promise<Identity>
  readonly submissions: Submissions
  readonly rate: Rate
  readonly hub: Hub
  readonly reads: Reads
  readonly turn: Turn
  readonly establishment: Establishment
}
