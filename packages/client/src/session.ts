import { type Durability, LIMITS, type Place, type Push, type Reply, utf8Length } from '@holdfast/protocol'
import { type Fault, fault, faultOf } from './errors.ts'
import type { PageOfEntries } from './follower.ts'
import { Lanes } from './lanes.ts'
import type { Cancel, Clock, Random } from './platform.ts'
import type { Settings } from './settings.ts'
import { Timeline } from './timeline.ts'
import { type Ask, Wire } from './wire.ts'

/** What a session tells whoever runs it. */
export interface SessionEvents {
  /** Signed in; `expires` and `now` by the server's clock. */
  greeted(expires: number, now: number): void
  /** The answer to `authenticate` or `refresh` was no. */
  refused(fault: Fault, request: 'authenticate' | 'refresh'): void
  refreshed(expires: number): void
  /** Every room has been opened. */
  ready(): void
  /** A room is (again) one of ours. */
  joined(timeline: Timeline): void
  left(timeline: Timeline): void
  /** This connection cannot go on: open another. */
  broken(reason: string): void
  /** No connection can go on. */
  ended(fault: Fault): void
  /** Something to report that ends nothing. */
  failed(fault: Fault): void
}

interface Parts {
  readonly clock: Clock
  readonly random: Random
  readonly settings: Settings
  readonly events: SessionEvents
}

export interface PageRequest {
  readonly room: string
  readonly before?: number
  readonly after?: number
  readonly limit?: number
}

export interface PageAnswer {
  readonly page: (page: PageOfEntries) => void
  readonly failed: (fault: Fault) => void
}

interface Query {
  readonly request: PageRequest
  readonly answer: PageAnswer
}

/** Who waits for a room to be opened. */
export interface Opener {
  opened(): void
  failed(fault: Fault): void
}

/**
 * What one client knows and wants, whichever connection it has: the commands without an end, the pages asked for, how far it is in
 * each room. Frames come in through `hear` and go out through what `attach` was given; there is no socket and no timer but the
 * clock's, so a simulator can run it.
 */
export class Session {
  readonly lanes: Lanes
  readonly timelines = new Map<string, Timeline>()
  user: string | undefined
  durability: Durability | undefined
  readonly #parts: Parts
  readonly #queries = new Set<Query>()
  readonly #openers = new Map<string, Set<Opener>>()
  #wire: Wire | undefined
  #state: 'apart' | 'greeting' | 'opening' | 'ready' = 'apart'
  #heardAt = 0

  constructor(parts: Parts) {
    this.#parts = parts
    this.lanes = new Lanes({ ...parts, tokenExpired: () => parts.events.broken('The token has expired.') })
  }

  /** A connection is open: signs in, naming how far each room is known. */
  attach(write: (text: string) => void, token: string): void {
    const wire = new Wire(write, this.#parts.clock)
    this.#wire = wire
    this.#state = 'greeting'
    this.#heardAt = this.#parts.clock.elapsed()
    const resume = this.#places()
    wire.ask({ type: 'authenticate', token, ...(resume.length > 0 ? { resume } : {}) }, (reply) => {
      if (reply.type === 'hello') this.#greeted(wire, reply)
      else if (reply.type === 'error') this.#parts.events.refused(faultOf(reply), 'authenticate')
      return 'done'
    })
  }

  /** The connection is gone: what was accepted on it counts no more (G3). */
  detach(): void {
    this.#wire = undefined
    this.#state = 'apart'
    for (const timeline of this.timelines.values()) timeline.isOpen = false
    this.lanes.disconnected()
  }

  /** One frame, as text. */
  hear(text: string): void {
    this.#heardAt = this.#parts.clock.elapsed()
    const frame = parse(text)
    if (frame === undefined) this.#parts.events.broken('The server sent something that is no frame.')
    else if (!('ref' in frame)) this.#pushed(frame)
    else if (frame.type === 'error' && frame.ref === null) this.#parts.events.failed(faultOf(frame))
    else this.#wire?.reply(frame)
  }

  /** A newer token for this connection. Also asks whether anybody is there: every platform can, while not every one can ping. */
  refresh(token: string): void {
    this.#wire?.ask({ type: 'refresh', token }, (reply) => {
      if (reply.type === 'refreshed') this.#parts.events.refreshed(reply.expires)
      else if (reply.type === 'error') this.#parts.events.refused(faultOf(reply), 'refresh')
      return 'done'
    })
  }

  /** Reads a page; asked again on every connection until there is an answer, or it is cancelled. */
  page(request: PageRequest, answer: PageAnswer): Cancel {
    const query: Query = { request, answer }
    this.#queries.add(query)
    if (this.#isLive()) this.#ask(query)
    return () => {
      this.#queries.delete(query)
    }
  }

  /** Calls once the room is one of ours on this connection; asks the server where `ready` has passed without it. */
  whenOpen(room: string, opener: Opener): Cancel {
    const all = this.#openers.get(room) ?? new Set()
    this.#openers.set(room, all.add(opener))
    if (this.#state === 'ready' && all.size === 1) this.#subscribe(room)
    return () => {
      all.delete(opener)
      if (all.size === 0 && this.#openers.get(room) === all) this.#openers.delete(room)
    }
  }

  timeline(room: string): Timeline {
    const known = this.timelines.get(room)
    if (known !== undefined) return known
    const timeline = new Timeline(room)
    this.timelines.set(room, timeline)
    return timeline
  }

  /** How many pages were asked for and not answered. */
  get pagesWaiting(): number {
    return this.#queries.size
  }

  /** How long nothing was heard, and how long the oldest request has gone without any answer. */
  silence(): { readonly heardMs: number; readonly unansweredMs: number | undefined } {
    return { heardMs: this.#parts.clock.elapsed() - this.#heardAt, unansweredMs: this.#wire?.unansweredMs() }
  }

  /** Ends everything that waits. Commands are returned, for who knows how to tell it. */
  close(why: Fault): ReturnType<Lanes['close']> {
    this.detach()
    const [queries, openers] = [[...this.#queries], [...this.#openers.values()].flatMap((all) => [...all])]
    this.#queries.clear()
    this.#openers.clear()
    for (const { answer } of queries) answer.failed(why)
    for (const opener of openers) opener.failed(why)
    return this.lanes.close()
  }

  #isLive(): boolean {
    return this.#state === 'opening' || this.#state === 'ready'
  }

  /** As many as a frame may hold; a room that is left out is opened at its head, and what lies between is a gap. */
  #places(): Place[] {
    const places: Place[] = []
    let bytes = 0
    for (const { room, place, isMember } of this.timelines.values()) {
      if (!isMember || place === undefined) continue
      bytes += utf8Length(JSON.stringify({ room, ...place })) + 1
      if (places.length === LIMITS.resumeRoomsMax || bytes > RESUME_BYTES_MAX) break
      places.push({ room, ...place })
    }
    return places
  }

  #greeted(wire: Wire, { user, durability, expires, now }: Extract<Reply, { type: 'hello' }>): void {
    if (this.user !== undefined && this.user !== user) {
      const message = `The token is ${user}'s, but this client belongs to ${this.user}.`
      this.#parts.events.ended(fault('UNAUTHENTICATED', message))
      return
    }
    this.user = user
    this.durability = durability
    this.#state = 'opening'
    this.#parts.events.greeted(expires, now)
    // Whoever was told may have closed us.
    if (this.#wire !== wire) return
    this.lanes.connected(wire)
    for (const query of this.#queries) this.#ask(query)
  }

  #ask(query: Query): void {
    this.#wire?.ask({ type: 'page', ...query.request } as Ask, (reply) => {
      if (reply.type !== 'page' && reply.type !== 'error') return 'more'
      // Without it in the set, nobody waits any more.
      if (!this.#queries.delete(query)) return 'done'
      if (reply.type === 'page') this.#paged(query, reply)
      else query.answer.failed(faultOf(reply))
      return 'done'
    })
  }

  #paged({ answer }: Query, { room, epoch, head, entries }: Extract<Reply, { type: 'page' }>): void {
    const timeline = this.timelines.get(room)
    if (timeline?.epoch === epoch) timeline.head = Math.max(timeline.head, head)
    answer.page({ epoch, head, entries })
  }

  #subscribe(room: string): void {
    this.#wire?.ask({ type: 'subscribe', room }, (reply) => {
      if (reply.type === 'error') this.#openFailed(room, faultOf(reply))
      return 'done'
    })
  }

  #openFailed(room: string, why: Fault): void {
    const all = this.#openers.get(room)
    this.#openers.delete(room)
    for (const opener of all ?? []) opener.failed(why)
  }

  // ---- pushes --------------------------------------------------------------------------------------------------------

  #pushed(frame: Push): void {
    switch (frame.type) {
      case 'joined':
        this.#opened(frame.room, (timeline) => timeline.opened(frame.epoch, frame.head, frame.about))
        break
      case 'resumed':
        this.#opened(frame.room, (timeline) => {
          if (!frame.recovered) timeline.reset(frame.epoch, frame.seq)
          timeline.opened(frame.epoch, frame.seq, frame.about)
        })
        break
      case 'left':
        this.#left(this.timeline(frame.room))
        break
      case 'entry':
        this.#entry(frame)
        break
      case 'gap':
        this.timeline(frame.room).gap(frame.epoch, frame.to)
        break
      case 'ready':
        this.#ready()
        break
      default:
        // A push of a newer server is none of ours.
        frame satisfies never
    }
  }

  #opened(room: string, open: (timeline: Timeline) => void): void {
    const timeline = this.timeline(room)
    const wasMember = timeline.isMember
    open(timeline)
    if (!wasMember) this.#parts.events.joined(timeline)
    const all = this.#openers.get(room)
    this.#openers.delete(room)
    for (const opener of all ?? []) opener.opened()
  }

  #entry({ room, epoch, entry }: Extract<Push, { type: 'entry' }>): void {
    const timeline = this.timeline(room)
    const isNew = timeline.entry(epoch, entry)
    if (isNew && entry.kind === 'member_removed' && entry.user === this.user) this.#left(timeline)
  }

  #left(timeline: Timeline): void {
    const wasMember = timeline.isMember
    timeline.left()
    this.#openFailed(timeline.room, fault('NOT_A_MEMBER'))
    if (wasMember) this.#parts.events.left(timeline)
  }

  /** A room of ours that was not opened by now is ours no more: it was taken from us while we were away. */
  #ready(): void {
    this.#state = 'ready'
    for (const timeline of [...this.timelines.values()]) {
      if (timeline.isMember && !timeline.isOpen) this.#left(timeline)
    }
    for (const room of this.#openers.keys()) this.#subscribe(room)
    this.#parts.events.ready()
  }
}

/** What is left of a frame beside the longest token. */
const RESUME_BYTES_MAX = LIMITS.frameBytesMax - LIMITS.tokenBytesMax - 1_024

function parse(text: string): Reply | Push | undefined {
  try {
    const frame: unknown = JSON.parse(text)
    if (typeof frame === 'object' && frame !== null && 'type' in frame) return frame as Reply | Push
  } catch {
    // Told by the caller.
  }
  return undefined
}
