import type { Answer, Question } from '../bare/sqlite.ts'
import { Bare } from '../load/bare.ts'
import type { Client } from '../load/client.ts'
import { checkHistory } from '../load/history.ts'
import { type Cpu, cpuSeconds, cpuSecondsWhenQuiet, microsPer } from '../load/machine.ts'
import { Messages } from '../load/messages.ts'
import { groupsOf } from '../load/metrics.ts'
import { Receiver } from '../load/receiver.ts'
import { createRoom } from '../load/rooms.ts'
import { type Sent, sendInClosedLoop } from '../load/sender.ts'
import { Folder, Holdfast } from '../load/server.ts'
import { counting, probeNote, type Turn, takeTurns } from '../load/turns.ts'
import type { Progress } from '../main.ts'
import { figure, type Goal, type PartReport, ranged, type Table } from '../report.ts'
import { type BenchSettings, profiling } from '../settings.ts'
import { percentile, type Spread, spread } from '../stats.ts'

const SENDER = 'bench-sender'
const RECEIVER = 'bench-receiver'
/** A worker's batch takes no more: neither does a group of the bare loop. */
const GROUP_MAX = 500
const FILL_ROOMS = 100
const FILL_IN_FLIGHT = 1_000
/** Long enough for a server to have compiled what is hot: with 2 seconds each, 16 in flight reach a sixth less. */
const SECONDS = 6
const CPU = { must: 3, aim: 2 }
const IN_FLIGHT = [1, 16, 64, 1_000]

interface Level {
  readonly inFlight: number
  readonly must: number
  readonly aim: number
}

function levelOf(inFlight: number): Level {
  if (inFlight === 1) return { inFlight, must: 0.45, aim: 0.6 }
  return { inFlight, must: 0.5, aim: inFlight < 500 ? 0.65 : 0.7 }
}

/** Messages stored through real sockets, in one room, beside a loop that writes the same rows in the same transactions and group sizes. */
export async function stored(settings: BenchSettings, progress: Progress): Promise<PartReport> {
  const { seconds = SECONDS, passes, filledEntries, inFlight = IN_FLIGHT } = settings
  using folder = new Folder()
  await prepare(folder.path, filledEntries, progress)
  using twin = folder.copy()
  const server = await Holdfast.start({ data: folder.path, nodeOptions: profiling(settings) })
  const { bare } = await Bare.start('sqlite', { args: [twin.path] })
  try {
    const talk = await Talk.begin(server)
    const results = inFlight.map((one) => ({ level: levelOf(one), turns: [] as StoredTurn[] }))
    for (let pass = 0; pass <= passes; pass++) {
      for (const { level, turns } of results) {
        const turn = await takeTurns(
          pass,
          folder.path,
          () => talk.measure(level.inFlight, seconds),
          () => measureBare(bare, Math.min(level.inFlight, GROUP_MAX), seconds),
        )
        progress(`${pass === 0 ? 'warm-up' : `pass ${pass} of ${passes}`}, ${level.inFlight} in flight: ${told(turn)}`)
        if (pass > 0) turns.push(turn)
      }
    }
    talk.end()
    return report(results, filledEntries)
  } finally {
    await Promise.all([server.stop(), bare.stop()])
  }
}

interface Measured {
  readonly perSecond: number
  /** Microseconds of CPU for each message. */
  readonly cpu: Cpu
}

interface MeasuredHoldfast extends Measured {
  readonly messages: number
  readonly messagesPerGroup: number | undefined
  readonly acceptedMs: { readonly p50: number; readonly p99: number }
  readonly storedMs: { readonly p50: number; readonly p99: number }
}

interface MeasuredBare extends Measured {
  /** The same loop without the rows of the search index. */
  readonly withoutIndex: Measured
}

type StoredTurn = Turn<MeasuredHoldfast, MeasuredBare>

/** One who sends, and one who receives, and a new room for each measurement, so that its history is what was measured. */
class Talk {
  private readonly server: Holdfast
  private readonly sender: Client
  private readonly receiver: Client
  private rooms = 0

  private constructor(server: Holdfast, sender: Client, receiver: Client) {
    this.server = server
    this.sender = sender
    this.receiver = receiver
  }

  static async begin(server: Holdfast): Promise<Talk> {
    // An administrator: nobody else may send more than fifty a second.
    return new Talk(server, await server.signIn(SENDER, 'administrator'), await server.signIn(RECEIVER))
  }

  async measure(inFlight: number, seconds: number): Promise<MeasuredHoldfast> {
    const { server, sender, receiver } = this
    const room = `bench-${inFlight}-${++this.rooms}`
    const joined = receiver.frame('joined')
    const head = await createRoom(sender, room, [RECEIVER])
    await joined
    const received = Receiver.on(receiver, head)
    const groupsBefore = await groupsOf(server)
    const cpuBefore = await cpuSecondsWhenQuiet(server.pid)
    const sent = await sendInClosedLoop(sender, new Messages(room), inFlight, head, { seconds })
    await received.reached(head + sent.messages)
    receiver.traffic = undefined
    const cpu = microsPer(sent.messages, cpuBefore, await cpuSecondsWhenQuiet(server.pid))
    const groups = (await groupsOf(server)) - groupsBefore
    await checkHistory(server, room, head, sent.messages)
    return measuredOf(sent, cpu, groups)
  }

  end(): void {
    this.sender.close()
    this.receiver.close()
  }
}

function measuredOf(
  { messages, counted, seconds, acceptedMs, storedMs }: Sent,
  cpu: Cpu,
  groups: number,
): MeasuredHoldfast {
  const percentiles = (values: Float64Array) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) })
  return {
    messages,
    perSecond: counted / seconds,
    cpu,
    messagesPerGroup: messages / groups,
    acceptedMs: percentiles(acceptedMs),
    storedMs: percentiles(storedMs),
  }
}

async function measureBare(bare: Bare, group: number, seconds: number): Promise<MeasuredBare> {
  const whole = await measureLoop(bare, { group, seconds, indexes: true })
  return { ...whole, withoutIndex: await measureLoop(bare, { group, seconds, indexes: false }) }
}

async function measureLoop(bare: Bare, question: Question): Promise<Measured> {
  const before = cpuSeconds(bare.pid)
  const { messages, seconds } = await bare.ask<Answer>(question)
  return { perSecond: messages / seconds, cpu: microsPer(messages, before, cpuSeconds(bare.pid)) }
}

/** Leaves a folder with a store of so many entries, and with a message's rows for the bare loop to copy. */
async function prepare(data: string, filledEntries: number, progress: Progress): Promise<void> {
  const server = await Holdfast.start({ data })
  try {
    const sender = await server.signIn(SENDER, 'administrator')
    const perRoom = Math.ceil(filledEntries / FILL_ROOMS)
    for (let i = 0; i < FILL_ROOMS && perRoom > 0; i++) {
      const room = `bench-fill-${i}`
      const head = await createRoom(sender, room, [])
      await sendInClosedLoop(sender, new Messages(room, 'scattered'), Math.min(FILL_IN_FLIGHT, perRoom), head, {
        messages: perRoom,
      })
      if ((i + 1) % 10 === 0) progress(`filled with ${figure((i + 1) * perRoom)} of ${figure(filledEntries)} entries`)
    }
    const head = await createRoom(sender, 'bench-sample', [])
    await sendInClosedLoop(sender, new Messages('bench-sample'), 1, head, { messages: 1 })
    sender.close()
  } finally {
    await server.stop()
  }
}

function told({ ours, theirs, probe }: StoredTurn): string {
  return (
    `${figure(ours.perSecond)}/s (${figure(ours.cpu.all)} µs), bare ${figure(theirs.perSecond)}/s (${figure(theirs.cpu.all)} µs), ` +
    `ratio ${figure(ours.perSecond / theirs.perSecond)}, probe ${figure(probe)}/s`
  )
}

// ---- what it says ------------------------------------------------------------------------------------------------------

interface Result {
  readonly level: Level
  readonly turns: readonly StoredTurn[]
}

function report(results: readonly Result[], filledEntries: number): PartReport {
  const where = filledEntries > 0 ? `, in a store filled with ${figure(filledEntries)} entries` : ''
  return {
    part: 'stored',
    tables: [rateTable(results, where), cpuTable(results), latencyTable(results)],
    goals: results.flatMap((result) => goalsOf(result, where)),
    notes: [
      probeNote(results.flatMap(({ turns }) => turns)),
      'Every message was found in history exactly once, in the order it was sent, and was pushed to both.',
      'The bare loop writes every row that the server writes for a message, those of the search index too; "no index": without those.',
    ],
    figures: results,
  }
}

function rateTable(results: readonly Result[], where: string): Table {
  return {
    title: `Stored messages a second, one room${where}: median (min–max)`,
    columns: ['in flight', 'Holdfast', 'bare loop', 'ratio', 'bare, no index', 'messages a group'],
    rows: results.map((result) => {
      const { level, turns } = { ...result, ...counting(result.turns) }
      const column = (pick: (turn: StoredTurn) => number) => ranged(spread(turns.map(pick)))
      return [
        String(level.inFlight),
        column(({ ours }) => ours.perSecond),
        column(({ theirs }) => theirs.perSecond),
        ranged(rateRatio(turns)),
        column(({ theirs }) => theirs.withoutIndex.perSecond),
        column(({ ours }) => ours.messagesPerGroup ?? Number.NaN),
      ]
    }),
  }
}

function cpuTable(results: readonly Result[]): Table {
  return {
    title: 'Microseconds of CPU for each message: median (min–max)',
    columns: [
      'in flight',
      'Holdfast',
      'bare loop',
      'ratio',
      'bare, no index',
      'main thread',
      'engine thread',
      'search thread',
      "V8's helpers",
    ],
    rows: results.map(({ level, turns }) => {
      const column = (pick: (turn: StoredTurn) => number) => ranged(spread(turns.map(pick)))
      return [
        String(level.inFlight),
        column(({ ours }) => ours.cpu.all),
        column(({ theirs }) => theirs.cpu.all),
        ranged(cpuRatio(turns)),
        column(({ theirs }) => theirs.withoutIndex.cpu.all),
        column(({ ours }) => ours.cpu.main),
        column(({ ours }) => ours.cpu.engine),
        column(({ ours }) => ours.cpu.search),
        column(({ ours: { cpu } }) => cpu.all - cpu.main - cpu.engine - cpu.search),
      ]
    }),
  }
}

function latencyTable(results: readonly Result[]): Table {
  return {
    title: 'Milliseconds from the send to its answer: median (min–max) of the passes',
    columns: ['in flight', 'accepted p50', 'accepted p99', 'stored p50', 'stored p99'],
    rows: results.map((result) => {
      const { level, turns } = { ...result, ...counting(result.turns) }
      const column = (pick: (ours: MeasuredHoldfast) => number) => ranged(spread(turns.map(({ ours }) => pick(ours))))
      return [
        String(level.inFlight),
        column(({ acceptedMs }) => acceptedMs.p50),
        column(({ acceptedMs }) => acceptedMs.p99),
        column(({ storedMs }) => storedMs.p50),
        column(({ storedMs }) => storedMs.p99),
      ]
    }),
  }
}

function goalsOf({ level, turns: all }: Result, where: string): Goal[] {
  const { turns, doubt } = counting(all)
  const { inFlight, must, aim } = level
  return [
    {
      what: `stored/s, ${inFlight} in flight, to the bare loop${where}`,
      measured: rateRatio(turns),
      unit: '',
      better: 'higher',
      must,
      aim,
      doubt,
    },
    {
      what: `CPU per message, ${inFlight} in flight, to the bare loop${where}`,
      measured: cpuRatio(turns),
      unit: ' ×',
      better: 'lower',
      ...CPU,
      doubt: undefined,
    },
  ]
}

function rateRatio(turns: readonly StoredTurn[]): Spread {
  return spread(turns.map(({ ours, theirs }) => ours.perSecond / theirs.perSecond))
}

function cpuRatio(turns: readonly StoredTurn[]): Spread {
  return spread(turns.map(({ ours, theirs }) => ours.cpu.all / theirs.cpu.all))
}
