import type { Instance, InstanceProcess } from './instance.ts'
import { isAlive, memoryOf } from './machine/processes.ts'
import { answers } from './probes/probe.ts'
import type { Security } from './security/security.ts'

export interface Status {
  readonly id: string
  readonly engine: string
  readonly version: string
  readonly state: 'running' | 'not answering' | 'dead' | 'left behind'
  readonly url: string
  readonly since: string
  readonly folder: string
  readonly security: Security | null
  /** Resident, of all its processes. */
  readonly memoryBytes: number
  /** The process of the test that it belongs to. */
  readonly ownerPid: number | null
  readonly processes: readonly ProcessStatus[]
}

export interface ProcessStatus {
  readonly name: string
  readonly pid: number | null
  readonly state: 'running' | 'not answering' | 'dead'
  readonly memoryBytes: number
  readonly port: number
  readonly log: string
}

/** Asks the machine and the engine itself: a state file only says what was started. */
export async function statusOf({
  id,
  engine,
  version,
  url,
  startedAt,
  folder,
  owner,
  security,
  processes,
}: Instance): Promise<Status> {
  const statuses = await Promise.all(processes.map(processStatus))
  return {
    id,
    engine,
    version,
    state: owner !== undefined && !isAlive(owner) ? 'left behind' : worst(statuses),
    url,
    since: startedAt,
    folder,
    security: security ?? null,
    memoryBytes: statuses.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    ownerPid: owner?.pid ?? null,
    processes: statuses,
  }
}

async function processStatus({ name, mark, probe, log }: InstanceProcess): Promise<ProcessStatus> {
  const isDead = mark === undefined || !isAlive(mark)
  // Of itself alone: that one of three brokers is gone shows in that one's line.
  const isAnswering = !isDead && (await answers({ ...probe, brokers: 1 }))
  return {
    name,
    pid: isDead ? null : mark.pid,
    state: isDead ? 'dead' : isAnswering ? 'running' : 'not answering',
    memoryBytes: isDead ? 0 : (memoryOf(mark) ?? 0),
    port: probe.port,
    log,
  }
}

function worst(processes: readonly ProcessStatus[]): ProcessStatus['state'] {
  const has = (wanted: ProcessStatus['state']) => processes.some(({ state }) => state === wanted)
  return has('dead') ? 'dead' : has('not answering') ? 'not answering' : 'running'
}
