import { type Entry, isId, isText, LIMITS, type RoomAbout } from '@holdfast/protocol'
import type { Accepted, CommandOptions, Deliveries, Done, Stored } from './delivery.ts'
import { Emitter } from './emitter.ts'
import { type FailureCode, type Fault, HoldfastError } from './errors.ts'
import { Follower, type ReadPage } from './follower.ts'
import { Reader, type ReaderParts, type ReadOptions } from './reader.ts'
import type { Position, Timeline } from './timeline.ts'

export interface SendOptions extends CommandOptions {
  /** When the promise settles: `stored` by default. */
  readonly until?: 'stored' | 'accepted'
}

/** A hole in the live entries. They are paged now and come as `entry` events, before anything newer does. */
export interface Gap {
  /** The first and the last that are missing. */
  readonly from: number
  readonly to: number
  /** Says that nobody wants them: the events go on behind the hole. */
  readonly skip: () => void
}

export interface RoomEvents {
  /** The next entry: in order, without a hole or a repeat. */
  entry: Entry
  gap: Gap
  /** History was restored or lost: drop what you have of this room. Entries go on behind this position; page what is before. */
  reset: Position
}

export interface PageOptions {
  /** Exclusive bounds; the newest entries when both are left out. */
  readonly before?: number
  readonly after?: number
  /** 1 to 200, 50 by default. */
  readonly limit?: number
  readonly signal?: AbortSignal
}

export interface Page {
  /** Ascending. */
  readonly entries: readonly Entry[]
  readonly epoch: number
  readonly head: number
}

export interface RoomParts extends ReaderParts {
  readonly deliveries: Deliveries
  readonly newId: () => string
  /** Undefined while the client lives. */
  readonly closed: () => Fault | undefined
  /** Whatever must end with the client. */
  readonly endings: Set<(why: Fault) => void>
}

/** One room, as this client sees it. It stays the same object for the client's life. */
export class Room {
  readonly id: string
  readonly #timeline: Timeline
  readonly #parts: RoomParts
  readonly #events = new Emitter<RoomEvents>()
  readonly #live: Follower

  constructor(timeline: Timeline, parts: RoomParts) {
    this.id = timeline.room
    this.#timeline = timeline
    this.#parts = parts
    this.#live = new Follower(
      timeline,
      {
        wants: () => this.#events.has('entry'),
        hasRoom: () => true,
        take: (entry) => this.#events.emit('entry', entry),
        gap: (from, to) => this.#events.emit('gap', { from, to, skip: () => this.#live.skip(to) }),
        reset: (position) => this.#events.emit('reset', position),
        left: () => {},
        failed: () => {},
      },
      parts,
    )
  }

  /** What the room is, as of the last time it was opened; undefined while it never was. */
  get about(): RoomAbout | undefined {
    return this.#timeline.about
  }

  /** The highest seq known to exist. */
  get head(): number {
    return this.#timeline.head
  }

  /** The end of what the `entry` events have shown without a hole; undefined while the room was never opened. */
  get position(): Position | undefined {
    return this.#live.position
  }

  get isMember(): boolean {
    return this.#timeline.isMember
  }

  /** Returns what takes the listener off again. */
  on<Name extends keyof RoomEvents>(name: Name, listener: (value: RoomEvents[Name]) => void): () => void {
    return this.#events.on(name, listener)
  }

  /**
   * Says something. It is tried, over every loss of a connection and in the order of the calls, until it has an end.
   * Rejects with a HoldfastError whose `outcome` is `refused`, `dead`, `unknown` or `not-sent`.
   */
  send(text: string, options: SendOptions & { readonly until: 'accepted' }): Promise<Accepted>
  send(text: string, options?: SendOptions & { readonly until?: 'stored' }): Promise<Stored>
  send(text: string, options?: SendOptions): Promise<Stored | Accepted>
  async send(text: string, options: SendOptions = {}): Promise<Done | Accepted> {
    const clientId = options.clientId ?? this.#parts.newId()
    const { closed, deliveries } = this.#parts
    checkIds([this.id, clientId], clientId, closed())
    if (!isText(text, LIMITS.textBytesMax)) throw badText(text, clientId)
    return deliveries.deliver({ type: 'send', clientId, room: this.id, text }, options, options.until ?? 'stored')
  }

  addMember(user: string, options: CommandOptions = {}): Promise<Done> {
    return this.#changeMember('add_member', user, options)
  }

  removeMember(user: string, options: CommandOptions = {}): Promise<Done> {
    return this.#changeMember('remove_member', user, options)
  }

  async #changeMember(type: 'add_member' | 'remove_member', user: string, options: CommandOptions): Promise<Done> {
    const clientId = options.clientId ?? this.#parts.newId()
    const { closed, deliveries } = this.#parts
    checkIds([this.id, clientId, user], clientId, closed())
    return deliveries.deliver({ type, clientId, room: this.id, user }, options, 'stored')
  }

  /** A piece of history. Survives the loss of a connection; an error of the server rejects it. */
  page({ signal, ...bounds }: PageOptions = {}): Promise<Page> {
    return new Promise((resolve, reject) => {
      const closed = this.#parts.closed()
      if (closed !== undefined) return reject(new HoldfastError(closed.code, closed))
      if (signal?.aborted) return reject(new HoldfastError('ABORTED', { cause: signal.reason }))
      if (this.#parts.session.pagesWaiting >= this.#parts.settings.pagesMax)
        return reject(new HoldfastError('OVERLOADED', { message: 'This client waits for too many pages.' }))
      const onAbort = () => {
        cancel()
        reject(new HoldfastError('ABORTED', { cause: signal?.reason }))
      }
      const settled = () => signal?.removeEventListener('abort', onAbort)
      signal?.addEventListener('abort', onAbort)
      const cancel = this.#parts.session.page(
        { room: this.id, ...bounds },
        {
          page: (page) => {
            settled()
            resolve(page)
          },
          failed: (why) => {
            settled()
            reject(new HoldfastError(why.code, why))
          },
        },
      )
    })
  }

  /**
   * The entries behind `after`, or from now on, then every new one: in order, without a hole or a repeat, across reconnects.
   * A slow loop holds a bounded number; what is beyond is paged when its turn comes.
   */
  entries(options: ReadOptions = {}): AsyncIterable<Entry> {
    // The place is taken now, the reading begins with the loop: what is sent between the two is not missed.
    const after = options.after ?? this.#timeline.place
    const { endings, closed } = this.#parts
    return {
      [Symbol.asyncIterator]: () => {
        const end = (why: Fault) => reader.fail(new HoldfastError(why.code, why), 'now')
        const reader = new Reader(
          this.#timeline,
          after === undefined ? options : { ...options, after },
          this.#parts,
          () => endings.delete(end),
        )
        const why = closed()
        if (why === undefined) endings.add(end)
        else end(why)
        return reader
      },
    }
  }
}

/** How a room reads its history: the largest pages, through the session. */
export function pageReader(session: ReaderParts['session']): ReadPage {
  return (room, after, answer) => session.page({ room, after, limit: LIMITS.pageEntriesMax }, answer)
}

/** What the server would refuse anyway is refused here, without a way there and back. */
export function checkIds(ids: readonly string[], clientId: string, closed: Fault | undefined): void {
  if (closed !== undefined) throw new HoldfastError(closed.code, { ...closed, clientId, outcome: 'not-sent' })
  for (const id of ids)
    if (!isId(id, LIMITS.idBytesMax)) throw notSent('BAD_FRAME', clientId, `${JSON.stringify(id)} is no id.`)
}

export function notSent(code: FailureCode, clientId: string, message: string): HoldfastError {
  return new HoldfastError(code, { clientId, outcome: 'not-sent', message })
}

function badText(text: string, clientId: string): HoldfastError {
  if (text === '') return notSent('BAD_FRAME', clientId, 'text: is empty')
  if (!text.isWellFormed())
    return notSent('BAD_FRAME', clientId, 'text: holds a lone surrogate, which is not valid Unicode')
  return notSent('TOO_LARGE', clientId, `text: is over ${LIMITS.textBytesMax} bytes`)
}
