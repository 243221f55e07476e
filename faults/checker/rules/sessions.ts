import type { HistoryEvent, Resumed } from '../history.ts'
import type { Line } from '../line.ts'
import type { Finding, Rule } from '../rule.ts'
import type { Run, Session } from '../run.ts'
import { type Stream, Streams } from '../streams.ts'

/**
 * I7: a session hears each room from where it was opened (`joined`: behind the head; `resumed`: behind its place): every next entry once,
 * in order, or a gap that says which are left out; after `left` nothing until it is opened anew.
 */
export const contiguous: Rule = {
  name: 'contiguous',
  invariant: 'I7',
  needs: [],
  *check(run) {
    for (const { user, name, events } of run.sessions.values()) {
      const streams = new Streams()
      for (const { event } of events) {
        const broken = streams.hear(event)
        if (broken === undefined || !('room' in event)) continue
        const records = broken.before === undefined ? [event] : [broken.before.event, event]
        yield { sentence: `${event.room} is ${broken.what}, for ${user} on ${name}`, records }
      }
    }
  },
}

/** I7: who comes back goes on from the place named, or is told that it is void; and that only where history was set back. */
export const resumed: Rule = {
  name: 'resumed',
  invariant: 'I7',
  needs: ['history'],
  *check(run) {
    for (const { user, events } of run.sessions.values()) {
      for (const { at, event } of events) {
        const wrong = event.type === 'resumed' ? wrongPlace(run, event, at) : undefined
        if (wrong !== undefined) yield { sentence: `${user} ${wrong}`, records: [event] }
      }
    }
  },
}

function wrongPlace(run: Run, { room, epoch, seq, recovered, from }: Resumed, at: number): string | undefined {
  if (recovered && (from.epoch !== epoch || from.seq !== seq))
    return `was at ${from.seq} of ${room} in epoch ${from.epoch}, and is resumed at ${seq} in epoch ${epoch}`
  const head = run.timelines.line(room, epoch)?.head ?? 0
  // A place that never was, as nobody obeys who names one, is void too; and one that is no more, while the room ends before it.
  const isTaken = seq < from.seq && run.restores.left({ room, ...from }, Number.NEGATIVE_INFINITY, at) < from.seq
  if (!recovered && from.epoch === epoch && from.seq <= head && !isTaken && !run.isVoid(room, epoch, at))
    return `was at ${from.seq} of ${room} in epoch ${epoch}, and is told that it is void`
  return undefined
}

/** I7: no gap swallows a change of its reader's own membership: they would not know whether they are in (G10). */
export const ownChanges: Rule = {
  name: 'ownChanges',
  invariant: 'I7',
  needs: ['history'],
  *check(run) {
    for (const { user, events } of run.sessions.values()) {
      for (const { event } of events) {
        if (event.type !== 'gap') continue
        const { room, epoch, from, to } = event
        if (!run.timelines.line(room, epoch)?.changesWithin(from, to, user)) continue
        const sentence = `a gap from ${from} to ${to} of ${room} covers a change of ${user}'s own membership`
        yield { sentence, records: [event, ...(run.final.histories.get(room)?.slice(0, 1) ?? [])] }
      }
    }
  },
}

/** I7: in the end a session that has read everything has every room of its user open, at its head, and no other room. */
export const caughtUp: Rule = {
  name: 'caughtUp',
  invariant: 'I7',
  needs: ['history', 'quiet'],
  *check(run) {
    for (const name of run.final.quietSessions) {
      const session = run.sessions.get(name)
      if (session === undefined) continue
      const streams = new Streams()
      for (const { event } of session.events) streams.hear(event)
      for (const line of linesOf(run, session, streams)) yield* behind(run, session, line, streams.get(line.room))
    }
  },
}

/** Rooms that the user is or was in, and rooms that the session has open. */
function linesOf(run: Run, { user }: Session, streams: Streams): Iterable<Line> {
  const lines = new Set(run.timelines.finalLinesOf(user))
  for (const room of streams.rooms) {
    const line = run.timelines.finalLine(room)
    if (line !== undefined) lines.add(line)
  }
  return lines
}

function* behind(run: Run, session: Session, line: Line, stream: Stream | undefined): Iterable<Finding> {
  const { user, name, isAdministrator } = session
  const isMember = line.isMemberAfter(line.head, user)
  const records: readonly HistoryEvent[] = [
    ...(stream === undefined ? [] : [stream.event]),
    ...(run.final.histories.get(line.room)?.slice(0, 1) ?? []),
  ]
  if (stream === undefined) {
    if (isMember)
      yield { sentence: `${user} is in ${line.room}, and ${name} does not have it open in the end`, records }
  } else if (!isMember && !isAdministrator) {
    yield { sentence: `${user} is not in ${line.room}, and ${name} has it open in the end`, records }
  } else if (stream.epoch !== line.epoch || stream.seq !== line.head) {
    const [is, ought] = [stream, { epoch: line.epoch, seq: line.head }].map(
      ({ epoch, seq }) => `${seq} of epoch ${epoch}`,
    )
    const sentence = `${name} of ${user} ends at ${is} in ${line.room}, which ends at ${ought}`
    yield { sentence, records }
  }
}
