import { waitMs } from '../core/retry.ts'
import type { HistoryStore, RoomView, Survey, UserId, ViewRequest } from '../ports/store.ts'
import type { Clock, Random } from '../ports/system.ts'

interface ReadSettings {
  readonly readsInFlightMax: number
  readonly retryMsMin: number
  readonly retryMsMax: number
}

/** The store as sessions read it: so many reads at once for all of them, and repeated until they succeed. */
export class Reads {
  readonly #history: HistoryStore
  readonly #clock: Clock
  readonly #random: Random
  readonly #settings: ReadSettings
  #free: number
  readonly #queue: (() => void)[] = []

  constructor(history: HistoryStore, clock: Clock, random: Random, settings: ReadSettings) {
    this.#history = history
    this.#clock = clock
    this.#random = random
    this.#settings = settings
    this.#free = settings.readsInFlightMax
  }

  /** One answer holds for one epoch, and membership was read last (G5, G7). */
  view(request: ViewRequest): Promise<RoomView> {
    return this.#inTurn(() => this.#history.view(request))
  }

  survey(users: readonly UserId[]): Promise<Survey> {
    return this.#inTurn(() => this.#history.survey(users, []))
  }

  /** Repeats a read until it succeeds; undefined when nobody wants it any more. */
  async untilRead<T>(read: () => Promise<T>, isWanted: () => boolean): Promise<T | undefined> {
    for (let tries = 0; isWanted(); tries++) {
      try {
        const answer = await read()
        return isWanted() ? answer : undefined
      } catch {
        await this.pause(tries)
      }
    }
    return undefined
  }

  /** What comes before a read is repeated. */
  pause(tries: number): Promise<void> {
    const { retryMsMin, retryMsMax } = this.#settings
    return this.#clock.sleep(waitMs(this.#random, { delayMs: retryMsMin, delayMsMax: retryMsMax }, tries))
  }

  async #inTurn<T>(read: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#queue.push(resolve))
    try {
      return await read()
    } finally {
      // The place goes straight to the next one in line, so nobody can slip in between.
      const next = this.#queue.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}
