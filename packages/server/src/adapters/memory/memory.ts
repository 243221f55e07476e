import type { Clock } from '../../ports/system.ts'
import type { Faults } from './faults.ts'
import { MemoryLog } from './log.ts'
import { MemorySearch } from './search.ts'
import { MemoryStore } from './store.ts'

export type { Call, Faults } from './faults.ts'

export interface MemoryOptions {
  readonly partitions: number
  readonly clock: Clock
  readonly faults?: Faults
  /** Records of a log go once every group named here has passed them; a log without groups keeps everything. */
  readonly groups?: { readonly commands?: readonly string[]; readonly feed?: readonly string[] }
  /** So many records below the lowest commit stay. */
  readonly retainedRecordsMin?: number
}

export interface Memory {
  readonly logs: { readonly commands: MemoryLog; readonly feed: MemoryLog; readonly deadLetters: MemoryLog }
  readonly store: MemoryStore
  readonly search: MemorySearch
  /** Ends memberships and refuses every later call. */
  close(): Promise<void>
}

/** All engines in memory: for tests, simulation and trying things out. Nothing survives the process. */
export function openMemory({
  partitions,
  clock,
  faults = {},
  groups = {},
  retainedRecordsMin = 10_000,
}: MemoryOptions): Memory {
  const shared = { partitions, clock, faults, retainedRecordsMin }
  const logs = {
    commands: new MemoryLog('commands', { ...shared, groups: groups.commands ?? [] }),
    feed: new MemoryLog('feed', { ...shared, groups: groups.feed ?? [] }),
    deadLetters: new MemoryLog('dead-letters', { ...shared, groups: [] }),
  }
  const store = new MemoryStore({ partitions, faults })
  const search = new MemorySearch(faults)
  return {
    logs,
    store,
    search,
    async close() {
      await Promise.all(Object.values(logs).map((log) => log.close()))
      store.close()
      search.close()
    },
  }
}
