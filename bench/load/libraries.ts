import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Frames of V8 and Node that stand for no work of ours. */
export const WAITING: ReadonlySet<string> = new Set(['(idle)', '(program)', '(root)'])

/** Of the busy time of a process, the share of each: a library, `ours`, `node`, or `collecting garbage`. They are 1 together. */
export type Shares = Readonly<Record<string, number>>

/** Reads the one profile that a process left in a folder. */
export function sharesIn(folder: string): Shares {
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))
  if (file === undefined) throw new Error(`no profile was left in ${folder}`)
  return sharesOf(JSON.parse(readFileSync(join(folder, file), 'utf8')))
}

function sharesOf({ nodes, samples, timeDeltas }: Profile): Shares {
  const owners = new Map(nodes.map(({ id, callFrame }) => [id, ownerOf(callFrame)]))
  const times: Record<string, number> = {}
  let busy = 0
  for (const [i, id] of samples.entries()) {
    const owner = owners.get(id)
    if (owner === undefined) continue
    const time = timeDeltas[i] ?? 0
    times[owner] = (times[owner] ?? 0) + time
    busy += time
  }
  return Object.fromEntries(Object.entries(times).map(([owner, time]) => [owner, time / busy]))
}

function ownerOf({ functionName, url }: Profile['nodes'][number]['callFrame']): string | undefined {
  if (WAITING.has(functionName)) return undefined
  if (functionName === '(garbage collector)') return 'collecting garbage'
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
  if (name !== undefined) return name === 'bson' ? 'mongodb' : name
  return url.startsWith('file:') ? 'ours' : 'node'
}
