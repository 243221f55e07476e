import { Bare } from '../load/bare.ts'
import { Client, type Traffic } from '../load/client.ts'
import { Collector } from '../load/collector.ts'
import { residentBytes, sleep } from '../load/machine.ts'
import { Folder, Holdfast } from '../load/server.ts'
import type { Progress } from '../main.ts'
import { figure, type PartReport, ranged } from '../report.ts'
import type { BenchSettings } from '../settings.ts'
import { spread } from '../stats.ts'

/** So many are there before the counting begins: what the first ones make for all is not a connection's. */
const FIRST = 200
const AT_ONCE = 50
const SETTLE_MS = 1_000
const KIB = 1_024

/** Resident memory for each of many connections that say nothing, authenticated here, bare there. */
export async function idle({ connections, passes }: BenchSettings, progress: Progress): Promise<PartReport> {
  const turns: Turn[] = []
  for (let pass = 1; pass <= passes; pass++) {
    const ours = await ofHoldfast(connections)
    const theirs = await ofBare(connections)
    turns.push({ ours, theirs })
    progress(`pass ${pass} of ${passes}: ${told(ours)} a connection, bare ${told(theirs)}`)
  }
  const column = (pick: (turn: Turn) => number) => spread(turns.map(pick))
  const ratio = column(({ ours, theirs }) => ours.collected / theirs.collected)
  const ratioAsFound = column(({ ours, theirs }) => ours.asFound / theirs.asFound)
  return {
    part: 'idle',
    tables: [
      {
        title: `Resident memory for each of ${figure(connections)} idle connections, in KiB: median (min–max)`,
        columns: ['', 'without garbage', 'as found'],
        rows: [
          [
            'Holdfast, authenticated',
            ranged(column(({ ours }) => ours.collected / KIB)),
            ranged(column(({ ours }) => ours.asFound / KIB)),
          ],
          [
            'bare ws server',
            ranged(column(({ theirs }) => theirs.collected / KIB)),
            ranged(column(({ theirs }) => theirs.asFound / KIB)),
          ],
          ['ratio', ranged(ratio), ranged(ratioAsFound)],
        ],
      },
    ],
    goals: [
      {
        what: 'memory per idle connection, to a bare ws server',
        measured: ratio,
        unit: ' ×',
        better: 'lower',
        must: 1.5,
        aim: 1.1,
        doubt: undefined,
      },
    ],
    notes: [
      'Each connection is a user of its own, without rooms; all were still open when the memory was read. Without garbage: after a',
      'collection in every thread, before the connecting and after it.',
    ],
    figures: turns,
  }
}

interface Turn {
  readonly ours: Memory
  readonly theirs: Memory
}

/** In bytes. */
interface Memory {
  readonly asFound: number
  readonly collected: number
}

async function ofHoldfast(connections: number): Promise<Memory> {
  using folder = new Folder()
  const collector = await Collector.create()
  const server = await Holdfast.start({ data: folder.path, nodeOptions: collector.nodeOptions })
  try {
    return await perConnection(server.pid, collector, connections, (i) => server.signIn(`bench-idle-${i}`))
  } finally {
    await server.stop()
  }
}

async function ofBare(connections: number): Promise<Memory> {
  const collector = await Collector.create()
  const { bare, hello } = await Bare.start<{ port: number }>('sockets', { nodeOptions: collector.nodeOptions })
  const url = new URL(`ws://127.0.0.1:${hello.port}/`)
  try {
    return await perConnection(bare.pid, collector, connections, () => Client.connect(url))
  } finally {
    await bare.stop()
  }
}

async function perConnection(
  pid: number,
  collector: Collector,
  connections: number,
  connect: (i: number) => Promise<Client>,
): Promise<Memory> {
  const crowd = new Crowd(connect)
  try {
    await crowd.grow(FIRST)
    const { collected: before } = await memoryOf(pid, collector)
    await crowd.grow(connections)
    const after = await memoryOf(pid, collector)
    crowd.check()
    return {
      asFound: (after.asFound - before) / connections,
      collected: (after.collected - before) / connections,
    }
  } finally {
    crowd.close()
  }
}

class Crowd {
  private readonly connect: (i: number) => Promise<Client>
  private readonly clients: Client[] = []
  private error: Error | undefined
  private readonly watch: Traffic = {
    failed: (error) => {
      this.error ??= error
    },
  }

  constructor(connect: (i: number) => Promise<Client>) {
    this.connect = connect
  }

  async grow(count: number): Promise<void> {
    for (let i = 0; i < count; i += AT_ONCE) {
      const size = Math.min(AT_ONCE, count - i)
      const opened = await Promise.all(Array.from({ length: size }, (_, j) => this.connect(this.clients.length + j)))
      for (const client of opened) client.traffic = this.watch
      this.clients.push(...opened)
    }
  }

  /** Throws when one of them was closed. */
  check(): void {
    if (this.error !== undefined) throw this.error
  }

  close(): void {
    for (const client of this.clients) client.close()
  }
}

/** Once as it is, and once without garbage. */
async function memoryOf(pid: number, collector: Collector): Promise<Memory> {
  await sleep(SETTLE_MS)
  const asFound = residentBytes(pid)
  await collector.collect()
  await sleep(SETTLE_MS)
  return { asFound, collected: residentBytes(pid) }
}

function told({ collected, asFound }: Memory): string {
  return `${figure(collected / KIB)} KiB (as found ${figure(asFound / KIB)})`
}
