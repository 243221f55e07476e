import { rm } from 'node:fs/promises'
import { EngineError } from './errors.ts'
import type { Instance, InstanceProcess } from './instance.ts'
import { locked } from './machine/lock.ts'
import { ended, isAlive, type ProcessMark, signal } from './machine/processes.ts'
import type { Progress } from './program.ts'
import type { Register } from './register.ts'

const ORDERLY_MS_MAX = 20_000
const KILLED_MS_MAX = 10_000

/** Ends all of it, last stage first, and forgets it; false when nothing of that name was started. */
export async function stop(id: string, register: Register, progress: Progress): Promise<boolean> {
  const wait = () => progress(`waiting: ${id} is being started or stopped by another process`)
  return locked(register.lock(id), wait, async () => {
    const instance = register.get(id)
    if (instance === undefined) return false
    await endInstance(instance)
    register.delete(id)
    return true
  })
}

/** Ends the engines of tests whose process is gone, with their folders. */
export async function stopLeftBehind(register: Register, progress: Progress): Promise<readonly string[]> {
  const left = register.all().filter(({ owner }) => owner !== undefined && !isAlive(owner))
  for (const { id, folder } of left) {
    progress(`stopping ${id}, which was left behind`)
    await stop(id, register, progress)
    register.forget(id)
    await rm(folder, { recursive: true, force: true })
  }
  return left.map(({ id }) => id)
}

async function endInstance({ processes, owner }: Instance): Promise<void> {
  for (const stage of [...new Set(processes.map((process) => process.stage))].reverse()) {
    const of = processes.filter((process) => process.stage === stage)
    // What a test used is thrown away: nobody needs its orderly end.
    await endProcesses(of, owner === undefined ? undefined : 'SIGKILL')
  }
}

/** With their own signals, then, as with the one named, for good. */
export async function endProcesses(processes: readonly InstanceProcess[], name?: 'SIGKILL'): Promise<void> {
  const marks = processes.map(({ mark }) => mark).filter((mark): mark is ProcessMark => mark !== undefined)
  for (const { mark, stopSignal } of processes) if (mark !== undefined) signal(mark, name ?? stopSignal)
  if (await ended(marks, ORDERLY_MS_MAX)) return
  for (const mark of marks) signal(mark, 'SIGKILL')
  if (await ended(marks, KILLED_MS_MAX)) return
  throw new EngineError(
    'not_stopped',
    `Process ${marks
      .filter(isAlive)
      .map(({ pid }) => pid)
      .join(', ')} does not end, although killed.`,
  )
}
