import { createHmac } from 'node:crypto'
import type { Alert, AlertKind } from '../core/alert.ts'
import { waitMs } from '../core/retry.ts'
import type { Clock, Logger, Random, Service } from '../ports/system.ts'
import type { AlertSettings } from './settings.ts'

export interface AlertParts {
  /** undefined: alerts are log lines and metrics only. */
  readonly url: string | undefined
  readonly secret: string | Uint8Array
  readonly settings: AlertSettings
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

interface Waiting {
  readonly kind: AlertKind
  /** Made once: every try sends the same bytes, so that a receiver can tell a repeat by its id. */
  readonly body: string
}

/**
 * Tells an operator's URL what needs a person: `{id, kind, at, …}` as JSON, with `holdfast-timestamp` (seconds) and
 * `holdfast-signature: v1=<hex HMAC-SHA256 of "timestamp.body">`. One at a time and in order; tried again with back-off; given up with a log line.
 */
export class Alerts implements Service {
  readonly #parts: AlertParts
  readonly #stop = new AbortController()
  #queue: Waiting[] = []
  #sending: Promise<void> | undefined
  #count = 0

  constructor(parts: AlertParts) {
    this.#parts = parts
  }

  /** Returns at once, whatever becomes of it. */
  readonly alert: Alert = (kind, fields) => {
    const { url, settings, logger, clock } = this.#parts
    logger.error({ alert: kind, ...fields }, 'alert')
    if (url === undefined || this.#stop.signal.aborted) return
    if (this.#queue.length >= settings.queueAlertsMax) {
      logger.warn({ alert: kind }, 'too many alerts are waiting to be sent: this one is only in the log')
      return
    }
    const at = clock.now()
    const id = `${at}-${++this.#count}`
    this.#queue.push({ kind, body: JSON.stringify({ ...fields, id, kind, at }) })
    this.#sending ??= this.#sendAll(url).finally(() => {
      this.#sending = undefined
    })
  }

  async start(): Promise<void> {}

  /** Gives up what is not sent yet. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#queue = []
    await this.#sending
  }

  async #sendAll(url: string): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const cause = await this.#sendOne(url, next)
      if (cause !== undefined && !this.#stop.signal.aborted)
        this.#parts.logger.error({ alert: next.kind, cause }, 'an alert could not be delivered')
    }
  }

  /** The last try's error; undefined when it arrived. */
  async #sendOne(url: string, { body }: Waiting): Promise<unknown> {
    const { clock, random, settings } = this.#parts
    const backoff = { delayMs: settings.backoffMsMin, delayMsMax: settings.backoffMsMax }
    let cause: unknown
    for (let tries = 0; tries < settings.triesMax && !this.#stop.signal.aborted; tries++) {
      if (tries > 0) await clock.sleep(waitMs(random, backoff, tries - 1), this.#stop.signal)
      cause = await this.#post(url, body)
      if (cause === undefined) return undefined
    }
    return cause
  }

  async #post(url: string, body: string): Promise<unknown> {
    const { clock, secret, settings } = this.#parts
    const timestamp = String(Math.floor(clock.now() / 1_000))
    const attempt = new AbortController()
    const cancel = clock.after(settings.attemptMsMax, () => attempt.abort(new Error('no answer in time')))
    try {
      const response = await fetch(url, {
        method: 'POST',
        body,
        redirect: 'error',
        signal: AbortSignal.any([attempt.signal, this.#stop.signal]),
        headers: {
          'content-type': 'application/json',
          'holdfast-timestamp': timestamp,
          'holdfast-signature': `v1=${signature(secret, timestamp, body)}`,
        },
      })
      await response.body?.cancel()
      return response.ok ? undefined : new Error(`the URL answered ${response.status}`)
    } catch (error) {
      return error
    } finally {
      cancel()
    }
  }
}

/** What a receiver computes to know that the alert is from here, and recent. */
export function signature(secret: string | Uint8Array, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
}
