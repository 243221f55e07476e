import type { Primary } from './replica-set.ts'

/** A place in what a majority has: so many changes came before. */
export type Position = number

/** A document that is replaced whole: every value a majority ever had, and what single primaries have beyond that. */
export class Versioned<T> {
  readonly #positions: Position[] = []
  readonly #values: T[] = []
  #unconfirmed: Map<Primary, T> | undefined

  /** As a majority had it at this position. */
  at(position: Position): T | undefined {
    let i = this.#positions.length - 1
    while (i >= 0 && (this.#positions[i] ?? 0) > position) i--
    return this.#values[i]
  }

  /** As this primary has it: what its next change is compared with. */
  on(primary: Primary): T | undefined {
    return this.#unconfirmed?.get(primary) ?? this.at(primary.sees)
  }

  show(primary: Primary, value: T): void {
    this.#unconfirmed ??= new Map()
    this.#unconfirmed.set(primary, value)
  }

  commit(primary: Primary, value: T, position: Position): void {
    this.#positions.push(position)
    this.#values.push(value)
    // What this primary did to it since is still on its way.
    if (this.#unconfirmed?.get(primary) === value) this.#unconfirmed.delete(primary)
  }
}
