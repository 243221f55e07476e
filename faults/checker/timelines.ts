import type { FinalReads } from './final-reads.ts'
import { Line, type Place } from './line.ts'
import type { Operation, Operations } from './operations.ts'
import { entryOf } from './ordered.ts'
import type { Sighting } from './sightings.ts'

interface Sources {
  readonly operations: Operations
  readonly final: FinalReads
  readonly sightings: readonly Sighting[]
  /** Every epoch of a room that anybody was told of. */
  readonly epochs: Iterable<{ readonly room: string; readonly epoch: number }>
}

type Shown = Pick<Sighting, 'seq' | 'id' | 'hash'>

/** The timelines of all rooms, one for each epoch: those that were read in the end, and what was seen of older ones. */
export class Timelines {
  /** Every room whose history was read in the end. */
  readonly final: readonly Line[]
  readonly #sources: Sources
  readonly #lines = new Map<string, Map<number, Line>>()
  readonly #finalByRoom = new Map<string, Line>()
  readonly #finalByUser = new Map<string, Line[]>()
  readonly #additions = new Map<string, Operation[]>()
  readonly #unseenAdditions = new Map<Line, ReadonlyMap<string, number>>()
  readonly #lastEpochs = new Map<string, ReadonlyMap<string, number>>()

  constructor(sources: Sources) {
    this.#sources = sources
    for (const [room, [read]] of sources.final.histories)
      if (read !== undefined) this.#finalByRoom.set(room, this.#draw(room, read.epoch, true, read.entries))
    this.final = [...this.#finalByRoom.values()]
    for (const [room, epochs] of seenByEpoch(sources))
      for (const [epoch, seen] of epochs) if (this.line(room, epoch) === undefined) this.#draw(room, epoch, false, seen)
    for (const line of this.final) for (const user of line.users) entryOf(this.#finalByUser, user, () => []).push(line)
    for (const operation of sources.operations.all)
      if (operation.command.adds !== undefined)
        entryOf(this.#additions, operation.command.room, () => []).push(operation)
  }

  line(room: string, epoch: number): Line | undefined {
    return this.#lines.get(room)?.get(epoch)
  }

  /** Of a room all that there are. */
  lines(room: string): Iterable<Line> {
    return this.#lines.get(room)?.values() ?? []
  }

  finalLine(room: string): Line | undefined {
    return this.#finalByRoom.get(room)
  }

  /** The final timelines of the rooms that the user was ever in. */
  finalLinesOf(user: string): readonly Line[] {
    return this.#finalByUser.get(user) ?? []
  }

  /** Whether the user may have been added by then, at a place of this line that nobody saw. */
  mayHaveBeenAdded(line: Line, user: string, at: number): boolean {
    const unseen = entryOf(this.#unseenAdditions, line, () => this.#unseenAdditionsTo(line))
    return (unseen.get(user) ?? Number.POSITIVE_INFINITY) < at
  }

  /** The last epoch in which the user was in the room; 0 where there is none. */
  lastEpochIn(room: string, user: string): number {
    const epochs = entryOf(this.#lastEpochs, room, () => {
      const last = new Map<string, number>()
      for (const { epoch, users } of this.lines(room))
        for (const one of users) last.set(one, Math.max(epoch, last.get(one) ?? 0))
      return last
    })
    return epochs.get(user) ?? 0
  }

  #draw(room: string, epoch: number, isFinal: boolean, shown: Iterable<Shown>): Line {
    const bySeq = new Map<number, Place>()
    for (const { seq, id, hash } of shown)
      if (!bySeq.has(seq)) bySeq.set(seq, { seq, id, operation: this.#sources.operations.ofId(id, hash) })
    const places = [...bySeq.values()].sort((a, b) => a.seq - b.seq)
    const line = new Line(room, epoch, isFinal, places)
    entryOf(this.#lines, room, () => new Map<number, Line>()).set(epoch, line)
    return line
  }

  /** For each user the first begin of a command that adds them and has no known place in this line. */
  #unseenAdditionsTo({ room, places }: Line): ReadonlyMap<string, number> {
    const seen = new Set(places.map(({ operation }) => operation))
    const unseen = new Map<string, number>()
    for (const operation of this.#additions.get(room) ?? [])
      if (!seen.has(operation))
        for (const user of operation.command.adds ?? []) entryOf(unseen, user, () => operation.begun)
    return unseen
  }
}

function seenByEpoch({ sightings, epochs }: Sources): Map<string, Map<number, Shown[]>> {
  const rooms = new Map<string, Map<number, Shown[]>>()
  const seenIn = (room: string, epoch: number) =>
    entryOf(
      entryOf(rooms, room, () => new Map<number, Shown[]>()),
      epoch,
      () => [],
    )
  for (const sighting of sightings)
    if (sighting.epoch !== undefined) seenIn(sighting.room, sighting.epoch).push(sighting)
  // An epoch of which only a head was ever shown is one nevertheless.
  for (const { room, epoch } of epochs) seenIn(room, epoch)
  return rooms
}
