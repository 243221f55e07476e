import type { EngineName, ProcessPlan } from './engine.ts'
import type { Ports } from './machine/ports.ts'
import type { ProcessMark } from './machine/processes.ts'
import type { Security } from './security/security.ts'

/** An engine that was started and not stopped, as its state file says. */
export interface Instance {
  /** The engine's name, or for a test's engine that and the test's process. */
  readonly id: string
  readonly engine: EngineName
  readonly version: string
  readonly url: string
  readonly folder: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly ports: Ports
  readonly security?: Security
  /** The process whose end ends it, and whose folder goes with it; without one it runs until it is stopped. */
  readonly owner?: ProcessMark
  /** In the order in which they are started. */
  readonly processes: readonly InstanceProcess[]
}

export interface InstanceProcess extends ProcessPlan {
  /** Those of a stage are started together, once all of the last one are ready. */
  readonly stage: number
  readonly log: string
  /** Missing until it was started. */
  readonly mark?: ProcessMark
}
