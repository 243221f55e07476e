// Measures Holdfast: see `--help`.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { goalTable, type PartReport, printTable } from './report.ts'
import { type BenchSettings, HELP, type PartName, readSettings, UsageError } from './settings.ts'

export type Progress = (line: string) => void
type Part = (settings: BenchSettings, progress: Progress) => Promise<PartReport>

const RUNS: Readonly<Record<PartName, () => Promise<Part>>> = {
  stored: async () => (await import('./parts/stored.ts')).stored,
  fanout: async () => (await import('./parts/fanout.ts')).fanout,
  fsyncs: async () => (await import('./parts/fsyncs.ts')).fsyncs,
  idle: async () => (await import('./parts/idle.ts')).idle,
  start: async () => (await import('./parts/start.ts')).start,
  drain: async () => (await import('./parts/drain.ts')).drain,
  durable: async () => (await import('./parts/durable.ts')).durable,
  indexing: async () => (await import('./parts/indexing.ts')).indexing,
  freshness: async () => (await import('./parts/freshness.ts')).freshness,
  page: async () => (await import('./parts/page.ts')).page,
  trouble: async () => (await import('./parts/trouble.ts')).trouble,
}

process.exitCode = await main(process.argv.slice(2))

/** 0: measured, whatever the figures. 1: the work was wrong. 2: called wrongly. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const settings = readSettings(args)
    if (settings === undefined) process.stdout.write(HELP)
    else return await run(settings)
    return 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`bench: ${error.message} \`npm run bench -- --help\` says more.\n`)
    return 2
  }
}

async function run(settings: BenchSettings): Promise<number> {
  const reports: PartReport[] = []
  const wrong: { readonly part: PartName; readonly error: string }[] = []
  for (const part of settings.parts) {
    try {
      const report = await (await RUNS[part]())(settings, (line) => process.stderr.write(`${part}: ${line}\n`))
      reports.push(report)
      process.stdout.write(`\n${printed(report)}`)
    } catch (error) {
      wrong.push({ part, error: tellAll(error) })
      process.stderr.write(`${part}: WRONG: ${wrong.at(-1)?.error}\n`)
    }
  }
  const goals = reports.flatMap((report) => report.goals)
  if (goals.length > 0) process.stdout.write(`\n${printTable(goalTable(goals))}`)
  if (settings.jsonFile !== undefined)
    writeFileSync(
      settings.jsonFile,
      `${JSON.stringify({ machine: machine(), settings, goals, reports, wrong }, null, 2)}\n`,
    )
  return wrong.length === 0 ? 0 : 1
}

/** Also of what else went wrong while things were put away. */
function tellAll(error: unknown): string {
  if (error instanceof SuppressedError) return `${tellAll(error.suppressed)}\nand then: ${tellAll(error.error)}`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function printed({ tables, notes }: PartReport): string {
  return [...tables.map(printTable), ...notes.map((note) => `  ${note}\n`)].join('\n')
}

function machine(): object {
  return { node: process.version, cpus: cpus().length, model: cpus()[0]?.model, at: new Date().toISOString() }
}
