/** Listeners by name. One that throws disturbs neither the others nor us: its error goes where uncaught ones go. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>()

  /** Returns what takes the listener off again. */
  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void {
    const all = this.#listeners.get(name) ?? new Set()
    // A function of its own, so that the same listener may be put on twice and each taken off alone.
    const own = (value: Events[Name]) => listener(value)
    this.#listeners.set(name, all.add(own))
    return () => {
      all.delete(own)
    }
  }

  has(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])] as ((value: Events[Name]) => void)[]) {
      try {
        listener(value)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  clear(): void {
    for (const all of this.#listeners.values()) all.clear()
  }
}
