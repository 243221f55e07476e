import type { Client, Traffic } from './client.ts'
import { type Frames, numberOf } from './messages.ts'
import { Samples } from './samples.ts'

export interface Accepted {
  /** All that were sent; each was accepted. */
  readonly messages: number
  /** Accepted while the loop was sending. */
  readonly counted: number
  /** Milliseconds from the write to `accepted`. */
  readonly ms: Float64Array
}

/**
 * A closed loop on `accepted`: `inFlight` messages are on their way to the log at any time. Resolves when each is accepted. Rejects when one
 * is refused, or answered twice or out of order.
 */
export function sendUntilAccepted(
  client: Client,
  messages: Frames,
  inFlight: number,
  seconds: number,
): Promise<Accepted> {
  return new Promise((resolve, reject) => {
    const loop = new AcceptedLoop(client, messages, inFlight, seconds, resolve, reject)
    client.traffic = loop
    loop.begin()
  })
}

class AcceptedLoop implements Traffic {
  private readonly client: Client
  private readonly messages: Frames
  private readonly seconds: number
  private readonly resolve: (accepted: Accepted) => void
  private readonly reject: (error: Error) => void
  private readonly sentAt: Float64Array
  private readonly samples = new Samples()
  private startedAt = 0
  private isSending = true
  private sent = 0
  private acceptedCount = 0
  private counted = 0
  private silence: NodeJS.Timeout | undefined

  constructor(
    client: Client,
    messages: Frames,
    inFlight: number,
    seconds: number,
    resolve: (accepted: Accepted) => void,
    reject: (error: Error) => void,
  ) {
    this.client = client
    this.messages = messages
    this.seconds = seconds
    this.resolve = resolve
    this.reject = reject
    this.sentAt = new Float64Array(inFlight)
  }

  begin(): void {
    this.startedAt = performance.now()
    this.silence = setTimeout(() => this.failed(new Error('not all was accepted, for a long time')), LATE_MS_MAX)
    this.send(this.sentAt.length)
  }

  accepted(ref: number): void {
    const number = numberOf(ref)
    if (number !== this.acceptedCount)
      this.failed(new Error(`the server accepted message ${number}, expected ${this.acceptedCount}`))
    this.samples.add(performance.now() - (this.sentAt[number % this.sentAt.length] ?? 0))
    this.acceptedCount++
  }

  chunkEnd(): void {
    if (this.isSending && performance.now() - this.startedAt >= this.seconds * 1_000) {
      this.isSending = false
      this.counted = this.acceptedCount
    }
    if (this.isSending) this.send(this.sentAt.length - (this.sent - this.acceptedCount))
    else if (this.acceptedCount === this.sent) this.end()
  }

  failed(error: Error): void {
    clearTimeout(this.silence)
    this.client.traffic = undefined
    this.reject(error)
  }

  private send(count: number): void {
    if (count === 0) return
    const now = performance.now()
    for (let i = 0; i < count; i++) this.sentAt[(this.sent + i) % this.sentAt.length] = now
    this.client.write(this.messages.frames(this.sent, count))
    this.sent += count
  }

  private end(): void {
    clearTimeout(this.silence)
    this.client.traffic = undefined
    this.resolve({ messages: this.sent, counted: this.counted, ms: this.samples.sorted() })
  }
}

const LATE_MS_MAX = 120_000
