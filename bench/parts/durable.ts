import type { Answer, Batches, Question } from '../bare/kafka.ts'
import { sendUntilAccepted } from '../load/accepting.ts'
import { Bare } from '../load/bare.ts'
import { Client } from '../load/client.ts'
import { Cluster } from '../load/cluster.ts'
import { checkCommands } from '../load/commands.ts'
import { absentFor, type Engines, startEngines } from '../load/engines.ts'
import { cpuSeconds, cpuSecondsWhenQuiet } from '../load/machine.ts'
import { Messages } from '../load/messages.ts'
import { roomsPerPartition, SENDER } from '../load/preload.ts'
import { Folder, type Holdfast } from '../load/server.ts'
import { counting, probeNote, type Turn, takeTurns } from '../load/turns.ts'
import type { Progress } from '../main.ts'
import { figure, type Goal, type PartReport, ranged, type Table } from '../report.ts'
import { type BenchSettings, profiling, SECONDS } from '../settings.ts'
import { percentile, type Spread, spread } from '../stats.ts'

const PARTITIONS = 4
const IN_FLIGHT = [16, 64, 1_000]
const GOAL = { must: 0.5, aim: 0.6 }
/** Nothing is stored while it is measured, so all that was ever accepted waits for its end. */
const PATIENCE = {
  HOLDFAST_GATEWAY_COMMANDS_IN_FLIGHT_MAX: '10000000',
  HOLDFAST_INTAKE_WAITERS_MAX: '10000000',
}

/** Sends through real sockets until Kafka has them, beside a producer that appends the same batches. */
export async function durable(settings: BenchSettings, progress: Progress): Promise<PartReport> {
  let engines: Engines
  try {
    engines = await startEngines('ferretdb', progress)
  } catch (error) {
    return absentFor('durable', error)
  }
  await using running = engines
  await using cluster = await Cluster.open(running, PARTITIONS)
  await using twin = await Cluster.open(running, PARTITIONS)
  await using log = await cluster.log()
  using folder = new Folder()
  const gateway = await cluster.start('gateway', { env: PATIENCE, nodeOptions: profiling(settings) })
  const topics = [`${cluster.name}.commands`, `${twin.name}.commands`]
  const { bare } = await Bare.start('kafka', { args: [running.kafka, ...topics] })
  const { bare: server, hello } = await Bare.start<{ port: number }>('kafka-sockets', {
    args: [running.kafka, topics[1] ?? '', String(PARTITIONS)],
  })
  try {
    const address = new URL(`ws://127.0.0.1:${hello.port}`)
    const measuring = new Durable(
      { gateway, log, bare, server: { pid: server.pid, address } },
      settings.seconds ?? SECONDS,
    )
    const results = (settings.inFlight ?? IN_FLIGHT).map((inFlight) => ({ inFlight, turns: [] as DurableTurn[] }))
    for (let pass = 0; pass <= settings.passes; pass++) {
      for (const { inFlight, turns } of results) {
        const turn = await takeTurns(
          pass,
          folder.path,
          () => measuring.gateway(inFlight),
          () => measuring.bare(inFlight),
        )
        progress(
          `${pass === 0 ? 'warm-up' : `pass ${pass} of ${settings.passes}`}, ${inFlight} in flight: ${told(turn)}`,
        )
        if (pass > 0) turns.push(turn)
      }
    }
    return report(results)
  } finally {
    await Promise.all([gateway.stop(), bare.stop(), server.stop()])
  }
}

interface Measured {
  readonly perSecond: number
  /** Microseconds of CPU for each message, of the one process. */
  readonly cpu: number
}

interface MeasuredGateway extends Measured {
  readonly messages: number
  readonly messagesPerBatch: number
  readonly acceptedMs: { readonly p50: number; readonly p99: number }
}

interface MeasuredBare extends Measured {
  /** A server with sockets in front of such a producer. */
  readonly withSockets: Measured
}

type DurableTurn = Turn<MeasuredGateway, MeasuredBare>

interface Measuring {
  readonly gateway: Holdfast
  readonly log: Awaited<ReturnType<Cluster['log']>>
  readonly bare: Bare
  readonly server: { readonly pid: number; readonly address: URL }
}

class Durable {
  readonly #measuring: Measuring
  readonly #seconds: number
  /** What the gateway appended last with so many in flight. */
  readonly #batches = new Map<number, Batches>()
  #count = 0

  constructor(measuring: Measuring, seconds: number) {
    this.#measuring = measuring
    this.#seconds = seconds
  }

  /** A connection with a room of its own for each partition. */
  async gateway(inFlight: number): Promise<MeasuredGateway> {
    const { gateway, log, bare } = this.#measuring
    const lanes = this.#lanes(inFlight)
    const clients = await Promise.all(lanes.map(() => gateway.signIn(SENDER, 'administrator')))
    const before = await this.#ends()
    const { sent, messages, ...measured } = await this.#send(gateway.pid, clients, lanes)
    const after = await this.#ends()
    const ranges = before.map((from, partition) => ({ partition, from, to: after[partition] ?? from }))
    await checkCommands(log.logs, ranges, new Map(lanes.map(({ room }, i) => [room, sent[i]?.messages ?? 0])))
    const batches = await bare.ask<Batches>({ read: ranges } satisfies Question)
    this.#batches.set(inFlight, batches)
    const ms = Float64Array.from(sent.flatMap(({ ms }) => [...ms])).sort()
    return {
      ...measured,
      messages,
      messagesPerBatch: messages / batches.flat().length,
      acceptedMs: { p50: percentile(ms, 0.5), p99: percentile(ms, 0.99) },
    }
  }

  async bare(inFlight: number): Promise<MeasuredBare> {
    const { bare, server } = this.#measuring
    const question: Question = { write: this.#batches.get(inFlight) ?? [], seconds: this.#seconds }
    const { messages, seconds, cpuSeconds } = await bare.ask<Answer>(question)
    const lanes = this.#lanes(inFlight)
    const clients = await Promise.all(lanes.map(() => Client.connect(server.address)))
    const { perSecond, cpu } = await this.#send(server.pid, clients, lanes)
    return { perSecond: messages / seconds, cpu: (cpuSeconds * 1e6) / messages, withSockets: { perSecond, cpu } }
  }

  #lanes(inFlight: number): readonly Lane[] {
    return sharesOf(inFlight, roomsPerPartition(PARTITIONS, 1, `bench-${inFlight}-${++this.#count}`).flat())
  }

  async #send(pid: number, clients: readonly Client[], lanes: readonly Lane[]) {
    const cpuBefore = await cpuSecondsWhenQuiet(pid)
    const sent = await Promise.all(
      clients.map((client, i) => {
        const { room, inFlight } = lanes[i] ?? { room: '', inFlight: 0 }
        return sendUntilAccepted(client, new Messages(room), inFlight, this.#seconds)
      }),
    )
    const cpuAfter = cpuSeconds(pid)
    for (const client of clients) client.close()
    const messages = sent.reduce((sum, { messages }) => sum + messages, 0)
    return {
      sent,
      messages,
      perSecond: sent.reduce((sum, { counted }) => sum + counted, 0) / this.#seconds,
      cpu: ((cpuAfter.all - cpuBefore.all) * 1e6) / messages,
    }
  }

  async #ends(): Promise<readonly number[]> {
    const { commands } = this.#measuring.log.logs
    return await Promise.all(Array.from({ length: PARTITIONS }, async (_, id) => (await commands.range(id)).end))
  }
}

interface Lane {
  readonly room: string
  readonly inFlight: number
}

/** The rooms among which so many in flight are shared; with fewer in flight than rooms, fewer rooms. */
function sharesOf(inFlight: number, rooms: readonly string[]): readonly Lane[] {
  return rooms.slice(0, inFlight).map((room, i, some) => ({
    room,
    inFlight: Math.floor(inFlight / some.length) + (i < inFlight % some.length ? 1 : 0),
  }))
}

function told({ ours, theirs, probe }: DurableTurn): string {
  return (
    `${figure(ours.perSecond)}/s (${figure(ours.cpu)} µs, ${figure(ours.messagesPerBatch)} a batch), ` +
    `bare ${figure(theirs.perSecond)}/s (${figure(theirs.cpu)} µs), ratio ${figure(ours.perSecond / theirs.perSecond)}; ` +
    `bare with sockets ${figure(theirs.withSockets.perSecond)}/s (${figure(theirs.withSockets.cpu)} µs), ` +
    `ratio ${figure(ours.perSecond / theirs.withSockets.perSecond)}; ` +
    `probe ${figure(probe)}/s`
  )
}

// ---- what it says ------------------------------------------------------------------------------------------------------

interface Result {
  readonly inFlight: number
  readonly turns: readonly DurableTurn[]
}

function report(results: readonly Result[]): PartReport {
  return {
    part: 'durable',
    tables: [table(results)],
    goals: results.map(goalOf),
    notes: [
      probeNote(results.flatMap(({ turns }) => turns)),
      'Every message was found in the log exactly once, in the order in which its connection sent it. Nothing is stored meanwhile.',
      `One broker that flushes each batch (flush.messages=1), ${PARTITIONS} partitions with a room and a connection each.`,
      'The bare producer makes the same messages and appends them in batches of the same sizes, one in flight for each partition; "with sockets":',
      'a bare ws server in front of such a producer, which answers each message once it is appended.',
    ],
    figures: results,
  }
}

function table(results: readonly Result[]): Table {
  return {
    title: 'Sends a second until accepted, and microseconds of CPU for each: median (min–max)',
    columns: [
      'in flight',
      'Holdfast',
      'bare producer',
      'ratio',
      'bare, with sockets',
      'ratio',
      'gateway µs',
      'bare µs',
      'with sockets µs',
      'accepted p50 ms',
      'p99 ms',
      'messages a batch',
    ],
    rows: results.map((result) => {
      const { turns } = counting(result.turns)
      const column = (pick: (turn: DurableTurn) => number) => ranged(spread(turns.map(pick)))
      return [
        String(result.inFlight),
        column(({ ours }) => ours.perSecond),
        column(({ theirs }) => theirs.perSecond),
        ranged(ratio(turns)),
        column(({ theirs }) => theirs.withSockets.perSecond),
        column(({ ours, theirs }) => ours.perSecond / theirs.withSockets.perSecond),
        column(({ ours }) => ours.cpu),
        column(({ theirs }) => theirs.cpu),
        column(({ theirs }) => theirs.withSockets.cpu),
        column(({ ours }) => ours.acceptedMs.p50),
        column(({ ours }) => ours.acceptedMs.p99),
        column(({ ours }) => ours.messagesPerBatch),
      ]
    }),
  }
}

function goalOf({ inFlight, turns: all }: Result): Goal {
  const { turns, doubt } = counting(all)
  const what = `accepted/s, ${inFlight} in flight, to the bare producer`
  return { what, measured: ratio(turns), unit: '', better: 'higher', ...GOAL, doubt }
}

function ratio(turns: readonly DurableTurn[]): Spread {
  return spread(turns.map(({ ours, theirs }) => ours.perSecond / theirs.perSecond))
}
