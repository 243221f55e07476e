import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
/** The parts that start no engines beside the server. */
const EMBEDDED = ['stored', 'fanout', 'fsyncs', 'idle', 'start', 'page']
/** The least that each part can measure: what counts here is that it does the work and finds it right. */
const SMALL = '--seconds 0.3 --passes 1 --in-flight 16 --connections 20 --records 500 --entries 500'.split(' ')

for (const part of EMBEDDED)
  test(`[DOC8] the bench measures ${part}, and finds the work right`, { timeout: 300_000 }, (context) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, MAIN, part, ...SMALL], {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      encoding: 'utf8',
    })

    assert.equal(status, 0, stderr)
    const [notMeasured] = /.* was NOT measured: .*/.exec(stdout) ?? []
    if (notMeasured === undefined) assert.match(stdout, /median/)
    else if (process.env.CI === 'true') throw new Error(notMeasured)
    else context.skip(notMeasured)
  })
