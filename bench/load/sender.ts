import type { Client, Traffic } from './client.ts'
import { type Frames, numberOf } from './messages.ts'
import { Receiver } from './receiver.ts'
import { Samples } from './samples.ts'

/** When a closed loop stops sending: what is in flight then is still waited for. */
export type Until = { readonly seconds: number } | { readonly messages: number }

export interface Sent {
  /** All that were sent; each was stored. */
  readonly messages: number
  /** Stored while the loop was sending, and how long that took. */
  readonly counted: number
  readonly seconds: number
  /** Milliseconds from the write to the answer, ascending. */
  readonly acceptedMs: Float64Array
  readonly storedMs: Float64Array
}

/**
 * A closed loop: `inFlight` messages are on their way at any time, and each answer lets the next one out. What one read answered
 * leaves as one write. Resolves when each message is stored and its entry was pushed to its sender too. Rejects when a message is
 * refused, or answered twice, out of order, or under a wrong seq.
 */
export function sendInClosedLoop(
  client: Client,
  messages: Frames,
  inFlight: number,
  seqBefore: number,
  until: Until,
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const loop = new ClosedLoop(client, messages, inFlight, seqBefore, until, resolve, reject)
    client.traffic = loop
    loop.begin()
  })
}

class ClosedLoop implements Traffic {
  private readonly client: Client
  private readonly messages: Frames
  private readonly inFlight: number
  private readonly seqBefore: number
  private readonly until: Until
  private readonly resolve: (sent: Sent) => void
  private readonly reject: (error: Error) => void
  private readonly sentAt: Float64Array
  private readonly acceptedMs = new Samples()
  private readonly storedMs = new Samples()
  /** The sender is a member like any other: it is pushed its own entries. */
  private readonly pushed: Receiver
  private startedAt = 0
  private stoppedAt: number | undefined
  private sent = 0
  private acceptedCount = 0
  private storedCount = 0
  private counted = 0
  private now = 0
  private ending = false
  private stalled: NodeJS.Timeout | undefined
  private storedAtLastCheck = -1

  constructor(
    client: Client,
    messages: Frames,
    inFlight: number,
    seqBefore: number,
    until: Until,
    resolve: (sent: Sent) => void,
    reject: (error: Error) => void,
  ) {
    this.client = client
    this.messages = messages
    this.inFlight = inFlight
    this.seqBefore = seqBefore
    this.until = until
    this.resolve = resolve
    this.reject = reject
    this.sentAt = new Float64Array(inFlight)
    this.pushed = new Receiver(seqBefore)
  }

  begin(): void {
    this.stalled = setInterval(() => this.checkProgress(), STALLED_MS_MAX)
    this.startedAt = performance.now()
    this.now = this.startedAt
    this.send(this.inFlight)
  }

  accepted(ref: number): void {
    const number = numberOf(ref)
    if (number !== this.acceptedCount) this.wrong('accepted', number, `expected message ${this.acceptedCount}`)
    this.acceptedCount++
    this.acceptedMs.add(this.elapsed(number))
  }

  stored(ref: number, seq: number): void {
    const number = numberOf(ref)
    if (number !== this.storedCount) this.wrong('stored', number, `expected message ${this.storedCount}`)
    if (number >= this.acceptedCount) this.wrong('stored', number, 'it was not accepted yet')
    if (seq !== this.seqBefore + number + 1) this.wrong('stored', number, `under seq ${seq}`)
    this.storedCount++
    this.storedMs.add(this.elapsed(number))
  }

  entry(seq: number): void {
    this.pushed.entry(seq)
  }

  chunkEnd(): void {
    this.now = 0
    const room = this.inFlight - (this.sent - this.storedCount)
    if (this.stoppedAt === undefined && room > 0) this.goOn(room)
    if (this.stoppedAt !== undefined && this.storedCount === this.sent && !this.ending) this.end()
  }

  failed(error: Error): void {
    clearInterval(this.stalled)
    this.client.traffic = undefined
    this.pushed.failed(error)
    this.reject(error)
  }

  private goOn(room: number): void {
    const now = performance.now()
    const { until } = this
    const left =
      'messages' in until ? until.messages - this.sent : now - this.startedAt < until.seconds * 1_000 ? room : 0
    if (left > 0) {
      this.send(Math.min(room, left))
    } else {
      this.stoppedAt = now
      this.counted = this.storedCount
    }
  }

  /** A message without an answer is lost, and must not keep us waiting for ever. */
  private checkProgress(): void {
    const { storedCount, sent } = this
    if (storedCount === this.storedAtLastCheck)
      this.failed(new Error(`${sent - storedCount} of ${sent} messages had no answer for ${STALLED_MS_MAX / 1_000} s`))
    this.storedAtLastCheck = storedCount
  }

  private wrong(answer: string, number: number, why: string): void {
    this.failed(new Error(`the server answered ${answer} for message ${number}: ${why}`))
  }

  private send(count: number): void {
    const now = performance.now()
    for (let i = 0; i < count; i++) this.sentAt[(this.sent + i) % this.inFlight] = now
    this.client.write(this.messages.frames(this.sent, count))
    this.sent += count
  }

  /** One look at the clock for all that one read brought. */
  private elapsed(number: number): number {
    if (this.now === 0) this.now = performance.now()
    return this.now - (this.sentAt[number % this.inFlight] ?? 0)
  }

  private end(): void {
    this.ending = true
    this.pushed.reached(this.seqBefore + this.sent).then(
      () => this.finish(),
      (error: Error) => this.failed(error),
    )
  }

  private finish(): void {
    clearInterval(this.stalled)
    this.client.traffic = undefined
    const { sent, counted, stoppedAt = 0, startedAt, acceptedMs, storedMs } = this
    this.resolve({
      messages: sent,
      counted,
      seconds: (stoppedAt - startedAt) / 1_000,
      acceptedMs: acceptedMs.sorted(),
      storedMs: storedMs.sorted(),
    })
  }
}

const STALLED_MS_MAX = 30_000
