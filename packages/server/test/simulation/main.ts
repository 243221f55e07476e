// Runs simulated installations: `npm run simulate -- --seeds 1..10000`, `npm run simulate -- --seed 7` with a trace.
import { execFileSync, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { INTERESTING, INTERESTING_ON_SQLITE } from './interesting.ts'
import { shrink } from './shrink.ts'
import { PARTITIONS, type Simulated, type SimulationOptions, simulate } from './simulation.ts'
import { SqliteEngines } from './sqlite-engines.ts'

const HELP = `Runs whole installations on simulated time, engines and sockets, and judges what their clients saw.

Usage: npm run simulate -- [OPTIONS]

  --seeds A..B  every seed from A to B (default 1..1000)
  --seed N      one seed, with its trace, and made shorter where it fails
  --jobs N      processes (default 2)
  --sqlite      on the real files, in one process that is killed and started again
  --json        one JSON object at the end, for machines

Exit codes: 0 no invariant was broken · 1 one was, or something interesting never happened in 5,000 seeds or more (1,000 with --sqlite) · 2 called wrongly
`

/** What one process tells of a seed. */
interface Told {
  readonly seed: number
  readonly broken: Readonly<Record<string, number>>
  readonly reasons: readonly string[]
  readonly counts: Readonly<Record<string, number>>
  readonly events: number
}

/**
 * The errors of a run are many, and nobody reads where they were made: `--seed` shows it. What a seed leaves behind is garbage when it is
 * over, not while it runs.
 */
const FAST = ['--stack-trace-limit=0', '--max-semi-space-size=32', '--min-semi-space-size=32']

/** So many seeds should have met everything. */
const SEEDS_ENOUGH = 5_000
const SQLITE_SEEDS_ENOUGH = 1_000

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const options = {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    jobs: { type: 'string' },
    sqlite: { type: 'boolean' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const
  const values = parsed(args, options)
  if (values === undefined) return 2
  if (values.help === true) {
    process.stdout.write(HELP)
    return 0
  }
  const engines: Pick<SimulationOptions, 'engines'> =
    values.sqlite === true ? { engines: (surroundings) => new SqliteEngines(surroundings, PARTITIONS) } : {}
  if (process.send !== undefined) return await part(values.seeds ?? '', engines)
  if (values.seed !== undefined && Number.isSafeInteger(Number(values.seed)))
    return await one({ seed: Number(values.seed), ...engines })
  const [from, to] = range(values.seeds ?? '1..1000')
  const jobs = Math.max(1, Number(values.jobs ?? 2))
  if (values.seed !== undefined || !(from <= to) || !Number.isInteger(jobs)) {
    process.stderr.write(`simulate: --seeds is A..B, --seed and --jobs are whole numbers.\n${HELP}`)
    return 2
  }
  return await campaign(from, to, jobs, { isJson: values.json === true, isSqlite: values.sqlite === true })
}

function parsed<T extends NonNullable<ParseArgsConfig['options']>>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/\.?(?:\s*\n|\. |$)/)
    process.stderr.write(`simulate: ${sentence}. \`npm run simulate -- --help\` says more.\n`)
    return undefined
  }
}

/** One seed, told line by line. */
async function one(options: SimulationOptions): Promise<number> {
  const { seed } = options
  const run = await simulate({ ...options, trace: (line) => process.stdout.write(`${line}\n`) })
  process.stdout.write(`\nseed ${seed}, history ${run.hash}, ${run.events} events: ${run.verdict.verdict}\n`)
  for (const reason of run.verdict.reasons) process.stdout.write(`  ${reason}\n`)
  if (Object.keys(run.verdict.broken).length === 0) return 0
  await explain(run, options)
  return 1
}

async function explain(run: Simulated, options: SimulationOptions): Promise<void> {
  const { plan, faults, failed, tries } = await shrink(run, options)
  const out = (line: string) => process.stdout.write(`${line}\n`)
  for (const { rule, invariant, sentence, records } of failed.verdict.violations) {
    out(`\n${invariant} ${rule}: ${sentence}`)
    for (const record of records) out(`    ${JSON.stringify(record).slice(0, 300)}`)
  }
  out(
    `\nseed ${run.seed} at ${commit()}, made shorter in ${tries} tries. Faults: ${faults.join(', ') || 'none'}. Steps:`,
  )
  for (const step of plan.steps) out(`  ${JSON.stringify(step)}`)
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'an unknown commit'
  }
}

interface How {
  readonly isJson: boolean
  readonly isSqlite: boolean
}

/** Many seeds in several processes. */
async function campaign(from: number, to: number, jobs: number, how: How): Promise<number> {
  const { isJson, isSqlite } = how
  const begun = performance.now()
  const counts = new Map<string, number>()
  const failed: Told[] = []
  let seeds = 0
  let events = 0
  let unknown = 0
  const hear = (told: Told) => {
    seeds++
    events += told.events
    for (const [name, times] of Object.entries(told.counts)) counts.set(name, (counts.get(name) ?? 0) + times)
    if (Object.keys(told.broken).length > 0) failed.push(told)
    else if (told.reasons.length > 0) unknown++
    if (!isJson && seeds % 500 === 0) process.stderr.write(`${seeds} seeds, ${failed.length} broken\n`)
  }
  const children = Array.from({ length: jobs }, (_, i) => start(`${from + i}..${to}..${jobs}`, isSqlite, hear))
  const codes = await Promise.all(children)
  const [interesting, enough] = isSqlite ? [INTERESTING_ON_SQLITE, SQLITE_SEEDS_ENOUGH] : [INTERESTING, SEEDS_ENOUGH]
  const never = to - from + 1 >= enough ? interesting.filter((name) => !counts.has(name)) : []
  const seconds = (performance.now() - begun) / 1_000
  if (isJson) {
    const told = { seeds, events, unknown, seconds, failed, never, counts: Object.fromEntries([...counts].sort()) }
    process.stdout.write(`${JSON.stringify(told)}\n`)
  } else {
    for (const [name, times] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
      process.stdout.write(`  ${String(times).padStart(9)}  ${name}\n`)
    for (const name of never) process.stdout.write(`never happened: ${name}\n`)
    for (const { seed, broken } of failed)
      process.stdout.write(`seed ${seed} breaks ${Object.keys(broken).join(', ')}\n`)
    process.stdout.write(
      `${seeds} seeds, ${events} events, ${(seeds / seconds).toFixed(1)} seeds a second; ${failed.length} broken, ${unknown} showed too little.\n`,
    )
  }
  return failed.length === 0 && never.length === 0 && codes.every((code) => code === 0) && seeds === to - from + 1
    ? 0
    : 1
}

function start(seeds: string, isSqlite: boolean, hear: (told: Told) => void): Promise<number | null> {
  const args = ['--seeds', seeds, ...(isSqlite ? ['--sqlite'] : [])]
  const child = fork(fileURLToPath(import.meta.url), args, { execArgv: [...process.execArgv, ...FAST] })
  child.on('message', (told) => hear(told as Told))
  return new Promise((resolve) => child.on('exit', resolve))
}

/** In a process of a campaign: every seed of its share. */
async function part(text: string, engines: Pick<SimulationOptions, 'engines'>): Promise<number> {
  const [from, to, stride] = range(text)
  for (let seed = from; seed <= to; seed += stride) {
    const { verdict, counts, events } = await simulate({ seed, ...engines })
    const told: Told = {
      seed,
      broken: verdict.broken,
      reasons: verdict.reasons,
      counts: Object.fromEntries(counts),
      events,
    }
    await new Promise<void>((resolve) => void process.send?.(told, undefined, {}, () => resolve()))
  }
  process.disconnect?.()
  return 0
}

function range(text: string): [from: number, to: number, stride: number] {
  const [from = Number.NaN, to = from, stride = 1] = text.split('..').map(Number)
  return [from, to, stride]
}
