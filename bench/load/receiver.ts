import type { Client, Traffic } from './client.ts'

/** Counts the entries that a connection is pushed above a seq, and holds that each follows the one before. */
export class Receiver implements Traffic {
  private readonly seqBefore: number
  private next: number
  private error: Error | undefined
  private goal: { readonly seq: number; resolve(): void; reject(error: Error): void } | undefined

  /** `seqBefore` is the room's head when the counting begins. */
  constructor(seqBefore: number) {
    this.seqBefore = seqBefore
    this.next = seqBefore + 1
  }

  /** Counts what this client is pushed from now on. */
  static on(client: Client, seqBefore: number): Receiver {
    const receiver = new Receiver(seqBefore)
    client.traffic = receiver
    return receiver
  }

  /** The seq up to which everything has come. */
  get through(): number {
    return this.next - 1
  }

  entry(seq: number): void {
    if (seq <= this.seqBefore) return
    if (seq !== this.next) this.failed(new Error(`pushed seq ${seq}, expected ${this.next}`))
    this.next = seq + 1
    if (this.goal !== undefined && seq >= this.goal.seq) this.goal.resolve()
  }

  failed(error: Error): void {
    this.error ??= error
    this.goal?.reject(this.error)
  }

  /** Resolves when everything up to `seq` has come, each once and in order. Rejects when something is wrong, or missing for long. */
  async reached(seq: number): Promise<void> {
    const missing = setTimeout(
      () => this.failed(new Error(`pushed up to ${this.through} only, of ${seq}`)),
      MISSING_MS_MAX,
    )
    try {
      await new Promise<void>((resolve, reject) => {
        if (this.error !== undefined) reject(this.error)
        else if (this.through >= seq) resolve()
        else this.goal = { seq, resolve, reject }
      })
    } finally {
      clearTimeout(missing)
    }
  }
}

const MISSING_MS_MAX = 30_000
