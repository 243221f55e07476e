import type { HistoryEvent, SessionEvent } from './history.ts'
import type { Line } from './line.ts'
import { countBefore, entryOf, keyOf } from './ordered.ts'
import type { Run, Session } from './run.ts'

/** A room, in one of its epochs; a hit does not name it. */
export interface Where {
  readonly room: string
  readonly epoch: number | undefined
}

/**
 * Whether the user may know the room as of `seq`: a member after that place, or after a later one that can have been there at this moment.
 * Of an epoch before the last one not every place is known, so what is unknown counts in the server's favour: an addition that nobody saw
 * may have had its place there, and a store that was set back may have had the user in it.
 */
export function mayKnow(run: Run, user: string, { room, epoch }: Where, seq: number, at: number): boolean {
  if (epoch === undefined) return [...run.timelines.lines(room)].some((line) => mayKnowLine(run, user, line, seq, at))
  const line = run.timelines.line(room, epoch)
  return line !== undefined && mayKnowLine(run, user, line, seq, at)
}

function mayKnowLine(run: Run, user: string, line: Line, seq: number, at: number): boolean {
  if (line.isMemberFrom(seq, user, at)) return true
  if (line.isFinal) return false
  const isSetBack = run.restores.isBefore(line.room, at) && run.timelines.lastEpochIn(line.room, user) > line.epoch
  return isSetBack || run.timelines.mayHaveBeenAdded(line, user, at)
}

/** A removal that somebody was told of: by an answer, a push, a page or a hit. */
export interface Removal {
  readonly at: number
  readonly t: number
  /** The highest one so far. */
  readonly seq: number
  readonly event: HistoryEvent
}

/** Who was told when that a user is removed from a room. */
export class RemovalsTold {
  readonly #run: Run
  /** Told to anybody: by room, epoch and user. */
  readonly #toAnybody = new Map<string, Removal[]>()
  /** Told to the session of the user: by room, epoch and session. */
  readonly #toSession = new Map<string, Removal[]>()

  constructor(run: Run) {
    this.#run = run
    for (const { at, room, epoch, seq, id, hash, session, event } of run.sightings) {
      const removed = run.operations.ofId(id, hash)?.command.removes ?? []
      if (epoch === undefined || run.restores.isTakenAfter({ room, epoch, seq, id }, at)) continue
      for (const user of removed) {
        const told = { at, t: event.t, seq, event }
        add(this.#toAnybody, keyOf(room, epoch, user), told)
        if (session !== undefined && run.sessions.get(session)?.user === user)
          add(this.#toSession, keyOf(room, epoch, session), told)
      }
    }
  }

  /** The latest removal that binds what this event shows. */
  before(session: Session, { room, epoch }: Where, event: SessionEvent, at: number): Removal | undefined {
    const binding = epoch ?? (this.#run.restores.isEver(room) ? undefined : this.#run.timelines.finalLine(room)?.epoch)
    if (binding === undefined) return undefined
    const toSession = this.#toSession.get(keyOf(room, binding, session.name)) ?? []
    switch (event.type) {
      case 'resumed':
        return toSession[countBefore(toSession, (told) => told.at < at) - 1]
      case 'page':
      case 'search': {
        const toAnybody = this.#toAnybody.get(keyOf(room, binding, session.user)) ?? []
        const told = this.#run.circumstances.readsMayBeOld ? toSession : toAnybody
        return told[countBefore(told, ({ t }) => t < event.begun) - 1]
      }
      default:
        return undefined
    }
  }
}

/** An older removal that is told of later says nothing new. */
function add(removals: Map<string, Removal[]>, key: string, removal: Removal): void {
  const known = entryOf(removals, key, () => [])
  if ((known.at(-1)?.seq ?? 0) < removal.seq) known.push(removal)
}
