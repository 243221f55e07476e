import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Failure } from '../../ports/failure.ts'
import type { SearchIndex } from '../../ports/search.ts'
import type { Clock, Failpoint } from '../../ports/system.ts'
import { lockFolder } from './lock.ts'
import { LogFile } from './log-file.ts'
import { SearchFile, type SearchFileOptions } from './search-file.ts'
import { StoreFile } from './store-file.ts'

export interface SqliteOptions {
  /** Made where it is missing. */
  readonly folder: string
  /** Fixed when the folder is made. */
  readonly partitions: number
  readonly clock: Clock
  readonly failpoint?: Failpoint
  /** Takes no lock and changes nothing: beside a running server, or on the folder of a stopped one. */
  readonly readOnly?: boolean
  /** Records of a log go once every group named here has passed them. */
  readonly groups?: { readonly commands: readonly string[]; readonly feed: readonly string[] }
  /** So many records below the lowest commit stay. */
  readonly retainedRecordsMin?: number
  /** Opens the search file: here, unless told to do it elsewhere. */
  readonly openSearch?: (options: SearchFileOptions) => OwnedIndex
  /** Of what was just appended, each partition of each log keeps so much in memory. */
  readonly recentBytesMax?: number
}

/** An index that whoever opened it has to close. */
export type OwnedIndex = SearchIndex & { close(): void | Promise<void> }

export interface Sqlite {
  readonly logs: Pick<LogFile, 'commands' | 'feed' | 'deadLetters'>
  readonly store: StoreFile
  readonly search: SearchIndex
  /** Ends memberships, writes what is not written yet, and gives the folder back. May be called twice. */
  close(): Promise<void>
}

const EVERYTHING_READ = { commands: ['worker'], feed: ['indexer'] }

/**
 * The engines of one process, as three files in one folder: log.db, store.db, search.db, with WALs of their own so that none waits
 * for another's writers. All of them belong to the thread that opened them, but for a search file opened elsewhere. Throws a Failure of class operator that says what to do.
 */
export function openSqlite({
  folder,
  readOnly = false,
  failpoint = () => {},
  openSearch = (file) => new SearchFile(file),
  ...options
}: SqliteOptions): Sqlite {
  if (!readOnly) makeFolder(folder)
  const unlock = readOnly ? () => {} : lockFolder(folder)
  const shared = { partitions: options.partitions, failpoint, readOnly }
  let store: StoreFile | undefined
  let search: OwnedIndex | undefined
  const closeFiles = async () => {
    store?.close()
    try {
      const closing = search?.close()
      if (closing !== undefined) await closing
    } finally {
      unlock()
    }
  }
  try {
    store = new StoreFile({ ...shared, file: join(folder, 'store.db') })
    search = openSearch({ file: join(folder, 'search.db'), readOnly })
    const logs = new LogFile({
      ...shared,
      file: join(folder, 'log.db'),
      clock: options.clock,
      groups: options.groups ?? EVERYTHING_READ,
      retainedRecordsMin: options.retainedRecordsMin ?? 10_000,
      recentBytesMax: options.recentBytesMax ?? 1 << 20,
    })
    // Whoever works on a log may need the store to come to an end, so the logs go first.
    return { logs, store, search, close: () => logs.close().finally(closeFiles) }
  } catch (error) {
    void closeFiles()
    throw error
  }
}

/** Makes the folder for its owner alone, and durable: a power cut right after the first start must not take it. */
function makeFolder(folder: string): void {
  let isFolder: boolean | undefined
  try {
    isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory()
    if (isFolder === undefined) makeMissing(folder)
  } catch (cause) {
    throw new Failure('operator', `the data folder ${folder} cannot be made: ${String(cause)}`, cause)
  }
  if (isFolder === false)
    throw new Failure('operator', `the data folder ${folder} is a file: name a folder, with --data say`)
}

/** One folder after the other: where the system has no such folder and makes none, as in /proc, a recursive mkdir tries for ever. */
function makeMissing(folder: string): void {
  const parent = dirname(folder)
  if (statSync(parent, { throwIfNoEntry: false }) === undefined) makeMissing(parent)
  mkdirSync(folder, { mode: 0o700 })
  const descriptor = openSync(parent, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}
