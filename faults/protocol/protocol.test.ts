import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CLIENT_RULES } from './client-rules.ts'
import type { Verdict } from './rule.ts'
import { OwnServer } from './server.ts'
import { SERVER_RULES } from './server-rules.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const PLAIN = readFileSync(new URL('plain-client.ts', import.meta.url), 'utf8')

test('[PROTO1] the plain client has at most 100 lines, and knows nothing but ws and Node', () => {
  const lines = PLAIN.trimEnd().split('\n')
  assert.ok(lines.length <= 100, `${lines.length} lines`)
  assert.ok(
    lines.every((line) => line.length <= 120),
    'no line is longer than the others in this repository',
  )
  const imported = [...PLAIN.matchAll(/\bfrom\s+'([^']+)'|\bimport\(?\s*'([^']+)'/g)].map(
    ([, from, bare]) => from ?? bare,
  )
  assert.ok(imported.includes('ws'))
  assert.deepEqual(
    imported.filter((name) => name !== 'ws' && !name?.startsWith('node:')),
    [],
  )
})

for (const client of ['plain', 'sdk']) {
  test(`[PROTO1] ${client}: every rule for clients holds`, async (context) => {
    const { verdicts, code, errors } = await run(context, ['client', '--client', client])
    assert.deepEqual(broken(verdicts), [], errors)
    assert.equal(verdicts.length, CLIENT_RULES.length)
    assert.equal(code, 0)
  })
}

test('[PROTO2] the server answers every frame as the page says', async (context) => {
  const { verdicts, code, errors } = await run(context, ['server'])
  assert.deepEqual(broken(verdicts), [], errors)
  assert.equal(verdicts.length, SERVER_RULES.length)
  assert.equal(code, 0)
})

interface Mutant {
  readonly name: string
  /** What is changed in the plain client. */
  readonly edit: readonly [from: string, to: string]
  /** The rule that must notice, and what it must see. */
  readonly rule: string
  readonly seen: RegExp
  /** Where all there is to see is that something never happens. */
  readonly deadlineMs?: number
}

const MUTANTS: readonly Mutant[] = [
  // Those that are seen by waiting in vain come first: the others are tried meanwhile.
  {
    name: 'does not hear that history was restored',
    edit: ['recovered === false || (type', '(type'],
    rule: 'restored backup',
    seen: /in vain: the client is told that history was restored/,
    deadlineMs: 15_000,
  },
  {
    name: 'does not learn the number of a room',
    edit: ['generation, ...(sentUnder', '...(sentUnder'],
    rule: 'over the rate',
    seen: /in vain: every send has an end/,
    deadlineMs: 8_000,
  },
  {
    name: 'drops its position when it connects again',
    edit: ['generations.clear()', 'generations.clear()\n      places.clear()'],
    rule: 'live over cuts',
    seen: /a reset that never was|in vain/,
    deadlineMs: 8_000,
  },
  {
    name: 'leaves its socket open when it is closed',
    edit: ['    socket?.terminate()\n', ''],
    rule: 'close',
    seen: /in vain: the process ends by itself/,
    deadlineMs: 8_000,
  },
  {
    name: 'takes a new id for a repeat',
    edit: ['ask({ ...request, generation', 'ask({ ...request, clientId: randomUUID(), generation'],
    rule: 'end lost',
    seen: /is 2 times in history/,
  },
  {
    name: 'does not say that it sends again',
    edit: ['{ again: true }', '{}'],
    rule: 'end lost',
    seen: /was sent again without `again`/,
  },
  {
    name: 'sends again in another order',
    edit: ['[...commands].map(transmit)', '[...commands].reverse().map(transmit)'],
    rule: 'request lost',
    seen: /out of order/,
  },
  {
    name: 'passes over a gap',
    edit: ['for (let read =', "if (type === 'gap' && at) at.seq = end\n    for (let read ="],
    rule: 'gap',
    seen: /a hole/,
  },
  {
    name: 'takes what it does not know for an end',
    edit: ['/^(hello|stored|refused|dead|page|error)$/.test(frame.type)', "frame.type !== 'accepted'"],
    rule: 'unknown things',
    seen: /"own message 1" was rejected/,
  },
  {
    name: 'comes again after 44xx',
    edit: ['code >= 4400 && code < 4500', 'code < 0'],
    rule: 'goodbyes',
    seen: /a send was stored after 44\d\d/,
  },
  {
    name: 'keeps its token for the next connection',
    edit: ['; token = await getToken()) {', ';) {'],
    rule: 'tokens',
    seen: /TOKEN_EXPIRED was heard 0 times/,
  },
  {
    name: 'gives errors without a code',
    edit: [
      'Object.assign(new Error(message), { code, retryable })',
      'new Error(message, { cause: code ?? retryable })',
    ],
    rule: 'refusals',
    seen: /a send to no room: .*retryable undefined/,
  },
]

test('[PROTO3] a client that breaks a rule is failed by it', { concurrency: 3 }, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-protocol-mutants-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const mutants = MUTANTS.map(({ name, edit: [from, to], rule, seen, deadlineMs = 30_000 }, i) =>
    context.test(`[PROTO3] ${name}`, async (context) => {
      assert.equal(PLAIN.split(from).length, 2, `the plain client holds this once: ${from}`)
      const file = join(folder, `mutant-${i}.mts`)
      // Outside of the repository nobody would find the package.
      const text = PLAIN.replace(from, () => to).replace("from 'ws'", `from '${import.meta.resolve('ws')}'`)
      writeFileSync(file, text)
      const options = ['--client', file, '--only', rule, '--deadline-ms', String(deadlineMs)]
      const { verdicts, code, errors } = await run(context, ['client', ...options])
      const verdict = verdicts.find((one) => one.rule === rule)
      assert.equal(verdict?.verdict, 'fail', errors)
      assert.match(verdict?.seen ?? '', seen)
      assert.equal(code, 1)
    }),
  )
  await Promise.all(mutants)
})

test('[PROTO4] somebody else’s server is judged too, and what it cannot be judged by is said', async (context) => {
  await using server = await new OwnServer().start()
  const { verdicts, code, errors } = await run(context, ['--url', server.url, '--only', 'token'])
  assert.deepEqual(broken(verdicts), [], errors)
  const notJudged = verdicts.filter(({ verdict }) => verdict === 'not judged')
  assert.deepEqual(
    notJudged.map(({ rule, seen }) => [rule, seen]),
    [
      ['tokens', 'needs a server of its own: leave out --url'],
      ['expired token', 'needs a server of its own: leave out --url'],
    ],
  )
  assert.equal(code, 0)
})

test('[PROTO4] the script explains itself, and says what was called wrongly', async (context) => {
  const help = await spawned(context, ['--help'])
  assert.equal(help.code, 0)
  assert.match(help.output, /--client NAME[\s\S]*exits with 1 when a rule is broken/)
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['clients'], /There is no part clients/],
    [['--url', 'http://example.com'], /an address of this machine/],
    [['--deadline-ms', 'x'], /--deadline-ms must be a number/],
    [['--colour'], /--colour/],
    [['--client', 'nobody.ts'], /nobody\.ts/],
  ]
  for (const [args, message] of wrong) {
    const { code, errors } = await spawned(context, args)
    assert.equal(code, 2, errors)
    assert.match(errors, message)
  }
})

test('[PROTO4] the table has a line for each rule: what was done, what was seen', async (context) => {
  const { code, output } = await spawned(context, ['server', '--only', 'not JSON'])
  assert.equal(code, 0)
  assert.match(output, /✓ not JSON {2}hello\? +BAD_FRAME, goes on: "The frame is not JSON\."\n/)
  assert.match(output, /1 pass, 0 fail, 0 not judged/)
})

function broken(verdicts: readonly Verdict[]): readonly Verdict[] {
  return verdicts.filter(({ verdict }) => verdict === 'fail')
}

interface Ended {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

async function run(
  context: TestContext,
  args: readonly string[],
): Promise<Ended & { readonly verdicts: readonly Verdict[] }> {
  const ended = await spawned(context, [...args, '--json'])
  assert.ok(ended.output.startsWith('{'), ended.errors)
  const { parts } = JSON.parse(ended.output) as { parts: readonly { verdicts: readonly Verdict[] }[] }
  return { ...ended, verdicts: parts.flatMap(({ verdicts }) => verdicts) }
}

function spawned({ signal }: TestContext, args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['--conditions=@holdfast/source', MAIN, ...args], {
    // As a test runner's child it would report as a test.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGTERM',
  })
  const texts = { output: '', errors: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.errors += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...texts }))
  })
}
