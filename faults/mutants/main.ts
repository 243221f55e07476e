// Undoes the guards of the product one at a time and shows that its tests notice: see `--help`.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { KNOWN_MISTAKES } from './known-mistakes.ts'
import { isGood, jsonOf, tableOf } from './report.ts'
import { type RunOptions, run, searchSeeds, Unprovable } from './run.ts'
import { FINDINGS_FILE, type Finding, type Findings, readFindings, toldOf } from './seeds.ts'
import { MUTANTS } from './table.ts'

const HELP = `Undoes the guards of the server one at a time, each in a copy of the source, and shows that the tests named for it turn red.

Usage: npm run mutants -- [NAME …] [OPTIONS]

NAME is a mutant, or what some of them undo ("defect 4"); all of them by default.

Options:
  --jobs N      how many are tried at the same time (default 2)
  --json        the judgements as JSON on standard output, instead of the table
  --find-seeds  instead, has the simulator look at each in 200 seeds or more, and writes into faults/mutants/seeds.json which is the
                first in which it notices, and in how many it does: after a change that moves them all; \`npm run docs\` is next
  --help        this text, and every mutant

A mutant that lives shows a guard that no test guards: write the test. Where a test named is skipped, for want of strace, say, its
mutants are not tried, and the table says so. Nothing in this folder is changed, and nothing is left behind.

Exit codes: 0 all that were tried were killed · 1 one was not, or an edit no longer applies, or a test named is missing or red anyway ·
2 called wrongly · 130 ended by a signal
`

/** What the tests need of the source. */
const FOLDERS = ['packages', 'scripts', 'bench', 'faults', 'docs']
const LIMITS = { testMsMax: 60_000, runMsMax: 180_000 }
const SEARCH = { seedsMax: 200, noticedMax: 25, seedMsMax: 30_000 }

class UsageError extends Error {}

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    const settings = settingsOf(args)
    if (!settings.isHelp) return await untilEnded((signal) => work(settings, signal))
    process.stdout.write(`${HELP}\nMutants:\n${MUTANTS.map(({ name, what }) => `  ${name}: ${what}\n`).join('')}`)
    return 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`mutants: ${error.message} \`npm run mutants -- --help\` says more.\n`)
    return 2
  }
}

/** A signal ends the work, and its processes with it. */
async function untilEnded(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const ended = new AbortController()
  const end = () => ended.abort()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  try {
    return await work(ended.signal)
  } catch (error) {
    if (ended.signal.aborted) return 130
    if (!(error instanceof Unprovable)) throw error
    process.stderr.write(error.reasons.map((reason) => `mutants: ${reason}\n`).join(''))
    return 1
  }
}

async function work({ mutants, jobs, isJson, findsSeeds }: Settings, signal: AbortSignal): Promise<number> {
  const findings = readFindings()
  const options: RunOptions = {
    tree: { root: fileURLToPath(new URL('../..', import.meta.url)), folders: FOLDERS },
    mutants,
    findings,
    jobs,
    limits: LIMITS,
    signal,
    progress: (line) => process.stderr.write(`${line}\n`),
  }
  if (findsSeeds) {
    const all: Record<string, Finding> = { ...findings }
    await searchSeeds(options, SEARCH, (name, finding) => {
      all[name] = finding
      // At once, so that a search that is ended keeps what it has found.
      keepFindings(all)
      options.progress(`${name}: ${toldOf(finding)}`)
    })
    return 0
  }
  const judgements = await run(options)
  process.stdout.write(isJson ? jsonOf(judgements) : `\n${tableOf(judgements)}`)
  return judgements.every(isGood) ? 0 : 1
}

/** In the order of the table, each in a line, so that a change is a change of few lines. */
function keepFindings(findings: Findings): void {
  const lines = MUTANTS.flatMap(({ name }) => {
    const finding = findings[name]
    return finding === undefined ? [] : [`  ${JSON.stringify(name)}: ${JSON.stringify(finding)}`]
  })
  writeFileSync(FINDINGS_FILE, `{\n${lines.join(',\n')}\n}\n`)
}

type Settings = ReturnType<typeof settingsOf>

function settingsOf(args: readonly string[]) {
  const { values, positionals } = parsed(args)
  const jobs = Number(values.jobs ?? 2)
  if (!Number.isInteger(jobs) || jobs < 1) throw new UsageError(`--jobs is a number of mutants, not ${values.jobs}.`)
  for (const wanted of positionals)
    if (!MUTANTS.some((mutant) => isMeant(mutant, wanted)))
      throw new UsageError(`There is no mutant ${wanted}, and none undoes that.`)
  const findsSeeds = values['find-seeds'] === true
  const mutants =
    positionals.length === 0
      ? MUTANTS.filter((mutant) => !findsSeeds || isSimulated(mutant))
      : MUTANTS.filter((mutant) => positionals.some((wanted) => isMeant(mutant, wanted)))
  return { mutants, jobs, isJson: values.json === true, findsSeeds, isHelp: values.help === true }
}

/** Of the ten defects the simulator sees those that are known mistakes too; the others are of files, threads and processes. */
function isSimulated({ name, undoes }: (typeof MUTANTS)[number]): boolean {
  return !undoes.startsWith('defect ') || KNOWN_MISTAKES.some(({ mutants }) => mutants.includes(name))
}

function isMeant({ name, undoes }: (typeof MUTANTS)[number], wanted: string): boolean {
  return name === wanted || undoes === wanted
}

function parsed(args: readonly string[]) {
  try {
    const flag = { type: 'boolean' } as const
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { jobs: { type: 'string' }, json: flag, 'find-seeds': flag, help: flag },
    })
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/\.?(?:\s*\n|\. |$)/)
    throw new UsageError(`${sentence}.`)
  }
}
