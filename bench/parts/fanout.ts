import { Bare } from '../load/bare.ts'
import { Client } from '../load/client.ts'
import { checkHistory } from '../load/history.ts'
import { cpuSecondsWhenQuiet, microsPer } from '../load/machine.ts'
import { Messages } from '../load/messages.ts'
import { Receiver } from '../load/receiver.ts'
import { createRoom } from '../load/rooms.ts'
import { sendInClosedLoop } from '../load/sender.ts'
import { Folder, Holdfast } from '../load/server.ts'
import { counting, probeNote, type Turn, takeTurns } from '../load/turns.ts'
import type { Progress } from '../main.ts'
import { figure, type PartReport, ranged } from '../report.ts'
import { type BenchSettings, profiling, SECONDS } from '../settings.ts'
import { spread } from '../stats.ts'

const MEMBERS = 200
const IN_FLIGHT = 16
const ROOM = 'bench-fanout'

/** Durable fan-out to 200 members of one room, beside a server that sends everything to everybody and keeps nothing. */
export async function fanout(settings: BenchSettings, progress: Progress): Promise<PartReport> {
  const { seconds = SECONDS, passes } = settings
  using folder = new Folder()
  const server = await Holdfast.start({ data: folder.path, nodeOptions: profiling(settings) })
  const { bare, hello } = await Bare.start<{ port: number }>('sockets')
  try {
    const ours = await crowdOfHoldfast(server)
    const theirs = await crowdOfBare(bare, new URL(`ws://127.0.0.1:${hello.port}/`))
    const turns: Turn<Delivered, Delivered>[] = []
    for (let pass = 0; pass <= passes; pass++) {
      const turn = await takeTurns(
        pass,
        folder.path,
        async () => {
          const delivered = await ours.deliver(seconds)
          await checkHistory(server, ROOM, ours.head - delivered.messages, delivered.messages)
          return delivered
        },
        () => theirs.deliver(seconds),
      )
      const name = pass === 0 ? 'warm-up' : `pass ${pass} of ${passes}`
      progress(
        `${name}: ${figure(turn.ours.perSecond)}/s, bare ${figure(turn.theirs.perSecond)}/s, probe ${figure(turn.probe)}/s`,
      )
      if (pass > 0) turns.push(turn)
    }
    ours.close()
    theirs.close()
    return report(turns)
  } finally {
    await Promise.all([server.stop(), bare.stop()])
  }
}

interface Delivered {
  readonly messages: number
  /** Entries that reached a member, all members together. */
  readonly perSecond: number
  readonly cpuMicrosPerDelivery: number
}

/** A sender and 200 receivers in one room. */
class Crowd {
  private readonly pid: number
  private readonly sender: Client
  private readonly receivers: readonly Client[]
  head: number

  constructor(pid: number, sender: Client, receivers: readonly Client[], head: number) {
    this.pid = pid
    this.sender = sender
    this.receivers = receivers
    this.head = head
  }

  /** Sends for so long, and waits until everything has reached everybody: that too is in the time. */
  async deliver(seconds: number): Promise<Delivered> {
    const receivers = this.receivers.map((client) => Receiver.on(client, this.head))
    const cpuBefore = await cpuSecondsWhenQuiet(this.pid)
    const begun = performance.now()
    const { messages } = await sendInClosedLoop(this.sender, new Messages(ROOM), IN_FLIGHT, this.head, { seconds })
    this.head += messages
    await Promise.all(receivers.map((receiver) => receiver.reached(this.head)))
    const took = (performance.now() - begun) / 1_000
    const cpuAfter = await cpuSecondsWhenQuiet(this.pid)
    for (const client of this.receivers) client.traffic = undefined
    const deliveries = messages * this.receivers.length
    return {
      messages,
      perSecond: deliveries / took,
      cpuMicrosPerDelivery: microsPer(deliveries, cpuBefore, cpuAfter).all,
    }
  }

  close(): void {
    for (const client of [this.sender, ...this.receivers]) client.close()
  }
}

async function crowdOfHoldfast(server: Holdfast): Promise<Crowd> {
  const members = Array.from({ length: MEMBERS }, (_, i) => `bench-member-${i}`)
  const receivers: Client[] = []
  for (const member of members) receivers.push(await server.signIn(member))
  const sender = await server.signIn('bench-sender', 'administrator')
  const joined = receivers.map((client) => client.frame('joined'))
  const head = await createRoom(sender, ROOM, members)
  await Promise.all(joined)
  return new Crowd(server.pid, sender, receivers, head)
}

async function crowdOfBare(bare: Bare, url: URL): Promise<Crowd> {
  const receivers: Client[] = []
  for (let i = 0; i < MEMBERS; i++) receivers.push(await Client.connect(url))
  return new Crowd(bare.pid, await Client.connect(url), receivers, 0)
}

function report(all: readonly Turn<Delivered, Delivered>[]): PartReport {
  const { turns, doubt } = counting(all)
  const column = (pick: (turn: Turn<Delivered, Delivered>) => number) => spread(turns.map(pick))
  const ratio = column(({ ours, theirs }) => ours.perSecond / theirs.perSecond)
  return {
    part: 'fanout',
    tables: [
      {
        title: `Fan-out to ${MEMBERS} members, ${IN_FLIGHT} in flight: median (min–max)`,
        columns: ['', 'deliveries/s', 'CPU µs per delivery'],
        rows: [
          [
            'Holdfast, durable',
            ranged(column(({ ours }) => ours.perSecond)),
            ranged(column(({ ours }) => ours.cpuMicrosPerDelivery)),
          ],
          [
            'bare ws loop',
            ranged(column(({ theirs }) => theirs.perSecond)),
            ranged(column(({ theirs }) => theirs.cpuMicrosPerDelivery)),
          ],
          [
            'ratio',
            ranged(ratio),
            ranged(column(({ ours, theirs }) => ours.cpuMicrosPerDelivery / theirs.cpuMicrosPerDelivery)),
          ],
        ],
      },
    ],
    goals: [
      {
        what: `fan-out to ${MEMBERS}, to a bare ws loop`,
        measured: ratio,
        unit: ' ×',
        better: 'higher',
        must: 2,
        aim: 4,
        doubt,
      },
    ],
    notes: [probeNote(all)],
    figures: all,
  }
}
