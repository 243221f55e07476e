import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface TestResult {
  readonly title: string
  readonly end: 'green' | 'red' | 'skipped'
  /** Of a red one. */
  readonly reason: string
}

export interface TestRun {
  /** The source in which they run. */
  readonly folder: string
  /** What they and their processes may write to, and leave behind. */
  readonly temporary: string
  readonly files: readonly string[]
  /** Regular expressions for titles: one has to match. */
  readonly patterns: readonly string[]
  /** Which seeds the simulator runs, as `HFTEST_SEEDS` has it. */
  readonly seeds: string | undefined
  readonly limits: TestLimits
  readonly signal: AbortSignal
}

export interface TestLimits {
  /** A test that takes longer is red, unless it says itself how long it may take. */
  readonly testMsMax: number
  /** A run that takes longer is ended from outside, and shows nothing: its test cannot even be timed out. */
  readonly runMsMax: number
}

export interface TestReport {
  readonly tests: readonly TestResult[]
  readonly ended: 'by itself' | 'too late'
  /** What Node itself had to say. */
  readonly complaints: string
}

const REPORTER = fileURLToPath(new URL('reporter.ts', import.meta.url))

/** Runs the tests of these files whose titles match, one file after the other. Whatever they started is gone when this settles. */
export async function runTests(run: TestRun): Promise<TestReport> {
  const { folder, temporary, files, patterns, seeds, limits, signal } = run
  signal.throwIfAborted()
  mkdirSync(temporary, { recursive: true })
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  const child = spawn(
    process.execPath,
    [
      '--conditions=@holdfast/source',
      '--disable-warning=ExperimentalWarning',
      '--test',
      '--test-concurrency=1',
      `--test-timeout=${limits.testMsMax}`,
      ...patterns.map((pattern) => `--test-name-pattern=${pattern}`),
      `--test-reporter=${REPORTER}`,
      '--test-reporter-destination=stdout',
      ...files.map((file) => join(folder, file)),
    ],
    {
      cwd: folder,
      env: { ...environment, TMPDIR: temporary, ...(seeds === undefined ? {} : { HFTEST_SEEDS: seeds }) },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: its end is the end of every process that the tests have started.
      detached: true,
    },
  )
  const kill = () => killGroup(child.pid)
  let ended: TestReport['ended'] = 'by itself'
  const deadline = setTimeout(() => {
    ended = 'too late'
    kill()
  }, limits.runMsMax)
  signal.addEventListener('abort', kill)
  child.on('exit', kill)
  try {
    const [lines, complaints] = await Promise.all([textOf(child.stdout), textOf(child.stderr), closed(child)])
    signal.throwIfAborted()
    return { tests: lines.split('\n').flatMap(parsed), ended, complaints }
  } finally {
    clearTimeout(deadline)
    signal.removeEventListener('abort', kill)
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody of it lives any more.
  }
}

function closed(child: ReturnType<typeof spawn>): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => resolve())
  })
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const piece of stream.setEncoding('utf8')) text += piece
  return text
}

function parsed(line: string): readonly TestResult[] {
  try {
    return [JSON.parse(line) as TestResult]
  } catch {
    // A run that is ended from outside may stop in the middle of a line.
    return []
  }
}
