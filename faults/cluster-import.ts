// Imports real chat into a cluster whose workers and broker are killed meanwhile: see `--help`.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type EngineName, startEngine } from '../engines/index.ts'
import {
  ClusterImport,
  excerptOf,
  type ImportedLine,
  type ImportSummary,
} from '../packages/server/test/cluster/importing.ts'

const STORES = ['ferretdb', 'ferretdb-pg', 'mongo-java-server'] as const
type StoreName = (typeof STORES)[number] & EngineName

const HELP = `Imports chat into a cluster on Kafka, of a gateway, an indexer and two workers, while a worker is killed with -9 every 10 seconds and the
broker twice; then holds history against the file, and lets \`holdfast verify --strict\` judge it.

Usage: node node26.mjs faults/cluster-import.ts FILE.jsonl[.gz] [OPTIONS]

Options:
  --store LIST     ${STORES.join(', ')} (default: all of them)
  --lines N        the first so many lines of the file (default 5000)
  --of-a-room N    no more than so many lines of one room: rooms go in side by side, the lines of one room one after the other
  --every SECONDS  between two kills of a worker (default 10; 0 kills nobody)
  --brokers N      how often the broker is killed (default 2)
  --partitions N   of the log (default 4)

It exits with 1 when anything was lost, doubled, reordered or left over. How fast it is says something of the engines: FerretDB reads whole
tables, so what it bears is bounded by their length.
`

interface Settings {
  readonly lines: readonly ImportedLine[]
  readonly everyMs: number
  readonly brokerKills: number
  readonly partitions: number
}

interface Result {
  readonly store: StoreName
  readonly summary: ImportSummary
  readonly workerKills: number
  readonly brokerKills: number
  readonly checkSeconds: number
}

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      store: { type: 'string', default: STORES.join(',') },
      lines: { type: 'string', default: '5000' },
      'of-a-room': { type: 'string' },
      every: { type: 'string', default: '10' },
      brokers: { type: 'string', default: '2' },
      partitions: { type: 'string', default: '4' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const [file] = positionals
  const stores = values.store.split(',')
  if (values.help === true || file === undefined || !stores.every(isStore)) {
    process.stdout.write(HELP)
    return values.help === true ? 0 : 2
  }
  const linesOfRoomMax = values['of-a-room'] === undefined ? {} : { linesOfRoomMax: Number(values['of-a-room']) }
  const settings = {
    lines: excerptOf(file, { linesMax: Number(values.lines), ...linesOfRoomMax }),
    everyMs: Number(values.every) * 1_000,
    brokerKills: Number(values.brokers),
    partitions: Number(values.partitions),
  }
  const results: Result[] = []
  for (const store of stores) results.push(await run(store, settings))
  process.stdout.write(`\n${results.map(rowOf).join('\n')}\n`)
  return 0
}

async function run(store: StoreName, { lines, everyMs, brokerKills, partitions }: Settings): Promise<Result> {
  const progress = (text: string) => process.stderr.write(`${seconds()} ${store}: ${text}\n`)
  await using kafka = await startEngine('kafka', { progress })
  await using mongodb = await startEngine(store, { progress })
  await using importing = await ClusterImport.begin({ kafka, mongodb: mongodb.url, lines, partitions, progress })
  const kills = { worker: 0, broker: 0 }
  const ending = new AbortController()
  const killing = async () => {
    // The broker when a third and when two thirds are in, of two kills.
    const isDue = async () => (await importing.stored()) > ((kills.broker + 1) * lines.length) / (brokerKills + 1)
    while (everyMs > 0 && (await sleep(everyMs, true, { signal: ending.signal }).catch(() => false))) {
      const victim = kills.broker < brokerKills && (await isDue()) ? 'broker' : 'worker'
      kills[victim]++
      progress(`${victim} is killed (${await importing.stored()} stored)`)
      await (victim === 'broker' ? importing.killBroker() : importing.killWorker())
      progress(`${victim} is back`)
    }
  }
  const killed = killing()
  let summary: ImportSummary
  try {
    summary = await importing.done()
  } finally {
    ending.abort()
    await killed
  }
  progress(JSON.stringify(summary))
  const begun = performance.now()
  await importing.check()
  const checkSeconds = (performance.now() - begun) / 1_000
  progress(`history is the file, and verify is clean, after ${checkSeconds.toFixed(1)} s`)
  for (const { role, log } of importing.processes) progress(`${role}: ${log.split('\n').length} lines logged`)
  return { store, summary, workerKills: kills.worker, brokerKills: kills.broker, checkSeconds }
}

function rowOf({ store, summary, workerKills, brokerKills, checkSeconds }: Result): string {
  const { lines, seconds, rate, repeated, retries } = summary
  return [
    store.padEnd(18),
    `${lines} lines in ${seconds.toFixed(0)} s (${rate} a second)`,
    `killed: ${workerKills} workers, ${brokerKills} brokers`,
    `asked again: ${retries}, of them stored before: ${repeated}`,
    `checked and verified in ${checkSeconds.toFixed(0)} s`,
  ].join('; ')
}

function isStore(name: string): name is StoreName {
  return (STORES as readonly string[]).includes(name)
}

function seconds(): string {
  return `${process.uptime().toFixed(1).padStart(7)} s`
}
