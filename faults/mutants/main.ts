// Undoes one guard after another on a copy of the source and shows that its test turns red: `npm run mutants [-- NAME …]`.
// A test that stays green is a guard nobody checks; a mutant that no longer fits the source fails the run.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MUTANTS, type Mutant } from './mutants.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** A test that hangs because its guard is gone has noticed it: after this long it counts as red. */
const TEST_MS_MAX = 120_000

interface Verdict {
  readonly mutant: Mutant
  readonly killed: boolean
  readonly how: string
}

function run(): number {
  const names = process.argv.slice(2)
  const chosen = MUTANTS.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)))
  const copy = copyOfSource()
  try {
    const healthy = [...new Set(chosen.map(({ test }) => test.file))].filter((file) => !passes(copy, file, undefined).passed)
    if (healthy.length > 0) {
      console.error(`These tests fail without any mutant, so they can show nothing: ${healthy.join(', ')}`)
      return 1
    }
    const verdicts = chosen.map((mutant) => {
      const verdict = judge(copy, mutant)
      console.log(`${verdict.killed ? 'killed  ' : 'SURVIVED'}  ${mutant.name}: ${verdict.how}`)
      return verdict
    })
    const survived = verdicts.filter(({ killed }) => !killed).length
    console.log(`\n${verdicts.length - survived} of ${verdicts.length} mutants killed`)
    return survived === 0 ? 0 : 1
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function judge(copy: string, mutant: Mutant): Verdict {
  const originals = new Map<string, string>()
  try {
    for (const { file, from, to } of mutant.edits) {
      const path = join(copy, file)
      const text = readFileSync(path, 'utf8')
      if (!originals.has(path)) originals.set(path, text)
      const places = text.split(from).length - 1
      if (places !== 1) return { mutant, killed: false, how: `its edit fits ${places} places of ${file}, not one` }
      writeFileSync(path, text.replace(from, () => to))
    }
    const { passed, ran } = passes(copy, mutant.test.file, mutant.test.name)
    if (passed) return { mutant, killed: false, how: `${ran} test(s) stayed green in ${mutant.test.file}` }
    return { mutant, killed: true, how: `by "${mutant.test.name}" in ${basename(mutant.test.file)}` }
  } finally {
    for (const [path, text] of originals) writeFileSync(path, text)
  }
}

function passes(copy: string, file: string, name: string | undefined): { passed: boolean; ran: number } {
  const pattern = name === undefined ? [] : [`--test-name-pattern=${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`]
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--conditions=@holdfast/source', '--test', '--test-reporter=tap', ...pattern, file],
    { cwd: copy, encoding: 'utf8', timeout: TEST_MS_MAX, killSignal: 'SIGKILL' },
  )
  const ran = Number(/^# pass (\d+)/m.exec(stdout ?? '')?.[1] ?? 0)
  return { passed: status === 0 && ran > 0, ran }
}

/** The source without its history; packages it installed are linked, its own packages point into the copy. */
function copyOfSource(): string {
  const copy = mkdtempSync(join(tmpdir(), 'holdfast-mutants-'))
  for (const entry of readdirSync(ROOT)) {
    if (['node_modules', '.git', 'data', '.cache'].includes(entry)) continue
    cpSync(join(ROOT, entry), join(copy, entry), { recursive: true, filter: (path) => basename(path) !== 'node_modules' })
  }
  const modules = join(copy, 'node_modules')
  mkdirSync(join(modules, '@holdfast'), { recursive: true })
  for (const entry of readdirSync(join(ROOT, 'node_modules'))) {
    if (entry !== '@holdfast') symlinkSync(join(ROOT, 'node_modules', entry), join(modules, entry))
  }
  for (const name of readdirSync(join(copy, 'packages'))) {
    symlinkSync(join(copy, 'packages', name), join(modules, '@holdfast', name))
  }
  return copy
}

process.exit(run())
