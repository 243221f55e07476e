import { openKafka } from '../adapters/kafka/kafka.ts'
import { openMongodb } from '../adapters/mongodb/mongodb.ts'
import { openSearch } from '../adapters/opensearch/opensearch.ts'
import { SearchFile } from '../adapters/sqlite/search-file.ts'
import { systemClock } from '../adapters/system/clock.ts'
import { createLogger } from '../adapters/system/logger.ts'
import { systemRandom } from '../adapters/system/random.ts'
import { isSqlite } from '../config/check.ts'
import type { Config } from '../config/config.ts'
import type { Logs } from '../ports/log.ts'
import type { SearchIndex } from '../ports/search.ts'
import type { Store } from '../ports/store.ts'
import { Ends } from './ends.ts'
import { kafkaOptions, mongodbOptions, searchOptions } from './engines.ts'

/** A cluster's engines, opened to be read beside whoever works on them. */
export interface OpenedForReading {
  readonly logs: Logs
  readonly store: Store
  readonly search: SearchIndex
  close(): Promise<void>
}

/** Rejects with the Failure of an engine that cannot be opened. */
export async function openForReading(config: Config): Promise<OpenedForReading> {
  const logger = createLogger({ level: 'silent', to: 'stdout', fields: {} })
  const system = { clock: systemClock, random: systemRandom, logger }
  const ends = new Ends(logger)
  try {
    const kafka = await openKafka({ ...kafkaOptions(config), ...system, clientName: 'holdfast-verify' })
    ends.add(() => kafka.close())
    const { partitions } = kafka.logs.commands
    const mongodb = await openMongodb({ ...mongodbOptions(config), ...system, partitions })
    ends.add(() => mongodb.close())
    const search = openIndex(config, ends)
    return { logs: kafka.logs, store: mongodb.store, search, close: () => ends.run() }
  } catch (error) {
    await ends.run()
    throw error
  }
}

function openIndex(config: Config, ends: Ends): SearchIndex {
  if (!isSqlite(config.search)) {
    const opened = openSearch(searchOptions(config))
    ends.add(() => opened.close())
    return opened.search
  }
  const search = new SearchFile({ file: config.searchFile, readOnly: true })
  ends.add(async () => search.close())
  return search
}
