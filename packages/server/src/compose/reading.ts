import { openKafka } from '../adapters/kafka/kafka.ts'
import { openMongodb } from '../adapters/mongodb/mongodb.ts'
import { openSearch } from '../adapters/opensearch/opensearch.ts'
import { partitionsIn } from '../adapters/sqlite/partitions.ts'
import { SearchFile, type SearchFileOptions } from '../adapters/sqlite/search-file.ts'
import { openSqlite } from '../adapters/sqlite/sqlite.ts'
import { systemClock } from '../adapters/system/clock.ts'
import { createLogger } from '../adapters/system/logger.ts'
import { systemRandom } from '../adapters/system/random.ts'
import { isSqlite } from '../config/check.ts'
import type { Config } from '../config/config.ts'
import { Failure } from '../ports/failure.ts'
import type { Logs } from '../ports/log.ts'
import type { SearchDrafts, SearchIndex } from '../ports/search.ts'
import type { Store } from '../ports/store.ts'
import type { Logger } from '../ports/system.ts'
import { Ends } from './ends.ts'
import { kafkaOptions, mongodbOptions, searchOptions } from './engines.ts'

/** The engines of an installation, opened to be read beside whoever works on them. */
export interface OpenedForReading {
  readonly logs: Logs
  readonly store: Store
  readonly search: SearchIndex & SearchDrafts
  close(): Promise<void>
}

export interface ReadingOptions {
  /** What a cluster is to know this process by. */
  readonly clientName: string
  /** Whether the index is to be written. */
  readonly writesSearch: boolean
}

/** Rejects with the Failure of an engine that cannot be opened, or where there is no installation. */
export async function openForReading(config: Config, options: ReadingOptions): Promise<OpenedForReading> {
  const logger = createLogger({ level: 'silent', to: 'stdout', fields: {} })
  const ends = new Ends(logger)
  try {
    const opened = await (config.isCluster ? openCluster(config, options, logger, ends) : open(config, options, ends))
    return { ...opened, close: () => ends.run() }
  } catch (error) {
    await ends.run()
    throw error
  }
}

type Opened = Omit<OpenedForReading, 'close'>

/** Opens a data folder. */
function open({ data: folder }: Config, { writesSearch }: ReadingOptions, ends: Ends): Opened {
  const partitions = partitionsIn(folder)
  if (partitions === undefined)
    throw new Failure('operator', `there is no installation in ${folder}: no log.db of ours. Is --data right?`)
  let search: SearchFile | undefined
  const openSearch = ({ file }: SearchFileOptions) => {
    search = new SearchFile({ file, readOnly: !writesSearch })
    return search
  }
  const sqlite = openSqlite({ folder, partitions, clock: systemClock, readOnly: true, openSearch })
  ends.add(() => sqlite.close())
  if (search === undefined) throw new Error('no search file was opened')
  return { logs: sqlite.logs, store: sqlite.store, search }
}

/** Opens the engines that a cluster shares. */
async function openCluster(
  config: Config,
  { clientName, writesSearch }: ReadingOptions,
  logger: Logger,
  ends: Ends,
): Promise<Opened> {
  const system = { clock: systemClock, random: systemRandom, logger }
  const kafka = await openKafka({ ...kafkaOptions(config), ...system, clientName })
  ends.add(() => kafka.close())
  const { partitions } = kafka.logs.commands
  const mongodb = await openMongodb({ ...mongodbOptions(config), ...system, partitions })
  ends.add(() => mongodb.close())
  return { logs: kafka.logs, store: mongodb.store, search: openIndex(config, writesSearch, ends) }
}

function openIndex(config: Config, isWritten: boolean, ends: Ends): SearchIndex & SearchDrafts {
  if (!isSqlite(config.search)) {
    const opened = openSearch(searchOptions(config), systemClock)
    ends.add(() => opened.close())
    return opened.search
  }
  const search = new SearchFile({ file: config.searchFile, readOnly: !isWritten })
  ends.add(async () => search.close())
  return search
}
