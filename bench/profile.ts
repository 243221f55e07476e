// Prints what was hot in the CPU profiles that `npm run bench -- … --profile DIR` left: node node26.mjs bench/profile.ts DIR
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Profile, WAITING } from './load/libraries.ts'
import { figure, printTable } from './report.ts'

const ROWS_MAX = 25
const ROOT = fileURLToPath(new URL('..', import.meta.url))

const [folder = '.'] = process.argv.slice(2)
for (const file of readdirSync(folder).sort()) {
  if (file.endsWith('.cpuprofile'))
    process.stdout.write(summary(file, JSON.parse(readFileSync(join(folder, file), 'utf8'))))
}

/** Self time is a function's own; total time has what it called in it. */
function summary(file: string, { nodes, samples, timeDeltas }: Profile): string {
  const self = new Map<number, number>()
  for (const [i, id] of samples.entries()) self.set(id, (self.get(id) ?? 0) + (timeDeltas[i] ?? 0) / 1_000)
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const children = new Map(nodes.map(({ id, children: below = [] }) => [id, below]))
  const times = new Map<string, { self: number; total: number }>()
  const timeOf = (name: string) => {
    const known = times.get(name) ?? { self: 0, total: 0 }
    times.set(name, known)
    return known
  }
  /** A function that calls itself counts once in its total. */
  const visit = (id: number, above: ReadonlySet<string>): number => {
    const name = names.get(id) ?? ''
    const own = self.get(id) ?? 0
    const within = above.has(name) ? above : new Set([...above, name])
    const total = (children.get(id) ?? []).reduce((sum, child) => sum + visit(child, within), own)
    timeOf(name).self += own
    if (!above.has(name)) timeOf(name).total += total
    return total
  }
  visit(nodes[0]?.id ?? 0, new Set())
  const busy = [...times].filter(([name]) => !WAITING.has(name))
  const busyMs = busy.reduce((sum, [, { self: own }]) => sum + own, 0)
  const rows = busy.sort(([, a], [, b]) => b.self - a.self).slice(0, ROWS_MAX)
  return `${printTable({
    title: `${file}: busy for ${figure(busyMs)} ms`,
    columns: ['function', 'self ms', 'self %', 'total ms'],
    rows: rows.map(([name, time]) => [
      name,
      figure(time.self),
      ((100 * time.self) / busyMs).toFixed(1),
      figure(time.total),
    ]),
  })}\n`
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  if (url === '') return name
  const place = url.startsWith('file:') ? relative(ROOT, fileURLToPath(url)) : url
  return `${name}  ${place}:${lineNumber + 1}`
}
