import type { Document, EntryId } from '../../../src/ports/store.ts'
import type { Engine } from '../line.ts'

/** Entries that the store can never take. Whether one is of them is decided when it is first seen, and stays so. */
export class Poison {
  /** Those there were. */
  readonly ids = new Set<EntryId>()
  readonly #engine: Engine
  readonly #judged = new Map<string, boolean>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Claims are made of our own words only, so they can always be written. */
  is({ end, id, digest }: Document): boolean {
    if (end !== 'stored') return false
    const key = `${id} ${digest}`
    let isPoison = this.#judged.get(key)
    if (isPoison === undefined) {
      isPoison = this.#engine.strikes('store.poison')
      this.#judged.set(key, isPoison)
      if (isPoison) this.ids.add(id)
    }
    return isPoison
  }
}
