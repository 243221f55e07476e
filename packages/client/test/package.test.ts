import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect } from '../src/index.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

const BUILD = fileURLToPath(new URL('../build.ts', import.meta.url))

const PROGRAM = `
import { connect, HoldfastError } from '@holdfast/client'
const client = connect({ url: 'http://127.0.0.1:9', getToken: () => 'none' })
const send = client.room('lobby').send('hello')
client.close()
const error = await send.catch((error) => error)
console.log(error instanceof HoldfastError, error.code, error.outcome, client.state)
`

const TYPED = `
import { connect, type Entry } from '@holdfast/client'
const client = connect({ url: 'http://127.0.0.1:9', getToken: async () => 'none', webSocket: WebSocket })
const { seq }: { seq: number } = await client.room('lobby').send('hello')
const { durability } = await client.room('lobby').send('hello', { until: 'accepted' })
for await (const entry of client.room('lobby').entries({ after: seq })) show(entry)
function show(entry: Entry): string { return entry.kind === 'message' ? entry.text + durability : entry.kind }
// Types that could not be resolved would be any, which everything extends.
export const areKnown: 'nothing' extends Entry['kind'] ? never : true = true
`

test('[SDK28] packed and installed into an empty project it runs on plain Node and has its types', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sdk-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  // Given the two packages as `npm run sdk` leaves them, and their one dependency as a tarball, so that no network is needed.
  const sdk = join(folder, 'sdk')
  run(ROOT, process.execPath, [...process.execArgv, BUILD, sdk])
  const tarballs = [
    ...readdirSync(sdk).map((tarball) => join(sdk, tarball)),
    pack(join(ROOT, 'node_modules/typebox'), folder),
  ]
  assert.equal(tarballs.length, 3)
  const app = join(folder, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }')

  run(app, 'npm', ['install', '--offline', '--no-audit', '--no-fund', ...tarballs])
  writeFileSync(join(app, 'program.mjs'), PROGRAM)
  writeFileSync(join(app, 'typed.ts'), TYPED)
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: TSC, files: ['typed.ts'] }))

  assert.equal(run(app, process.execPath, ['program.mjs']), 'true CLOSED not-sent closed\n')
  run(app, process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', app])
  const installed = JSON.parse(readFileSync(join(app, 'node_modules/@holdfast/client/package.json'), 'utf8'))
  assert.deepEqual([installed.engines, installed.scripts], [{ node: '>=22' }, undefined])
  // What a browser's bundle would take in is free of everything but the protocol's constants.
  const emitted = readdirSync(join(app, 'node_modules/@holdfast/client/dist')).filter((file) => file.endsWith('.js'))
  for (const file of emitted) {
    const code = readFileSync(join(app, 'node_modules/@holdfast/client/dist', file), 'utf8')
    for (const [, from] of code.matchAll(/ from '([^']+)'/g))
      assert.match(from ?? '', /^(\.\/[a-z]+\.js|@holdfast\/protocol)$/)
  }
})

test('[SDK30] the source is not packed: whoever tries is told how the SDK is built', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sdk-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['client', 'protocol']) {
    const { status, stderr } = started(ROOT, 'npm', ['pack', '-w', `packages/${name}`, '--pack-destination', folder])
    assert.notEqual(status, 0)
    assert.match(stderr, /Nothing is built here: npm run sdk -- DIR/)
  }
  assert.deepEqual(readdirSync(folder), [])
  const help = started(ROOT, process.execPath, [...process.execArgv, BUILD, '--help'])
  assert.match(help.stdout, /npm install DIR\/\*\.tgz/)
  assert.equal(started(ROOT, process.execPath, [...process.execArgv, BUILD]).status, 2)
})

test('[SDK31] on a platform that is too old connect says which one it needs', (t) => {
  const { withResolvers } = Promise
  t.after(() => {
    Promise.withResolvers = withResolvers
  })
  Reflect.set(Promise, 'withResolvers', undefined)
  assert.throws(() => connect({ url: 'http://127.0.0.1:9', getToken: () => 'none' }), /needs Node 22 or newer/)
})

const TSC = { module: 'nodenext', target: 'es2024', lib: ['es2024', 'dom'], strict: true, noEmit: true, types: [] }

/** Packs a folder and returns the tarball's path. */
function pack(path: string, into: string): string {
  const out = run(path, 'npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', into])
  const packed: unknown = JSON.parse(out)
  const [first] = Array.isArray(packed) ? packed : Object.values(packed as object)
  return join(into, (first as { filename: string }).filename)
}

/** Runs to its end and returns what it printed. */
function run(cwd: string, command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = started(cwd, command, args)
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

/** Runs to its end, without what an outer npm or node handed down, so that the project is really empty. */
function started(cwd: string, command: string, args: readonly string[]) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS|NODE_TEST_CONTEXT)/i.test(name)),
  )
  return spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 120_000 })
}
