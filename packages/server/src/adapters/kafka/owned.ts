import { Failure } from '../../ports/failure.ts'
import type { Gather, Offset, OwnedPartition, ReadLimit, StoredRecord } from '../../ports/log.ts'
import type { Clients } from './clients.ts'
import { failureOf } from './failures.ts'
import { type Fetcher, OutOfRange } from './fetcher.ts'
import type { Gate } from './gate.ts'
import type { Positions } from './positions.ts'
import { FETCH_BYTES } from './settings.ts'

export interface OwnedParts {
  readonly clients: Clients
  readonly fetcher: Fetcher
  readonly positions: Positions
  readonly gate: Gate
  readonly commit: (next: Offset) => Promise<void>
  /** Told when nothing that was read is being worked on any more. */
  readonly idle: () => void
}

/**
 * One call of `run`'s view of its partition. It fetches only when it is asked for records and holds too few, so that whoever stops reading
 * stops fetching, and memory is bounded by one fetch and one gathering.
 * Invariant: `#ahead` holds records from `position` on, in order, and the next fetch goes on at `#next`.
 */
export class Owned implements OwnedPartition {
  readonly id: number
  readonly signal: AbortSignal
  hasCommitted = false
  readonly #parts: OwnedParts
  #position: Offset
  #next: Offset
  #ahead: StoredRecord[] = []
  #aheadBytes = 0
  #fetching: Promise<void> | undefined
  #seeks = 0
  /** Whether nothing was handed out yet, so that the position is only where the log began. */
  #isFresh: boolean
  #lost: Failure | undefined
  /** Behind the last record handed out, and up to where all is committed. */
  #handed: Offset
  #committed: Offset
  #commits = 0
  #reads = 0

  constructor(id: number, position: Offset, isCommitted: boolean, signal: AbortSignal, parts: OwnedParts) {
    this.#isFresh = !isCommitted
    this.id = id
    this.signal = signal
    this.#parts = parts
    this.#position = this.#next = this.#handed = this.#committed = position
  }

  get position(): Offset {
    return this.#position
  }

  /** Whoever waits for records, or has committed all it was given, works on nothing. */
  get isIdle(): boolean {
    return this.#commits === 0 && (this.#reads > 0 || this.#committed >= this.#handed)
  }

  seek(offset: Offset): void {
    this.#seeks++
    this.#isFresh = false
    this.#lost = undefined
    this.#position = this.#next = offset
    this.#handed = this.#committed = offset
    this.#ahead = []
    this.#aheadBytes = 0
    this.#fetching = undefined
  }

  async read({
    waitMs,
    gather,
    ...limit
  }: ReadLimit & { readonly waitMs: number; readonly gather?: Gather }): Promise<readonly StoredRecord[]> {
    this.#reads++
    try {
      if (this.#ahead.length > 0) await this.#parts.clients.clock.sleep(0)
      this.#parts.idle()
      const found = await this.#wait(waitMs)
      if (found && gather !== undefined && gather.ms > 0) await this.#gather(gather)
      return this.signal.aborted || !this.#parts.gate.isOpen ? [] : this.#take(limit)
    } finally {
      this.#reads--
    }
  }

  async commit(next: Offset): Promise<void> {
    this.#commits++
    try {
      await this.#parts.commit(next)
      this.hasCommitted = true
      this.#committed = next
    } finally {
      this.#commits--
      this.#parts.idle()
    }
  }

  /** Until there are records that may be taken, for `waitMs` at most; but it looks at least once. */
  async #wait(waitMs: number): Promise<boolean> {
    const { clients, gate } = this.#parts
    const { clock, timeouts } = clients
    const until = clock.elapsed() + waitMs
    for (let isFirst = true; ; isFirst = false) {
      const leftMs = Math.max(0, until - clock.elapsed())
      if (this.signal.aborted || (leftMs === 0 && !isFirst)) return false
      if (!gate.isOpen) await gate.opened(leftMs, this.signal)
      else if (this.#ahead.length > 0) return true
      else await this.#fill(Math.min(leftMs, timeouts.pollMs))
      if (this.#ahead.length > 0 && gate.isOpen) return !this.signal.aborted
    }
  }

  async #gather({ records, ms }: Gather): Promise<void> {
    const { clients, gate } = this.#parts
    const { clock, timeouts } = clients
    const until = clock.elapsed() + ms
    for (;;) {
      const leftMs = until - clock.elapsed()
      const isEnough = this.#ahead.length >= records || this.#aheadBytes >= FETCH_BYTES
      if (isEnough || leftMs <= 0 || this.signal.aborted || !gate.isOpen) return
      await this.#fill(Math.min(leftMs, timeouts.pollMs))
    }
  }

  /** Fetches once; or, where an earlier read left one under way, waits for that. Resolves early when the signal aborts. */
  async #fill(waitMs: number): Promise<void> {
    if (this.#fetching === undefined) {
      const fetching = this.#fetch(waitMs).finally(() => {
        if (this.#fetching === fetching) this.#fetching = undefined
      })
      // A read that was aborted does not look at it any more.
      fetching.catch(() => {})
      this.#fetching = fetching
    }
    await orAborted(this.#fetching, this.signal)
  }

  async #fetch(waitMs: number): Promise<void> {
    const { fetcher, clients } = this.#parts
    if (this.#lost !== undefined) throw this.#lost
    const [from, seeks] = [this.#next, this.#seeks]
    try {
      const { records, next } = await fetcher.fetch(this.id, from, waitMs)
      if (seeks !== this.#seeks) return
      for (const record of records) {
        this.#ahead.push(record)
        this.#aheadBytes += record.value.length
      }
      this.#next = next
    } catch (error) {
      if (error instanceof OutOfRange) return await this.#enterRange(from, seeks)
      clients.checkOpen()
      throw failureOf(error, 'ask', `reading partition ${this.id}`)
    }
  }

  /**
   * The log does not hold our position. Where nothing was read yet, its beginning moved on meanwhile. Else records are gone that the group
   * had still to read, by retention, or because a broker lost what it had: what is appended next must not pass for them, so this ends here.
   */
  async #enterRange(from: Offset, seeks: number): Promise<void> {
    const { begin, end } = await this.#parts.positions.range(this.id, this.signal)
    if (seeks !== this.#seeks) return
    if (from < begin && this.#isFresh) {
      this.#next = begin
      return
    }
    this.#lost = new Failure(
      'operator',
      `partition ${this.id}: the group is at ${from}, but the log holds ${begin} to ${end}: records were lost before they were read; see what the stores have, and restart`,
    )
    throw this.#lost
  }

  #take({ recordsMax, bytesMax }: ReadLimit): readonly StoredRecord[] {
    let [count, bytes] = [0, 0]
    for (const { value } of this.#ahead) {
      // One record is always given, or a reader would never get past a long one.
      if (count > 0 && (count >= recordsMax || bytes + value.length > bytesMax)) break
      bytes += value.length
      count++
    }
    const taken = this.#ahead.splice(0, count)
    this.#aheadBytes -= bytes
    const last = taken.at(-1)
    if (last !== undefined) {
      this.#handed = last.offset + 1
      this.#isFresh = false
    }
    this.#position = this.#ahead[0]?.offset ?? this.#next
    return taken
  }
}

/** Rejects as the promise does, but resolves as soon as the signal aborts. */
async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  let wake = () => {}
  const aborted = new Promise<void>((resolve) => {
    wake = () => resolve()
    signal.addEventListener('abort', wake)
  })
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', wake)
  }
}
