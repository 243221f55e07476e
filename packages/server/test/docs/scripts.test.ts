import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { scripts: Record<string, string> }

for (const name of ['test', 'docs', 'sdk', 'bench', 'protocol', 'mutants', 'simulate', 'engines'])
  test(`[DOC6] \`npm run ${name}\` explains itself, and answers an option that does not exist with a sentence`, () => {
    const help = run(name, '--help')
    assert.deepEqual([help.status, help.stderr], [0, ''])
    assert.match(help.stdout, new RegExp(`^Usage: npm (run )?${name} -- `, 'm'))

    const wrong = run(name, '--nope')

    assert.deepEqual([wrong.status, wrong.stdout], [2, ''])
    assert.match(wrong.stderr, new RegExp(`^${name}: [^\\n]+\\n$`))
    assert.doesNotMatch(wrong.stderr, /To specify a positional argument/)
  })

/** What the script runs, without npm around it. */
function run(name: string, ...args: string[]) {
  const [file = ''] = /\S+\.ts/.exec(scripts[name] ?? '') ?? []
  return spawnSync(process.execPath, [...process.execArgv, file, ...args], {
    cwd: ROOT,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    encoding: 'utf8',
    timeout: 60_000,
  })
}
