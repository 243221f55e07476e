import { spawn } from 'node:child_process'
import { Folder, Holdfast } from '../load/server.ts'
import type { Progress } from '../main.ts'
import { figure, type PartReport, ranged } from '../report.ts'
import type { BenchSettings } from '../settings.ts'
import { spread } from '../stats.ts'

const STARTS_PER_PASS = 3

/** Milliseconds until the server is ready, beside a Node process that does nothing but say so. */
export async function start({ passes }: BenchSettings, progress: Progress): Promise<PartReport> {
  using folder = new Folder()
  // The first start makes secret and tables, and fills Node's compile cache.
  await startHoldfast(folder.path)
  const turns: { readonly ours: number; readonly first: number; readonly theirs: number }[] = []
  for (let i = 0; i < passes * STARTS_PER_PASS; i++) {
    const theirs = await startEmpty()
    const ours = await startHoldfast(folder.path)
    const first = await startInNewFolder()
    turns.push({ ours, first, theirs })
    progress(
      `start ${i + 1} of ${passes * STARTS_PER_PASS}: ${figure(ours)} ms, in a new folder ${figure(first)} ms, empty process ${figure(theirs)} ms`,
    )
  }
  const more = spread(turns.map(({ ours, theirs }) => ours - theirs))
  return {
    part: 'start',
    tables: [
      {
        title: 'Milliseconds from the start of the process until ready: median (min–max)',
        columns: ['', 'ms'],
        rows: [
          ['Holdfast', ranged(spread(turns.map(({ ours }) => ours)))],
          ['Holdfast in a new folder', ranged(spread(turns.map(({ first }) => first)))],
          ['an empty Node process', ranged(spread(turns.map(({ theirs }) => theirs)))],
          ['Holdfast takes longer by', ranged(more)],
        ],
      },
    ],
    goals: [
      {
        what: 'start until ready, beyond an empty process',
        measured: more,
        unit: ' ms',
        better: 'lower',
        must: 300,
        aim: 250,
        doubt: undefined,
      },
    ],
    notes: ['Ready: it has said where it listens, and /readyz answers 200.'],
    figures: turns,
  }
}

async function startHoldfast(data: string): Promise<number> {
  const server = await Holdfast.start({ data })
  try {
    const { status } = await fetch(new URL('/readyz', server.url))
    if (status !== 200) throw new Error(`/readyz answers ${status} although the server said that it listens`)
    return server.startedMs
  } finally {
    await server.stop()
  }
}

async function startInNewFolder(): Promise<number> {
  using folder = new Folder()
  return await startHoldfast(folder.path)
}

function startEmpty(): Promise<number> {
  const begun = performance.now()
  const child = spawn(process.execPath, ['--eval', 'process.stdout.write("ready")'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    let ready = 0
    child.stdout.once('data', () => {
      ready = performance.now() - begun
    })
    child.on('error', reject)
    child.on('exit', () => resolve(ready))
  })
}
