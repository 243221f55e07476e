import type { Clock, Random } from '../../ports/system.ts'
import { type Answer, Refusal } from '../connection.ts'
import { Asking, Interrupted } from './asking.ts'
import { Delivery } from './delivery.ts'
import { type BrokenLine, type ImportIds, type ImportLine, parseLine } from './line.ts'
import type { SourceLine } from './source.ts'

export interface ImportLimits {
  /** Rooms worked on at once, each with one request under way. */
  readonly roomsMax: number
  /** Lines read ahead, so that other rooms go on although a file holds one room after the other. */
  readonly aheadLinesMax: number
  readonly aheadBytesMax: number
  /** Users, rooms and memberships remembered as there already; what was forgotten is only asked for once more. */
  readonly rememberedMax: number
  /** Rooms whose history of an earlier run is read beside the file, each holding a page of it. */
  readonly resumedRoomsMax: number
  readonly backoffMsMin: number
  readonly backoffMsMax: number
  /** So long nothing may succeed before the import gives up: a server that starts again takes less. */
  readonly patienceMsMax: number
}

export const IMPORT_LIMITS: ImportLimits = {
  roomsMax: 48,
  aheadLinesMax: 64_000,
  aheadBytesMax: 16 << 20,
  rememberedMax: 200_000,
  resumedRoomsMax: 200,
  backoffMsMin: 50,
  backoffMsMax: 3_000,
  patienceMsMax: 900_000,
}

export interface ImportCounts {
  /** Lines that have an end: the sum of the following. */
  lines: number
  imported: number
  /** Stored by an earlier run. */
  already: number
  /** Stored once, but asked for again after an answer was lost: by this run or an earlier one. */
  repeated: number
  skipped: number
  /** Requests that had to be made again. */
  retries: number
  /** Requests that wait now to be made again. */
  waiting: number
}

export interface ImporterParts {
  readonly request: (method: string, path: string, body?: object) => Promise<Answer>
  readonly ids: ImportIds
  readonly clock: Clock
  readonly random: Random
  readonly limits: ImportLimits
  readonly onError: 'stop' | 'skip'
  /** A line that was not imported. */
  readonly problem: (line: BrokenLine) => void
}

/** Lines that are done and still held, in each room. */
const DONE_LINES_MAX = 500

/** How an import ended. */
export type ImportEnd =
  | { readonly end: 'complete' }
  /** At this line: everything before it is imported, whatever its room. */
  | { readonly end: 'stopped'; readonly at: BrokenLine }
  | { readonly end: 'interrupted' }

interface Lane {
  readonly room: string
  /** Invariant: ascending by number. */
  readonly waiting: ImportLine[]
}

/**
 * Sends lines to a server: each room in the file's order, because a line is sent only when the room's last one is stored; many
 * rooms at once. What is missing (users, rooms, members) is created on the way. Every command's id comes from its line, so
 * whatever is sent twice, in this run or in another, is stored once.
 */
export class Importer {
  readonly counts: ImportCounts = { lines: 0, imported: 0, already: 0, repeated: 0, skipped: 0, retries: 0, waiting: 0 }
  readonly #parts: ImporterParts
  /** Rooms that have lines waiting, or one under way. */
  readonly #lanes = new Map<string, Lane>()
  /** Of those, the ones that wait for their turn. */
  readonly #turns: Lane[] = []
  readonly #delivery: Delivery
  readonly #interrupt = new AbortController()
  #running = 0
  #aheadLines = 0
  #aheadBytes = 0
  #wake: () => void = () => {}
  #stoppedAt: BrokenLine | undefined
  #failure: { readonly error: unknown } | undefined
  #linesRead = 0

  constructor(parts: ImporterParts) {
    this.#parts = parts
    this.#delivery = new Delivery(new Asking(parts, this.counts, this.#interrupt.signal), parts.ids, parts.limits)
  }

  /** Rejects with a CommandError where the server wants nothing more of us, or nobody answers for too long. */
  async run(source: AsyncIterable<SourceLine>): Promise<ImportEnd> {
    for await (const read of source) {
      if (this.#isEnding) break
      this.#linesRead++
      const line = parseLine(read)
      if ('problem' in line) {
        this.#broken(line)
        continue
      }
      await this.#until(() => this.#hasRoomFor(line) || this.#isEnding)
      this.#take(line)
    }
    await this.#until(() => this.#running === 0)
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#stoppedAt !== undefined) return { end: 'stopped', at: this.#stoppedAt }
    return { end: this.#interrupt.signal.aborted ? 'interrupted' : 'complete' }
  }

  /** Sends nothing new; `run` resolves when what is under way has been answered. */
  interrupt(): void {
    this.#interrupt.abort()
    this.#wake()
  }

  /** How much of what has been read is done, from 0 to 1. */
  get fraction(): number {
    return this.#linesRead === 0 ? 0 : this.counts.lines / this.#linesRead
  }

  get #isEnding(): boolean {
    return this.#stoppedAt !== undefined || this.#failure !== undefined || this.#interrupt.signal.aborted
  }

  // ---- reading ahead ----------------------------------------------------------------------------------------------------

  #hasRoomFor(line: ImportLine): boolean {
    const { aheadLinesMax, aheadBytesMax } = this.#parts.limits
    return (
      this.#aheadLines === 0 || (this.#aheadLines < aheadLinesMax && this.#aheadBytes + line.bytes <= aheadBytesMax)
    )
  }

  #take(line: ImportLine): void {
    this.#aheadLines++
    this.#aheadBytes += line.bytes
    const lane = this.#lanes.get(line.room)
    if (lane !== undefined) {
      lane.waiting.push(line)
      return
    }
    const opened: Lane = { room: line.room, waiting: [line] }
    this.#lanes.set(line.room, opened)
    this.#turns.push(opened)
    this.#startLanes()
  }

  #startLanes(): void {
    while (this.#running < this.#parts.limits.roomsMax) {
      const lane = this.#turns.shift()
      if (lane === undefined) return
      this.#running++
      this.#work(lane)
        .catch((error: unknown) => {
          this.#failure ??= { error }
          this.#interrupt.abort()
        })
        .finally(() => {
          this.#running--
          this.#startLanes()
          this.#wake()
        })
    }
  }

  /** Only the reader waits here, so there is one to wake. */
  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  // ---- one room ---------------------------------------------------------------------------------------------------------

  async #work(lane: Lane): Promise<void> {
    try {
      for (let next = 0; next < lane.waiting.length; next++) {
        const line = lane.waiting[next]
        if (line === undefined || !this.#isWanted(line)) return
        await this.#import(line)
        this.#aheadLines--
        this.#aheadBytes -= line.bytes
        this.#wake()
        // Taking each line off the front would cost the length of the rest every time.
        if (next < DONE_LINES_MAX) continue
        lane.waiting.splice(0, next + 1)
        next = -1
      }
    } finally {
      // In the same turn as the look at `length`: a line that comes later opens the lane anew.
      this.#lanes.delete(lane.room)
    }
  }

  /** After a line that stops the import, what stands before it in the file is still imported. */
  #isWanted({ number }: ImportLine): boolean {
    if (this.#failure !== undefined || this.#interrupt.signal.aborted) return false
    return this.#stoppedAt === undefined || number < this.#stoppedAt.number
  }

  async #import(line: ImportLine): Promise<void> {
    try {
      const outcome = await this.#delivery.deliver(line)
      this.counts[outcome]++
      this.counts.lines++
    } catch (error) {
      if (error instanceof Interrupted) return
      if (!(error instanceof Refusal) || !isAboutTheLine(error)) throw error
      this.#broken({ number: line.number, problem: explained(error, this.#parts.ids) })
    }
  }

  #broken(line: BrokenLine): void {
    this.#parts.problem(line)
    if (this.#parts.onError === 'skip') {
      this.counts.lines++
      this.counts.skipped++
    } else if (this.#stoppedAt === undefined || line.number < this.#stoppedAt.number) {
      this.#stoppedAt = line
    }
    this.#wake()
  }
}

/** What the server says no to because of this line, and not because of us. */
const ABOUT_THE_LINE = new Set([400, 403, 404, 409, 413, 422])

function isAboutTheLine(refusal: Refusal): boolean {
  return refusal.isFinal || ABOUT_THE_LINE.has(refusal.status)
}

function explained({ code, reason }: Refusal, { name }: ImportIds): string {
  if (code !== 'ID_REUSED') return `was refused: ${reason} (${code})`
  return `was imported before, with other content, from a file named ${JSON.stringify(name)}: give this file another --name`
}
