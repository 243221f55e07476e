import { INDEXER_DEFAULTS } from '../../packages/server/src/indexer/settings.ts'
import type { Log } from '../../packages/server/src/ports/log.ts'
import type { Answer, Question } from '../bare/opensearch.ts'
import { Bare } from '../load/bare.ts'
import { Cluster } from '../load/cluster.ts'
import { committedBy, recordsIn } from '../load/committed.ts'
import { absentFor, type Engines, type SearchEngine, startEngines } from '../load/engines.ts'
import { checkIndexed } from '../load/indexed.ts'
import { cpuSeconds } from '../load/machine.ts'
import { indexFailuresOf } from '../load/metrics.ts'
import { HEAD_OF_NEW_ROOM, preloadMessages, preloadRooms, roomsPerPartition, SENDER } from '../load/preload.ts'
import { Folder, type Holdfast } from '../load/server.ts'
import { counting, probeNote, type Turn, takeTurns } from '../load/turns.ts'
import type { Progress } from '../main.ts'
import { figure, type PartReport, ranged, type Table } from '../report.ts'
import { type BenchSettings, profiling } from '../settings.ts'
import { type Spread, spread } from '../stats.ts'

const PARTITIONS = 4
const ROOMS_PER_PARTITION = 5
const RECORDS = 60_000
/** What an indexer takes from a full feed at once, and so writes in one request. */
const GROUP = INDEXER_DEFAULTS.batchRecordsMax
const GOAL = { must: 0.8, aim: 0.9 }

/** An indexer that finds a full feed and no index, beside a loop that posts the same documents in requests as large to the same engine. */
export async function indexing(settings: BenchSettings, progress: Progress): Promise<PartReport> {
  let engines: Engines
  try {
    engines = await startEngines('mongo-java-server', progress, { search: true })
  } catch (error) {
    return absentFor('indexing', error)
  }
  await using running = engines
  await using cluster = await Cluster.open(running, PARTITIONS)
  const measuring = new Indexing(running, cluster, settings)
  await measuring.fill()
  progress(`${figure(measuring.records)} messages are in the feed`)
  using folder = new Folder()
  const turns: IndexingTurn[] = []
  for (let pass = 0; pass <= settings.passes; pass++) {
    const turn = await takeTurns(
      pass,
      folder.path,
      () => measuring.indexer(),
      () => measuring.bare(),
    )
    progress(`${pass === 0 ? 'warm-up' : `pass ${pass} of ${settings.passes}`}: ${told(turn)}`)
    if (pass > 0) turns.push(turn)
  }
  return report(turns, { engine: measuring.engine.name, records: measuring.records })
}

interface Measured {
  readonly perSecond: number
  /** Microseconds of CPU for each message, of the one process. */
  readonly cpu: number
  /** The same of the search engine; NaN where it is somebody else's. */
  readonly engineCpu: number
}

interface MeasuredIndexer extends Measured {
  readonly messages: number
  /** Calls that the engine refused, or that failed, and that were tried again. */
  readonly failures: number
}

interface MeasuredBare extends Measured {
  /** The same loop without heads and positions. */
  readonly messagesOnly: Measured
}

type IndexingTurn = Turn<MeasuredIndexer, MeasuredBare>

class Indexing {
  readonly records: number
  readonly engine: SearchEngine
  readonly #cluster: Cluster
  readonly #settings: BenchSettings
  readonly #rooms = roomsPerPartition(PARTITIONS, ROOMS_PER_PARTITION)
  readonly #perRoom: number
  /** Whether an indexer has left an index: what the bare loop copies. */
  #isIndexed = false

  constructor({ search }: Engines, cluster: Cluster, settings: BenchSettings) {
    if (search === undefined) throw new Error('there is no search engine')
    this.engine = search
    this.#cluster = cluster
    this.#settings = settings
    this.#perRoom = Math.ceil((settings.records ?? RECORDS) / this.#rooms.flat().length)
    this.records = this.#perRoom * this.#rooms.flat().length
  }

  /** Leaves messages in store and feed that no indexer has seen. */
  async fill(): Promise<void> {
    await using log = await this.#cluster.log()
    await this.#cluster.register(SENDER)
    await preloadRooms(log.logs, this.#rooms)
    await preloadMessages(log.logs, this.#rooms, this.#perRoom)
    const worker = await this.#cluster.start('worker')
    await committedBy(log.logs.commands, 'worker', await recordsIn(log.logs.commands))
    await worker.stop()
  }

  async indexer(): Promise<MeasuredIndexer> {
    await using log = await this.#cluster.log()
    // Where the bare loop comes first it has copied the last one already.
    if (this.#isIndexed) await this.#cluster.forgetIndex()
    const indexer = await this.#cluster.start('indexer', { nodeOptions: profiling(this.#settings) })
    let measured: MeasuredIndexer
    try {
      measured = await this.#measure(indexer, log.logs.feed)
    } finally {
      await indexer.stop()
    }
    const { index } = this.#cluster
    await index.refresh()
    for (const room of this.#rooms.flat()) await checkIndexed(index, room, HEAD_OF_NEW_ROOM, this.#perRoom)
    this.#isIndexed = true
    return measured
  }

  async bare(): Promise<MeasuredBare> {
    const args = [this.engine.url, `${this.#cluster.name}-1`, String(PARTITIONS)]
    const whole = async (tells: boolean): Promise<Measured> => {
      const { bare } = await Bare.start<{ messages: number }>('opensearch', { args })
      try {
        const question: Question = { into: `${this.#cluster.name}-bare`, group: GROUP, tells }
        const before = this.#engineSeconds()
        const { messages, seconds, cpuSeconds } = await bare.ask<Answer>(question)
        const engineCpu = ((this.#engineSeconds() - before) * 1e6) / messages
        if (messages !== this.records) throw new Error(`the bare loop found ${messages} of ${this.records} messages`)
        return { perSecond: messages / seconds, cpu: (cpuSeconds * 1e6) / messages, engineCpu }
      } finally {
        await bare.stop()
      }
    }
    return { ...(await whole(true)), messagesOnly: await whole(false) }
  }

  #engineSeconds(): number {
    const pid = this.engine.own?.processes.at(-1)?.mark?.pid
    return pid === undefined ? Number.NaN : cpuSeconds(pid).all
  }

  /** From a tenth on, so that neither the start of a process nor the making of an index counts. */
  async #measure(indexer: Holdfast, feed: Log): Promise<MeasuredIndexer> {
    const records = await recordsIn(feed)
    const first = await committedBy(feed, 'indexer', Math.ceil(records / 10))
    const [begun, cpuBefore, engineBefore] = [performance.now(), cpuSeconds(indexer.pid), this.#engineSeconds()]
    await committedBy(feed, 'indexer', records)
    const seconds = (performance.now() - begun) / 1_000
    const messages = records - first
    const cpu = ((cpuSeconds(indexer.pid).all - cpuBefore.all) * 1e6) / messages
    return {
      messages,
      perSecond: messages / seconds,
      cpu,
      engineCpu: ((this.#engineSeconds() - engineBefore) * 1e6) / messages,
      failures: await indexFailuresOf(indexer),
    }
  }
}

function told({ ours, theirs, probe }: IndexingTurn): string {
  return (
    `${figure(ours.perSecond)}/s (${figure(ours.cpu)} µs, ${ours.failures} failures), ` +
    `bare ${figure(theirs.perSecond)}/s (${figure(theirs.cpu)} µs), ratio ${figure(ours.perSecond / theirs.perSecond)}; ` +
    `bare, messages only ${figure(theirs.messagesOnly.perSecond)}/s (${figure(theirs.messagesOnly.cpu)} µs), ` +
    `ratio ${figure(ours.perSecond / theirs.messagesOnly.perSecond)}; probe ${figure(probe)}/s`
  )
}

// ---- what it says ------------------------------------------------------------------------------------------------------

interface Circumstances {
  readonly engine: string
  readonly records: number
}

function report(all: readonly IndexingTurn[], { engine, records }: Circumstances): PartReport {
  const { turns, doubt } = counting(all)
  return {
    part: 'indexing',
    tables: [table(turns, { engine, records })],
    goals: [
      {
        what: `indexed/s, to the bare loop on ${engine}`,
        measured: ratioTo(turns, ({ theirs }) => theirs),
        unit: '',
        better: 'higher',
        ...GOAL,
        doubt,
      },
    ],
    notes: [
      probeNote(all),
      `Every message was found in the index exactly once, and the index knows how far it goes: ${PARTITIONS} partitions with ${ROOMS_PER_PARTITION} rooms each.`,
      'The bare loop posts the same documents with the same ids, routing and versions into an index of the same layout, in requests as large, with',
      'the heads of the rooms and the place of the partition behind each. The indexer also reads the feed, makes tokens, refreshes and commits.',
    ],
    figures: { engine, records, turns: all },
  }
}

function table(turns: readonly IndexingTurn[], { engine, records }: Circumstances): Table {
  const column = (pick: (turn: IndexingTurn) => number) => ranged(spread(turns.map(pick)))
  return {
    title: `Messages a second from a feed that holds ${figure(records)} into ${engine}, and microseconds of CPU for each: median (min–max)`,
    columns: [
      'Holdfast',
      'bare loop',
      'ratio',
      'bare, messages only',
      'ratio',
      'indexer µs',
      'bare µs',
      'messages only µs',
      'engine µs, ours',
      'bare',
    ],
    rows: [
      [
        column(({ ours }) => ours.perSecond),
        column(({ theirs }) => theirs.perSecond),
        ranged(ratioTo(turns, ({ theirs }) => theirs)),
        column(({ theirs }) => theirs.messagesOnly.perSecond),
        ranged(ratioTo(turns, ({ theirs }) => theirs.messagesOnly)),
        column(({ ours }) => ours.cpu),
        column(({ theirs }) => theirs.cpu),
        column(({ theirs }) => theirs.messagesOnly.cpu),
        column(({ ours }) => ours.engineCpu),
        column(({ theirs }) => theirs.engineCpu),
      ],
    ],
  }
}

function ratioTo(turns: readonly IndexingTurn[], other: (turn: IndexingTurn) => Measured): Spread {
  return spread(turns.map((turn) => turn.ours.perSecond / other(turn).perSecond))
}
