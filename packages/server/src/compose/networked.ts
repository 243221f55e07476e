import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { openKafka } from '../adapters/kafka/kafka.ts'
import { openMongodb } from '../adapters/mongodb/mongodb.ts'
import { type OpenedSearch, openSearch } from '../adapters/opensearch/opensearch.ts'
import { systemClock } from '../adapters/system/clock.ts'
import { failpointsFrom } from '../adapters/system/failpoint.ts'
import { systemRandom } from '../adapters/system/random.ts'
import { sha256 } from '../adapters/system/sha256.ts'
import { isSqlite } from '../config/check.ts'
import type { Config } from '../config/config.ts'
import type { Alert } from '../core/alert.ts'
import type { Engine } from '../engine/remote.ts'
import { pausesOf } from '../engine/roles.ts'
import { connectSearch } from '../engine/search/remote.ts'
import { spawnSearch } from '../engine/spawn.ts'
import { createIndexer, INDEXER_GROUP } from '../indexer/indexer.ts'
import { Services } from '../lifecycle.ts'
import { Failure } from '../ports/failure.ts'
import type { SearchIndex } from '../ports/search.ts'
import type { Logger, Service } from '../ports/system.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { BUILD } from '../version.ts'
import { GROUP as WORKER_GROUP } from '../worker/start.ts'
import { createWorker, type Worker } from '../worker/worker.ts'
import { Ends } from './ends.ts'
import { kafkaOptions, makeFolder, mongodbOptions, searchOptions } from './engines.ts'
import { Freshness } from './freshness.ts'
import type { Opening } from './opening.ts'

export interface NetworkedOptions {
  readonly config: Config
  readonly logger: Logger
  readonly opening: Opening
  readonly telemetry: Telemetry
  readonly alert: Alert
}

/** Opens the engines that processes share, and starts this one's worker and indexer on them. `control.stop` ends all of it. */
export async function openNetworked(options: NetworkedOptions): Promise<Engine> {
  const ends = new Ends(options.logger)
  try {
    return await open(options, ends)
  } catch (error) {
    await ends.run()
    throw error
  }
}

async function open({ config, logger, opening, telemetry, alert }: NetworkedOptions, ends: Ends): Promise<Engine> {
  const { role } = config
  const name = `${hostname()}/${process.pid}`
  const shared = {
    clock: systemClock,
    random: systemRandom,
    sha256,
    logger,
    failpoint: failpointsFrom(config.test.failpoint),
  }
  const kafka = await opening.open('log', 'HOLDFAST_LOG', () =>
    openKafka({ ...kafkaOptions(config), ...shared, clientName: name }),
  )
  ends.add(() => kafka.close())
  const { logs } = kafka
  const { partitions, durability } = logs.commands
  const mongodb = await opening.open('store', 'HOLDFAST_STORE', () =>
    openMongodb({ ...mongodbOptions(config), ...shared, partitions }),
  )
  ends.add(() => mongodb.close())
  logger.info({ log: kafka.about, store: mongodb.about }, 'the engines are open')
  if (durability !== 'replicated' || mongodb.durability !== 'replicated')
    logger.warn(
      { log: durability, store: mongodb.durability },
      'what is acknowledged does not survive the loss of a machine: log or store have one copy only',
    )

  const store = telemetry.observeStore(mongodb.store)
  const index = role.some((one) => one !== 'worker')
    ? await openIndex({ config, logger, opening, telemetry, alert }, ends)
    : NO_INDEX
  const search = telemetry.observeSearch(index.search)
  const services: Service[] = []
  let worker: Worker | undefined
  if (role.includes('worker')) {
    const settings = { settings: config.worker, observer: telemetry.worker }
    worker = createWorker({ ...shared, ...settings, name, build: BUILD, logs, store, alert })
    telemetry.watchWorker(worker.status.bind(worker))
    telemetry.watchLag(logs.commands, [WORKER_GROUP])
    services.push(worker)
  }
  if (role.includes('indexer')) {
    const settings = { settings: config.indexer, observer: telemetry.indexer }
    services.push(createIndexer({ ...shared, ...settings, logs, history: store.history, search }))
    telemetry.watchLag(logs.feed, [INDEXER_GROUP])
  }
  const roles = new Services(services, logger)
  ends.add(() => roles.stop())
  await roles.start()
  void telemetry.load()

  const freshness = new Freshness(logs.feed, systemClock)
  return {
    ...logs,
    history: store.history,
    letters: store.letters,
    users: store.users,
    search,
    control: {
      status: async () => ({
        waiting: [
          ...kafka.waiting(),
          ...mongodb.waiting(),
          ...(worker === undefined ? [] : pausesOf(worker)),
          // People can do without search: a gateway of which it is away is as ready as ever (I10).
          ...(role.includes('gateway') ? [] : index.waiting()),
        ],
        indexedThrough: await freshness.indexedThrough(),
      }),
      metrics: () => telemetry.text(),
      stop: () => ends.run(),
    },
  }
}

type Index = Pick<OpenedSearch, 'waiting'> & { readonly search: SearchIndex }

async function openIndex({ config, logger, alert, opening }: NetworkedOptions, ends: Ends): Promise<Index> {
  if (!isSqlite(config.search)) {
    // Nobody is asked yet, so this waits for no cluster: only for settings that make sense.
    const opened = await opening.open('search', 'HOLDFAST_SEARCH', async () =>
      openSearch(searchOptions(config), systemClock),
    )
    ends.add(() => opened.close())
    return opened
  }
  const { searchFile, engineRestartMs: restartMs } = config
  makeFolder(dirname(searchFile))
  const search = connectSearch({ start: () => spawnSearch(searchFile), clock: systemClock, logger, alert, restartMs })
  ends.add(async () => search.close())
  return { search, waiting: () => [] }
}

function none(): Promise<never> {
  return Promise.reject(
    new Failure('operator', 'this process has no search index, because none of its roles needs one'),
  )
}

const NO_INDEX: Index = {
  search: {
    visibleAtOnce: true,
    open: none,
    current: none,
    write: none,
    progress: none,
    heads: none,
    refresh: none,
    seqs: none,
    query: none,
  },
  waiting: () => [],
}
