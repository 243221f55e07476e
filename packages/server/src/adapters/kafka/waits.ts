/** What the adapter waits for at the moment: one sentence for each part of it that does. */
export class Waits {
  readonly #sentences = new Map<object, string>()

  /** Everybody who waits for the same thing says it in the same words, and it is listed once. */
  list(): readonly string[] {
    return [...new Set(this.#sentences.values())].sort()
  }

  begin(who: object, sentence: string): void {
    this.#sentences.set(who, sentence)
  }

  end(who: object): void {
    this.#sentences.delete(who)
  }
}
