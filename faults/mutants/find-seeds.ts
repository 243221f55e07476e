import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Finding } from './seeds.ts'
import type { Told } from './simulated.ts'

export interface SearchLimits {
  readonly seedsMax: number
  /** The share is known well enough then. */
  readonly noticedMax: number
  /** A seed that takes longer hangs, which is noticed too. */
  readonly seedMsMax: number
}

interface Search extends SearchLimits {
  /** A copy of the source, with the mutant in it. */
  readonly folder: string
  readonly signal: AbortSignal
}

/** Runs seeds from 1 on, and says in which of them the simulator notices what is wrong in that folder. */
export async function findSeeds(search: Search): Promise<Finding> {
  const noticed: number[] = []
  let next = 1
  while (next <= search.seedsMax && noticed.length < search.noticedMax) {
    for await (const told of runFrom(search, next)) {
      next = told.seed + 1
      if (told.noticed) noticed.push(told.seed)
      if (noticed.length >= search.noticedMax) break
    }
    search.signal.throwIfAborted()
    if (next > search.seedsMax || noticed.length >= search.noticedMax) break
    // It did not even come to its end.
    noticed.push(next++)
  }
  return { first: noticed[0], noticed: noticed.length, of: next - 1 }
}

/** Ends early where the process does, or is ended because a seed takes too long. */
async function* runFrom({ folder, seedsMax, seedMsMax, signal }: Search, from: number): AsyncGenerator<Told> {
  const child = spawn(
    process.execPath,
    [
      '--conditions=@holdfast/source',
      '--disable-warning=ExperimentalWarning',
      join(folder, 'faults/mutants/simulated.ts'),
      String(from),
      String(seedsMax),
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const kill = () => void child.kill('SIGKILL')
  let deadline = setTimeout(kill, seedMsMax)
  signal.addEventListener('abort', kill)
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      clearTimeout(deadline)
      deadline = setTimeout(kill, seedMsMax)
      yield JSON.parse(line) as Told
    }
  } finally {
    clearTimeout(deadline)
    signal.removeEventListener('abort', kill)
    kill()
  }
}
