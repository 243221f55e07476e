import { FloodGuard } from '../core/flood.ts'
import { Halt, Life } from '../core/life.ts'
import { waitMs } from '../core/retry.ts'
import type { OwnedPartition } from '../ports/log.ts'
import type { PartitionStatus } from './observer.ts'
import { Ownership, type Tenure, type Workshop } from './ownership.ts'
import { Pauses } from './pauses.ts'

/**
 * One partition as long as this process owns it. Whatever breaks the work off, it starts again from the group's commit under a new
 * lease: what was in flight comes again, and is adopted where it was stored.
 */
export class Partition {
  readonly #workshop: Workshop
  readonly #owned: OwnedPartition
  readonly #tenure: Tenure
  #ownership: Ownership

  constructor(workshop: Workshop, owned: OwnedPartition) {
    const life = new Life(workshop.clock)
    const pauses = new Pauses({ ...workshop, partition: owned.id, life })
    this.#workshop = workshop
    this.#owned = owned
    this.#tenure = { life, pauses, guard: new FloodGuard(workshop.settings) }
    this.#ownership = new Ownership(workshop, owned, this.#tenure)
  }

  /** Resolves when the work has ended, or was dropped: then nothing of what still hangs is committed. */
  async run(): Promise<void> {
    const { life } = this.#tenure
    const { revokeMsMax } = this.#workshop.settings
    const revoke = () => life.end(revokeMsMax)
    if (this.#owned.signal.aborted) revoke()
    this.#owned.signal.addEventListener('abort', revoke)
    try {
      await life.orDropped(this.#work())
    } finally {
      this.#owned.signal.removeEventListener('abort', revoke)
      life.close()
    }
  }

  /** Nothing new is begun; the batch in flight is finished within so many milliseconds, or dropped. */
  end(withinMs: number): void {
    this.#tenure.life.end(withinMs)
  }

  drop(): void {
    this.#tenure.life.drop()
  }

  get status(): PartitionStatus {
    return this.#ownership.status
  }

  /** Rises with every attempt that finished, well or not. */
  get attempts(): number {
    return this.#ownership.attempts
  }

  async #work(): Promise<void> {
    const { life } = this.#tenure
    for (let fruitless = 0; !life.ending.aborted; fruitless++) {
      const before = this.#ownership.committed
      try {
        await this.#ownership.run()
      } catch (error) {
        if (this.#ownership.committed > before) fruitless = 0
        await this.#recover(error, fruitless)
        this.#ownership = new Ownership(this.#workshop, this.#owned, this.#tenure)
      }
    }
  }

  async #recover(error: unknown, fruitless: number): Promise<void> {
    const { life, pauses } = this.#tenure
    const { clock, random, settings, observer, alert, logger } = this.#workshop
    const why = error instanceof Halt ? error.why : 'fault'
    const partition = this.#owned.id
    switch (why) {
      case 'stopped':
        return
      case 'taken_over':
        observer.fenced(partition)
        break
      case 'fault':
        logger.error({ partition, cause: error }, 'the work on a partition failed')
        alert('fault', { partition, error: String(error instanceof Halt ? error.cause : error) })
        break
      default:
        why satisfies never
    }
    pauses.begin(why, error)
    await clock.sleep(waitMs(random, settings.outageBackoff, fruitless), life.ending)
  }
}
