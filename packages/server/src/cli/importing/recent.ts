/** The texts added last, `max` at most. What is not in it is not known, and never more than that. */
export class Recent {
  readonly #max: number
  readonly #texts = new Set<string>()

  constructor(max: number) {
    this.#max = max
  }

  has(text: string): boolean {
    return this.#texts.has(text)
  }

  add(text: string): void {
    const [oldest] = this.#texts
    if (this.#texts.size >= this.#max && oldest !== undefined) this.#texts.delete(oldest)
    this.#texts.add(text)
  }
}
