// Starts every engine for real, through the command. Whoever lacks Java, Maven, Go or PostgreSQL is told what to install; CI has them.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { EngineName } from '../engine.ts'
import { canStart, startEngine } from '../index.ts'
import { cacheFolders } from '../machine/folders.ts'
import { ended, markOf } from '../machine/processes.ts'
import type { Status } from '../status.ts'
import { USUAL } from '../table.ts'
import { KAFKA_CLIENT, MONGODB_CLIENT, type RawClient, SEARCH_CLIENT } from './raw-clients.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

for (const name of USUAL)
  test(`[ENG15] ${name} starts, serves, is seen to die, goes on, and keeps its data over a stop`, async (context) => {
    if (!canStart(context, name)) return
    const engines = command(context)
    const client = clientOf(name)

    const [started] = engines.ok('start', name, '--port', '0', '--json')
    assert.deepEqual([started?.id, started?.state], [name, 'running'])
    context.diagnostic(
      `${started?.processes.length} processes, ${Math.round((started?.memoryBytes ?? 0) / (1 << 20))} MiB`,
    )
    const security = started?.security ?? undefined
    const door = { port: portOf(started?.url), caFile: security?.caFile, credentials: security }
    await client.write(door, 'before-the-kill')

    const victim = started?.processes.at(-1)
    assert.ok(victim?.pid)
    const mark = markOf(victim.pid)
    assert.ok(mark)
    process.kill(victim.pid, 'SIGKILL')
    // A system gives the memory of a large process back before it is gone.
    assert.ok(await ended([mark], 30_000))
    const dead = engines.run('status', name, '--json')
    assert.equal(dead.status, 1)
    assert.equal(dead.statuses[0]?.processes.at(-1)?.state, 'dead')

    const [again] = engines.ok('start', name, '--json')
    assert.deepEqual([again?.url, again?.state], [started?.url, 'running'])
    assert.equal(await client.has(door, 'before-the-kill'), true)
    await client.write(door, 'before-the-stop')

    engines.run('stop')
    assert.deepEqual(engines.ok('status', '--json'), [])
    for (const { pid } of again?.processes ?? []) assert.equal(markOf(pid ?? 0), undefined)

    const [third] = engines.ok('start', name, '--json')
    assert.equal(third?.url, started?.url)
    assert.equal(await client.has(door, 'before-the-kill'), true)
    assert.equal(await client.has(door, 'before-the-stop'), true)
  })

test('[ENG15] a test has an engine of its own', async (context) => {
  if (!canStart(context, 'ferretdb')) return
  await using ferretdb = await startEngine('ferretdb')
  const door = { port: portOf(ferretdb.url) }
  await MONGODB_CLIENT.write(door, 'mine')
  await ferretdb.signal('SIGKILL')
  await ferretdb.startAgain()
  assert.equal(await MONGODB_CLIENT.has(door, 'mine'), true)
})

function clientOf(name: EngineName): RawClient {
  if (name.startsWith('kafka')) return KAFKA_CLIENT
  return name.includes('search') ? SEARCH_CLIENT : MONGODB_CLIENT
}

/** The command in a cache of the test's own, so that nobody's engines are in its way; but what was built once is not built again. */
function command(context: TestContext) {
  const cache = mkdtempSync(join(tmpdir(), 'holdfast-smoke-'))
  const env = { ...process.env, XDG_CACHE_HOME: cache, NODE_TEST_CONTEXT: undefined }
  const { programs } = cacheFolders()
  mkdirSync(programs, { recursive: true })
  mkdirSync(join(cache, 'holdfast', 'engines'), { recursive: true })
  symlinkSync(programs, join(cache, 'holdfast', 'engines', 'programs'))
  context.after(() => {
    run('stop')
    rmSync(cache, { recursive: true, force: true })
  })

  function run(...args: readonly string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, MAIN, ...args], {
      env,
      encoding: 'utf8',
    })
    for (const line of stderr.trimEnd().split('\n')) if (line !== '') context.diagnostic(line)
    return { status, statuses: stdout === '' ? [] : (JSON.parse(stdout) as readonly Status[]) }
  }
  function ok(...args: readonly string[]): readonly Status[] {
    const { status, statuses } = run(...args)
    assert.equal(status, 0, `engines ${args.join(' ')}`)
    return statuses
  }
  return { run, ok }
}

function portOf(url: string | undefined): number {
  return Number(/:(\d+)/.exec(url ?? '')?.[1])
}
