import type { Config } from '../config/config.ts'
import type { Service } from '../ports/system.ts'

/** A running server, or its share of a cluster. */
export interface Holdfast extends Service {
  /** Where it listens, once it was started. */
  readonly url: string
  readonly offersSignIn: boolean
}

/** Builds the server from its settings: all of it in one process on SQLite, or some roles of a cluster. Only this folder knows roles and adapters. */
export async function compose(config: Config): Promise<Holdfast> {
  const { composeEmbedded } = await import('./embedded.ts')
  return composeEmbedded(config)
}
