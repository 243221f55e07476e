import type { HistoryEvent, SessionEvent } from '../history.ts'
import { mayKnow, RemovalsTold, type Where } from '../reading.ts'
import type { Finding, Rule } from '../rule.ts'
import type { Run, Session } from '../run.ts'

/**
 * I11: nobody is shown what they may not read. Whoever is a member reads all of a room's history, also what was before them; so what
 * shows the room up to some place is right if its reader is a member after that place, or after a later one that can have been there by
 * then. That is so because membership is read last (G5), and is as new as what is shown. One thing more is shown: a push, as the feed
 * comes entry by entry, goes on up to and with its reader's own removal, and not beyond until an addition (G9). Of a room that one never
 * was in, nothing at all. Administrators may read everything.
 */
export const shown: Rule = {
  name: 'shown',
  invariant: 'I11',
  needs: [],
  *check(run) {
    for (const session of readers(run)) {
      for (const { at, event } of session.events) {
        for (const view of viewsOf(event)) {
          if (mayKnow(run, session.user, view, view.seq, at)) continue
          yield finding(run, session, view, event, 'is not in it from there on')
        }
      }
    }
  },
}

/**
 * I11: whoever was told of a removal holds to it: a page or a search that begins after the removal was told shows nothing of the room, not
 * even what one had read before, until an addition. Told is told to anybody, by an answer, a push, a page or a hit; where reads may be old,
 * only to the same session. On the session itself a `resumed` counts like a page that begins at that moment. (A `joined` says a head, which
 * `shown` and `forward` judge.)
 */
export const removed: Rule = {
  name: 'removed',
  invariant: 'I11',
  needs: [],
  *check(run) {
    const told = new RemovalsTold(run)
    for (const session of readers(run)) {
      for (const { at, event } of session.events) {
        for (const view of viewsOf(event)) {
          const removal = told.before(session, view, event, at)
          if (removal === undefined || !mayKnow(run, session.user, view, view.seq, at)) continue
          if (mayKnow(run, session.user, view, Math.max(view.seq, removal.seq), at)) continue
          yield finding(run, session, view, event, `was told to be removed at ${removal.seq}`, removal.event)
        }
      }
    }
  },
}

/**
 * I11: an error gives nothing away: a room that was never one's own looks like one that does not exist. What speaks of a room's state is
 * said only to those who were in it. (Who creates a room under an id that is taken has to be told.)
 */
export const discreet: Rule = {
  name: 'discreet',
  invariant: 'I11',
  needs: [],
  *check(run) {
    for (const session of readers(run))
      for (const { at, event } of session.events)
        if (event.type === 'error' && SPEAKING.has(event.code) && !wasIn(run, session.user, event.room, at))
          yield betrayed(session.user, event.room, event)
    for (const { operation, one } of run.operations.tries) {
      const { room, sender, kind, administrator } = operation.command
      if (administrator || kind === 'room_created') continue
      for (const { at, event } of one.ends)
        if (event.type === 'refused' && SPEAKING.has(event.code) && !wasIn(run, sender, room, at))
          yield betrayed(sender, room, event)
    }
  },
}

/** Codes that say that the room exists. */
const SPEAKING: ReadonlySet<string> = new Set(['NOT_A_MEMBER', 'FORBIDDEN', 'CONFLICT', 'ALREADY'])

function wasIn(run: Run, user: string, room: string, at: number): boolean {
  for (const { epoch } of run.timelines.lines(room)) if (mayKnow(run, user, { room, epoch }, 0, at)) return true
  return run.restores.areTakenAfter(room, at)
}

function betrayed(user: string, room: string, event: HistoryEvent & { readonly code: string }): Finding {
  return { sentence: `${user} was never in ${room}, and is told ${event.code} of it`, records: [event] }
}

function readers(run: Run): readonly Session[] {
  return [...run.sessions.values()].filter(({ isAdministrator }) => !isAdministrator)
}

/** A room, shown up to `seq`. */
interface View extends Where {
  /** Its reader has to be a member after this place, or after a later one. */
  readonly seq: number
}

function viewsOf(event: SessionEvent): readonly View[] {
  switch (event.type) {
    case 'joined':
    case 'page':
      return [{ room: event.room, epoch: event.epoch, seq: event.head }]
    case 'resumed':
      return [{ room: event.room, epoch: event.epoch, seq: event.seq }]
    case 'entry':
      return [{ room: event.room, epoch: event.epoch, seq: event.entry.seq - 1 }]
    case 'gap':
      return [{ room: event.room, epoch: event.epoch, seq: event.to - 1 }]
    case 'search':
      return event.hits.map(({ room, seq }) => ({ room, epoch: undefined, seq }))
    default:
      return []
  }
}

function finding(
  run: Run,
  { user, name }: Session,
  { room, seq }: View,
  event: SessionEvent,
  why: string,
  told?: HistoryEvent,
): Finding {
  const sentence = `${user} on ${name} is shown ${room} by ${event.type} as of ${seq}, and ${why}`
  const changes = run.timelines.finalLine(room)?.changesOf(user) ?? []
  return { sentence, records: [...(told === undefined ? changes : [told]), event] }
}
