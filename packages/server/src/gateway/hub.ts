import type { RoomId, UserId } from '../ports/store.ts'
import type { Following } from './following.ts'
import type { Session } from './session.ts'

/** Who is here: every socket, the sessions of each user, who follows each room; and the highest epoch anybody showed us. */
export class Hub {
  /** Every socket, whatever its state. */
  readonly sessions = new Set<Session>()
  readonly #whenEmpty: (() => void)[] = []
  readonly #users = new Map<UserId, Session[]>()
  readonly #rooms = new Map<RoomId, Set<Following>>()
  readonly #epochs: number[]

  constructor(partitions: number) {
    this.#epochs = new Array<number>(partitions).fill(0)
  }

  /** The socket is closed for good. */
  remove(session: Session): void {
    this.sessions.delete(session)
    if (this.sessions.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve()
  }

  /** Resolves when the last socket is closed. */
  emptied(): Promise<void> {
    if (this.sessions.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenEmpty.push(resolve))
  }

  arrive(user: UserId, session: Session): void {
    const others = this.#users.get(user)
    if (others === undefined) this.#users.set(user, [session])
    else others.push(session)
  }

  leave(user: UserId, session: Session): void {
    const all = this.#users.get(user)
    const at = all?.indexOf(session) ?? -1
    if (all === undefined || at < 0) return
    if (all.length === 1) this.#users.delete(user)
    else all.splice(at, 1)
  }

  users(): UserId[] {
    return [...this.#users.keys()]
  }

  sessionsOf(user: UserId): readonly Session[] {
    return this.#users.get(user) ?? []
  }

  follow(following: Following): void {
    const others = this.#rooms.get(following.room)
    if (others === undefined) this.#rooms.set(following.room, new Set([following]))
    else others.add(following)
  }

  unfollow(following: Following): void {
    const all = this.#rooms.get(following.room)
    all?.delete(following)
    if (all?.size === 0) this.#rooms.delete(following.room)
  }

  /** Undefined for a room nobody here is in: most records of a big installation. */
  followersOf(room: RoomId): ReadonlySet<Following> | undefined {
    return this.#rooms.get(room)
  }

  rooms(): readonly RoomId[] {
    return [...this.#rooms.keys()]
  }

  /** The highest epoch that the feed or a read has shown of this partition; 0 before the first. */
  epochOf(partition: number): number {
    return this.#epochs[partition] ?? 0
  }

  sawEpoch(partition: number, epoch: number): void {
    if (epoch > this.epochOf(partition)) this.#epochs[partition] = epoch
  }
}
