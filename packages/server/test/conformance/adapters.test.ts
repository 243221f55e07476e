import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Faults } from '../../src/adapters/memory/memory.ts'
import { MemorySearch } from '../../src/adapters/memory/search.ts'
import { SearchFile } from '../../src/adapters/sqlite/search-file.ts'
import type { SqliteOptions } from '../../src/adapters/sqlite/sqlite.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { systemRandom } from '../../src/adapters/system/random.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { FailpointName } from '../../src/ports/system.ts'
import { memoryEngines, sqliteEngines } from '../support/adapters.ts'
import { temporaryFolder } from '../support/server.ts'
import { logConformance } from './log.ts'
import { searchConformance } from './search.ts'
import { draftConformance } from './search-drafts.ts'
import { storeConformance } from './store.ts'
import type { Fault, OpenSubject, Subject } from './subject.ts'
import { systemConformance } from './system.ts'

/** Every set of engines the suites run on. A new one is one more row. */
const ADAPTERS: readonly { readonly name: string; readonly open: OpenSubject }[] = [
  { name: 'memory', open: openMemorySubject },
  { name: 'sqlite', open: (partitions) => openSqliteSubject(partitions) },
  {
    name: 'sqlite, keeping nothing in memory',
    open: (partitions) => openSqliteSubject(partitions, { recentBytesMax: 0 }),
  },
]
const PARTITIONS = [1, 4]

systemConformance('the machine', () => ({ clock: systemClock, random: systemRandom, sha256 }))

for (const { name, open } of ADAPTERS)
  for (const partitions of PARTITIONS) {
    logConformance(name, partitions, open)
    storeConformance(name, partitions, open)
    if (partitions === 1) searchConformance(name, open)
  }

draftConformance('memory', async () => {
  const search = new MemorySearch({})
  return { search, elsewhere: search, close: async () => search.close() }
})

draftConformance('sqlite', async () => {
  const folder = temporaryFolder()
  const open = () => new SearchFile({ file: join(folder.path, 'search.db'), readOnly: false })
  const [search, elsewhere] = [open(), open()]
  return {
    search,
    elsewhere,
    close: async () => {
      search.close()
      elsewhere.close()
      folder[Symbol.dispose]()
    },
  }
})

function failure(fault: Fault): Failure {
  return new Failure(fault === 'before' ? 'transient' : 'ambiguous', `a fault of the test: ${fault}`)
}

async function openMemorySubject(partitions: number): Promise<Subject> {
  let append: Fault | undefined
  let write: Fault | undefined
  const faults: Faults = {
    before: ({ call }) => {
      if (call === 'append' && append === 'before') strike('before')
      if (call === 'write' && write === 'before') strike('before')
    },
    document: (_, index) => {
      if (write === 'midway' && index === 1) strike('midway')
    },
    after: ({ call }) => {
      if (call === 'append' && append === 'after') strike('after')
      if (call === 'write' && write === 'after') strike('after')
    },
  }
  function strike(fault: Fault): void {
    append = write = undefined
    throw failure(fault)
  }
  let engines = memoryEngines({ partitions, faults })
  return {
    get logs() {
      return engines.logs
    },
    get store() {
      return engines.store
    },
    get search() {
      return engines.search
    },
    capabilities: { durability: 'memory', survivesReopen: false, canTimeOut: true, visibleAtOnce: true },
    failAppend: (fault) => {
      append = fault
    },
    failWrite: (fault) => {
      write = fault
    },
    reopen: async () => {
      await engines.close()
      engines = memoryEngines({ partitions, faults })
    },
    close: () => engines.close(),
  }
}

async function openSqliteSubject(partitions: number, options: Partial<SqliteOptions> = {}): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-conformance-'))
  let armed: { readonly at: FailpointName; readonly fault: Fault } | undefined
  const failpoint = (name: FailpointName) => {
    if (armed?.at !== name) return
    const { fault } = armed
    armed = undefined
    throw failure(fault)
  }
  let engines = sqliteEngines(folder, { partitions, failpoint, ...options })
  return {
    get logs() {
      return engines.logs
    },
    get store() {
      return engines.store
    },
    get search() {
      return engines.search
    },
    capabilities: { durability: 'fsync', survivesReopen: true, canTimeOut: false, visibleAtOnce: true },
    failAppend: (fault) => {
      armed = { at: fault === 'before' ? 'append:before' : 'append:after', fault }
    },
    failWrite: (fault) => {
      const at = { before: 'store:mid-write', midway: 'store:written', after: 'store:committed' } as const
      armed = { at: at[fault], fault }
    },
    reopen: async () => {
      await engines.close()
      engines = sqliteEngines(folder, { partitions, failpoint, ...options })
    },
    close: async () => {
      await engines.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
