import type { Config } from '../config/config.ts'
import { Failure } from '../ports/failure.ts'
import type { Options } from './arguments.ts'
import { CommandError, EXIT, type Io } from './command.ts'
import { DATA_OPTION } from './installation.ts'
import { settingsFrom } from './serve-flags.ts'

/** For commands that open the engines of an installation themselves: where these are. */
export const INSTALLATION_OPTIONS = {
  ...DATA_OPTION,
  log: { type: 'string', value: 'URL', text: "a cluster's log (or HOLDFAST_LOG)" },
  store: { type: 'string', value: 'URL', text: "a cluster's store (or HOLDFAST_STORE)" },
  search: { type: 'string', value: 'URL', text: "a cluster's search index (or HOLDFAST_SEARCH)" },
  config: { type: 'string', value: 'FILE', text: 'a JSON file with settings' },
} as const satisfies Options

type Values = { readonly [Flag in keyof typeof INSTALLATION_OPTIONS]?: string | undefined }

/** Throws a usage error where they make no sense. */
export function installationFrom({ data, log, store, search, config }: Values, io: Io): Config {
  return settingsFrom({ data, log, store, search, config }, io)
}

/** An engine that cannot be opened ends the command, with what it says of itself. */
export async function orUnreachable<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch (error) {
    if (error instanceof Failure) throw new CommandError(EXIT.unreachable, error.message, error)
    throw error
  }
}
