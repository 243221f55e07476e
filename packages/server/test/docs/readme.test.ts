import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { signIn, startServer, temporaryFolder, until } from '../support/server.ts'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const README = readFileSync(`${ROOT}README.md`, 'utf8')

test('[DOC7] the commands of the README work as written, in order, and once more; then so does its program, twice', {
  timeout: 120_000,
}, async () => {
  using folder = temporaryFolder()
  await using server = await startServer({ data: folder.path })
  const here = (text: string) => text.replaceAll('http://127.0.0.1:8080', server.url)
  const commands = here(block('sh', 'holdfast token'))
  const program = here(block('js', '@holdfast/client'))

  for (const messages of [1, 2]) {
    const { status, stdout, stderr } = spawnSync('sh', ['-e', '-c', commands], {
      cwd: ROOT,
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, HOLDFAST_DATA: folder.path },
      encoding: 'utf8',
    })
    assert.equal(status, 0, stdout + stderr)
    assert.doesNotMatch(stdout, /"retryable"/, 'an error of the server')
    assert.match(stdout, new RegExp(`^lobby +group +1 +${messages + 1} +Lobby$`, 'm'))
    assert.match(stdout, /: clean$/m)
    // The id of a message is the second in which it was sent.
    await until('the second is over', () => Math.floor(Date.now() / 1_000) > second(stdout))
  }
  const TOKEN = await signIn(server.url, 'anna')
  for (const seq of [4, 5]) {
    const child = spawn(process.execPath, [...process.execArgv, '--input-type=module', '--eval', program], {
      cwd: ROOT,
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, TOKEN },
    })
    let shown = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      shown += text
    })
    const ended = new Promise((resolve) => child.on('exit', resolve))
    try {
      await until(`everything is shown:\n${shown}`, () => shown.includes(`${seq} anna Good morning!\n`))
      assert.match(shown, /^1 anna room_created\n2 anna Hello\n3 anna Hello\n/)
    } finally {
      child.kill('SIGKILL')
      await ended
    }
  }
})

/** The block of code of this language that holds this text. */
function block(language: string, part: string): string {
  const blocks = [...README.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
  const found = blocks.find(([, name, text = '']) => name === language && text.includes(part))
  assert.ok(found?.[2] !== undefined, `the README has no ${language} with ${part}`)
  return found[2]
}

/** The second of the newest message, in epoch seconds. */
function second(history: string): number {
  const [instant = ''] = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= +anna +Hello\n(?!.*Hello\n))/s.exec(history) ?? []
  return Date.parse(`${instant.replace(' ', 'T')}Z`) / 1_000
}
