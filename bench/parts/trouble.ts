import type { OwnEngine } from '../../engines/index.ts'
import { Cluster } from '../load/cluster.ts'
import { committedBy, recordsIn } from '../load/committed.ts'
import { absentFor, type Engines, notMeasured, startEngines } from '../load/engines.ts'
import { checkIndexed } from '../load/indexed.ts'
import { Lanes, rateOf } from '../load/lanes.ts'
import { Folder } from '../load/server.ts'
import { counting, probeNote, type Turn, takeTurns } from '../load/turns.ts'
import type { Progress } from '../main.ts'
import { figure, type Goal, type PartReport, ranged, type Table } from '../report.ts'
import { type BenchSettings, profiling, SECONDS } from '../settings.ts'
import { percentile, type Spread, spread } from '../stats.ts'

const PARTITIONS = 4
const IN_FLIGHT = 256
const GOAL = { must: 0.9, aim: 0.95 }

interface Trouble {
  readonly what: string
  begin(engine: OwnEngine): Promise<void>
  end(engine: OwnEngine): Promise<void>
}

const TROUBLES: readonly Trouble[] = [
  { what: 'frozen', begin: (engine) => engine.signal('SIGSTOP'), end: (engine) => engine.signal('SIGCONT') },
  { what: 'killed', begin: (engine) => engine.signal('SIGKILL'), end: (engine) => engine.startAgain() },
]

/** Messages stored by a cluster whose search engine is in trouble, beside the same cluster while it is well. */
export async function trouble(settings: BenchSettings, progress: Progress): Promise<PartReport> {
  let engines: Engines
  try {
    engines = await startEngines('mongo-java-server', progress, { search: true })
  } catch (error) {
    return absentFor('trouble', error)
  }
  await using running = engines
  if (running.search?.own === undefined)
    return notMeasured('trouble', 'the engine of HFTEST_SEARCH is somebody else’s, and must not be stopped')
  await using cluster = await Cluster.open(running, PARTITIONS)
  await using log = await cluster.log()
  using folder = new Folder()
  const processes = await Promise.all(
    (['gateway', 'worker', 'indexer'] as const).map((role) =>
      cluster.start(role, { nodeOptions: profiling(settings) }),
    ),
  )
  try {
    const [gateway] = processes
    if (gateway === undefined) throw new Error('there is no gateway')
    const lanes = await Lanes.open(gateway, PARTITIONS)
    const measuring = new Troubled({ cluster, log, lanes, engine: running.search.own }, settings.seconds ?? SECONDS)
    const results = TROUBLES.map((trouble) => ({ trouble, turns: [] as TroubleTurn[] }))
    for (let pass = 0; pass <= settings.passes; pass++) {
      for (const { trouble, turns } of results) {
        const turn = await takeTurns(
          pass,
          folder.path,
          () => measuring.during(trouble),
          () => measuring.well(),
        )
        progress(`${pass === 0 ? 'warm-up' : `pass ${pass} of ${settings.passes}`}, ${trouble.what}: ${told(turn)}`)
        if (pass > 0) turns.push(turn)
      }
    }
    lanes.close()
    return report(results, running.search.name)
  } finally {
    await Promise.all(processes.map((process) => process.stop()))
  }
}

interface Measured {
  readonly messages: number
  readonly perSecond: number
  readonly storedMs: { readonly p50: number; readonly p99: number }
  /** From the end of the trouble, or of the sending, until the index has everything. */
  readonly caughtUpSeconds: number
}

type TroubleTurn = Turn<Measured, Measured>

interface Measuring {
  readonly cluster: Cluster
  readonly log: Awaited<ReturnType<Cluster['log']>>
  readonly lanes: Lanes
  readonly engine: OwnEngine
}

class Troubled {
  readonly #measuring: Measuring
  readonly #seconds: number

  constructor(measuring: Measuring, seconds: number) {
    this.#measuring = measuring
    this.#seconds = seconds
  }

  async during({ begin, end }: Trouble): Promise<Measured> {
    const { engine } = this.#measuring
    await begin(engine)
    return await this.#measure(() => end(engine))
  }

  well(): Promise<Measured> {
    return this.#measure(async () => {})
  }

  /** The index catches up before anybody else is measured, and has everything then. */
  async #measure(end: () => Promise<void>): Promise<Measured> {
    const { lanes, cluster, log } = this.#measuring
    const rooms = await lanes.rooms()
    const sent = await lanes.flood(rooms, IN_FLIGHT, { seconds: this.#seconds })
    await end()
    const begun = performance.now()
    const { feed } = log.logs
    await committedBy(feed, 'indexer', await recordsIn(feed))
    const caughtUpSeconds = (performance.now() - begun) / 1_000
    await cluster.index.refresh()
    for (const [i, { room, head }] of rooms.entries())
      await checkIndexed(cluster.index, room, head, sent[i]?.messages ?? 0)
    const ms = Float64Array.from(sent.flatMap(({ storedMs }) => [...storedMs])).sort()
    return {
      messages: sent.reduce((sum, { messages }) => sum + messages, 0),
      perSecond: rateOf(sent),
      storedMs: { p50: percentile(ms, 0.5), p99: percentile(ms, 0.99) },
      caughtUpSeconds,
    }
  }
}

function told({ ours, theirs, probe }: TroubleTurn): string {
  return (
    `${figure(ours.perSecond)}/s (p99 ${figure(ours.storedMs.p99)} ms, then ${figure(ours.caughtUpSeconds)} s to catch up), ` +
    `well ${figure(theirs.perSecond)}/s (p99 ${figure(theirs.storedMs.p99)} ms), ` +
    `ratio ${figure(ours.perSecond / theirs.perSecond)}, probe ${figure(probe)}/s`
  )
}

// ---- what it says ------------------------------------------------------------------------------------------------------

interface Result {
  readonly trouble: Trouble
  readonly turns: readonly TroubleTurn[]
}

function report(results: readonly Result[], engine: string): PartReport {
  return {
    part: 'trouble',
    tables: [table(results, engine)],
    goals: results.map((result) => goalOf(result, engine)),
    notes: [
      probeNote(results.flatMap(({ turns }) => turns)),
      'Every message was found in history exactly once, in the order it was sent, and afterwards in the index too.',
      `A gateway, a worker and an indexer, ${PARTITIONS} partitions with a room and a connection each, ${IN_FLIGHT} messages in flight. While the`,
      'engine is well, it and the indexer work beside the others on the same processors; in trouble they do not.',
    ],
    figures: results.map(({ trouble, turns }) => ({ trouble: trouble.what, turns })),
  }
}

function table(results: readonly Result[], engine: string): Table {
  return {
    title: `Stored messages a second while ${engine} is in trouble, and while it is well: median (min–max)`,
    columns: ['trouble', 'in trouble', 'well', 'ratio', 'stored p50 ms', 'p99 ms', 'well p50 ms', 'p99 ms', 'behind s'],
    rows: results.map((result) => {
      const { turns } = counting(result.turns)
      const column = (pick: (turn: TroubleTurn) => number) => ranged(spread(turns.map(pick)))
      return [
        result.trouble.what,
        column(({ ours }) => ours.perSecond),
        column(({ theirs }) => theirs.perSecond),
        ranged(ratio(turns)),
        column(({ ours }) => ours.storedMs.p50),
        column(({ ours }) => ours.storedMs.p99),
        column(({ theirs }) => theirs.storedMs.p50),
        column(({ theirs }) => theirs.storedMs.p99),
        column(({ ours }) => ours.caughtUpSeconds),
      ]
    }),
  }
}

function goalOf({ trouble, turns: all }: Result, engine: string): Goal {
  const { turns, doubt } = counting(all)
  const what = `stored/s with ${engine} ${trouble.what}, to it well`
  return { what, measured: ratio(turns), unit: '', better: 'higher', ...GOAL, doubt }
}

function ratio(turns: readonly TroubleTurn[]): Spread {
  return spread(turns.map(({ ours, theirs }) => ours.perSecond / theirs.perSecond))
}
