import { createHash } from 'node:crypto'
import { Chance } from './chance.ts'
import { SimulatedClock } from './clock.ts'
import type { Surroundings } from './world.ts'

/** Surroundings of one model alone, for its own tests: a fault happens where a test says so, or as often as a seed draws for it. */
export class Trial implements Surroundings {
  readonly chance: Chance
  readonly clock: SimulatedClock
  readonly counts = new Map<string, number>()
  readonly lines: string[] = []
  readonly #drawn: readonly number[]
  readonly #mayFail: (fault: string) => boolean
  readonly #probabilities = new Map<string, number>()
  readonly #armed = new Map<string, number>()
  readonly #faults: Chance
  #isHealthy = false

  /** Each fault that may happen has one of these probabilities: by default none happens that was not armed. */
  constructor(seed: number, drawn: readonly number[] = [0], mayFail: (fault: string) => boolean = () => true) {
    this.chance = new Chance(seed)
    this.clock = new SimulatedClock(this.chance.fork())
    this.#faults = this.chance.fork()
    this.#drawn = drawn
    this.#mayFail = mayFail
  }

  /** These happen the next time they could, once each; a name may come more than once. */
  arm(...faults: readonly string[]): void {
    for (const fault of faults) this.#armed.set(fault, (this.#armed.get(fault) ?? 0) + 1)
  }

  /** This one happens whenever it could. */
  always(...faults: readonly string[]): void {
    for (const fault of faults) this.#armed.set(fault, Number.POSITIVE_INFINITY)
  }

  never(...faults: readonly string[]): void {
    for (const fault of faults) this.#armed.delete(fault)
  }

  heal(): void {
    this.#isHealthy = true
  }

  faulty(name: string): boolean {
    if (this.#isHealthy) return false
    const armed = this.#armed.get(name) ?? 0
    if (armed > 0) {
      this.#armed.set(name, armed - 1)
      return true
    }
    return this.#faults.happens(this.#probability(name))
  }

  sometimes(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }

  trace(line: () => string): void {
    this.lines.push(`${this.clock.elapsed()} ${line()}`)
  }

  get hash(): string {
    return createHash('sha256').update(this.lines.join('\n')).digest('hex')
  }

  /** What comes of it, once so much time has passed as that takes. */
  async outcome<T>(answer: Promise<T>, msMax = 600_000): Promise<T> {
    const settled = this.settled(answer)
    if (!(await this.clock.until(settled, msMax))) throw new Error(`no answer within ${msMax} ms`)
    return answer
  }

  /** Says whether it has been answered, one way or the other. */
  settled(answer: Promise<unknown>): () => boolean {
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    answer.then(settle, settle)
    return () => isSettled
  }

  #probability(name: string): number {
    let probability = this.#probabilities.get(name)
    if (probability === undefined) {
      probability = this.#mayFail(name) ? this.#faults.pick(this.#drawn) : 0
      this.#probabilities.set(name, probability)
    }
    return probability
  }
}

/** Lets simulated time pass for those who only wait for answers, until it is stopped. */
export function passTime(clock: SimulatedClock): { stop(): Promise<void> } {
  let isStopped = false
  const passing = (async () => {
    while (!isStopped) {
      await clock.pass(10)
      // Whoever waits in real time has a turn as well.
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  return {
    stop: () => {
      isStopped = true
      return passing
    },
  }
}
