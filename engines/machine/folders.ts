import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** Where this user's engines live, whichever checkout starts them. */
export interface Folders {
  /** Built programs, one folder each. */
  readonly programs: string
  /** Data and logs of engines that were given no folder. */
  readonly data: string
  /** One file for each engine that was started and not stopped. */
  readonly running: string
}

/** Below XDG_CACHE_HOME or ~/.cache; a relative XDG_CACHE_HOME counts as none, as its specification says. */
export function cacheFolders(env: NodeJS.ProcessEnv = process.env): Folders {
  const { XDG_CACHE_HOME: named } = env
  const cache = named !== undefined && isAbsolute(named) ? named : join(homedir(), '.cache')
  const root = join(cache, 'holdfast', 'engines')
  return { programs: join(root, 'programs'), data: join(root, 'data'), running: join(root, 'running') }
}
