import { type EngineName, type OwnEngine, startEngine } from '../../engines/index.ts'
import type { Progress } from '../main.ts'
import type { PartReport } from '../report.ts'
import type { StoreEngine } from '../settings.ts'

/**
 * What a cluster stands on: engines of this process's own, or those that `HFTEST_KAFKA`, `HFTEST_MONGODB_URI` and `HFTEST_SEARCH` name.
 */
export interface Engines extends AsyncDisposable {
  /** Bootstrap servers. */
  readonly kafka: string
  /** A MongoDB URI without a database. */
  readonly mongodb: string
  /** What the store is called beside the figures. */
  readonly store: string
  /** Where one was asked for: else the index of a cluster is a file. */
  readonly search: SearchEngine | undefined
}

export interface SearchEngine {
  /** Without the name of an index. */
  readonly url: string
  /** What it is called beside the figures. */
  readonly name: string
  /** Missing where it is somebody else's, which must not be stopped. */
  readonly own: OwnEngine | undefined
}

const KAFKA = process.env.HFTEST_KAFKA || undefined
const MONGODB = process.env.HFTEST_MONGODB_URI || undefined
const SEARCH = process.env.HFTEST_SEARCH || undefined

export async function startEngines(
  store: StoreEngine,
  progress: Progress,
  needs: { readonly search?: boolean } = {},
): Promise<Engines> {
  await using started = new AsyncDisposableStack()
  const own = async (name: EngineName) => started.use(await startEngine(name, { progress }))
  const kafka = KAFKA ?? (await own('kafka')).url
  const mongodb = MONGODB ?? (await own(store)).url
  const search = needs.search === true ? searchOf(SEARCH ?? (await own('opensearch'))) : undefined
  const ends = started.move()
  return {
    kafka,
    mongodb,
    store: MONGODB === undefined ? store : 'the MongoDB of HFTEST_MONGODB_URI',
    search,
    [Symbol.asyncDispose]: () => ends.disposeAsync(),
  }
}

function searchOf(engine: string | OwnEngine): SearchEngine {
  if (typeof engine !== 'string') return { url: engine.url, name: 'OpenSearch', own: engine }
  return { url: engine.replace(/\/$/, ''), name: 'the engine of HFTEST_SEARCH', own: undefined }
}

/** A part that cannot run here says what to install. Throws what is another trouble. */
export function absentFor(part: string, error: unknown): PartReport {
  if (!(error instanceof Error && 'code' in error && error.code === 'missing_tool')) throw error
  return notMeasured(part, error.message)
}

export function notMeasured(part: string, why: string): PartReport {
  return { part, tables: [], goals: [], notes: [`${part} was NOT measured: ${why}`], figures: undefined }
}
