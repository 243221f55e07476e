import type { Told } from './ledger.ts'

/** One way to say something. */
export type Mouth = () => Promise<Told>

/** Everybody says one thing after the other, without a pause, until told to be quiet. */
export class Talk {
  readonly #mouths: readonly Mouth[]
  readonly #running: Promise<void>[] = []
  #isQuiet = false

  constructor(mouths: readonly Mouth[]) {
    this.#mouths = mouths
  }

  begin(): void {
    this.#isQuiet = false
    for (const mouth of this.#mouths) this.#running.push(this.#run(mouth))
  }

  async quiet(): Promise<void> {
    this.#isQuiet = true
    await Promise.all(this.#running.splice(0))
  }

  async #run(mouth: Mouth): Promise<void> {
    while (!this.#isQuiet) {
      const { isLost } = await mouth()
      if (isLost) return
    }
  }
}
