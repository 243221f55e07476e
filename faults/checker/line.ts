import type { HistoryEvent } from './history.ts'
import type { Operation } from './operations.ts'
import { countBefore } from './ordered.ts'

export interface Place {
  readonly seq: number
  readonly id: string
  readonly operation: Operation | undefined
}

/** A user is a member after every entry from `from` on, and no more after `to`. */
interface Membership {
  readonly from: number
  to: number
}

/**
 * The timeline of a room in one epoch. That of the last epoch was read to its end; of an earlier one only those places are known
 * that somebody saw.
 * Invariant: `places` ascend, and each seq is there once.
 */
export class Line {
  readonly room: string
  readonly epoch: number
  readonly isFinal: boolean
  readonly places: readonly Place[]
  /** For each place: the latest first begin up to there. Nothing that shows this place can have been before it. */
  readonly #born: readonly number[]
  #memberships: Map<string, Membership[]> | undefined

  constructor(room: string, epoch: number, isFinal: boolean, places: readonly Place[]) {
    this.room = room
    this.epoch = epoch
    this.isFinal = isFinal
    this.places = places
    let born = -1
    this.#born = places.map(({ operation }) => {
      born = Math.max(born, operation?.begun ?? -1)
      return born
    })
  }

  get head(): number {
    return this.places.at(-1)?.seq ?? 0
  }

  at(seq: number): Place | undefined {
    const place = this.places[countBefore(this.places, (one) => one.seq < seq)]
    return place?.seq === seq ? place : undefined
  }

  /** The most that can have been there at this moment. */
  headBefore(at: number): number {
    return this.places[countBefore(this.#born, (born) => born < at) - 1]?.seq ?? 0
  }

  /** Whether the user is a member after the entry `seq`, or after a later one that can have been there at this moment. */
  isMemberFrom(seq: number, user: string, at: number): boolean {
    const memberships = this.membershipsOf(user)
    const membership = memberships[countBefore(memberships, ({ to }) => to <= seq)]
    if (membership === undefined) return false
    // Of all states that qualify this is the first: what is later can only have come later.
    return membership.from <= seq || (this.at(membership.from)?.operation?.begun ?? 0) < at
  }

  isMemberAfter(seq: number, user: string): boolean {
    const memberships = this.membershipsOf(user)
    const membership = memberships[countBefore(memberships, ({ to }) => to <= seq)]
    return membership !== undefined && membership.from <= seq
  }

  /** Whether the user became a member or stopped being one somewhere from `from` to `to`. */
  changesWithin(from: number, to: number, user: string): boolean {
    const memberships = this.membershipsOf(user)
    const membership = memberships[countBefore(memberships, (one) => one.to < from)]
    return membership !== undefined && (membership.to <= to || (membership.from >= from && membership.from <= to))
  }

  membershipsOf(user: string): readonly Readonly<Membership>[] {
    this.#memberships ??= membershipsOf(this.places)
    return this.#memberships.get(user) ?? []
  }

  /** The records of what made the user a member, and no member any more. */
  changesOf(user: string): readonly HistoryEvent[] {
    const seqs = this.membershipsOf(user).flatMap(({ from, to }) => [from, to])
    return seqs.flatMap((seq) => this.at(seq)?.operation?.begin.event ?? [])
  }

  /** Everybody who was ever a member. */
  get users(): Iterable<string> {
    this.#memberships ??= membershipsOf(this.places)
    return this.#memberships.keys()
  }
}

function membershipsOf(places: readonly Place[]): Map<string, Membership[]> {
  const memberships = new Map<string, Membership[]>()
  for (const { seq, operation } of places) {
    for (const user of operation?.command.adds ?? []) {
      const all = memberships.get(user)
      if (all === undefined) memberships.set(user, [{ from: seq, to: Number.POSITIVE_INFINITY }])
      else if ((all.at(-1)?.to ?? 0) <= seq) all.push({ from: seq, to: Number.POSITIVE_INFINITY })
    }
    for (const user of operation?.command.removes ?? []) {
      const last = memberships.get(user)?.at(-1)
      if (last !== undefined && last.to > seq) last.to = seq
    }
  }
  return memberships
}
