import type { Clock, Logger, Service } from './ports/system.ts'

/** A signal that comes again this soon is the same wish: a terminal's Ctrl-C reaches npm's child twice within a millisecond. */
const SAME_SIGNAL_MS = 1_000

export interface SignalSource {
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown
}

export interface StopOptions {
  readonly clock: Clock
  /** After this long a stop that hangs is abandoned. */
  readonly stopMsMax: number
  readonly stop: (signal: string) => void
  readonly abandon: (why: string) => void
}

/**
 * SIGTERM and SIGINT as one wish to stop. It listens from its construction, which is before anything is loaded; who stops
 * things says so later, and hears then of a signal that came in between.
 */
export class StopSignals {
  private heard: { readonly signal: string; readonly at: number | undefined } | undefined
  private options: StopOptions | undefined

  constructor(source: SignalSource) {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) source.on(signal, () => this.hear(signal))
  }

  listen(options: StopOptions): void {
    this.options = options
    const { heard } = this
    this.heard = undefined
    if (heard !== undefined) this.hear(heard.signal)
  }

  private hear(signal: string): void {
    const { options, heard } = this
    if (heard === undefined) {
      this.heard = { signal, at: options?.clock.elapsed() }
      options?.clock.after(options.stopMsMax, () =>
        options.abandon(`stopping took longer than ${options.stopMsMax} ms`),
      )
      options?.stop(signal)
    } else if (
      options !== undefined &&
      heard.at !== undefined &&
      options.clock.elapsed() - heard.at >= SAME_SIGNAL_MS
    ) {
      options.abandon(`${signal} came again`)
    }
  }
}

/** Services that start in order and stop in the reverse one; stopping while it starts stops what has started. */
export class Services implements Service {
  private readonly services: readonly Service[]
  private readonly logger: Logger
  private readonly started: Service[] = []
  private starting: Promise<void> | undefined
  private stopped: Promise<void> | undefined

  constructor(services: readonly Service[], logger: Logger) {
    this.services = services
    this.logger = logger
  }

  start(): Promise<void> {
    this.starting ??= this.startAll()
    return this.starting
  }

  stop(): Promise<void> {
    this.stopped ??= this.stopAll()
    return this.stopped
  }

  private async startAll(): Promise<void> {
    for (const service of this.services) {
      if (this.stopped !== undefined) return
      this.started.push(service)
      await service.start()
    }
  }

  private async stopAll(): Promise<void> {
    await this.starting?.catch(() => {})
    for (const service of this.started.reverse()) {
      try {
        await service.stop()
      } catch (error) {
        // The others must still be stopped: what failed here is found again at the next start.
        this.logger.error({ error }, 'a part did not stop cleanly')
      }
    }
  }
}
