import type { Ports, PortsWanted } from './machine/ports.ts'
import type { Probe } from './probes/probe.ts'
import type { Program } from './program.ts'
import type { Security } from './security/security.ts'

export const ENGINES = [
  'kafka',
  'kafka3',
  'kafka-secure',
  'ferretdb',
  'ferretdb-pg',
  'ferretdb-secure',
  'mongo-java-server',
  'opensearch',
  'elasticsearch',
  'opensearch3',
  'elasticsearch7',
  'elasticsearch9',
] as const
export type EngineName = (typeof ENGINES)[number]

/** Something that can be started: how its program comes about, and which processes make it. */
export interface Engine {
  readonly name: EngineName
  /** One line of `--help`. */
  readonly what: string
  /** Built and tested when somebody names it, and not in CI. */
  readonly isOnDemand?: boolean
  readonly program: Program
  readonly ports: PortsWanted
  /** Throws when the machine lacks what `prepare` needs: before anybody waits for a build. */
  check?(): void
  /** What a client is given. */
  url(ports: Ports): string
  /** Of an engine with TLS and credentials, in its folder. */
  security?(folder: string): Security
  /** Writes what the processes need into the folder, over whatever an earlier start left there: data stays. */
  prepare(place: Place): Promise<readonly Stage[]>
}

export interface Place {
  /** Of the program that was built. */
  readonly program: string
  /** Of data, settings and logs. */
  readonly folder: string
  readonly ports: Ports
  /** Runs a command to its end; what it prints goes into a log, and a failure is an error that shows the log's end. */
  run(command: string, args: readonly string[], folder: string): Promise<void>
}

/** Processes that are started together; the next stage waits until all of these are ready. */
export type Stage = readonly ProcessPlan[]

/** Plain data: it is kept in a file, and a process that died is started again from it. */
export interface ProcessPlan {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly folder: string
  readonly stopSignal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'
  readonly probe: Probe
}
