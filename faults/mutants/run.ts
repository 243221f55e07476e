import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Copy, edited, NoLongerApplies, type Tree } from './copy.ts'
import { findSeeds, type SearchLimits } from './find-seeds.ts'
import { cites, type Killer, type Mutant, patternOf } from './mutant.ts'
import { type Finding, type Findings, seedsFor } from './seeds.ts'
import { runTests, type TestLimits, type TestReport } from './tests.ts'

export interface RunOptions {
  readonly tree: Tree
  readonly mutants: readonly Mutant[]
  /** In which seeds the simulator notices them. */
  readonly findings: Findings
  /** Mutants under test at the same time, each in a copy of its own. */
  readonly jobs: number
  readonly limits: TestLimits
  /** Ends the run: it rejects when nothing of it is left. */
  readonly signal: AbortSignal
  readonly progress: (line: string) => void
}

export interface Judgement {
  readonly mutant: Mutant
  readonly verdict: Verdict
  readonly ms: number
}

export type Verdict =
  /** Every rule has a red test. */
  | { readonly verdict: 'killed'; readonly by: readonly string[] }
  /** The tests of these rules stayed green. */
  | { readonly verdict: 'survived'; readonly green: readonly string[] }
  /** The tests did not come to an end of their own, or did not even begin. */
  | { readonly verdict: 'unproven'; readonly why: string }
  /** A test named is skipped on this machine. */
  | { readonly verdict: 'untried'; readonly why: string }

/** What makes a run worthless before any mutant is tried. */
export class Unprovable extends Error {
  readonly reasons: readonly string[]

  constructor(reasons: readonly string[]) {
    super(reasons.join('\n'))
    this.reasons = reasons
  }
}

/**
 * Undoes one guard at a time in a copy of the source, and has the tests named for it judge the copy. First of all every edit has to
 * fit and every test named has to be green on the source as it is: a test that is red anyway notices nothing. Throws `Unprovable`.
 */
export async function run(options: RunOptions): Promise<readonly Judgement[]> {
  return await onBenches(options, async (benches) => {
    const skipped = await checkKillers(options, benches)
    return await inTurns(benches, options.mutants, async (bench, mutant) => {
      const why = skipped.get(mutant)
      const judgement = why === undefined ? await bench.judge(mutant) : untried(mutant, why)
      options.progress(told(judgement))
      return judgement
    })
  })
}

/** Has the simulator look at each mutant, whoever is to kill it. Throws `Unprovable`. */
export async function searchSeeds(
  options: RunOptions,
  limits: SearchLimits,
  found: (name: string, finding: Finding) => void,
): Promise<void> {
  await onBenches(options, (benches) =>
    inTurns(benches, options.mutants, async (bench, mutant) => found(mutant.name, await bench.search(mutant, limits))),
  )
}

/** Each job has a bench of its own. Whatever ends the work, nothing of them is left. */
async function onBenches<T>(options: RunOptions, work: (benches: readonly Bench[]) => Promise<T>): Promise<T> {
  checkEdits(options)
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-mutants-'))
  try {
    const jobs = Math.max(1, Math.min(options.jobs, options.mutants.length))
    return await work(Array.from({ length: jobs }, (_, i) => new Bench(options, join(folder, String(i)))))
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function checkEdits({ tree, mutants }: RunOptions): void {
  const misfits = mutants.flatMap((mutant) => {
    try {
      edited(tree.root, mutant)
      return []
    } catch (error) {
      if (error instanceof NoLongerApplies) return [error.message]
      throw error
    }
  })
  if (misfits.length > 0) throw new Unprovable(misfits)
}

/** Runs every test that is named, once, on the source as it is. Returns the mutants whose tests are skipped here, with why. */
async function checkKillers(
  { mutants, findings, progress }: RunOptions,
  benches: readonly Bench[],
): Promise<ReadonlyMap<Mutant, string>> {
  const asked = new Map<string, { readonly patterns: Set<string>; readonly seeds: Set<string> }>()
  for (const { name, killedBy } of mutants)
    for (const file of killedBy.files) {
      const { patterns, seeds } = asked.get(file) ?? { patterns: new Set(), seeds: new Set() }
      asked.set(file, { patterns: patterns.add(patternOf(killedBy)), seeds })
      if (killedBy.simulator) seeds.add(seedsFor(findings, name))
    }
  const began = performance.now()
  const reports = new Map(
    await inTurns(benches, [...asked], async (bench, [file, { patterns, seeds }]) => {
      const some = seeds.size === 0 ? undefined : [...seeds].join(',')
      return [file, await bench.test([file], [...patterns], some)] as const
    }),
  )
  const reasons: string[] = []
  const skipped = new Map<Mutant, string>()
  for (const mutant of mutants)
    for (const rule of mutant.killedBy.rules) {
      const worth = worthOf(mutant.killedBy, rule, reports)
      if (worth.worth === 'none') reasons.push(`${mutant.name} cannot be shown to be killed by ${rule}: ${worth.why}`)
      if (worth.worth === 'none here') skipped.set(mutant, worth.why)
    }
  if (reasons.length > 0) throw new Unprovable(reasons)
  progress(`The tests named are green on the source as it is (${seconds(performance.now() - began)} s).`)
  return skipped
}

/** What a test is worth that is to notice something: only one that is green otherwise is worth anything. */
type Worth = { readonly worth: 'all' } | { readonly worth: 'none' | 'none here'; readonly why: string }

function worthOf(killer: Killer, rule: string, reports: ReadonlyMap<string, TestReport>): Worth {
  const all = killer.files.flatMap((file) => reports.get(file)?.tests ?? [])
  const cited = all.filter(({ title }) => cites(title, rule, killer))
  const red = cited.find(({ end }) => end === 'red')
  if (red !== undefined) return { worth: 'none', why: `"${red.title}" is red on the source as it is: ${red.reason}` }
  if (cited.some(({ end }) => end === 'green')) return { worth: 'all' }
  const [skipped] = cited
  if (skipped !== undefined) return { worth: 'none here', why: `"${skipped.title}" is skipped here` }
  const files = killer.files.join(', ')
  const isLate = killer.files.some((file) => reports.get(file)?.ended === 'too late')
  return { worth: 'none', why: isLate ? `${files} had to be ended` : `no test of ${files} cites it` }
}

function untried(mutant: Mutant, why: string): Judgement {
  return { mutant, verdict: { verdict: 'untried', why }, ms: 0 }
}

/** Where one mutant at a time is tried. */
class Bench {
  readonly #options: RunOptions
  readonly #copy: Copy
  readonly #temporary: string

  constructor(options: RunOptions, folder: string) {
    this.#options = options
    this.#copy = new Copy(options.tree, folder)
    this.#temporary = `${folder}-temporary`
  }

  async judge(mutant: Mutant): Promise<Judgement> {
    const began = performance.now()
    const verdict = await this.#copy.with(mutant, () => this.#verdict(mutant))
    return { mutant, verdict, ms: performance.now() - began }
  }

  search(mutant: Mutant, limits: SearchLimits): Promise<Finding> {
    const { signal } = this.#options
    return this.#copy.with(mutant, () => findSeeds({ folder: this.#copy.folder, signal, ...limits }))
  }

  async #verdict({ name, killedBy }: Mutant): Promise<Verdict> {
    const { findings, limits } = this.#options
    const seeds = killedBy.simulator ? seedsFor(findings, name) : undefined
    return verdictOf(killedBy, await this.test(killedBy.files, [patternOf(killedBy)], seeds), limits)
  }

  async test(files: readonly string[], patterns: readonly string[], seeds?: string): Promise<TestReport> {
    const { limits, signal } = this.#options
    const [folder, temporary] = [this.#copy.folder, this.#temporary]
    try {
      return await runTests({ folder, temporary, files, patterns, seeds, limits, signal })
    } finally {
      rmSync(this.#temporary, { recursive: true, force: true, maxRetries: 5 })
    }
  }
}

function verdictOf(killer: Killer, { tests, ended, complaints }: TestReport, { runMsMax }: TestLimits): Verdict {
  const of = (rule: string) => tests.filter(({ title }) => cites(title, rule, killer))
  const isRed = (rule: string) => of(rule).some(({ end }) => end === 'red')
  const kept = killer.rules.filter((rule) => !isRed(rule))
  if (kept.length === 0) {
    const by = tests.filter(
      ({ title, end }) => end === 'red' && killer.rules.some((rule) => cites(title, rule, killer)),
    )
    return { verdict: 'killed', by: by.map(({ title }) => title) }
  }
  if (ended === 'too late')
    return { verdict: 'unproven', why: `its tests had to be ended after ${seconds(runMsMax)} s` }
  if (kept.every((rule) => of(rule).length > 0)) return { verdict: 'survived', green: kept }
  const [other] = tests.filter(({ end }) => end === 'red')
  return { verdict: 'unproven', why: `its tests did not run: ${other?.reason ?? complaints.trim().split('\n')[0]}` }
}

/** Each bench takes the next task as soon as it is free. Settles when every bench has put its work down. */
async function inTurns<Task, Result>(
  benches: readonly Bench[],
  tasks: readonly Task[],
  work: (bench: Bench, task: Task) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const next = tasks.entries()
  let isBroken = false
  const ended = await Promise.allSettled(
    benches.map(async (bench) => {
      // One iterator for all: whoever asks first gets the next one.
      for (const [i, task] of next) {
        if (isBroken) return
        try {
          results[i] = await work(bench, task)
        } catch (error) {
          isBroken = true
          throw error
        }
      }
    }),
  )
  for (const end of ended) if (end.status === 'rejected') throw end.reason
  return results
}

/** One line on a judgement. */
export function told({ mutant: { name, undoes }, verdict, ms }: Judgement): string {
  const head = `${verdict.verdict.padEnd(8)}  ${name} (${undoes}, ${seconds(ms)} s)`
  switch (verdict.verdict) {
    case 'killed':
      return head
    case 'survived':
      return `${head}: green all the same: ${verdict.green.join(', ')}`
    case 'unproven':
    case 'untried':
      return `${head}: ${verdict.why}`
  }
}

export function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
