// Undoes the guards of the product one at a time and shows that its tests notice: see `--help`.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isGood, jsonOf, tableOf } from './report.ts'
import { run, Unprovable } from './run.ts'
import { MUTANTS } from './table.ts'

const HELP = `Undoes the guards of the server one at a time, each in a copy of the source, and shows that the tests named for it turn red.

Usage: npm run mutants -- [NAME …] [OPTIONS]

NAME is a mutant, or what some of them undo ("defect 4"); all of them by default.

Options:
  --jobs N  how many are tried at the same time (default 2)
  --json    the judgements as JSON on standard output, instead of the table
  --help    this text, and every mutant

A mutant that lives shows a guard that no test guards: write the test. Where a test named is skipped, for want of strace, say, its
mutants are not tried, and the table says so. Nothing in this folder is changed, and nothing is left behind.

Exit codes: 0 all that were tried were killed · 1 one was not, or an edit no longer applies, or a test named is missing or red anyway ·
2 called wrongly · 130 ended by a signal
`

/** What the tests need of the source. */
const FOLDERS = ['packages', 'scripts', 'bench', 'faults', 'docs']
const LIMITS = { testMsMax: 30_000, runMsMax: 180_000 }

class UsageError extends Error {}

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    const { mutants, jobs, isJson, isHelp } = settingsOf(args)
    if (isHelp)
      process.stdout.write(`${HELP}\nMutants:\n${MUTANTS.map(({ name, what }) => `  ${name}: ${what}\n`).join('')}`)
    else return await judge(mutants, jobs, isJson)
    return 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`mutants: ${error.message} \`npm run mutants -- --help\` says more.\n`)
    return 2
  }
}

async function judge(mutants: typeof MUTANTS, jobs: number, isJson: boolean): Promise<number> {
  const ended = new AbortController()
  const end = () => ended.abort()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  try {
    const judgements = await run({
      tree: { root: fileURLToPath(new URL('../..', import.meta.url)), folders: FOLDERS },
      mutants,
      jobs,
      limits: LIMITS,
      signal: ended.signal,
      progress: (line) => process.stderr.write(`${line}\n`),
    })
    process.stdout.write(isJson ? jsonOf(judgements) : `\n${tableOf(judgements)}`)
    return judgements.every(isGood) ? 0 : 1
  } catch (error) {
    if (ended.signal.aborted) return 130
    if (!(error instanceof Unprovable)) throw error
    process.stderr.write(error.reasons.map((reason) => `mutants: ${reason}\n`).join(''))
    return 1
  }
}

function settingsOf(args: readonly string[]) {
  const { values, positionals } = parsed(args)
  const jobs = Number(values.jobs ?? 2)
  if (!Number.isInteger(jobs) || jobs < 1) throw new UsageError(`--jobs is a number of mutants, not ${values.jobs}.`)
  for (const wanted of positionals)
    if (!MUTANTS.some((mutant) => isMeant(mutant, wanted)))
      throw new UsageError(`There is no mutant ${wanted}, and none undoes that.`)
  const mutants =
    positionals.length === 0
      ? MUTANTS
      : MUTANTS.filter((mutant) => positionals.some((wanted) => isMeant(mutant, wanted)))
  return { mutants, jobs, isJson: values.json === true, isHelp: values.help === true }
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
      options: { jobs: { type: 'string' }, json: flag, help: flag },
    })
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/\.?(?:\s*\n|\. |$)/)
    throw new UsageError(`${sentence}.`)
  }
}
