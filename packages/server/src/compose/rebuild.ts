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
  /** The index can never take this message. */
  leftOut(message: LeftOut): void
}

export interface LeftOut {
  readonly room: string
  readonly seq: number
  readonly why: string
}

/** Makes the search index of an installation anew, beside whoever works on it. Rejects with a Failure of class lost where another rebuild came first. */
export async function rebuildSearch(config: Config, { progress, waits, leftOut }: RebuildWatcher): Promise<Made> {
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
        warn: (fields, what) => (isLeftOut(fields) ? leftOut(fields) : waits(causeIn(fields) ?? what)),
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

function isLeftOut(fields: object): fields is LeftOut {
  return 'room' in fields && 'seq' in fields && 'why' in fields
}

function causeIn(fields: object): string | undefined {
  return 'cause' in fields && fields.cause instanceof Error ? fields.cause.message : undefined
}
