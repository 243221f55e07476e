import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { buildAll, missingFor } from '../build.ts'
import { EngineError } from '../errors.ts'
import { checkVersion, type Tool, toolPath } from '../machine/tools.ts'
import { built } from '../program.ts'
import { USUAL } from '../table.ts'
import { fakeEngine, fakeProgram, temporaryCache } from './fake-engine.ts'

const silent = () => {}

test('[ENG3] a program is built once, whoever else builds it at the same time', async (context) => {
  const { cache, recipe, builds } = given(context)
  const program = fakeProgram(recipe, { steps: [count(builds)] })
  const heard: string[] = []

  const folders = await Promise.all([1, 2, 3].map(() => built(program, cache, (line) => heard.push(line))))
  const later = await built(program, cache, silent)

  assert.deepEqual(new Set([...folders, later]).size, 1)
  assert.equal(readFileSync(builds, 'utf8'), '.')
  assert.equal(readFileSync(join(later, 'recipe.txt'), 'utf8'), 'one')
  assert.equal(heard[0], 'building fake 1: no time, once')
  assert.equal(heard.filter((line) => line.startsWith('building')).length, 1)
})

test('[ENG3] another recipe or version is another program', async (context) => {
  const { cache, recipe } = given(context)
  const first = await built(fakeProgram(recipe), cache, silent)

  const newer = await built(fakeProgram(recipe, { version: '2' }), cache, silent)
  writeFileSync(join(recipe, 'recipe.txt'), 'two')
  const changed = await built(fakeProgram(recipe), cache, silent)

  assert.equal(new Set([first, newer, changed]).size, 3)
})

test('[ENG3] a build that fails shows the end of its log, leaves no program, and is tried again', async (context) => {
  const { cache, recipe, builds } = given(context)
  const failing = { command: process.execPath, args: ['-e', 'console.log("no such package"); process.exit(3)'] }

  await assert.rejects(built(fakeProgram(recipe, { steps: [count(builds), failing] }), cache, silent), {
    code: 'command_failed',
    message: /^fake could not be built: .* ended with exit code 3\.\nThe end of .*\.log:\n {2}no such package$/,
  })

  assert.deepEqual(
    readdirSync(cache.programs).filter((name) => !/\.(lock|log|partial)$/.test(name)),
    [],
  )
  const folder = await built(fakeProgram(recipe, { steps: [count(builds)] }), cache, silent)
  assert.ok(existsSync(folder))
  assert.equal(readFileSync(builds, 'utf8'), '..')
})

test('[ENG4] a missing tool is named, with what to install', async (context) => {
  const { cache, recipe } = given(context)
  const tool = { command: 'no-such-tool', install: 'the No Such Tool (Debian: apt-get install none)' }
  await assert.rejects(built(fakeProgram(recipe, { tools: [tool] }), cache, silent), {
    code: 'missing_tool',
    message:
      'fake needs no-such-tool, which is not on the PATH: install the No Such Tool (Debian: apt-get install none).',
  })
  assert.throws(() => toolPath(tool, 'fake', {}), { code: 'missing_tool' })
})

test('[ENG4] a tool that is too old, or does not tell, is as good as missing', async (context) => {
  const { cache, recipe, builds } = given(context)
  const says = (version: string, min: readonly [number, number]): Tool => ({
    command: 'node',
    install: 'a newer one',
    version: { args: ['-e', `console.log(${JSON.stringify(version)})`], min },
  })

  for (const [version, min] of [
    ['go version go1.24 linux/amd64', [1, 24]],
    ['go version go1.26.8 linux/amd64', [1, 24]],
    ['openjdk 17.0.15 2025-04-15', [17, 0]],
    ['openjdk 21 2023-09-19', [17, 0]],
  ] as const)
    checkVersion(says(version, min), 'fake')
  for (const [version, min] of [
    ['go version go1.19.8 linux/amd64', [1, 24]],
    ['javac 11.0.2', [17, 0]],
    ['', [17, 0]],
  ] as const)
    assert.throws(() => checkVersion(says(version, min), 'fake'), {
      code: 'missing_tool',
      message: /^fake needs a newer node than \S+node \(.+\): install a newer one\.$/,
    })

  const old = fakeProgram(recipe, { tools: [says('go1.19', [1, 24])], steps: [count(builds)] })
  await assert.rejects(built(old, cache, silent), { code: 'missing_tool' })
  assert.equal(existsSync(builds), false)
})

test('[ENG16] all are built and none is started; what one lacks is told, and keeps none of the others', async (context) => {
  const { cache, recipe, builds } = given(context)
  const tool = { command: 'no-such-tool', install: 'the No Such Tool' }
  const sound = { ...fakeEngine(recipe), program: fakeProgram(recipe, { steps: [count(builds)] }) }
  const lacking = { ...sound, program: fakeProgram(recipe, { tools: [tool] }) }
  const refused = {
    ...sound,
    check: () => {
      throw new EngineError('needs_ordinary_user', 'Root may not.')
    },
  }
  const heard: string[] = []
  const progress = (line: string) => heard.push(line)

  assert.equal(await buildAll([lacking, refused, sound], cache, progress), false)
  assert.equal(await buildAll([sound], cache, progress), true)

  assert.equal(readFileSync(builds, 'utf8'), '.')
  assert.equal(existsSync(cache.running), false)
  const missing = 'fake needs no-such-tool, which is not on the PATH: install the No Such Tool.'
  assert.deepEqual(heard.slice(0, 2), [missing, 'Root may not.'])
  assert.deepEqual([lacking, refused, sound].map(missingFor), [missing, 'Root may not.', undefined])
})

test('[ENG16] where an engine cannot be started its tests are skipped with what to install, and fail in CI', () => {
  const smoke = fileURLToPath(new URL('smoke.test.ts', import.meta.url))
  const run = (CI: string) => {
    const env = { PATH: '/nowhere', HOME: '/nowhere', CI }
    return spawnSync(process.execPath, ['--test', '--test-reporter=tap', smoke], { env, encoding: 'utf8' })
  }

  const [skipped, failed] = [run('false'), run('true')]

  assert.equal(skipped.status, 0)
  for (const name of USUAL) assert.match(skipped.stdout, new RegExp(`^ok .*${name} starts, .* # SKIP .+\\.$`, 'm'))
  assert.match(skipped.stdout, /# SKIP Kafka needs java, which is not on the PATH: install Java 17/)
  assert.equal(failed.status, 1)
  assert.equal(/^ok /m.test(failed.stdout), false)
  assert.match(failed.stdout, /Kafka needs java, which is not on the PATH: install Java 17/)
})

function given(context: TestContext) {
  const cache = temporaryCache(context)
  const recipe = join(cache.root, 'recipe')
  mkdirSync(recipe)
  writeFileSync(join(recipe, 'recipe.txt'), 'one')
  return { cache, recipe, builds: join(cache.root, 'builds') }
}

/** A step that leaves a dot. */
function count(file: string) {
  return { command: process.execPath, args: ['-e', `require('node:fs').appendFileSync(${JSON.stringify(file)}, '.')`] }
}
