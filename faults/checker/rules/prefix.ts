import type { HistoryEvent, SessionEvent } from '../history.ts'
import { countBefore, entryOf, keyOf } from '../ordered.ts'
import type { Rule } from '../rule.ts'
import type { Run, Session } from '../run.ts'

/**
 * I6: what a reader saw of the last epoch is still there at the end: every place that was shown, and every head.
 * (That it is the same entry is said by `places`.)
 */
export const kept: Rule = {
  name: 'kept',
  invariant: 'I6',
  needs: ['history'],
  *check(run) {
    const known = new Set<string>()
    for (const session of run.sessions.values()) {
      for (const { at, event } of session.events) {
        const read = reach(event)
        const line = read && run.timelines.line(read.room, read.epoch)
        if (read === undefined || !line?.isFinal) continue
        const left = run.restores.left(read, at, Number.POSITIVE_INFINITY)
        if (left <= (run.final.history(read.room)?.head ?? 0)) continue
        const key = keyOf(read.room, read.seq)
        if (known.has(key)) continue
        known.add(key)
        const sentence = `${session.user} was shown ${read.room} up to ${read.seq} in epoch ${read.epoch}, and it ends at ${line.head}`
        yield { sentence, records: [event, ...(run.final.histories.get(read.room) ?? [])] }
      }
    }
  },
}

/** How far an event shows that a room goes. */
function reach(
  event: SessionEvent,
): { readonly room: string; readonly epoch: number; readonly seq: number } | undefined {
  switch (event.type) {
    case 'joined':
    case 'page':
      return { room: event.room, epoch: event.epoch, seq: event.head }
    case 'resumed':
      return { room: event.room, epoch: event.epoch, seq: event.seq }
    case 'entry':
      return { room: event.room, epoch: event.epoch, seq: event.entry.seq }
    case 'gap':
      return { room: event.room, epoch: event.epoch, seq: event.to }
    default:
      return undefined
  }
}

/**
 * I6: what one session reads, it never reads shorter: a page asked for, or a room opened, after the session was shown the room up to some
 * place shows it at least as far. Where reads may be old, only what was pushed to it counts as shown.
 */
export const forward: Rule = {
  name: 'forward',
  invariant: 'I6',
  needs: [],
  *check(run) {
    for (const session of run.sessions.values()) yield* backwards(run, session)
  },
}

interface Reach {
  readonly at: number
  /** Shown at `t` or before. */
  readonly t: number
  readonly room: string
  readonly epoch: number
  readonly seq: number
  readonly event: HistoryEvent
}

function* backwards(run: Run, { user, events }: Session) {
  const shown = new Map<string, Reach[]>()
  for (const { at, event } of events) {
    const read = reach(event)
    if (read === undefined || run.isVoid(read.room, read.epoch, at)) continue
    const reaches = entryOf(shown, read.room, () => [])
    const asked = event.type === 'page' ? event.begun : Number.POSITIVE_INFINITY
    const before = reaches[countBefore(reaches, ({ t }) => t < asked) - 1]
    if (before !== undefined && isRead(event) && isBeyond(left(run, before, at), read)) {
      const [was, is] = [before, read].map(({ seq, epoch }) => `up to ${seq} in epoch ${epoch}`)
      const sentence = `${user} was shown ${read.room} ${was}, and then by ${event.type} ${is}`
      yield { sentence, records: [before.event, event] }
    }
    const last = reaches.at(-1)
    if (event.type === 'page' && run.circumstances.readsMayBeOld) continue
    if (last === undefined || isBeyond(read, left(run, last, at))) reaches.push({ ...read, at, t: event.t, event })
  }
}

/** What still binds of it at this moment. */
function left(run: Run, reach: Reach, at: number): Reach {
  return { ...reach, seq: run.restores.left(reach, reach.at, at) }
}

/** Pushes go on from what was opened, and a client may resume anywhere: that is the matter of other rules. */
function isRead(event: SessionEvent): boolean {
  return event.type === 'page' || event.type === 'joined' || (event.type === 'resumed' && !event.recovered)
}

function isBeyond(one: Pick<Reach, 'epoch' | 'seq'>, other: Pick<Reach, 'epoch' | 'seq'>): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.seq > other.seq)
}

/** I6: history begins anew only where it was set back: a higher epoch follows a restore, and the last one is the highest. */
export const epochs: Rule = {
  name: 'epochs',
  invariant: 'I6',
  needs: [],
  *check(run) {
    const highest = new Map<string, Said>()
    for (const said of everyEpoch(run)) {
      const before = entryOf(highest, said.room, () => said)
      if (said.epoch > before.epoch && !run.restores.isBefore(said.room, said.at)) {
        const sentence = `${said.room} went from epoch ${before.epoch} to ${said.epoch}, and was never restored`
        yield { sentence, records: [before.event, said.event] }
      }
      if (said.event.type === 'history' && said.epoch < before.epoch) {
        const sentence = `${said.room} had epoch ${before.epoch}, and ends in epoch ${said.epoch}`
        yield { sentence, records: [before.event, said.event] }
      }
      if (said.epoch > before.epoch) highest.set(said.room, said)
    }
  },
}

interface Said {
  readonly at: number
  readonly room: string
  readonly epoch: number
  readonly event: HistoryEvent
}

function* everyEpoch(run: Run): Iterable<Said> {
  for (const [at, event] of run.history.entries()) {
    if (event.type === 'stored') {
      const room = run.operations.commandOf(event.try)?.room
      if (room !== undefined) yield { at, room, epoch: event.epoch, event }
    } else if ('epoch' in event) yield { at, room: event.room, epoch: event.epoch, event }
  }
}
