import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { seedsOf } from '../../packages/server/test/simulation/seeds.ts'
import { edited } from './copy.ts'
import { findSeeds } from './find-seeds.ts'
import { KNOWN_MISTAKES } from './known-mistakes.ts'
import { type Edit, type Mutant, tests } from './mutant.ts'
import { isGood, tableOf } from './report.ts'
import { type Judgement, run, Unprovable } from './run.ts'
import { readFindings } from './seeds.ts'
import { MUTANTS } from './table.ts'
import type { TestLimits } from './tests.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SUM = 'packages/sum/src/index.ts'
const SUM_TESTS = 'packages/shop/test/sum.test.ts'
const HANGING_TESTS = 'packages/shop/test/hanging.test.ts'
const LIMITS: TestLimits = { testMsMax: 20_000, runMsMax: 60_000 }

test('[MUT1] an edit that fits nowhere, or twice, or whose file is gone, fails the run before anything runs, and names the mutant', async (context) => {
  const tree = fixture(context)
  const mutants = [
    mutant('gone', [{ file: SUM, find: 'return a - b', replace: '' }], ['ADD1']),
    mutant('twice', [{ file: SUM, find: 'return', replace: '' }], ['ADD1']),
    mutant('moved', [{ file: 'packages/sum/src/sum.ts', find: 'return', replace: '' }], ['ADD1']),
    mutant('good', [WRONG_SUM], ['ADD1']),
  ]

  const { reasons, told } = await refused(tree, mutants)

  assert.deepEqual(
    reasons.map((reason) => reason.split('\n')[0]),
    [
      `gone no longer applies: this does not stand in ${SUM}:`,
      `twice no longer applies: this stands 2 times in ${SUM}:`,
      'moved no longer applies: there is no packages/sum/src/sum.ts',
    ],
  )
  assert.deepEqual(told, [])
})

test('[MUT2] a rule that no test cites, or whose test is red anyway, fails the run before any mutant is tried', async (context) => {
  const tree = fixture(context)

  const { reasons, told } = await refused(tree, [
    mutant('unguarded', [WRONG_SUM], ['ADD1', 'ADD9']),
    mutant('red anyway', [WRONG_SUM], ['ADD4']),
  ])

  assert.match(
    reasons[0] ?? '',
    /^unguarded cannot be shown to be killed by ADD9: no test of .*sum\.test\.ts cites it$/,
  )
  assert.match(
    reasons[1] ?? '',
    /^red anyway cannot .* ADD4: "\[ADD4\] is red" is red on the source as it is: always red$/,
  )
  assert.equal(reasons.length, 2)
  assert.deepEqual(told, [])
})

test('[MUT2] a rule whose test is skipped here leaves its mutants untried, and the table says so', async (context) => {
  const [judgement, ...others] = await judged(fixture(context), [mutant('skipped', [WRONG_SUM], ['ADD1', 'ADD5'])])

  assert.deepEqual(others, [])
  assert.deepEqual(judgement?.verdict, { verdict: 'untried', why: `"${title('ADD5', 'is skipped')}" is skipped here` })
  assert.match(tableOf([judgement]), /not tried: "\[ADD5\] is skipped" is skipped here[\s\S]*1 could not be tried/)
})

test('[MUT3] a mutant is killed when a test of each rule named is red; one that lives is named with what stayed green', async (context) => {
  const judgements = await judged(fixture(context), [
    mutant('wrong sum', [WRONG_SUM], ['ADD1']),
    mutant('wrong product', [{ file: SUM, find: 'a * b', replace: 'a / b' }], ['ADD1', 'ADD6']),
    mutant('no difference', [{ file: SUM, find: 'a + b', replace: 'b + a' }], ['ADD1']),
  ])

  assert.deepEqual(
    judgements.map(({ verdict }) => verdict),
    [
      { verdict: 'killed', by: [title('ADD1', 'in this process')] },
      // What the first mutant broke is whole again: its rule is green here.
      { verdict: 'survived', green: ['ADD1'] },
      { verdict: 'survived', green: ['ADD1'] },
    ],
  )
  assert.deepEqual(judgements.map(isGood), [true, false, false])
  assert.match(tableOf(judgements), /no difference +NOT KILLED: ADD1 stayed green[\s\S]*1 of 3 mutants were killed\./)
})

test('[MUT3] tests that do not load, or have to be ended from outside, show nothing', async (context) => {
  const [broken, hanging] = await judged(
    fixture(context),
    [
      mutant('does not load', [{ file: SUM, find: 'export function sum', replace: 'function sum' }], ['ADD1']),
      mutant('hangs', [WRONG_SUM], ['ADD7'], HANGING_TESTS),
    ],
    { limits: { ...LIMITS, runMsMax: 3_000 } },
  )

  assert.ok(broken?.verdict.verdict === 'unproven' && /^its tests did not run: /.test(broken.verdict.why))
  assert.deepEqual(hanging?.verdict, { verdict: 'unproven', why: 'its tests had to be ended after 3.0 s' })
  assert.ok(!isGood(broken) && !isGood(hanging))
})

test("[MUT4] whatever imports the project's packages in the copy runs the copy: the test, its child processes, its threads", async (context) => {
  const tree = fixture(context)
  const before = readFileSync(join(tree.root, SUM), 'utf8')

  const [judgement] = await judged(tree, [mutant('wrong sum', [WRONG_SUM], ['ADD1', 'ADD2', 'ADD3'])])

  assert.deepEqual(judgement?.verdict, {
    verdict: 'killed',
    by: [title('ADD1', 'in this process'), title('ADD2', 'in a child process'), title('ADD3', 'in a thread')],
  })
  assert.equal(readFileSync(join(tree.root, SUM), 'utf8'), before)
})

test('[MUT4] mutants that are tried at the same time do not meet', async (context) => {
  const mutants = Array.from({ length: 6 }, (_, i) =>
    i % 2 === 0
      ? mutant(`wrong sum ${i}`, [WRONG_SUM], ['ADD1'])
      : mutant(`wrong product ${i}`, [{ file: SUM, find: 'a * b', replace: 'a / b' }], ['ADD6', 'ADD1']),
  )

  const judgements = await judged(fixture(context), mutants, { jobs: 3 })

  assert.deepEqual(
    judgements.map(({ mutant: { name }, verdict }) => [name, verdict.verdict]),
    mutants.map(({ name }, i) => [name, i % 2 === 0 ? 'killed' : 'survived']),
  )
})

test('[MUT5] whatever ends a run, no folder and no process of it is left', { timeout: 60_000 }, async (context) => {
  const temporary = temporaryFolder(context)
  const tree = fixture(context)
  makeTemporariesIn(context, temporary)
  await judged(tree, [mutant('wrong sum', [WRONG_SUM], ['ADD1'])])
  assert.deepEqual(readdirSync(temporary), [], 'after an end of its own')

  const ended = new AbortController()
  const running = judged(tree, [mutant('hangs', [WRONG_SUM], ['ADD7'], HANGING_TESTS)], { signal: ended.signal })
  const pids = join(tree.root, 'pids')
  await until(context, () => existsSync(pids))
  ended.abort()
  await assert.rejects(running, { name: 'AbortError' })

  assert.deepEqual(readdirSync(temporary), [], 'after an end from outside')
  const left = readFileSync(pids, 'utf8').split('\n').map(Number)
  assert.equal(left.length, 2)
  // A process that was killed is gone a moment later.
  await until(context, () => !left.some(isAlive))
})

test('[MUT5] a signal ends the command with exit code 130 and leaves nothing', { timeout: 60_000 }, async (context) => {
  const temporary = temporaryFolder(context)
  const { child, exit } = command(['prefix-with-holes'], temporary)
  await until(context, () => readdirSync(temporary).length > 0)

  child.kill('SIGINT')

  assert.equal((await exit).code, 130)
  assert.deepEqual(readdirSync(temporary), [])
})

test('[MUT6] every mutant fits the source as it is, under a name of its own', () => {
  for (const mutant of MUTANTS) edited(ROOT, mutant)
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length)
})

test("[MUT7] each row of README's guarantee table has mutants, and names just the rules that kill them", () => {
  const rows = [...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/^\| (\d+) \|.*\| ([A-Z0-9, ]+) \|$/gm)]
  assert.deepEqual(
    rows.map(([, number]) => number),
    Array.from({ length: 10 }, (_, i) => String(i + 1)),
  )
  for (const [, number, rules = ''] of rows) {
    const killers = MUTANTS.filter(({ undoes }) => undoes === `defect ${number}`).flatMap(
      ({ killedBy }) => killedBy.rules,
    )
    assert.deepEqual(rules.split(', ').toSorted(), [...new Set(killers)].toSorted(), `row ${number}`)
  }
})

test('[MUT9] every rule and every known mistake has mutants, and those left to the simulator were noticed by it', () => {
  const rules = (letter: string, count: number) => Array.from({ length: count }, (_, i) => `${letter}${i + 1}`)
  const undone = new Set(MUTANTS.map(({ undoes }) => undoes))
  assert.deepEqual(
    [...rules('R', 9), ...rules('G', 11)].filter((rule) => !undone.has(rule)),
    [],
  )
  const names = MUTANTS.map(({ name }) => name)
  for (const { mistake, mutants } of KNOWN_MISTAKES)
    assert.ok(mutants.length > 0 && mutants.every((name) => names.includes(name)), mistake)
  const findings = readFindings()
  const unnoticed = MUTANTS.filter(({ name, killedBy }) => killedBy.simulator && findings[name]?.first === undefined)
  assert.deepEqual(
    unnoticed.map(({ name }) => name),
    [],
  )
  assert.deepEqual(
    Object.keys(findings).filter((name) => !names.includes(name)),
    [],
  )
})

test('[MUT10] seeds are looked for from the first on; one that hangs or breaks down notices', async (context) => {
  const { root } = fixture(context)
  mkdirSync(join(root, 'packages/server/test/simulation'), { recursive: true })
  mkdirSync(join(root, 'faults/mutants'), { recursive: true })
  const simulated = fileURLToPath(new URL('simulated.ts', import.meta.url))
  writeFileSync(join(root, 'faults/mutants/simulated.ts'), readFileSync(simulated))
  writeFileSync(
    join(root, 'packages/server/test/simulation/simulation.ts'),
    `export async function simulate({ seed }: { seed: number }) {
      if (seed === 4) process.exit(1)
      if (seed === 6) for (;;);
      if (seed === 8) throw new Error('red')
      return { verdict: { verdict: seed === 9 ? 'fail' : 'pass' } }
    }`,
  )
  const { signal } = new AbortController()
  const search = { folder: root, seedsMax: 9, noticedMax: 9, seedMsMax: 5_000, signal }

  assert.deepEqual(await findSeeds(search), { first: 4, noticed: 4, of: 9 })
  assert.deepEqual(await findSeeds({ ...search, noticedMax: 1 }), { first: 4, noticed: 1, of: 4 })
  assert.deepEqual(await findSeeds({ ...search, seedsMax: 3 }), { first: undefined, noticed: 0, of: 3 })
})

test('[MUT8] the command tries what is named, as JSON too, and says by its exit code what came of it', async (context) => {
  const temporary = temporaryFolder(context)
  const { code, output } = await command(['prefix-with-holes', '--json'], temporary).exit
  const { good, mutants } = JSON.parse(output)
  assert.deepEqual(
    [code, good, mutants.length, mutants[0].name, mutants[0].verdict],
    [0, true, 1, 'prefix-with-holes', 'killed'],
  )

  for (const args of [['defect 99'], ['--jobs', '0'], ['--no-such-option']])
    assert.equal((await command(args, temporary).exit).code, 2, args.join(' '))
  const help = await command(['--help'], temporary).exit
  assert.equal(help.code, 0)
  for (const { name } of MUTANTS) assert.ok(help.output.includes(`  ${name}: `))
})

test('[MUT11] seeds are named by a number for the first so many, by ranges, and by several of these', () => {
  assert.deepEqual(seedsOf('3'), [1, 2, 3])
  assert.deepEqual(seedsOf('7..9'), [7, 8, 9])
  assert.deepEqual(seedsOf('8..9,3,9..10'), [8, 9, 1, 2, 3, 10])
  for (const text of ['', '0', 'some', '9..7', '7..', '..7', '1.5', '3,']) assert.throws(() => seedsOf(text), text)
})

function command(args: readonly string[], temporary: string) {
  const main = fileURLToPath(new URL('main.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=@holdfast/source', main, ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const exit = new Promise<{ code: number | NodeJS.Signals | null; output: string }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code: code ?? signal, output })),
  )
  return { child, exit }
}

// ---- a project of two packages, for the runner to break ------------------------------------------------------------------

const WRONG_SUM: Edit = { file: SUM, find: 'a + b', replace: 'a - b' }

/** As it stands in the fixture; it is put together, so that nobody takes its rules for rules of ours. */
function title(rule: string, what: string): string {
  return `[${rule}] ${what}`
}

function mutant(name: string, edits: readonly Edit[], rules: readonly string[], file = SUM_TESTS): Mutant {
  return { name, undoes: 'sums', what: 'It adds up wrongly.', edits, killedBy: tests(rules, [file]) }
}

type Options = Partial<Parameters<typeof run>[0]>

function judged(tree: Fixture, mutants: readonly Mutant[], options: Options = {}): Promise<readonly Judgement[]> {
  const { signal } = new AbortController()
  return run({ tree, mutants, findings: {}, jobs: 1, limits: LIMITS, signal, progress: () => {}, ...options })
}

async function refused(
  tree: Fixture,
  mutants: readonly Mutant[],
): Promise<{ reasons: readonly string[]; told: string[] }> {
  const told: string[] = []
  try {
    await judged(tree, mutants, { progress: (line) => told.push(line) })
  } catch (error) {
    assert.ok(error instanceof Unprovable, String(error))
    return { reasons: error.reasons, told }
  }
  throw new Error('the run was not refused')
}

interface Fixture {
  readonly root: string
  readonly folders: readonly string[]
}

function fixture(context: TestContext): Fixture {
  const root = temporaryFolder(context)
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text.replaceAll('ROOT', root))
  }
  mkdirSync(join(root, 'node_modules/@fixture'))
  symlinkSync('../../packages/sum', join(root, 'node_modules/@fixture/sum'))
  return { root, folders: ['packages'] }
}

const FILES: Readonly<Record<string, string>> = {
  'package.json': '{ "type": "module" }',
  'node_modules/twice/package.json': '{ "name": "twice", "type": "module", "exports": "./index.js" }',
  'node_modules/twice/index.js': 'export const twice = (text) => text + text',
  'packages/sum/package.json': JSON.stringify({
    name: '@fixture/sum',
    type: 'module',
    exports: { '.': { '@holdfast/source': './src/index.ts', default: './dist/missing.js' } },
  }),
  [SUM]: `
    export function sum(a: number, b: number) { return a + b }
    export function product(a: number, b: number) { return a * b }
  `,
  // Its tests are another package's: they find it through the links, as everybody outside it does.
  'packages/shop/package.json': '{ "name": "@fixture/shop", "type": "module" }',
  'packages/shop/test/thread.ts': `
    import { parentPort } from 'node:worker_threads'
    import { sum } from '@fixture/sum'
    parentPort?.postMessage(sum(1, 2))
  `,
  [SUM_TESTS]: `
    import assert from 'node:assert/strict'
    import { execFileSync } from 'node:child_process'
    import { once } from 'node:events'
    import { test } from 'node:test'
    import { Worker } from 'node:worker_threads'
    import { product, sum } from '@fixture/sum'
    import { twice } from 'twice'

    test(title('ADD1', 'in this process'), () => assert.equal(twice(String(sum(1, 2))), '33'))
    test(title('ADD2', 'in a child process'), () => {
      const code = "import { sum } from '@fixture/sum'; process.stdout.write(String(sum(1, 2)))"
      const cwd = import.meta.dirname
      const args = ['--conditions=@holdfast/source', '--input-type=module', '--eval', code]
      assert.equal(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' }), '3')
    })
    test(title('ADD3', 'in a thread'), async () => {
      const thread = new Worker(new URL('thread.ts', import.meta.url))
      assert.deepEqual(await once(thread, 'message'), [3])
    })
    test(title('ADD4', 'is red'), () => assert.fail('always red'))
    test(title('ADD5', 'is skipped'), { skip: 'no such machine' }, () => {})
    test(title('ADD6', 'multiplies'), () => assert.equal(product(2, 3), 6))

    function title(rule: string, what: string) { return '[' + rule + '] ' + what }
  `,
  [HANGING_TESTS]: `
    import { spawn } from 'node:child_process'
    import { writeFileSync } from 'node:fs'
    import { test } from 'node:test'
    import { sum } from '@fixture/sum'

    test('[' + 'ADD7] hangs where the sum is wrong', () => {
      if (sum(1, 2) === 3) return
      const child = spawn(process.execPath, ['--eval', 'setTimeout(() => {}, 120000)'])
      writeFileSync('ROOT/pids', process.pid + '\\n' + child.pid)
      // Nothing interrupts this; it has an end only for the day when the runner is broken.
      for (const end = Date.now() + 120000; Date.now() < end; );
    })
  `,
}

async function until({ signal }: TestContext, holds: () => boolean): Promise<void> {
  while (!holds()) {
    signal.throwIfAborted()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  context.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Until the test ends, temporary folders are made in this one. */
function makeTemporariesIn(context: TestContext, folder: string): void {
  const { TMPDIR } = process.env
  process.env.TMPDIR = folder
  context.after(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  })
}
