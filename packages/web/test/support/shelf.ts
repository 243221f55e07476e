import type { Shelf } from '../../src/unsent.ts'

/** A browser's storage, without the browser. */
export function memoryShelf(): Shelf & { readonly size: number } {
  const values = new Map<string, string>()
  return {
    get size() {
      return values.size
    },
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => {
      values.set(key, value)
    },
    removeItem: (key) => {
      values.delete(key)
    },
  }
}
