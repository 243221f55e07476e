import type { AlertSettings, ApiSettings } from '../api/settings.ts'
import type { IntakeSettings } from '../core/intake.ts'
import type { RateSettings } from '../core/rate.ts'
import type { RetentionSettings } from '../core/retention.ts'
import type { GatewaySettings } from '../gateway/settings.ts'
import type { IndexerSettings } from '../indexer/settings.ts'
import type { WorkerSettings } from '../worker/settings.ts'
import type { Values } from './kinds.ts'
import type { SETTINGS } from './settings.ts'

/** Everything that can be set, read once and frozen. Plain data, so that the engine thread can be handed it. */
export type Config = Values<(typeof SETTINGS)['general']> & {
  /** Absolute. */
  readonly data: string
  readonly isLoopback: boolean
  /** Whether any key of the app's backend is set: without one, the installation's own secret and sign-in by name serve. */
  readonly hasKeys: boolean
  readonly publicKeys: readonly { readonly kid: string; readonly pem: string }[]
  /** Whether log and store are engines that several processes share. */
  readonly isCluster: boolean
  /** The search index's file, absolute, where it is one. */
  readonly searchFile: string
  readonly kafka: Values<(typeof SETTINGS)['kafka']>
  readonly mongodb: Values<(typeof SETTINGS)['mongodb']>
  readonly opensearch: Values<(typeof SETTINGS)['opensearch']>
  readonly worker: WorkerSettings
  readonly gateway: GatewaySettings
  readonly indexer: IndexerSettings
  readonly intake: IntakeSettings & RetentionSettings
  readonly sendRate: RateSettings
  readonly readRate: RateSettings
  readonly api: ApiSettings
  readonly alert: AlertSettings
  /** Of the commands that talk to a server. */
  readonly client: Values<(typeof SETTINGS)['client']>
  /** For tests of the server as a process. */
  readonly test: { readonly failpoint: string | undefined }
}

/** A setting that is unknown, wrong, or contradicts another: the message says what to change. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}
