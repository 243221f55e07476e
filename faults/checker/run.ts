import { FinalReads } from './final-reads.ts'
import type { Claim, FaultEvent, HistoryEvent, SessionEvent } from './history.ts'
import type { Line, Place } from './line.ts'
import { type At, type Identity, type Operation, Operations } from './operations.ts'
import { entryOf } from './ordered.ts'
import { Restores } from './restores.ts'
import { type Sighting, sightingsOf } from './sightings.ts'
import { Timelines } from './timelines.ts'
import { Waits } from './waits.ts'

/** What the harness knows of the system that it ran. */
export interface Circumstances {
  /** From healing to no lag at all, and to the end of every later send. */
  readonly recoveryMsMax: number
  /**
   * A read may be answered from an older state than another reader has seen: two primaries, say. Then a session is held only to
   * what it was shown itself.
   */
  readonly readsMayBeOld: boolean
}

export interface Session {
  readonly name: string
  readonly user: string
  readonly isAdministrator: boolean
  /** After `connected`. */
  readonly events: At<SessionEvent>[]
}

/** A history, put together so that rules can ask it. Built in n·log n steps. */
export class Run {
  readonly history: readonly HistoryEvent[]
  readonly circumstances: Circumstances
  readonly operations = new Operations()
  readonly sessions = new Map<string, Session>()
  /** In the order of time. */
  readonly sightings: Sighting[] = []
  readonly waits = new Waits()
  readonly restores = new Restores()
  readonly final = new FinalReads()
  readonly faults: At<FaultEvent>[] = []
  /** Records that are no commands, by the id under which they die. */
  readonly poison = new Map<string, HistoryEvent>()
  readonly counted = new Map<string, number>()
  healed: At<HistoryEvent> | undefined
  /** What the history itself has wrong: nothing can be judged by it then. */
  readonly flaws: string[] = []
  readonly timelines: Timelines
  #sights: ReadonlyMap<Operation, At<HistoryEvent>> | undefined
  readonly #winners = new Map<Identity, readonly Operation[]>()
  /** Where an operation stands in the final history: there should be one place at most. */
  readonly #places = new Map<Operation, { readonly line: Line; readonly place: Place }>()

  constructor(history: readonly HistoryEvent[], circumstances: Circumstances) {
    this.history = history
    this.circumstances = circumstances
    let t = Number.NEGATIVE_INFINITY
    for (const [at, event] of history.entries()) {
      if (event.t < t) this.flaws.push(`the clock goes back before event ${at}, from ${t} to ${event.t}`)
      t = event.t
      this.#add(at, event)
    }
    this.flaws.push(...this.operations.flaws)
    this.#name()
    const { operations, final, sightings } = this
    this.timelines = new Timelines({ operations, final, sightings, epochs: this.#epochs() })
    for (const line of this.timelines.final)
      for (const place of line.places)
        if (place.operation !== undefined) entryOf(this.#places, place.operation, () => ({ line, place }))
  }

  placeOf(operation: Operation): { readonly line: Line; readonly place: Place } | undefined {
    return this.#places.get(operation)
  }

  /** When the operation was first told or shown at a place of the last epoch: from there on it stands there for everybody. */
  sightOf(operation: Operation): At<HistoryEvent> | undefined {
    this.#sights ??= this.#firstSights()
    return this.#sights.get(operation)
  }

  /** The claim of this very content. */
  claimOf({ identity, command }: Operation): Claim | undefined {
    for (const id of identity.ids) {
      const claim = this.final.claims.get(id)?.find(({ hash }) => hash === undefined || hash === command.hash)
      if (claim !== undefined) return claim
    }
    return undefined
  }

  /** Another content has the identity for itself. */
  hasWinningRival(operation: Operation): boolean {
    if (operation.identity.operations.size < 2) return false
    const [first, second] = entryOf(this.#winners, operation.identity, () => this.#winnersOf(operation.identity))
    return (first !== undefined && first !== operation) || second !== undefined
  }

  /** Whether this operation lived through a restore, and so may have had another end before. */
  isRestored({ begun, command }: Operation): boolean {
    return this.restores.isBehind(command.room, begun)
  }

  /**
   * Whether what is read under this epoch may have been set back with nobody knowing yet: the epoch that follows makes it void. Of the last
   * epoch nothing is.
   */
  isVoid(room: string, epoch: number, at: number): boolean {
    return !this.timelines.line(room, epoch)?.isFinal && this.restores.isUntoldBefore(room, at)
  }

  #firstSights(): ReadonlyMap<Operation, At<HistoryEvent>> {
    const sights = new Map<Operation, At<HistoryEvent>>()
    for (const { at, room, epoch, seq, id, hash, event } of this.sightings) {
      if (epoch !== undefined && this.restores.isTakenAfter({ room, epoch, seq, id }, at)) continue
      const line = this.timelines.finalLine(room)
      // A hit names no epoch: where there was only one, it is that.
      const isOfLine = epoch === undefined ? !this.restores.isEver(room) : epoch === line?.epoch
      const operation = isOfLine ? this.operations.ofId(id, hash) : undefined
      if (operation !== undefined && this.placeOf(operation)?.line === line)
        entryOf(sights, operation, () => ({ at, event }))
    }
    return sights
  }

  #winnersOf({ operations }: Identity): readonly Operation[] {
    return [...operations.values()].filter((one) => this.placeOf(one) !== undefined || this.claimOf(one) !== undefined)
  }

  #add(at: number, event: HistoryEvent): void {
    this.sightings.push(...sightingsOf(at, event, (name) => this.operations.commandOf(name)))
    switch (event.type) {
      case 'begin':
      case 'accepted':
      case 'stored':
      case 'refused':
      case 'dead':
      case 'failed':
      case 'unknown':
      case 'abandoned':
        this.operations.add(at, event)
        return
      case 'connected':
        this.sessions.set(event.session, {
          name: event.session,
          user: event.user,
          isAdministrator: event.administrator === true,
          events: [],
        })
        return
      case 'subscribed':
      case 'joined':
      case 'resumed':
      case 'entry':
      case 'gap':
      case 'left':
      case 'error':
      case 'page':
      case 'search':
        this.#show(at, event)
        return
      case 'fault_start':
      case 'fault_stop':
        this.faults.push({ at, event })
        return
      case 'restored':
        this.restores.add(at, event)
        return
      case 'lane_waits':
      case 'lane_goes_on':
        this.waits.add(at, event)
        return
      case 'poison':
        this.poison.set(event.id, event)
        return
      case 'healed':
        this.healed = { at, event }
        return
      case 'counted':
        this.counted.set(event.name, (this.counted.get(event.name) ?? 0) + event.times)
        return
      case 'drained':
      case 'history':
      case 'claims':
      case 'letters':
      case 'letter_log':
      case 'found':
      case 'members':
      case 'quiet':
        this.final.add(at, event)
        return
    }
    event satisfies never
  }

  #show(at: number, event: SessionEvent): void {
    const session = this.sessions.get(event.session)
    if (session === undefined) this.flaws.push(`${event.type} is shown to ${event.session}, which never connected`)
    else session.events.push({ at, event })
  }

  /** Final reads first: what they show is certain. */
  #name(): void {
    for (const [room, reads] of this.final.histories)
      for (const { entries } of reads) for (const entry of entries) this.operations.name(room, entry)
    for (const { room, entry } of this.sightings) if (entry !== undefined) this.operations.name(room, entry)
  }

  *#epochs(): Iterable<{ readonly room: string; readonly epoch: number }> {
    for (const { events } of this.sessions.values()) for (const { event } of events) if ('epoch' in event) yield event
  }
}
