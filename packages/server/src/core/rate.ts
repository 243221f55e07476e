import type { UserId } from '../ports/store.ts'
import type { Clock } from '../ports/system.ts'

export interface RateSettings {
  readonly perSecond: number
  /** What a rested user may take at once. */
  readonly burst: number
  /** Users remembered. Who has rested is forgotten first; past that, who took longest ago. */
  readonly usersMax: number
}

/** Sends of one user over sockets and HTTP together. Administrators are not asked: imports are theirs. */
export const SEND_RATE_DEFAULTS: RateSettings = { perSecond: 50, burst: 200, usersMax: 100_000 }

/** What a worker's refusal costs its sender: it stands in log and store, and a stranger must not fill both at the price of a send (G8). */
export const REFUSAL_COST = 10

interface Bucket {
  left: number
  /** When `left` was true, by `Clock.elapsed`. */
  at: number
}

/** A token bucket for each user. */
export class Rate {
  readonly #clock: Clock
  readonly #settings: RateSettings
  /** In the order of last use, so that who rested longest stands first. */
  readonly #buckets = new Map<UserId, Bucket>()

  constructor(clock: Clock, settings: RateSettings) {
    this.#clock = clock
    this.#settings = settings
  }

  /** Takes this much from what the user has left. Returns undefined, or after how many milliseconds to try again. */
  take(user: UserId, cost: number): number | undefined {
    const bucket = this.#bucket(user)
    if (bucket.left < cost) return Math.ceil(((cost - bucket.left) * 1_000) / this.#settings.perSecond)
    bucket.left -= cost
    return undefined
  }

  /** Takes it even where nothing is left. The debt has a bound: a misbuilt client must not be shut out long after it was mended. */
  charge(user: UserId, cost: number): void {
    const bucket = this.#bucket(user)
    bucket.left = Math.max(bucket.left - cost, -this.#settings.burst)
  }

  /** How many users are remembered. */
  get users(): number {
    return this.#buckets.size
  }

  #bucket(user: UserId): Bucket {
    const now = this.#clock.elapsed()
    const bucket = this.#buckets.get(user) ?? { left: this.#settings.burst, at: now }
    bucket.left = this.#leftAt(now, bucket)
    bucket.at = now
    this.#buckets.delete(user)
    this.#buckets.set(user, bucket)
    this.#forget(user, now)
    return bucket
  }

  #leftAt(now: number, { left, at }: Bucket): number {
    const { perSecond, burst } = this.#settings
    return Math.min(burst, left + ((now - at) * perSecond) / 1_000)
  }

  #forget(user: UserId, now: number): void {
    const { burst, usersMax } = this.#settings
    for (const [oldest, bucket] of this.#buckets) {
      const isRested = this.#leftAt(now, bucket) === burst
      if (oldest === user || (!isRested && this.#buckets.size <= usersMax)) return
      this.#buckets.delete(oldest)
    }
  }
}
