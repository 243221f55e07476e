import type { Cancel, Clock } from '../../src/ports/system.ts'
import { sleep } from '../support/sleep.ts'
import type { Chance } from './chance.ts'

interface Due {
  readonly at: number
  /** Chance decides between events of one moment, so that every order of them is met by some seed. */
  readonly tie: number
  readonly call: () => void
  isCancelled: boolean
}

const EPOCH = 1_700_000_000_000

/**
 * Time that passes from event to event. Invariant: `#heap` is a binary heap by (at, tie). Everything here is done in microtasks, so the
 * end of them is the end of whatever an event set off. Nothing of the real world has a turn meanwhile.
 */
export class SimulatedClock implements Clock {
  readonly #chance: Chance
  readonly #heap: Due[] = []
  #now = EPOCH
  #events = 0

  constructor(chance: Chance) {
    this.#chance = chance
  }

  /** Whole milliseconds, as machines tell them: what goes on within one is only ours. */
  now(): number {
    return Math.floor(this.#now)
  }

  elapsed(): number {
    return this.#now - EPOCH
  }

  /** Events so far: what a run has cost. */
  get events(): number {
    return this.#events
  }

  after(ms: number, call: () => void): Cancel {
    const due: Due = { at: this.#now + Math.max(0, ms), tie: this.#chance.next(), call, isCancelled: false }
    this.#push(due)
    return () => {
      due.isCancelled = true
    }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(this, ms, signal)
  }

  /** The end of a turn: later in the same moment, in some order. */
  readonly turnEnd = (call: () => void): void => void this.after(0, call)

  /** Lets time pass until the condition holds, or for so long; true when it held. The condition is asked between events. */
  async until(holds: () => boolean, msMax: number): Promise<boolean> {
    const end = this.#now + msMax
    await settled()
    while (!holds()) {
      const next = this.#pop()
      if (next === undefined || next.at > end) {
        if (next !== undefined) this.#push(next)
        this.#now = end
        return false
      }
      this.#now = Math.max(this.#now, next.at)
      this.#events++
      next.call()
      await settled()
    }
    return true
  }

  /** Lets time pass until it is known what comes of this, or for so long. */
  async outcome<T>(answer: Promise<T>, msMax: number): Promise<T | undefined> {
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    answer.then(settle, settle)
    return (await this.until(() => isSettled, msMax)) ? answer : undefined
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    await this.until(() => false, ms)
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.push(due) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(due, heap[parent])) break
      heap[at] = heap[parent] as Due
      at = parent
    }
    heap[at] = due
  }

  #pop(): Due | undefined {
    for (;;) {
      const first = this.#take()
      if (first === undefined || !first.isCancelled) return first
    }
  }

  #take(): Due | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || first === last) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++
      if (!isBefore(heap[child], last)) break
      heap[at] = heap[child] as Due
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(one: Due | undefined, other: Due | undefined): boolean {
  if (one === undefined || other === undefined) return false
  return one.at < other.at || (one.at === other.at && one.tie < other.tie)
}

/** Every promise that can go on has gone on: a tick comes after all microtasks, and costs a fraction of a turn of the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
