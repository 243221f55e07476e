import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { toolPath } from '../machine/tools.ts'
import { built } from '../program.ts'
import { fakeProgram, temporaryCache } from './fake-engine.ts'

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
