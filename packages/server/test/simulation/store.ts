import type { EntryDocument, EntryId, Store } from '../../src/ports/store.ts'
import { Engine } from './line.ts'
import { Client, type Shared } from './store/client.ts'
import { type Backup, Collections } from './store/collections.ts'
import { SimulatedHistory } from './store/history.ts'
import { Poison } from './store/poison.ts'
import { SimulatedAudit, SimulatedLetters, SimulatedUsers } from './store/records.ts'
import { ReplicaSet } from './store/replica-set.ts'
import { SimulatedTimeline } from './store/timeline.ts'
import type { Surroundings } from './world.ts'

export type { Backup } from './store/collections.ts'
export { STORE_EVENTS, STORE_FAULTS } from './store/faults.ts'

/**
 * A document store behind a network, as nasty as a real replica set. A write is many small steps, and others are between any two of them; what a
 * primary has is not what a majority has; replies are lost, and commands arrive when nobody waits for them any more. It promises
 * what `ports/store.ts` says, and nothing else.
 */
export class SimulatedStore {
  readonly #shared: Shared
  readonly #poison: Poison
  readonly #clients = new Map<string, Store>()

  constructor(surroundings: Surroundings, partitions: number) {
    const engine = new Engine({ name: 'store', surroundings, slowMsMax: 8_000, outageMsMax: 20_000 })
    this.#shared = { engine, set: new ReplicaSet(engine), collections: new Collections(partitions) }
    this.#poison = new Poison(engine)
  }

  /** The store as this process sees it. */
  connect(process: string): Store {
    let store = this.#clients.get(process)
    if (store === undefined) {
      const client = new Client(this.#shared, process)
      store = {
        timeline: new SimulatedTimeline(client, this.#poison),
        history: new SimulatedHistory(client),
        letters: new SimulatedLetters(client),
        users: new SimulatedUsers(client),
        audit: new SimulatedAudit(client),
      }
      this.#clients.set(process, store)
    }
    return store
  }

  /** Nothing of it has any effect from now on, but for what is on its way already. A process that comes back is a new one. */
  crash(process: string): void {
    this.#clients.delete(process)
    this.#shared.engine.crash(process)
  }

  /** It hears nothing and sends nothing until it thaws. */
  freeze(process: string): void {
    this.#shared.engine.freeze(process)
  }

  thaw(process: string): void {
    this.#shared.engine.thaw(process)
  }

  /** The network between the process and the store is gone until it is mended. */
  cutOff(process: string): void {
    this.#shared.engine.cutOff(process)
  }

  mend(process: string): void {
    this.#shared.engine.mend(process)
  }

  /** As a process does that stops in order: every later call is refused as closed. */
  close(process: string): void {
    this.#clients.delete(process)
    this.#shared.engine.close(process)
  }

  failover(): void {
    this.#shared.set.failover()
  }

  /** Every process finds it gone for so long. */
  down(ms: number): void {
    this.#shared.engine.down(ms)
  }

  /** Of what a majority has now. */
  backup(): Backup {
    const { collections, set } = this.#shared
    return collections.backup(set.position)
  }

  /** Every entry that readers may have been shown. */
  get entries(): readonly EntryDocument[] {
    const { documents } = this.#shared.collections
    return [...documents.values()].flatMap(({ document }) => (document.end === 'stored' ? [document] : []))
  }

  /**
   * History is as it was then. The workers have to be stopped, as an operator would: one that remembers rooms would go on from a head that is
   * no more. `raisesEpochs`: the operator told the store so; otherwise the next start of a worker has to notice (R9, G6).
   */
  restore(backup: Backup, { raisesEpochs }: { readonly raisesEpochs: boolean }): void {
    const { collections, set, engine } = this.#shared
    const held = collections.epochs.map((epoch) => epoch.at(set.position) ?? 1)
    const epochs = backup.epochs.map((epoch, i) => (raisesEpochs ? Math.max(epoch, held[i] ?? 1) + 1 : epoch))
    collections.restore({ ...backup, epochs }, set.begin())
    engine.surroundings.sometimes(raisesEpochs ? 'store.restored.told' : 'store.restored.untold')
    engine.surroundings.trace(() => `store is restored to ${backup.documents.length} documents, epochs ${epochs}`)
  }

  /** Entries that it could never take: their commands die. */
  get poisoned(): ReadonlySet<EntryId> {
    return this.#poison.ids
  }

  /** Nothing goes wrong from now on, and what was under way arrives soon or never. Who is frozen is thawed by whoever froze them. */
  heal(): void {
    this.#shared.engine.heal()
    this.#shared.set.heal()
  }
}
