import type { Config } from '../config/config.ts'
/** A running server, or its share of a cluster. */
export interface Holdfast {
  /** Where it listens, once it was started. */
  readonly url: string
  readonly offersSignIn: boolean
  /** Resolves when it is at work. Waiting for engines that are not there yet ends when the signal aborts: it rejects then. */
  start(asked: AbortSignal): Promise<void>
  stop(): Promise<void>
}

/** Builds the server from its settings: all of it in one process on SQLite, or some roles of a cluster. Only this folder knows roles and adapters. */
export async function compose(config: Config): Promise<Holdfast> {
  // What a process does not need it does not load: a start on SQLite is not to wait for the clients of a cluster.
  if (config.isCluster) return (await import('./cluster.ts')).composeCluster(config)
  return (await import('./embedded.ts')).composeEmbedded(config)
}
