import type { Log } from '../../packages/server/src/ports/log.ts'
import type { Answer, Question } from '../bare/mongodb.ts'
import { Bare } from '../load/bare.ts'
import { Cluster } from '../load/cluster.ts'
import { committedBy } from '../load/committed.ts'
import { absentFor, type Engines, startEngines } from '../load/engines.ts'
import { checkEntries } from '../load/entries.ts'
import { type Shares, sharesIn } from '../load/libraries.ts'
import { cpuSeconds } from '../load/machine.ts'
import { groupsOf } from '../load/metrics.ts'
import { preloadMessages, preloadRooms, roomsPerPartition, SENDER } from '../load/preload.ts'
import { Folder, type Holdfast } from '../load/server.ts'
import { counting, probeNote, type Turn, takeTurns } from '../load/turns.ts'
import type { Progress } from '../main.ts'
import { figure, type PartReport, ranged, type Table } from '../report.ts'
import { type BenchSettings, profiling } from '../settings.ts'
import { type Spread, spread } from '../stats.ts'

const PARTITIONS = 4
const ROOMS_PER_PARTITION = 5
const GOAL = { must: 0.7, aim: 0.8 }
const RECORDS = { 'mongo-java-server': 100_000, ferretdb: 2_000, 'ferretdb-pg': 2_000 }

/** A worker that finds a full log, beside a loop that inserts the same documents in the same group sizes into the same engine. */
export async function drain(settings: BenchSettings, progress: Progress): Promise<PartReport> {
  let engines: Engines
  try {
    engines = await startEngines(settings.store, progress)
  } catch (error) {
    return absentFor('drain', error)
  }
  await using running = engines
  await using measuring = new Drain(running, settings, progress)
  using folder = new Folder()
  const turns: DrainTurn[] = []
  for (let pass = 0; pass <= settings.passes; pass++) {
    const turn = await takeTurns(
      pass,
      folder.path,
      () => measuring.worker(pass === 0),
      () => measuring.bare(),
    )
    progress(`${pass === 0 ? 'warm-up' : `pass ${pass} of ${settings.passes}`}: ${told(turn)}`)
    if (pass > 0) turns.push(turn)
  }
  return report(turns, { store: running.store, records: measuring.records, shares: measuring.shares })
}

interface Measured {
  readonly perSecond: number
  /** Microseconds of CPU for each message, of the one process. */
  readonly cpu: number
}

interface MeasuredWorker extends Measured {
  readonly messages: number
  readonly messagesPerGroup: number
}

interface MeasuredBare extends Measured {
  /** The same loop, which looks first whether a group is there already. */
  readonly withLookUp: Measured
}

type DrainTurn = Turn<MeasuredWorker, MeasuredBare>

class Drain implements AsyncDisposable {
  readonly records: number
  /** Of the worker's CPU time, from the pass that does not count. */
  shares: Shares = {}
  readonly #engines: Engines
  readonly #settings: BenchSettings
  readonly #progress: Progress
  readonly #rooms = roomsPerPartition(PARTITIONS, ROOMS_PER_PARTITION)
  readonly #perRoom: number
  /** The last installation that was drained: what the bare loop copies. */
  #drained: { readonly cluster: Cluster; readonly messagesPerGroup: number } | undefined

  constructor(engines: Engines, settings: BenchSettings, progress: Progress) {
    this.#engines = engines
    this.#settings = settings
    this.#progress = progress
    this.#perRoom = Math.ceil((settings.records ?? RECORDS[settings.store]) / (PARTITIONS * ROOMS_PER_PARTITION))
    this.records = this.#perRoom * PARTITIONS * ROOMS_PER_PARTITION
  }

  async worker(isProfiled: boolean): Promise<MeasuredWorker> {
    // Where the bare loop comes first it has copied the last one already.
    await this.#drained?.cluster[Symbol.asyncDispose]()
    this.#drained = undefined
    const cluster = await Cluster.open(this.#engines, PARTITIONS)
    try {
      const measured = await this.#drain(cluster, isProfiled)
      this.#drained = { cluster, messagesPerGroup: measured.messagesPerGroup }
      return measured
    } finally {
      if (this.#drained === undefined) await cluster[Symbol.asyncDispose]()
    }
  }

  async bare(): Promise<MeasuredBare> {
    if (this.#drained === undefined) throw new Error('nothing was drained yet')
    const { cluster, messagesPerGroup } = this.#drained
    const args = [cluster.mongodb, cluster.name, String(PARTITIONS), String(await cluster.documentsMax())]
    const whole = async (looksUp: boolean): Promise<Measured> => {
      const { bare } = await Bare.start<{ messages: number }>('mongodb', { args })
      try {
        const group = Math.round(messagesPerGroup)
        const question: Question = { into: `${cluster.name}-bare`, group, looksUp }
        const { messages, seconds, cpuSeconds } = await bare.ask<Answer>(question)
        if (messages !== this.records) throw new Error(`the bare loop found ${messages} of ${this.records} messages`)
        return { perSecond: messages / seconds, cpu: (cpuSeconds * 1e6) / messages }
      } finally {
        await bare.stop()
      }
    }
    return { ...(await whole(false)), withLookUp: await whole(true) }
  }

  async #drain(cluster: Cluster, isProfiled: boolean): Promise<MeasuredWorker> {
    await using log = await cluster.log()
    await cluster.register(SENDER)
    await preloadRooms(log.logs, this.#rooms)
    const early = await cluster.start('worker')
    await committedBy(log.logs.commands, 'worker', PARTITIONS * ROOMS_PER_PARTITION)
    await early.stop()
    await preloadMessages(log.logs, this.#rooms, this.#perRoom)
    this.#progress(`${figure(this.records)} messages are in the log`)

    using profiles = new Folder()
    const profiler = isProfiled ? ['--cpu-prof', `--cpu-prof-dir=${profiles.path}`] : profiling(this.#settings)
    const worker = await cluster.start('worker', { nodeOptions: profiler })
    let measured: MeasuredWorker
    try {
      measured = await this.#measure(worker, log.logs.commands)
    } finally {
      await worker.stop()
    }
    if (isProfiled) this.shares = sharesIn(profiles.path)
    await checkEntries(cluster, this.#rooms.flat(), this.#perRoom)
    return measured
  }

  /** From the first commit on, so that how long a process takes to start does not count. */
  async #measure(worker: Holdfast, commands: Log): Promise<MeasuredWorker> {
    const before = PARTITIONS * ROOMS_PER_PARTITION
    const first = await committedBy(commands, 'worker', before + 1)
    const [begun, cpuBefore] = [performance.now(), cpuSeconds(worker.pid)]
    const last = await committedBy(commands, 'worker', before + this.records)
    const seconds = (performance.now() - begun) / 1_000
    const messages = last - first
    const cpu = ((cpuSeconds(worker.pid).all - cpuBefore.all) * 1e6) / messages
    return {
      messages,
      perSecond: messages / seconds,
      cpu,
      messagesPerGroup: this.records / (await groupsOf(worker)),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drained?.cluster[Symbol.asyncDispose]()
  }
}

function told({ ours, theirs, probe }: DrainTurn): string {
  return (
    `${figure(ours.perSecond)}/s (${figure(ours.cpu)} µs, ${figure(ours.messagesPerGroup)} a group), ` +
    `bare ${figure(theirs.perSecond)}/s (${figure(theirs.cpu)} µs), ratio ${figure(ours.perSecond / theirs.perSecond)}; ` +
    `bare with look-up ${figure(theirs.withLookUp.perSecond)}/s, ratio ${figure(ours.perSecond / theirs.withLookUp.perSecond)}; ` +
    `probe ${figure(probe)}/s`
  )
}

// ---- what it says ------------------------------------------------------------------------------------------------------

interface Circumstances {
  readonly store: string
  readonly records: number
  readonly shares: Shares
}

function report(all: readonly DrainTurn[], { store, records, shares }: Circumstances): PartReport {
  const { turns, doubt } = counting(all)
  return {
    part: 'drain',
    tables: [rateTable(turns, records, store), cpuTable(turns, shares)],
    goals: [
      {
        what: `drained/s, to the bare loop on ${store}`,
        measured: ratioTo(turns, ({ theirs }) => theirs),
        unit: '',
        better: 'higher',
        ...GOAL,
        doubt,
      },
    ],
    notes: [
      probeNote(all),
      `Every message was found in the store exactly once, in the order of the log: ${PARTITIONS} partitions with ${ROOMS_PER_PARTITION} rooms each.`,
      'The bare loop inserts the same documents into the same engine, in groups as large, each with the heads of its rooms and the place of its',
      'partition; "with look-up" it first asks, as the worker does, which ids are there. The worker also reads the log, publishes and commits.',
      ...(store.startsWith('ferretdb')
        ? [
            'FerretDB reads the whole collection for every look-up, which MongoDB does by an index: only few messages are feasible.',
          ]
        : []),
    ],
    figures: { store, records, shares, turns: all },
  }
}

function rateTable(turns: readonly DrainTurn[], records: number, store: string): Table {
  const column = (pick: (turn: DrainTurn) => number) => ranged(spread(turns.map(pick)))
  return {
    title: `Messages a second from a log that holds ${figure(records)} into ${store}: median (min–max)`,
    columns: ['Holdfast', 'bare loop', 'ratio', 'bare, with look-up', 'ratio', 'messages a group'],
    rows: [
      [
        column(({ ours }) => ours.perSecond),
        column(({ theirs }) => theirs.perSecond),
        ranged(ratioTo(turns, ({ theirs }) => theirs)),
        column(({ theirs }) => theirs.withLookUp.perSecond),
        ranged(ratioTo(turns, ({ theirs }) => theirs.withLookUp)),
        column(({ ours }) => ours.messagesPerGroup),
      ],
    ],
  }
}

/** Who uses the worker's time is known from another pass, so its parts are shares of this one's. */
function cpuTable(turns: readonly DrainTurn[], shares: Shares): Table {
  const worker = spread(turns.map(({ ours }) => ours.cpu))
  const owners = Object.entries(shares)
    .sort(([, a], [, b]) => b - a)
    .filter(([, share]) => share >= 0.01)
  return {
    title: 'Microseconds of CPU for each message, and who uses them in the worker: median (min–max)',
    columns: ['worker', 'bare loop', 'bare, with look-up', ...owners.map(([owner]) => owner)],
    rows: [
      [
        ranged(worker),
        ranged(spread(turns.map(({ theirs }) => theirs.cpu))),
        ranged(spread(turns.map(({ theirs }) => theirs.withLookUp.cpu))),
        ...owners.map(([, share]) => figure(share * worker.median)),
      ],
    ],
  }
}

function ratioTo(turns: readonly DrainTurn[], other: (turn: DrainTurn) => Measured): Spread {
  return spread(turns.map((turn) => turn.ours.perSecond / other(turn).perSecond))
}
