/** Frames of a client that does not wait for its `hello`: few, as nobody knows yet who it is. */
export class EarlyFrames {
  readonly texts: string[] = []
  #bytesLeft: number

  constructor(bytesMax: number) {
    this.#bytesLeft = bytesMax
  }

  /** False when there is no room for it. */
  keep(text: string): boolean {
    this.#bytesLeft -= text.length + 100
    if (this.#bytesLeft < 0) return false
    this.texts.push(text)
    return true
  }
}
