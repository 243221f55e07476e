import type { Document, EntryId } from '../../../src/ports/store.ts'
import { type Engine, spread } from '../line.ts'
import type { Position } from './versioned.ts'

/** One change of one document: a primary has it first, a majority later, or never. */
export interface Change {
  show(primary: Primary): void
  commit(primary: Primary, position: Position): void
}

/** A change that a primary has made. */
export interface Pending {
  readonly change: Change
  /** When a majority has it, if this primary stays. */
  dueAt: number
  /** Where it came to stand; undefined until then, and for ever when it is rolled back. */
  position: Position | undefined
}

const LAG_MS_MAX = 4
const SLOW_LAG_MS_MAX = 20_000
const ISOLATED_MS_MAX = 3_000
const ELECTION_MS_MAX = 5_000
/** How long one that was replaced may take itself for the primary. */
const DEPOSED_MS_MAX = 15_000
/** How long a write waits for a majority: then nobody knows. */
export const MAJORITY_MS_MAX = 5_000
/** Elections by themselves are so far apart at least. */
const CALM_MS_MIN = 100
const CALM_MS_MAX = 30_000
/** The share of commands with which a driver finds out that there is a new primary. */
const FINDS_OUT = 0.2

/** One that takes writes: what a majority has, and what it alone has beyond that. */
export class Primary {
  /** In the order in which they were made. */
  readonly pending: Pending[] = []
  readonly ids = new Map<EntryId, Document>()
  readonly places = new Set<string>()
  readonly readyAt: number
  /** How much of what a majority has it knows: less and less, when there is another. */
  sees: Position = Number.POSITIVE_INFINITY
  stepsDownAt = Number.POSITIVE_INFINITY

  constructor(readyAt: number) {
    this.readyAt = readyAt
  }
}

/** What one process knows of the set: whom it takes for the primary, and the latest that it was told (its causal session). */
export interface Session {
  primary: Primary
  floor: Position
}

/**
 * A replica set. Invariant: what a majority has is a prefix of what the current primary has; `position` counts that prefix, and whatever stands
 * in it stays. A failover keeps some of what was pending, in order, and the rest has never been, but for those who still talk to the old primary.
 */
export class ReplicaSet {
  readonly #engine: Engine
  #primary = new Primary(0)
  #position: Position = 0
  /** When the change before each position got there. */
  readonly #times: number[] = []
  #begin: Position = 0
  #era = 0
  #calmUntil = 0
  #appendedAt = -1
  #dueAt = 0

  constructor(engine: Engine) {
    this.#engine = engine
  }

  session(): Session {
    return { primary: this.#primary, floor: 0 }
  }

  /** Changes when everything was replaced by a backup: whatever was under way is lost. */
  get era(): number {
    return this.#era
  }

  /** How much a majority has by now. */
  get position(): Position {
    this.#advance()
    return this.#position
  }

  /** How much a majority had so long ago. */
  positionBefore(ms: number): Position {
    this.#advance()
    const since = this.#now - ms
    let [low, high] = [0, this.#times.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#times[middle] ?? 0) > since) high = middle
      else low = middle + 1
    }
    return this.#begin + low
  }

  /** Whom a command of this session reaches, or why nobody takes it. */
  reach(session: Session): Primary | string {
    const engine = this.#engine
    this.#advance()
    if (this.#now >= this.#calmUntil && engine.strikes('store.failover')) this.#isolate()
    if (session.primary !== this.#primary) {
      const isOver = this.#now >= session.primary.stepsDownAt
      if (!isOver && !engine.chance.happens(FINDS_OUT)) {
        engine.surroundings.sometimes('store.twoPrimaries')
        return session.primary
      }
      session.primary = this.#primary
      if (isOver && engine.strikes('store.notPrimary')) return 'not the primary any more'
    }
    if (this.#now < this.#primary.readyAt) return 'no primary'
    return this.#primary
  }

  /** Whether this one still goes on with what it had begun, as far as it knows. */
  isServing(primary: Primary): boolean {
    return this.#now < primary.stepsDownAt
  }

  make(primary: Primary, change: Change): Pending {
    change.show(primary)
    const dueAt = primary === this.#primary ? this.#due() : Number.POSITIVE_INFINITY
    const pending: Pending = { change, dueAt, position: undefined }
    primary.pending.push(pending)
    return pending
  }

  /** How long it takes until a majority has this; more than anybody waits when that is not to be seen. */
  lagMs(pending: Pending | undefined): number {
    return pending === undefined ? 0 : Math.max(0, pending.dueAt - this.#now)
  }

  /** Whether a majority has it. */
  isKept(pending: Pending): boolean {
    this.#advance()
    return pending.position !== undefined
  }

  /** Another primary is elected, whatever the reason. */
  failover(): void {
    this.#advance()
    const { chance, surroundings } = this.#engine
    const old = this.#primary
    const kept = old.pending.slice(0, chance.between(0, old.pending.length))
    const next = new Primary(this.#now + spread(chance, 1, ELECTION_MS_MAX))
    this.#replace(old, next, chance.happens(0.5) ? spread(chance, 1, DEPOSED_MS_MAX) : 0)
    this.#dueAt = next.readyAt
    for (const pending of kept) {
      pending.change.show(next)
      pending.dueAt = this.#dueAt += chance.between(0, LAG_MS_MAX)
      next.pending.push(pending)
    }
    const lost = old.pending.length - kept.length
    if (lost > 0) surroundings.sometimes('store.rolledBack')
    surroundings.trace(() => `store fails over: ${kept.length} kept, ${lost} rolled back`)
  }

  /** Other contents take the place of all there was, here: nothing from before has an effect any more. */
  begin(): { readonly primary: Primary; readonly position: Position } {
    this.#advance()
    this.#era++
    this.#replace(this.#primary, new Primary(this.#now), 0)
    this.#begin = ++this.#position
    this.#times.length = 0
    this.#dueAt = this.#now
    return { primary: this.#primary, position: this.#position }
  }

  heal(): void {
    const primary = new Primary(this.#now)
    // What is pending is not rolled back by healing.
    for (const pending of this.#primary.pending) {
      pending.change.show(primary)
      pending.dueAt = this.#now
      primary.pending.push(pending)
    }
    this.#replace(this.#primary, primary, 0)
    this.#dueAt = this.#now
  }

  #replace(old: Primary, next: Primary, deposedMs: number): void {
    old.sees = this.#position
    old.stepsDownAt = this.#now + deposedMs
    this.#primary = next
  }

  /** The primary is alone: nothing of it gets to a majority any more, and before long there is another. */
  #isolate(): void {
    const { chance, surroundings } = this.#engine
    const primary = this.#primary
    const ms = spread(chance, 1, ISOLATED_MS_MAX)
    this.#calmUntil = this.#now + ms + spread(chance, CALM_MS_MIN, CALM_MS_MAX)
    this.#dueAt = Math.max(this.#dueAt, this.#now + ms + 1)
    for (const pending of primary.pending) pending.dueAt = this.#dueAt
    surroundings.clock.after(ms, () => {
      if (this.#primary === primary) this.failover()
    })
  }

  /** What is made in one moment gets there in one moment. */
  #due(): number {
    if (this.#appendedAt === this.#now && this.#dueAt >= this.#now) return this.#dueAt
    this.#appendedAt = this.#now
    const { chance } = this.#engine
    const isSlow = this.#engine.strikes('store.majoritySlow')
    const lag = isSlow ? spread(chance, 100, SLOW_LAG_MS_MAX) : chance.between(0, LAG_MS_MAX)
    this.#dueAt = Math.max(this.#dueAt, this.#now + lag)
    return this.#dueAt
  }

  #advance(): void {
    const primary = this.#primary
    const { pending } = primary
    let count = 0
    for (const made of pending) {
      if (made.dueAt > this.#now) break
      made.position = ++this.#position
      this.#times.push(made.dueAt)
      made.change.commit(primary, made.position)
      count++
    }
    if (count > 0) pending.splice(0, count)
  }

  get #now(): number {
    return this.#engine.surroundings.clock.elapsed()
  }
}
