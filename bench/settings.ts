import { parseArgs } from 'node:util'

export const PARTS = [
  'stored',
  'fanout',
  'fsyncs',
  'idle',
  'start',
  'drain',
  'durable',
  'indexing',
  'freshness',
  'page',
  'trouble',
] as const
export type PartName = (typeof PARTS)[number]

/** How long a measurement runs where nothing else is said. */
export const SECONDS = 3

/** What `drain` may start to store into. */
export const STORE_ENGINES = ['mongo-java-server', 'ferretdb', 'ferretdb-pg'] as const
export type StoreEngine = (typeof STORE_ENGINES)[number]

export interface BenchSettings {
  readonly parts: readonly PartName[]
  /** Of each measurement; undefined: each part has its own. */
  readonly seconds: number | undefined
  /** How often each pair, we and the other thing, is measured. */
  readonly passes: number
  /** Levels of `stored` and `durable`; undefined: each has its own. */
  readonly inFlight: readonly number[] | undefined
  /** Entries in the store before `stored` begins: 0, or 500,000. */
  readonly filledEntries: number
  /** For `idle`. */
  readonly connections: number
  /** For `drain`. */
  readonly store: StoreEngine
  /** Messages that `drain` finds in the log, and `indexing` in the feed; undefined: as many as the engine bears. */
  readonly records: number | undefined
  /** For `page`. */
  readonly entries: number
  readonly jsonFile: string | undefined
  /** Where CPU profiles of the server's threads are left. */
  readonly profileFolder: string | undefined
}

export const HELP = `Measures Holdfast beside the bare thing, in turns, in one run.

Usage: npm run bench -- [PART …] [OPTIONS]

Parts (all by default):
  stored   messages a second through real sockets, and CPU, beside a bare node:sqlite loop writing the same rows
  fanout   deliveries a second to 200 members, beside a bare ws server with one send for each message and socket
  fsyncs   fsyncs for each group and message (needs strace)
  idle     memory for each of 5,000 idle connections, beside a bare ws server
  start    time until ready, beside an empty Node process
  drain    a cluster's worker: messages a second, from a full log into the store, beside a bare loop of the same inserts
  durable  a cluster's gateway: sends a second accepted by Kafka, beside a bare producer with the same batches
  indexing a cluster's indexer: messages a second, from a full feed into OpenSearch, beside a bare loop of the same requests
  freshness
           seconds from stored until the search index has it, at half the rate the server takes: OpenSearch, and SQLite
  page     a page of 20 hits among 1,000,000 entries, through HTTP on SQLite, beside the bare FTS5 query of the same words
  trouble  a cluster's sends a second while OpenSearch is frozen or killed, beside the same while it is well

Options:
  --seconds N      how long each measurement runs (default 3; 6 for \`stored\`)
  --passes N       how many times we and the other thing take turns (default 3)
  --in-flight LIST \`stored\` and \`durable\` with so many messages in flight (defaults 1,16,64,1000 and 16,64,1000)
  --filled         \`stored\` on a store that holds 500,000 entries
  --connections N  for \`idle\` (default 5000)
  --store ENGINE   for \`drain\`: mongo-java-server (default), ferretdb or ferretdb-pg
  --records N      for \`drain\`: messages in the log (default 100000; 2000 on FerretDB, which reads all it has at every look-up);
                   for \`indexing\`: messages in the feed (default 60000)
  --entries N      for \`page\`: messages in the store and the index (default 1000000)
  --json FILE      every figure as JSON too
  --profile DIR    CPU profiles of the server's threads, for Chrome's DevTools and bench/profile.ts; figures suffer

\`drain\`, \`durable\`, \`indexing\`, \`freshness\` and \`trouble\` start engines of their own (see \`npm run engines -- --help\`). Somebody
else's are used where the variables HFTEST_KAFKA=HOST:PORT, HFTEST_MONGODB_URI=mongodb://… and HFTEST_SEARCH=http://HOST:PORT name
them, but for \`trouble\`, which stops its search engine; topics, databases and indexes made there are removed again.

Examples:
  npm run bench
  npm run bench -- stored --in-flight 64 --passes 5
  npm run bench -- drain --records 20000
  npm run bench -- drain --store ferretdb --profile /tmp/profiles
  HFTEST_MONGODB_URI='mongodb://db1,db2,db3/?replicaSet=rs0' npm run bench -- drain --json drain.json
  npm run bench -- durable --seconds 5
  npm run bench -- indexing freshness page trouble

How to read it: only ratios of one run mean something, and only while the disk is free: fdatasync is probed before and after each
measurement, and below 3,000 a second the figures do not count (they are shown, and say so). Times never make it fail. It
exits with 1 when the work was wrong: a message lost, doubled, out of order, or not in history.
`

/** What makes Node write its profiles when it ends. */
export function profiling({ profileFolder }: BenchSettings): readonly string[] {
  return profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
}

export class UsageError extends Error {}

/** undefined when help was asked for. Throws a UsageError with a sentence that says what to change. */
export function readSettings(args: readonly string[]): BenchSettings | undefined {
  const { values, positionals } = parsed(args)
  if (values.help === true) return undefined
  for (const name of positionals)
    if (!isPart(name)) throw new UsageError(`There is no part ${name}; the parts are ${PARTS.join(', ')}.`)
  return {
    parts: positionals.length === 0 ? PARTS : PARTS.filter((name) => positionals.includes(name)),
    seconds: values.seconds === undefined ? undefined : positive('seconds', values.seconds, 1),
    passes: Math.ceil(positive('passes', values.passes, 3)),
    filledEntries: values.filled === true ? 500_000 : 0,
    connections: Math.ceil(positive('connections', values.connections, 5_000)),
    inFlight: values['in-flight']?.split(',').map((text) => Math.ceil(positive('in-flight', text, 1))),
    store: storeEngine(values.store ?? 'mongo-java-server'),
    entries: Math.ceil(positive('entries', values.entries, 1_000_000)),
    records: values.records === undefined ? undefined : Math.ceil(positive('records', values.records, 1)),
    jsonFile: values.json,
    profileFolder: values.profile,
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        seconds: { type: 'string' },
        passes: { type: 'string' },
        filled: { type: 'boolean' },
        connections: { type: 'string' },
        'in-flight': { type: 'string' },
        store: { type: 'string' },
        records: { type: 'string' },
        entries: { type: 'string' },
        json: { type: 'string' },
        profile: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(firstSentence(error))
  }
}

/** What Node says of a wrong argument; how it could be meant otherwise, which follows, is of no use here. */
function firstSentence(error: unknown): string {
  const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/\.?(?:\s*\n|\. |$)/)
  return `${sentence}.`
}

function isPart(name: string): name is PartName {
  return (PARTS as readonly string[]).includes(name)
}

function storeEngine(text: string): StoreEngine {
  const engine = STORE_ENGINES.find((one) => one === text)
  if (engine === undefined) throw new UsageError(`--store must be one of ${STORE_ENGINES.join(', ')}.`)
  return engine
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (!(value > 0 && Number.isFinite(value))) throw new UsageError(`--${name} must be a number above 0.`)
  return value
}
