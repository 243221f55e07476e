import { Failure } from '../ports/failure.ts'
import type { SharedLog } from '../ports/log.ts'
import type { Cancel, Clock, Logger, Service } from '../ports/system.ts'

export interface RetentionSettings {
  /** How much of the log's retention its reader may be behind, in percent. */
  readonly lagPercentMax: number
  /** How often it is looked. */
  readonly lagLookMs: number
}

export const RETENTION_DEFAULTS: RetentionSettings = { lagPercentMax: 75, lagLookMs: 10_000 }

export interface RetentionOptions {
  readonly log: SharedLog
  /** Whoever must have read a record before it may go. */
  readonly group: string
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: RetentionSettings
}

/**
 * A log that keeps records for a time, whether they were read or not, loses what its reader is too late for. So nothing more is taken while
 * the reader is close to that: a refused send is sent again, and what was accepted may not be lost (I1).
 */
export class RetentionGuard implements Service {
  readonly #options: RetentionOptions
  #cancel: Cancel = () => {}
  #refusal: string | undefined
  #isStopped = false

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** The log, whose appends fail with class overload while its reader is too late. */
  get log(): SharedLog {
    const { log } = this.#options
    return {
      name: log.name,
      partitions: log.partitions,
      durability: log.durability,
      retentionMs: log.retentionMs,
      append: (partition, records) => {
        if (this.#refusal !== undefined) return Promise.reject(new Failure('overload', this.#refusal))
        return log.append(partition, records)
      },
      read: (...args) => log.read(...args),
      range: (partition) => log.range(partition),
      tail: (reader) => log.tail(reader),
      lag: (group) => log.lag(group),
      committed: (group, partition) => log.committed(group, partition),
    }
  }

  /** Why nothing is taken; undefined while all is well. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  async start(): Promise<void> {
    if (this.#options.log.retentionMs !== undefined) await this.#look()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
  }

  async #look(): Promise<void> {
    const { log, group, clock, logger, settings } = this.#options
    try {
      const lags = await log.lag(group)
      const oldest = Math.min(...lags.map((lag) => lag.oldest ?? Number.POSITIVE_INFINITY))
      this.#judge(clock.now() - oldest)
    } catch (cause) {
      // What was known last holds: who can't be asked is not known to have caught up.
      logger.debug({ cause }, 'the lag of the log cannot be read')
    }
    if (!this.#isStopped) this.#cancel = clock.after(settings.lagLookMs, () => void this.#look())
  }

  #judge(lateMs: number): void {
    const { log, group, logger, settings } = this.#options
    const limitMs = ((log.retentionMs ?? Number.POSITIVE_INFINITY) * settings.lagPercentMax) / 100
    const before = this.#refusal
    this.#refusal =
      lateMs <= limitMs
        ? undefined
        : `the ${group} is ${minutes(lateMs)} behind, and ${log.name} keeps records for ${minutes(log.retentionMs ?? 0)} only: nothing more is taken until it has caught up`
    if (this.#refusal !== undefined && before === undefined) logger.error({ lateMs, limitMs }, this.#refusal)
    if (this.#refusal === undefined && before !== undefined) logger.info({ lateMs }, `the ${group} has caught up`)
  }
}

function minutes(ms: number): string {
  return `${Math.round(ms / 60_000)} minutes`
}
