import { join } from 'node:path'
import { SearchFile } from '../../packages/server/src/adapters/sqlite/search-file.ts'
import type { SearchIndex } from '../../packages/server/src/ports/search.ts'
import { Cluster } from '../load/cluster.ts'
import { absentFor, type Engines, startEngines } from '../load/engines.ts'
import { checkIndexed } from '../load/indexed.ts'
import { type Lane, Lanes, rateOf } from '../load/lanes.ts'
import { Folder, Holdfast } from '../load/server.ts'
import { counting, probeNote, type Turn, takeTurns } from '../load/turns.ts'
import { Searches, Watch } from '../load/watching.ts'
import type { Progress } from '../main.ts'
import { figure, type Goal, type PartReport, ranged, type Table } from '../report.ts'
import { type BenchSettings, profiling, SECONDS } from '../settings.ts'
import { percentile, spread } from '../stats.ts'

const PARTITIONS = 4
const IN_FLIGHT = 1_000
/** Of the rate at which the server takes no more. */
const LOAD = 0.5
/** An index that is refreshed every second shows little in less. */
const SECONDS_MIN = 10
const GOAL = { must: 1.5, aim: 1 }

/** How late search is while messages come at half the rate that the server takes: a cluster with OpenSearch, and one process on SQLite. */
export async function freshness(settings: BenchSettings, progress: Progress): Promise<PartReport> {
  let engines: Engines
  try {
    engines = await startEngines('mongo-java-server', progress, { search: true })
  } catch (error) {
    return absentFor('freshness', error)
  }
  await using running = engines
  await using cluster = await Cluster.open(running, PARTITIONS)
  using folder = new Folder()
  await using processes = new AsyncDisposableStack()
  const nodeOptions = profiling(settings)
  const started = async (starting: Promise<Holdfast>) => processes.adopt(await starting, (process) => process.stop())
  const gateway = await started(cluster.start('gateway', { nodeOptions }))
  for (const role of ['worker', 'indexer'] as const) await started(cluster.start(role, { nodeOptions }))
  const single = await started(Holdfast.start({ data: folder.path, nodeOptions }))
  const file = () =>
    processes.adopt(new SearchFile({ file: join(folder.path, 'search.db'), readOnly: true }), async (file) =>
      file.close(),
    )

  const onCluster = await Fresh.begin({ server: gateway, index: () => cluster.index, partitions: PARTITIONS }, settings)
  const onSqlite = await Fresh.begin({ server: single, index: file, partitions: 1 }, settings)
  const turns: FreshnessTurn[] = []
  for (let pass = 0; pass <= settings.passes; pass++) {
    const turn = await takeTurns(
      pass,
      folder.path,
      () => onCluster.measure(),
      () => onSqlite.measure(),
    )
    progress(`${pass === 0 ? 'warm-up' : `pass ${pass} of ${settings.passes}`}: ${told(turn)}`)
    if (pass > 0) turns.push(turn)
  }
  onCluster.end()
  onSqlite.end()
  return report(turns, running.search?.name ?? '')
}

interface Measured {
  /** The most that the server takes, and what it was sent. */
  readonly saturation: number
  readonly perSecond: number
  /** Seconds from stored until the index has it, of every message. */
  readonly indexed: Late
  /** The same until a search finds it, of some messages. */
  readonly found: Late
  /** How many of those found it, of all searches: one that was partial, and did not, is repeated. */
  readonly foundAtOnce: number
  /** Seconds by which the `indexedThrough` of those searches lies in the past. */
  readonly told: Late
}

interface Late {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** A cluster and a single process: two that are measured, and not one beside its measure. */
type FreshnessTurn = Turn<Measured, Measured>

interface Installation {
  readonly server: Holdfast
  /** Opened when something was sent: before that there may be none. */
  readonly index: () => SearchIndex
  readonly partitions: number
}

class Fresh {
  readonly #installation: Installation
  readonly #settings: BenchSettings
  readonly #lanes: Lanes
  #opened: SearchIndex | undefined

  private constructor(installation: Installation, settings: BenchSettings, lanes: Lanes) {
    this.#installation = installation
    this.#settings = settings
    this.#lanes = lanes
  }

  static async begin(installation: Installation, settings: BenchSettings): Promise<Fresh> {
    return new Fresh(installation, settings, await Lanes.open(installation.server, installation.partitions))
  }

  get #index(): SearchIndex {
    this.#opened ??= this.#installation.index()
    return this.#opened
  }

  async measure(): Promise<Measured> {
    const saturation = await this.#saturation()
    const perSecond = saturation * LOAD
    const lanes = await this.#lanes.rooms()
    const watch = new Watch(this.#index, lanes)
    const searches = new Searches(this.#installation.server)
    const pace = { perSecond, seconds: Math.max(SECONDS_MIN, this.#settings.seconds ?? SECONDS) }
    const sending = this.#lanes.pace(lanes, pace, ({ room }) => (number, at) => {
      watch.stored(room, number, at)
      searches.stored(room, number, at)
    })
    const indexed = await watch.run(sending)
    const { found, told } = await searches.end()
    await this.#check(lanes, await sending)
    return {
      saturation,
      perSecond,
      indexed: lateOf(indexed),
      found: lateOf(found),
      foundAtOnce: found.length / told.length,
      told: lateOf(told),
    }
  }

  end(): void {
    this.#lanes.close()
  }

  /** Messages a second, as fast as the server takes them. The index has all of them when this resolves. */
  async #saturation(): Promise<number> {
    const lanes = await this.#lanes.rooms()
    const sent = await this.#lanes.flood(lanes, IN_FLIGHT, { seconds: this.#settings.seconds ?? SECONDS })
    const watch = new Watch(this.#index, lanes)
    const counts = sent.map(({ messages }) => messages)
    for (const [i, { room }] of lanes.entries())
      for (let number = 0; number < (counts[i] ?? 0); number++) watch.stored(room, number, 0)
    await watch.run(Promise.resolve(counts))
    await this.#check(lanes, counts)
    return rateOf(sent)
  }

  async #check(lanes: readonly Lane[], counts: readonly number[]): Promise<void> {
    for (const [i, { room, head }] of lanes.entries()) await checkIndexed(this.#index, room, head, counts[i] ?? 0)
  }
}

function lateOf(ms: Float64Array): Late {
  const seconds = (share: number) => percentile(ms, share) / 1_000
  return { p50: seconds(0.5), p99: seconds(0.99), max: seconds(1) }
}

function told({ ours, theirs, probe }: FreshnessTurn): string {
  const each = ({ perSecond, saturation, indexed, found }: Measured) =>
    `${figure(perSecond)}/s of ${figure(saturation)}/s: indexed after ${figure(indexed.p50)} s (p99 ${figure(indexed.p99)} s, ` +
    `max ${figure(indexed.max)} s), found after ${figure(found.p50 * 1_000)} ms (p99 ${figure(found.p99 * 1_000)} ms)`
  return `cluster, ${each(ours)}; SQLite, ${each(theirs)}; probe ${figure(probe)}/s`
}

// ---- what it says ------------------------------------------------------------------------------------------------------

type Pick = (turn: FreshnessTurn) => Measured

function report(all: readonly FreshnessTurn[], engine: string): PartReport {
  const { turns, doubt } = counting(all)
  const installations: readonly (readonly [string, Pick])[] = [
    [`a cluster with ${engine}`, ({ ours }) => ours],
    ['one process on SQLite', ({ theirs }) => theirs],
  ]
  return {
    part: 'freshness',
    tables: [table(turns, installations)],
    goals: installations.map(
      ([what, pick]): Goal => ({
        what: `stored to indexed, p99, ${what}`,
        measured: spread(turns.map((turn) => pick(turn).indexed.p99)),
        unit: ' s',
        better: 'lower',
        ...GOAL,
        doubt,
      }),
    ),
    notes: [
      probeNote(all),
      'Every message was found in history and in the index exactly once, in the order it was sent.',
      'Messages come at half the rate that the same server took a moment before. "Indexed": a search of the index alone finds it, for every message;',
      '"found": GET /v1/search finds it, for some, one after the other; that looks into the store for what the index lacks, so it is the time of one',
      'search where all is found at once (1.00), and of more where the newest 1,000 of what is lacking had passed it by. "Told": how far in the past the `indexedThrough` of those searches lies.',
    ],
    figures: { engine, turns: all },
  }
}

function table(turns: readonly FreshnessTurn[], installations: readonly (readonly [string, Pick])[]): Table {
  return {
    title: 'Seconds from stored until search has it: median (min–max)',
    columns: [
      'installation',
      'stored/s',
      'of so many/s',
      'indexed p50',
      'p99',
      'max',
      'found p50',
      'p99',
      'max',
      'at once',
      'told p50',
      'max',
    ],
    rows: installations.map(([what, pick]) => {
      const column = (value: (measured: Measured) => number) => ranged(spread(turns.map((turn) => value(pick(turn)))))
      return [
        what,
        column(({ perSecond }) => perSecond),
        column(({ saturation }) => saturation),
        column(({ indexed }) => indexed.p50),
        column(({ indexed }) => indexed.p99),
        column(({ indexed }) => indexed.max),
        column(({ found }) => found.p50),
        column(({ found }) => found.p99),
        column(({ found }) => found.max),
        column(({ foundAtOnce }) => foundAtOnce),
        column(({ told }) => told.p50),
        column(({ told }) => told.max),
      ]
    }),
  }
}
