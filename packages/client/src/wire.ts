import type { Reply, Request } from '@holdfast/protocol'
import type { Clock } from './platform.ts'

type Without<Frame, Field extends PropertyKey> = Frame extends unknown ? Omit<Frame, Field> : never
/** A request before it has its correlation number. */
export type Ask = Without<Request, 'ref'>
/** Hears the replies to one request, one by one, until it says that it is done. */
export type Hear = (reply: Reply) => 'more' | 'done'

interface Asked {
  readonly hear: Hear
  readonly at: number
  answered: boolean
}

/** One connection's requests and their replies. It ends with its connection, and so do the numbers it gave. */
export class Wire {
  readonly #write: (text: string) => void
  readonly #clock: Pick<Clock, 'elapsed'>
  readonly #asked = new Map<number, Asked>()
  #ref = 0

  constructor(write: (text: string) => void, clock: Pick<Clock, 'elapsed'>) {
    this.#write = write
    this.#clock = clock
  }

  ask(request: Ask, hear: Hear): void {
    const ref = ++this.#ref
    this.#asked.set(ref, { hear, at: this.#clock.elapsed(), answered: false })
    const { type, ...rest } = request
    this.#write(JSON.stringify({ type, ref, ...rest }))
  }

  /** A reply to nothing we know of is none of ours: newer servers may say more than we ask. */
  reply(frame: Reply): void {
    if (frame.ref === null) return
    const asked = this.#asked.get(frame.ref)
    if (asked === undefined) return
    asked.answered = true
    if (asked.hear(frame) === 'done') this.#asked.delete(frame.ref)
  }

  /** How long the oldest request without any answer has waited; undefined when there is none. */
  unansweredMs(): number | undefined {
    for (const { at, answered } of this.#asked.values()) if (!answered) return this.#clock.elapsed() - at
    return undefined
  }
}
