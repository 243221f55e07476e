import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { HELP, readArguments, UsageError } from '../arguments.ts'
import { ENGINES } from '../engine.ts'
import { cacheFolders } from '../machine/folders.ts'
import { ENGINE } from '../table.ts'
import { temporaryCache } from './fake-engine.ts'

test('[ENG1] engines are started, stopped and asked for by name', () => {
  assert.deepEqual(readArguments(['start', 'kafka', 'ferretdb', 'kafka', '--json']), {
    verb: 'start',
    names: ['kafka', 'ferretdb'],
    port: undefined,
    folder: undefined,
    isJson: true,
  })
  assert.deepEqual(readArguments(['start', 'kafka3', '--port', '29092', '--data', '/tmp/three']), {
    verb: 'start',
    names: ['kafka3'],
    port: 29_092,
    folder: '/tmp/three',
    isJson: false,
  })
  assert.deepEqual(readArguments(['build']), { verb: 'build', names: [] })
  assert.deepEqual(readArguments(['stop']), { verb: 'stop', names: [] })
  assert.deepEqual(readArguments(['status', 'kafka']), { verb: 'status', names: ['kafka'], isJson: false })
  assert.deepEqual(readArguments(['start', '--help']), { verb: 'help' })
})

test('[ENG1] whoever calls it wrongly is told what to write', () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /^Say start, build, stop or status\.$/],
    [['restart'], /^There is no restart; say start, build, stop or status\.$/],
    [['start'], /^Say which to start: kafka, /],
    [['start', 'redis'], /^There is no engine redis; the engines are kafka, /],
    [['start', 'kafka', '--port', 'x'], /^--port is a number from 0 to 65533, not x\.$/],
    [['start', 'kafka', '--port', '65534'], /not 65534/],
    [['start', 'kafka', 'ferretdb', '--port', '9000'], /^--port N is for one engine/],
    [['start', 'kafka', 'ferretdb', '--data', 'x'], /^--data is for one engine/],
    [['start', 'kafka', '--nope'], /^There is no option --nope\.$/],
    [['start', 'kafka', '--port'], /^Option --port/],
    [['status', '--port', '1'], /^--port and --data belong to start\.$/],
    [['build', 'kafka', '--port', '0'], /^build takes no option\.$/],
    [['stop', '--json'], /^stop takes no option\.$/],
  ]
  for (const [args, message] of wrong)
    assert.throws(
      () => readArguments(args),
      (error) => error instanceof UsageError && message.test(error.message),
      args.join(' '),
    )
})

test('[ENG1] the help names every engine, and no two begin on the same ports', () => {
  for (const name of ENGINES) assert.match(HELP, new RegExp(`^  ${name} `, 'm'))
  const ports = ENGINES.flatMap((name) =>
    Array.from({ length: ENGINE[name].ports.clients }, (_, i) => ENGINE[name].ports.first + i),
  )
  assert.equal(new Set(ports).size, ports.length)
})

test('[ENG2] everything is kept in the cache of the user', () => {
  assert.equal(cacheFolders({ XDG_CACHE_HOME: '/caches' }).programs, '/caches/holdfast/engines/programs')
  for (const env of [{}, { XDG_CACHE_HOME: '' }, { XDG_CACHE_HOME: 'relative' }])
    assert.equal(cacheFolders(env).data, `${homedir()}/.cache/holdfast/engines/data`)
})

test('[ENG1, ENG4] the command says what came of it, in a sentence and by its exit code', (context) => {
  const { root } = temporaryCache(context)
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const run = (cache: string, ...args: readonly string[]) => {
    const env = { PATH: '/nowhere', XDG_CACHE_HOME: cache }
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { env, encoding: 'utf8' })
    return [status, stdout, stderr]
  }

  assert.deepEqual(run(root, 'status'), [0, 'Nothing was started.\n', ''])
  assert.deepEqual(run(root, 'status', '--json'), [0, '[]\n', ''])
  assert.deepEqual(run(root, 'stop'), [0, '', 'engines: nothing was started\n'])
  assert.deepEqual(run(root, 'stop', 'kafka'), [0, '', 'engines: kafka was not started\n'])
  for (const [name, tool] of [
    ['kafka', 'java'],
    ['ferretdb', 'go'],
    ['mongo-java-server', 'java'],
  ] as const) {
    const [status, stdout, stderr] = run(root, 'start', name)
    assert.deepEqual([status, stdout], [1, ''])
    assert.match(String(stderr), new RegExp(`^engines: \\S+ needs ${tool}, which is not on the PATH: install .+\\.\n$`))
  }
  const [status, stdout, stderr] = run(root, 'build')
  assert.deepEqual([status, stdout], [1, ''])
  for (const name of ['Kafka', 'FerretDB', 'mongo-java-server'])
    assert.match(String(stderr), new RegExp(`^engines: ${name} needs .+ install `, 'm'))
  assert.match(String(run(join(main, 'cache'), 'status')), /^1,,engines: ENOTDIR: [^\n]+\n$/)
})
