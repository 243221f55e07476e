import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const SERVER = 'packages/server/src'
const sources = globSync('{packages/*,bench,engines,faults,scripts}/**/*.{ts,tsx}', {
  cwd: ROOT,
  exclude: ['**/node_modules/**', '**/dist/**'],
}).map((file) => file.split(sep).join('/'))
const server = sources.filter((file) => file.startsWith(`${SERVER}/`))

interface Import {
  readonly from: string
  /** A path from the root, or the name of a package or of one of Node's modules. */
  readonly to: string
  readonly typeOnly: boolean
}

const imports = sources.flatMap(importsOf)

/** Which folder of the server may import which: everything else is refused. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  main: ['cli', 'lifecycle'],
  cli: [
    'cli',
    'compose',
    'config',
    'lifecycle',
    'verify',
    'version',
    'core',
    'ports',
    'adapters/jwt',
    'adapters/system',
  ],
  compose: [
    'compose',
    'config',
    'lifecycle',
    'telemetry',
    'engine',
    'gateway',
    'worker',
    'indexer',
    'api',
    'version',
    'core',
    'ports',
    'adapters/jwt',
    'adapters/kafka',
    'adapters/mongodb',
    'adapters/opensearch',
    'adapters/sqlite',
    'adapters/system',
  ],
  engine: [
    'engine',
    'lifecycle',
    'telemetry',
    'worker',
    'indexer',
    'core',
    'ports',
    'adapters/sqlite',
    'adapters/system',
  ],
  config: ['config', 'gateway', 'worker', 'indexer', 'api', 'core', 'ports'],
  telemetry: ['telemetry', 'gateway', 'worker', 'indexer', 'api', 'core', 'ports'],
  lifecycle: ['ports'],
  version: [],
  gateway: ['gateway', 'core', 'ports'],
  worker: ['worker', 'core', 'ports'],
  indexer: ['indexer', 'core', 'ports'],
  api: ['api', 'core', 'ports'],
  verify: ['verify', 'core', 'ports'],
  core: ['core', 'ports'],
  ports: ['ports'],
  'adapters/memory': ['adapters/memory', 'ports', 'core'],
  'adapters/sqlite': ['adapters/sqlite', 'ports', 'core'],
  'adapters/kafka': ['adapters/kafka', 'ports', 'core'],
  'adapters/mongodb': ['adapters/mongodb', 'ports', 'core'],
  'adapters/opensearch': ['adapters/opensearch', 'ports', 'core'],
  'adapters/system': ['adapters/system', 'ports'],
  'adapters/jwt': ['adapters/jwt', 'ports', 'core'],
}

/** Each library is confined to one folder, so that replacing it is one folder's work. */
const CONFINED: Readonly<Record<string, string>> = {
  '@opensearch-project/opensearch': `${SERVER}/adapters/opensearch/`,
  '@platformatic/kafka': `${SERVER}/adapters/kafka/`,
  fastify: `${SERVER}/api/`,
  jose: `${SERVER}/adapters/jwt/`,
  mongodb: `${SERVER}/adapters/mongodb/`,
  pino: `${SERVER}/adapters/system/`,
  'prom-client': `${SERVER}/telemetry/`,
  ws: `${SERVER}/gateway/`,
  'node:sqlite': `${SERVER}/adapters/sqlite/`,
  preact: 'packages/web/src/',
}

test('[TIDY1] the import arrows hold', () => {
  const wrong = imports.flatMap(({ from, to }) => {
    if (!from.startsWith(`${SERVER}/`) || !to.startsWith(`${SERVER}/`)) return []
    const [source, target] = [partOf(from), partOf(to)]
    return ARROWS[source]?.includes(target) ? [] : [`${from} imports ${to}: ${source} may not import ${target}`]
  })
  assert.deepEqual(wrong, [])
})

test('[TIDY2] core and ports import no module of Node and no package but the protocol', () => {
  const wrong = imports.filter(
    ({ from, to }) => /^packages\/server\/src\/(core|ports)\//.test(from) && !isPath(to) && to !== '@holdfast/protocol',
  )
  assert.deepEqual(wrong, [])
})

test('[TIDY3] the client needs nothing but the protocol, the page nothing of the server, the checker and the engines nothing of ours', () => {
  const wrong = imports.filter(({ from, to, typeOnly }) => {
    if (from.startsWith('packages/client/src/')) return !isPath(to) && to !== '@holdfast/protocol'
    if (from.startsWith('packages/protocol/src/')) return !isPath(to) && to !== 'typebox'
    if (from.startsWith('packages/web/src/'))
      return to.startsWith(SERVER) || (to === '@holdfast/protocol/schemas' && !typeOnly)
    // Whoever judges may not share a mistake with the judged; only its tests use other people's tools.
    if (from.startsWith('faults/checker/') && !to.startsWith('faults/checker/'))
      return !from.endsWith('.test.ts') || to.endsWith('.ts') || to.startsWith('@holdfast/')
    // Engines are started for tests and by them: what is tested may neither need them nor be needed.
    if (from.startsWith('engines/')) return !to.startsWith('engines/') && !to.startsWith('node:')
    return to.startsWith('engines/') && from.includes('/src/')
  })
  assert.deepEqual(wrong, [])
})

test('[TIDY4] each library is confined to one folder', () => {
  const wrong = imports.filter(({ from, to }) => {
    const folder = Object.entries(CONFINED).find(([library]) => to === library || to.startsWith(`${library}/`))?.[1]
    return folder !== undefined && from.startsWith('packages/') && from.includes('/src/') && !from.startsWith(folder)
  })
  assert.deepEqual(wrong, [])
})

test('[TIDY5] clock, chance and environment come in from outside', () => {
  const allowed = (file: string) => file.startsWith(`${SERVER}/adapters/system/`)
  const forbidden = /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|performance\.now)\b/
  const wrong = server.filter((file) => !allowed(file) && forbidden.test(code(file)))
  assert.deepEqual(wrong, [])
  const environment = server.filter(
    (file) => file !== `${SERVER}/config/read.ts` && /\bprocess\.env\b/.test(code(file)),
  )
  assert.deepEqual(environment, [])
})

test('[TIDY6] no any, no assertion against null, no skipped or focused test', () => {
  const wrong = sources.filter(
    (file) =>
      file !== 'packages/server/test/tidy.test.ts' &&
      /: any\b|<any>|\bas any\b|@ts-ignore|@ts-expect-error/.test(code(file)),
  )
  assert.deepEqual(wrong, [])
  const focused = sources.filter(
    (file) => file !== 'packages/server/test/tidy.test.ts' && /\b(test|describe|it)\.(only|todo)\b/.test(code(file)),
  )
  assert.deepEqual(focused, [])
})

test('[TIDY7] no dead file: every source is imported, or is where something starts', () => {
  const entries = [
    /\/index\.ts$/,
    /\/main\.tsx?$/,
    /\.test\.ts$/,
    /\/smoke\.ts$/,
    /^scripts\//,
    /\/build\.ts$/,
    /vite\.config/,
    /\/thread\.ts$/,
    /\/cli\//,
    /\.d\.ts$/,
    /^bench\//,
    /^faults\//,
  ]
  const imported = new Set(imports.map(({ to }) => to))
  const dead = sources.filter(
    (file) =>
      !imported.has(file) && !entries.some((entry) => entry.test(file)) && file !== 'packages/protocol/src/schemas.ts',
  )
  assert.deepEqual(dead, [])
})

test('[TIDY8] every number of SPEC.md is cited by a test and stands once, and every number a test cites is in SPEC.md', () => {
  const numbers = [...readFileSync(join(ROOT, 'SPEC.md'), 'utf8').matchAll(/^- \*\*([A-Z]+\d+)\*\*/gm)].map(
    ([, number]) => number,
  )
  const spec = new Set(numbers)
  assert.deepEqual(
    numbers.filter((number, i) => numbers.indexOf(number) !== i),
    [],
    'twice in SPEC.md',
  )
  const tests = sources.filter((file) => /\/test\//.test(file) || file.endsWith('.test.ts'))
  const titles = tests.flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/[`'"]\[((?:[A-Z]{2,}\d+(?:, )?)+)\]/g)].map(
      ([, list = '']) => list,
    ),
  )
  const cited = new Set<string | undefined>(titles.flatMap((list) => (list ?? '').split(/,\s*/)))
  assert.deepEqual(
    [...spec].filter((number) => !cited.has(number)),
    [],
    'in SPEC.md, but no test cites it',
  )
  assert.deepEqual(
    [...cited].filter((number) => !spec.has(number)),
    [],
    'cited by a test, but not in SPEC.md',
  )
})

function code(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
}

function importsOf(from: string): Import[] {
  const text = readFileSync(join(ROOT, from), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')
  const found: Import[] = []
  for (const [, keyword, typed, specifier] of text.matchAll(
    /\b(import|export)\s+(type\s+)?(?:[\w*{][^'";]*?\sfrom\s+)?'([^']+)'/g,
  )) {
    if (specifier !== undefined && keyword !== undefined)
      found.push({ from, to: target(from, specifier), typeOnly: typed !== undefined })
  }
  for (const [, specifier] of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) {
    if (specifier !== undefined) found.push({ from, to: target(from, specifier), typeOnly: false })
  }
  return found
}

function target(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier
  return relative(ROOT, resolve(ROOT, dirname(from), specifier))
    .split(sep)
    .join('/')
}

function isPath(to: string): boolean {
  return to.includes('/src/') || to.startsWith('packages/')
}

/** The part of the server a file belongs to: its folder, `adapters/X`, or its own name at the top. */
function partOf(file: string): string {
  const [first = '', second = ''] = file.slice(SERVER.length + 1).split('/')
  if (first === 'adapters') return `adapters/${second}`
  return first.replace(/\.ts$/, '')
}
