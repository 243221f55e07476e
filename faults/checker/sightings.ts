import type { Command, Entry, HistoryEvent, SessionEvent } from './history.ts'

/** Somebody was told, or shown, what stands at a place. */
export interface Sighting {
  readonly at: number
  /** The session that was shown it; undefined for the answer to a try. */
  readonly session: string | undefined
  readonly room: string
  /** A hit does not say under which. */
  readonly epoch: number | undefined
  readonly seq: number
  readonly id: string
  readonly hash: string
  /** What an answer does not show. */
  readonly entry: Entry | undefined
  readonly event: HistoryEvent
}

/** What this event shows of places. `commandOf` knows the command of a try. */
export function sightingsOf(
  at: number,
  event: HistoryEvent,
  commandOf: (name: string) => Command | undefined,
): readonly Sighting[] {
  switch (event.type) {
    case 'stored': {
      const { epoch, seq, id } = event
      const { room, hash } = commandOf(event.try) ?? {}
      if (room === undefined || hash === undefined) return []
      return [{ at, session: undefined, room, epoch, seq, id, hash, entry: undefined, event }]
    }
    case 'entry':
      return [seen(at, event, event.room, event.epoch, event.entry)]
    case 'page':
      return event.entries.map((entry) => seen(at, event, event.room, event.epoch, entry))
    case 'search':
      return event.hits.map((hit) => seen(at, event, hit.room, undefined, hit))
    default:
      return []
  }
}

function seen(at: number, event: SessionEvent, room: string, epoch: number | undefined, entry: Entry): Sighting {
  const { seq, id, hash } = entry
  return { at, session: event.session, room, epoch, seq, id, hash, entry, event }
}
