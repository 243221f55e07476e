import type { EntryId } from '../../src/ports/store.ts'
import type { FailpointName } from '../../src/ports/system.ts'
import { SimulatedLogs } from './log.ts'
import { RECORD_BYTES_MAX } from './people.ts'
import type { Engines, Owner, Restored, Role, SharedEngines, StoreBackup } from './processes.ts'
import { SimulatedSearch } from './search.ts'
import { type Backup, SimulatedStore } from './store.ts'
import { unpublishedSince } from './unpublished.ts'
import type { Surroundings } from './world.ts'

/** Longer than anything on its way to the store may take, than any freeze, and than a backup is old. */
const RETAIN_MS = 360_000

/** A batch has many steps: of those that could be the last one, this is the share that is. */
const RARELY = 0.1
/** What was decided on then is old when it is written. */
const OFTEN = 0.5
const FROZEN_MS_MAX = 70_000

/** Log, store and search of an installation, each as nasty as a real cluster. */
export class SimulatedEngines implements SharedEngines {
  readonly topology: readonly (readonly Role[])[] = [
    ['gateway'],
    ['gateway'],
    ['worker'],
    ['worker'],
    ['worker'],
    ['indexer'],
  ]
  readonly #surroundings: Surroundings
  readonly #logs: SimulatedLogs
  readonly #store: SimulatedStore
  readonly #search: SimulatedSearch

  constructor(surroundings: Surroundings, partitions: number) {
    this.#surroundings = surroundings
    this.#logs = new SimulatedLogs(surroundings, { partitions, recordBytesMax: RECORD_BYTES_MAX, retainMs: RETAIN_MS })
    this.#store = new SimulatedStore(surroundings, partitions)
    this.#search = new SimulatedSearch(surroundings)
  }

  connect(process: string, owner?: Owner): Engines {
    return {
      ...(owner && { failpoint: (name: FailpointName) => this.#failpoint(name, owner) }),
      logs: this.#logs.connect(process),
      store: this.#store.connect(process),
      search: this.#search.connect(process),
    }
  }

  visit(name: string): Engines {
    return this.connect(name)
  }

  crash(process: string): void {
    for (const engine of this.#all) engine.crash(process)
  }

  freeze(process: string): void {
    for (const engine of this.#all) engine.freeze(process)
  }

  thaw(process: string): void {
    for (const engine of this.#all) engine.thaw(process)
  }

  backup(): StoreBackup {
    return { made: this.#store.backup() }
  }

  restore({ made }: StoreBackup, { tells }: { readonly tells: boolean }): Restored {
    const backup = made as Backup
    // An operator waits so long: what the workers published before, and what lands of it only afterwards, no start could tell apart.
    this.#logs.settleCrashed()
    const unpublished = tells ? [] : unpublishedSince(backup, this.#store.entries, this.#logs)
    this.#store.restore(backup, { raisesEpochs: tells })
    if (unpublished.length > 0) this.#surroundings.sometimes('store.restored.unpublished')
    return { unpublished }
  }

  heal(): void {
    for (const engine of this.#all) engine.heal()
  }

  async stopped(): Promise<void> {}

  dispose(): void {}

  /** Between any two steps of a worker. */
  #failpoint(name: FailpointName, owner: Owner): void {
    const world = this.#surroundings
    const share = name === 'worker:loaded' ? OFTEN : RARELY
    if (world.faulty('process.step.freezes') && world.chance.happens(share)) {
      world.sometimes('process.step.freezes')
      world.trace(() => `frozen at ${name}`)
      owner.freeze(world.chance.between(50, FROZEN_MS_MAX))
    }
    if (world.faulty('process.step.dies') && world.chance.happens(RARELY)) {
      world.sometimes('process.step.dies')
      owner.die()
      throw new Error(`killed at ${name}`)
    }
  }

  get poisoned(): ReadonlySet<EntryId> {
    return this.#store.poisoned
  }

  get unindexable(): ReadonlySet<EntryId> {
    return this.#search.poisoned
  }

  get #all() {
    return [this.#logs, this.#store, this.#search]
  }
}
