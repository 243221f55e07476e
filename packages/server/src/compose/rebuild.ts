import { systemClock } from '../adapters/system/clock.ts'
import { systemRandom } from '../adapters/system/random.ts'
import type { Config } from '../config/config.ts'
import { Life } from '../core/life.ts'
import { type Made, rebuild } from '../indexer/rebuild.ts'
import { SILENT_INDEXER } from '../indexer/settings.ts'
import { Writer } from '../indexer/writer.ts'
import { openForReading } from './reading.ts'

/** Whoever watches. */
export interface RebuildWatcher {
  progress(made: Made): void
  /** An engine does not answer, or refuses: it is tried again. */
  waits(why: string): void
}

/** Makes the search index of an installation anew, beside whoever works on it. Rejects with a Failure of class lost where another rebuild came first. */
export async function rebuildSearch(config: Config, { progress, waits }: RebuildWatcher): Promise<Made> {
  const { logs, store, search, close } = await openForReading(config, {
    clientName: 'holdfast-rebuild',
    writesSearch: true,
  })
  try {
    const settings = config.indexer
    const writer = new Writer({
      search,
      settings,
      clock: systemClock,
      random: systemRandom,
      logger: {
        debug() {},
        info() {},
        warn: (fields, what) => waits(causeIn(fields) ?? what),
        error: (_, what) => waits(what),
      },
      observer: SILENT_INDEXER,
      life: new Life(systemClock),
    })
    const { partitions } = logs.feed
    return await rebuild({ history: store.history, search, writer, partitions, settings, progress })
  } finally {
    await close()
  }
}

function causeIn(fields: object): string | undefined {
  return 'cause' in fields && fields.cause instanceof Error ? fields.cause.message : undefined
}
