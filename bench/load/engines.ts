import { type EngineName, startEngine } from '../../engines/index.ts'
import type { Progress } from '../main.ts'
import type { PartReport } from '../report.ts'
import type { StoreEngine } from '../settings.ts'

/** What a cluster stands on: engines of this process's own, or those that `HFTEST_KAFKA` and `HFTEST_MONGODB_URI` name. */
export interface Engines extends AsyncDisposable {
  /** Bootstrap servers. */
  readonly kafka: string
  /** A MongoDB URI without a database. */
  readonly mongodb: string
  /** What the store is called beside the figures. */
  readonly store: string
}

const KAFKA = process.env.HFTEST_KAFKA || undefined
const MONGODB = process.env.HFTEST_MONGODB_URI || undefined

export async function startEngines(store: StoreEngine, progress: Progress): Promise<Engines> {
  await using started = new AsyncDisposableStack()
  const own = async (name: EngineName) => started.use(await startEngine(name, { progress })).url
  const kafka = KAFKA ?? (await own('kafka'))
  const mongodb = MONGODB ?? (await own(store))
  const ends = started.move()
  return {
    kafka,
    mongodb,
    store: MONGODB === undefined ? store : 'the MongoDB of HFTEST_MONGODB_URI',
    [Symbol.asyncDispose]: () => ends.disposeAsync(),
  }
}

/** A part that cannot run here says what to install. Throws what is another trouble. */
export function absentFor(part: string, error: unknown): PartReport {
  if (!(error instanceof Error && 'code' in error && error.code === 'missing_tool')) throw error
  return { part, tables: [], goals: [], notes: [`${part} was NOT measured: ${error.message}`], figures: undefined }
}
