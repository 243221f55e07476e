import type { Client, Traffic } from './client.ts'
import { type Frames, numberOf } from './messages.ts'

/** How often what is due is sent. */
const TICK_MS = 5
/** Without an answer: more of one connection a server may refuse. What is due meanwhile follows as soon as it may. */
const IN_FLIGHT_MAX = 1_000
const STALLED_MS_MAX = 30_000

/** Told when each message is stored: its number, and when that was by `performance.now()`. */
export type OnStored = (number: number, at: number) => void

/**
 * An open loop: so many messages a second for so long, whatever time the answers take. Resolves with how many there were when each is stored. Rejects when
 * one is refused, or answered twice, out of order, or under a wrong seq.
 */
export function sendAtRate(
  client: Client,
  messages: Frames,
  seqBefore: number,
  { perSecond, seconds }: Pace,
  onStored: OnStored,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const loop = new OpenLoop({ client, messages, seqBefore, perSecond, seconds, onStored, resolve, reject })
    client.traffic = loop
    loop.begin()
  })
}

export interface Pace {
  readonly perSecond: number
  readonly seconds: number
}

interface OpenLoopOptions extends Pace {
  readonly client: Client
  readonly messages: Frames
  readonly seqBefore: number
  readonly onStored: OnStored
  resolve(messages: number): void
  reject(error: Error): void
}

class OpenLoop implements Traffic {
  private readonly options: OpenLoopOptions
  private readonly messagesMax: number
  private startedAt = 0
  private sent = 0
  private storedCount = 0
  private storedAtLastCheck = 0
  private ticking: NodeJS.Timeout | undefined
  private stalled: NodeJS.Timeout | undefined

  constructor(options: OpenLoopOptions) {
    this.options = options
    this.messagesMax = Math.max(1, Math.floor(options.perSecond * options.seconds))
  }

  begin(): void {
    this.startedAt = performance.now()
    this.ticking = setInterval(() => this.sendDue(), TICK_MS)
    this.stalled = setInterval(() => this.checkProgress(), STALLED_MS_MAX)
  }

  stored(ref: number, seq: number): void {
    const number = numberOf(ref)
    const { seqBefore, onStored } = this.options
    if (number !== this.storedCount || seq !== seqBefore + number + 1)
      this.failed(new Error(`message ${number} is stored under seq ${seq}, expected message ${this.storedCount}`))
    this.storedCount++
    onStored(number, performance.now())
  }

  chunkEnd(): void {
    if (this.storedCount < this.messagesMax) return
    this.end()
    this.options.resolve(this.storedCount)
  }

  failed(error: Error): void {
    this.end()
    this.options.reject(error)
  }

  private sendDue(): void {
    const due = Math.floor(((performance.now() - this.startedAt) * this.options.perSecond) / 1_000)
    const count = Math.min(due, this.messagesMax, this.storedCount + IN_FLIGHT_MAX) - this.sent
    if (count > 0) this.options.client.write(this.options.messages.frames(this.sent, count))
    this.sent += Math.max(0, count)
    if (this.sent === this.messagesMax) clearInterval(this.ticking)
  }

  /** A message without an answer is lost, and must not keep us waiting for ever. */
  private checkProgress(): void {
    const { storedCount, storedAtLastCheck, sent } = this
    if (storedCount === storedAtLastCheck)
      this.failed(new Error(`${sent - storedCount} of ${sent} messages had no answer for ${STALLED_MS_MAX / 1_000} s`))
    this.storedAtLastCheck = storedCount
  }

  private end(): void {
    clearInterval(this.ticking)
    clearInterval(this.stalled)
    this.options.client.traffic = undefined
  }
}
