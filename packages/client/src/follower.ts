import type { Entry } from '@holdfast/protocol'
import { backoffMs } from './backoff.ts'
import type { Fault } from './errors.ts'
import type { Cancel, Clock, Random } from './platform.ts'
import type { Settings } from './settings.ts'
import type { Position, Timeline, TimelineReader } from './timeline.ts'

export interface PageOfEntries {
  readonly epoch: number
  readonly head: number
  readonly entries: readonly Entry[]
}

/** Reads a page above `after`; it outlives the connection, and says nothing any more once cancelled. */
export type ReadPage = (
  room: string,
  after: number,
  answer: { readonly page: (page: PageOfEntries) => void; readonly failed: (fault: Fault) => void },
) => Cancel

/** Where the entries go. */
export interface Sink {
  /** False: it wants nothing now, and what passes meanwhile is not its own. */
  wants(): boolean
  /** Whether it can take one page more. */
  hasRoom(): boolean
  take(entry: Entry): void
  /** A hole begins; what is in it is paged next. */
  gap(from: number, to: number): void
  reset(position: Position): void
  /** The room is not ours any more; an addition lets it go on. */
  left(): void
  /** It can read no further; a later opening of the room lets it go on. */
  failed(fault: Fault): void
}

interface Parts {
  readonly clock: Clock
  readonly random: Random
  readonly settings: Settings
  readonly readPage: ReadPage
}

/**
 * One reader's place in one room. What its sink takes is in order, without a hole or a repeat, across reconnects: a push that is not
 * the next one, or comes when there is no room, is not kept; what it stood for is paged (G10).
 */
export class Follower implements TimelineReader {
  readonly #timeline: Timeline
  readonly #sink: Sink
  readonly #parts: Parts
  #epoch: number | undefined
  /** The last seq the sink took. */
  #end: number
  /** The page being read, or the pause before it is read again. */
  #reading: Cancel | undefined
  /** Pushes heard while a page is read, without a hole: with them the page's end meets the present. */
  #ahead: Entry[] = []
  #failures = 0

  constructor(timeline: Timeline, sink: Sink, parts: Parts, after?: Position) {
    this.#timeline = timeline
    this.#sink = sink
    this.#parts = parts
    this.#epoch = after?.epoch ?? timeline.epoch
    this.#end = after?.seq ?? timeline.through
    timeline.readers.add(this)
  }

  get position(): Position | undefined {
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, seq: this.#end }
  }

  stop(): void {
    this.#timeline.readers.delete(this)
    this.#rest()
  }

  began({ epoch, seq }: Position): void {
    this.#epoch = epoch
    this.#end = seq
  }

  pushed(entry: Entry): void {
    if (entry.seq <= this.#end) return
    if (this.#reading !== undefined) this.#keepAhead(entry)
    else if (entry.seq === this.#end + 1 && this.#sink.hasRoom()) this.#take(entry)
    else this.moved()
  }

  /** Something above our end is not here. */
  moved(): void {
    if (this.#reading !== undefined || !this.#isBehind()) return
    if (this.#sink.wants() && this.#sink.hasRoom()) this.#sink.gap(this.#end + 1, this.#timeline.through)
    this.fill()
  }

  /** Pages what is missing, as far as there is room. */
  fill(): void {
    if (this.#reading !== undefined || !this.#isBehind()) return
    if (!this.#sink.wants()) this.skip(this.#timeline.through)
    else if (this.#sink.hasRoom() && this.#timeline.isMember) this.#read()
  }

  /** The reader does not want what lies up to `seq`. */
  skip(seq: number): void {
    if (seq <= this.#end) return
    this.#rest()
    this.#end = seq
    this.fill()
  }

  reset(position: Position): void {
    this.#rest()
    this.#epoch = position.epoch
    this.#end = position.seq
    this.#sink.reset(position)
  }

  left(): void {
    this.#rest()
    this.#sink.left()
  }

  #read(): void {
    this.#reading = this.#parts.readPage(this.#timeline.room, this.#end, {
      page: (page) => this.#paged(page),
      failed: (fault) => this.#pageFailed(fault),
    })
  }

  #isBehind(): boolean {
    return this.#isFollowing() && this.#epoch === this.#timeline.epoch && this.#end < this.#timeline.through
  }

  #take(entry: Entry): void {
    this.#end = entry.seq
    this.#sink.take(entry)
  }

  /** A sink may have stopped or moved us while it took the last one. */
  #takeNext(entry: Entry): void {
    if (entry.seq === this.#end + 1 && this.#isFollowing()) this.#take(entry)
  }

  #isFollowing(): boolean {
    return this.#timeline.readers.has(this)
  }

  #keepAhead(entry: Entry): void {
    const last = this.#ahead.at(-1)
    const follows = last === undefined || entry.seq === last.seq + 1
    if (follows && this.#ahead.length < this.#parts.settings.readerEntriesMax) this.#ahead.push(entry)
    else this.#ahead = []
  }

  #paged({ epoch, entries }: PageOfEntries): void {
    const ahead = this.#ahead
    const before = this.#end
    this.#rest()
    // A page of another history: the reset that explains it is on its way.
    for (const entry of entries) if (epoch === this.#epoch) this.#takeNext(entry)
    if (this.#end === before) this.#pause(undefined)
    else {
      this.#failures = 0
      for (const entry of ahead) if (epoch === this.#epoch && this.#sink.hasRoom()) this.#takeNext(entry)
      this.fill()
    }
  }

  #pageFailed(fault: Fault): void {
    this.#rest()
    if (fault.retryable) this.#pause(fault.retryAfterMs)
    else this.#sink.failed(fault)
  }

  #pause(retryAfterMs: number | undefined): void {
    if (!this.#isFollowing()) return
    const { clock, random, settings } = this.#parts
    const waitMs = (retryAfterMs ?? 0) + backoffMs(this.#failures++, settings, random)
    this.#reading = clock.after(waitMs, () => {
      this.#reading = undefined
      this.fill()
    })
  }

  #rest(): void {
    this.#reading?.()
    this.#reading = undefined
    this.#ahead = []
  }
}
