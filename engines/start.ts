import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { markDataFolder, openDataFolder } from './data-folder.ts'
import type { Engine, EngineName } from './engine.ts'
import { EngineError } from './errors.ts'
import type { Instance, InstanceProcess } from './instance.ts'
import type { Folders } from './machine/folders.ts'
import { locked } from './machine/lock.ts'
import { logEnd } from './machine/log-end.ts'
import { choosePorts } from './machine/ports.ts'
import { isAlive, markOf, type ProcessMark } from './machine/processes.ts'
import { runLogged } from './machine/run-logged.ts'
import { answers } from './probes/probe.ts'
import { built, type Progress } from './program.ts'
import { Register } from './register.ts'
import { endProcesses } from './stop.ts'

const READY_MS_MAX = 120_000 // a JVM on a machine that does much else takes half a minute
const POLL_MS = 100

export interface StartOptions {
  readonly id: string
  readonly folders: Folders
  readonly progress: Progress
  /** Of the first client port: 0 for any that are free; by default those it had, else the usual ones, else any. */
  readonly port?: number | undefined
  readonly folder?: string | undefined
  readonly owner?: ProcessMark
}

/** Builds it if need be, starts what does not run of it, and waits until all of it serves. Data of an earlier start are kept. */
export async function start(engine: Engine, options: StartOptions): Promise<Instance> {
  const register = new Register(options.folders.running)
  const wait = () => options.progress(`waiting: ${options.id} is being started or stopped by another process`)
  return locked(register.lock(options.id), wait, async () => {
    const before = register.get(options.id)
    const isRunning = before?.processes.some(isUp) === true
    if (isRunning) refuseToMove(before, options)
    const planned = isRunning ? before : await plan(engine, options, register)
    return startProcesses(planned, register, options)
  })
}

export function isUp({ mark }: InstanceProcess): boolean {
  return mark !== undefined && isAlive(mark)
}

async function plan(engine: Engine, options: StartOptions, register: Register): Promise<Instance> {
  const { id, folders, progress, owner } = options
  engine.check?.()
  const program = await built(engine.program, folders, progress)
  const folder = options.folder ?? join(folders.data, id)
  const other = register.all().find((instance) => instance.folder === folder && instance.processes.some(isUp))
  if (other !== undefined)
    throw new EngineError(
      'folder_unusable',
      `${folder} is in use by ${other.id}: name another folder, or stop that one.`,
    )
  const ports = await choosePorts(engine.ports, options.port, openDataFolder(folder, engine.name))
  markDataFolder(folder, { engine: engine.name, ports })
  const logs = join(folder, 'logs')
  mkdirSync(logs, { recursive: true })
  const stages = await engine.prepare({
    program,
    folder,
    ports,
    run: (command, args, cwd) =>
      runLogged({
        command,
        args,
        folder: cwd,
        log: join(logs, 'prepare.log'),
        failure: `${engine.name} could not be prepared`,
      }),
  })
  const processes = stages.flatMap((plans, stage) =>
    plans.map((process) => ({ ...process, stage, log: join(logs, `${process.name}.log`) })),
  )
  return {
    id,
    engine: engine.name,
    version: engine.program.version,
    url: engine.url(ports),
    folder,
    startedAt: new Date().toISOString(),
    ports,
    ...(engine.security === undefined ? {} : { security: engine.security(folder) }),
    ...(owner === undefined ? {} : { owner }),
    processes,
  }
}

/** Starts those that are not up, stage by stage. When one fails, those that were started here end too. */
async function startProcesses(
  planned: Instance,
  register: Register,
  { progress, owner }: StartOptions,
): Promise<Instance> {
  let instance = planned
  const begun = performance.now()
  const fresh: InstanceProcess[] = []
  try {
    for (let stage = 0; instance.processes.some((process) => process.stage >= stage); stage++) {
      const missing = instance.processes.filter((process) => process.stage === stage && !isUp(process))
      if (missing.length > 0) progress(`starting ${instance.id}: ${missing.map(({ name }) => name).join(', ')}`)
      for (const process of missing) {
        const started = { ...process, mark: await spawnProcess(process, owner === undefined) }
        fresh.push(started)
        instance = { ...instance, processes: instance.processes.map((one) => (one === process ? started : one)) }
        // At once, so that whatever happens next, it can be stopped.
        register.put(instance)
      }
      await Promise.all(
        instance.processes
          .filter((process) => process.stage === stage)
          .map((process) => ready(process, instance.engine)),
      )
    }
    const seconds = ((performance.now() - begun) / 1_000).toFixed(1)
    progress(fresh.length === 0 ? `${instance.id} runs already` : `${instance.id} serves, after ${seconds} s`)
    return instance
  } catch (error) {
    await endProcesses(fresh, 'SIGKILL')
    if (!instance.processes.some(isUp)) register.delete(instance.id)
    throw error
  }
}

/** One that belongs to a process stays in its group, so that Ctrl-C reaches both. */
async function spawnProcess({ command, args, folder, log }: InstanceProcess, detached: boolean): Promise<ProcessMark> {
  const file = openSync(log, 'a')
  try {
    const child = spawn(command, args, { cwd: folder, detached, stdio: ['ignore', file, file] })
    child.unref()
    await once(child, 'spawn').catch((error) => {
      throw new EngineError('command_failed', `${command} cannot be run (${error.message}).`)
    })
    const mark = child.pid === undefined ? undefined : markOf(child.pid)
    if (mark === undefined) throw new EngineError('died', `${command} ended at once.\n${logEnd(log)}`)
    return mark
  } finally {
    closeSync(file)
  }
}

async function ready({ name, mark, probe, log }: InstanceProcess, engine: EngineName): Promise<void> {
  const until = performance.now() + READY_MS_MAX
  while (!(await answers(probe))) {
    if (mark === undefined || !isAlive(mark))
      throw new EngineError('died', `${name} of ${engine} ended while it started.\n${logEnd(log)}`)
    if (performance.now() > until)
      throw new EngineError(
        'not_ready',
        `${name} of ${engine} does not answer after ${READY_MS_MAX / 1_000} s.\n${logEnd(log)}`,
      )
    await sleep(POLL_MS)
  }
}

function refuseToMove({ id, ports, folder }: Instance, asked: StartOptions): void {
  const isElsewhere = asked.port !== undefined && asked.port !== 0 && asked.port !== ports.clients[0]
  if (isElsewhere || (asked.folder !== undefined && asked.folder !== folder))
    throw new EngineError(
      'already_running',
      `${id} already runs on port ${ports.clients[0]} with ${folder}: stop it first.`,
    )
}
