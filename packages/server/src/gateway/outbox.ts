import type { RoomId, UserId } from '../ports/store.ts'
import type { TurnEnd } from '../ports/system.ts'
import { type EntryFrame, type Frame, gapBytes } from './frames.ts'
import type { Socket } from './wire.ts'

/** Entries that are not sent: the client pages them. */
interface Gap {
  readonly kind: 'gap'
  readonly room: RoomId
  readonly epoch: number
  readonly from: number
  to: number
}

/** A gap's frame is made when it leaves; until then it counts for about its length. */
const GAP_BYTES = 256

/**
 * What is on its way to one reader. What a turn of the event loop made ready leaves as one write; what the reader does not take
 * waits here, bounded: over the bound gaps replace entries, and if that is not enough, the reader is too slow.
 * Invariant: frames leave in the order of `push`, and a room's entries and gaps are contiguous between two frames that set its position.
 */
export class Outbox {
  /** Whose own membership changes no gap may swallow (G10). */
  user: UserId | undefined
  readonly #socket: Socket
  readonly #turn: Turn
  readonly #bytesMax: number
  /** This turn's frames. */
  #strand: Strand | undefined
  /** What could not leave in its turn; made on first use, as most readers keep up. */
  #queue: (Frame | Gap)[] | undefined
  #queueBytes = 0
  #congested = false

  constructor(socket: Socket, turn: Turn, bytesMax: number) {
    this.#socket = socket
    this.#turn = turn
    this.#bytesMax = bytesMax
  }

  /** Everything that waits for this reader. */
  get bytes(): number {
    return (this.#strand?.size ?? 0) + this.#queueBytes + this.#socket.writableLength
  }

  /** Takes a frame; false when the reader is too slow even for gaps. */
  push(frame: Frame): boolean {
    if (this.#strand === undefined) this.#turn.add(this)
    this.#strand = (this.#strand ?? this.#turn.root).extended(frame)
    return this.bytes <= this.#bytesMax || this.#makeRoom()
  }

  /** The end of a turn. */
  flush(): void {
    const strand = this.#strand
    const atOnce = this.#queue === undefined && !this.#congested && (strand?.size ?? 0) <= this.#writeBytesMax
    if (strand !== undefined && atOnce) {
      this.#strand = undefined
      this.#congested = !this.#socket.write(strand.bytes())
      return
    }
    this.#unroll()
    this.#pump()
  }

  /** The socket takes more. */
  drained(): void {
    this.#congested = false
    this.#pump()
  }

  /** Writes everything, whatever the reader does: the last thing before a close. */
  finish(): void {
    this.#congested = false
    this.#unroll()
    while (this.#queue !== undefined) this.#writeSome(this.#queue)
  }

  /** Lets go of everything: nobody will read it. */
  drop(): void {
    this.#strand = undefined
    this.#queue = undefined
    this.#queueBytes = 0
  }

  /** What one write hands to the socket: what it holds is out of reach of gaps. */
  get #writeBytesMax(): number {
    return this.#bytesMax >> 2
  }

  #pump(): void {
    while (this.#queue !== undefined && !this.#congested) this.#congested = !this.#writeSome(this.#queue)
  }

  #writeSome(queue: (Frame | Gap)[]): boolean {
    const chunks: Buffer[] = []
    let bytes = 0
    for (const item of queue) {
      const chunk = item.kind === 'gap' ? gapBytes(item) : item.bytes
      if (bytes > 0 && bytes + chunk.length > this.#writeBytesMax) break
      chunks.push(chunk)
      bytes += chunk.length
      this.#queueBytes -= sizeOf(item)
    }
    queue.splice(0, chunks.length)
    if (queue.length === 0) this.#queue = undefined
    return this.#socket.write(Buffer.concat(chunks, bytes))
  }

  /** Moves this turn's frames behind what waits already. */
  #unroll(): void {
    if (this.#strand === undefined) return
    this.#queue ??= []
    for (const frame of this.#strand.frames()) this.#queue.push(frame)
    this.#queueBytes += this.#strand.size
    this.#strand = undefined
  }

  #makeRoom(): boolean {
    this.#unroll()
    this.#queue = withGaps(this.#queue ?? [], this.user)
    this.#queueBytes = this.#queue.reduce((sum, item) => sum + sizeOf(item), 0)
    // Half the room has to be free, or every further frame would go through the whole queue again.
    return this.bytes <= this.#bytesMax >> 1
  }
}

/** Gaps in the place of entries, in order; a reader's own membership changes stay. */
function withGaps(queue: readonly (Frame | Gap)[], user: UserId | undefined): (Frame | Gap)[] {
  const kept: (Frame | Gap)[] = []
  /** The gap of a room that its next entry may extend. */
  const open = new Map<RoomId, Gap>()
  for (const item of queue) {
    const owned = item.kind === 'entry' && user !== undefined && item.subjects.includes(user)
    if (item.kind === 'plain' || owned) {
      if (item.room !== undefined) open.delete(item.room)
      kept.push(item)
      continue
    }
    const { from, to } = item.kind === 'gap' ? item : { from: item.seq, to: item.seq }
    const gap = open.get(item.room)
    if (gap !== undefined && gap.epoch === item.epoch && gap.to + 1 === from) gap.to = to
    else kept.push(newGap(open, item, from, to))
  }
  return kept
}

function newGap(open: Map<RoomId, Gap>, { room, epoch }: EntryFrame | Gap, from: number, to: number): Gap {
  const gap: Gap = { kind: 'gap', room, epoch, from, to }
  open.set(room, gap)
  return gap
}

function sizeOf(item: Frame | Gap): number {
  return item.kind === 'gap' ? GAP_BYTES : item.bytes.length
}

/**
 * One turn's frames in order, as a chain from the last to the first. Sessions that are sent the same frames share the chain,
 * so what they are sent is put together once for all of them.
 */
class Strand {
  readonly size: number
  readonly #frame: Frame | undefined
  readonly #before: Strand | undefined
  /** The strand that the last frame added here made: a fan-out adds the same frame to each of its sessions. */
  #next: Strand | undefined
  #bytes: Buffer | undefined

  constructor(before?: Strand, frame?: Frame) {
    this.#before = before
    this.#frame = frame
    this.size = (before?.size ?? 0) + (frame?.bytes.length ?? 0)
  }

  /** The strand with this frame behind it. */
  extended(frame: Frame): Strand {
    if (this.#next === undefined || this.#next.#frame !== frame) this.#next = new Strand(this, frame)
    return this.#next
  }

  frames(): Frame[] {
    const frames: Frame[] = []
    let strand: Strand | undefined = this
    while (strand !== undefined) {
      if (strand.#frame !== undefined) frames.push(strand.#frame)
      strand = strand.#before
    }
    return frames.reverse()
  }

  bytes(): Buffer {
    this.#bytes ??= this.#joined()
    return this.#bytes
  }

  #joined(): Buffer {
    if (this.#frame !== undefined && this.#frame.bytes.length === this.size) return this.#frame.bytes
    return Buffer.concat(
      this.frames().map(({ bytes }) => bytes),
      this.size,
    )
  }
}

/** The outboxes that got something in this turn of the event loop: at its end each is flushed. */
export class Turn {
  root = new Strand()
  readonly #turnEnd: TurnEnd
  #ready = new Set<Outbox>()
  readonly #flush = (): void => this.flush()

  constructor(turnEnd: TurnEnd) {
    this.#turnEnd = turnEnd
  }

  add(outbox: Outbox): void {
    if (this.#ready.size === 0) this.#turnEnd(this.#flush)
    this.#ready.add(outbox)
  }

  flush(): void {
    const ready = this.#ready
    this.#ready = new Set()
    this.root = new Strand()
    for (const outbox of ready) outbox.flush()
  }
}
