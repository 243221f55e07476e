import type { HistoryEvent, SessionEvent } from './history.ts'

/** A room that a session has open: its next entry is `seq + 1` of `epoch`. */
export interface Stream {
  readonly epoch: number
  readonly seq: number
  /** What set it there. */
  readonly event: HistoryEvent
}

export interface Break {
  readonly what: string
  readonly before: Stream | undefined
}

/** What one session has open, as its events tell. */
export class Streams {
  readonly #open = new Map<string, Stream>()

  get(room: string): Stream | undefined {
    return this.#open.get(room)
  }

  get rooms(): Iterable<string> {
    return this.#open.keys()
  }

  /** Takes the next event. What it says counts also where it does not fit: one break is told once. */
  hear(event: SessionEvent): Break | undefined {
    if (event.type === 'connected' || event.type === 'search') return undefined
    const before = this.#open.get(event.room)
    const what = misfit(event, before)
    const { room } = event
    switch (event.type) {
      case 'joined':
        this.#open.set(room, { epoch: event.epoch, seq: event.head, event })
        break
      case 'resumed':
        this.#open.set(room, { epoch: event.epoch, seq: event.seq, event })
        break
      case 'entry':
        this.#open.set(room, { epoch: event.epoch, seq: event.entry.seq, event })
        break
      case 'gap':
        this.#open.set(room, { epoch: event.epoch, seq: event.to, event })
        break
      case 'left':
      case 'subscribed':
        this.#open.delete(room)
        break
    }
    return what === undefined ? undefined : { what, before }
  }
}

function misfit(event: SessionEvent, open: Stream | undefined): string | undefined {
  switch (event.type) {
    case 'joined':
      return open && `joined at ${event.head} while it is open at ${open.seq}`
    case 'resumed':
      if (open === undefined || (!event.recovered && event.epoch > open.epoch)) return undefined
      return `resumed at ${event.seq} while it is open at ${open.seq}`
    case 'entry':
      return misplaced(open, event.epoch, event.entry.seq)
    case 'gap':
      return (
        misplaced(open, event.epoch, event.from) ??
        (event.to < event.from ? `given a gap back to ${event.to}` : undefined)
      )
    default:
      return undefined
  }
}

function misplaced(open: Stream | undefined, epoch: number, seq: number): string | undefined {
  if (open === undefined) return `given ${seq} while it is not open`
  if (epoch !== open.epoch) return `given ${seq} of epoch ${epoch} in epoch ${open.epoch}`
  return seq === open.seq + 1 ? undefined : `given ${seq} behind ${open.seq}`
}
