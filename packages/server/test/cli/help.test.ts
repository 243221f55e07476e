import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../../src/cli/arguments.ts'
import { type Command, CommandError, EXIT } from '../../src/cli/command.ts'
import { command as dlq } from '../../src/cli/dlq.ts'
import { command as history } from '../../src/cli/history.ts'
import { command as imports } from '../../src/cli/import.ts'
import { command as rooms } from '../../src/cli/rooms.ts'
import { command as search } from '../../src/cli/search.ts'
import { command as serve } from '../../src/cli/serve.ts'
import { FLAGS, refuseSecrets, refuseTakenByNpm } from '../../src/cli/serve-flags.ts'
import { command as tail } from '../../src/cli/tail.ts'
import { command as token } from '../../src/cli/token.ts'
import { command as verify } from '../../src/cli/verify.ts'
import { ConfigError } from '../../src/config/config.ts'
import { readConfig } from '../../src/config/read.ts'
import { defaultOf, settingGroups } from '../../src/config/reference.ts'
import { holdfast } from './holdfast.ts'

const OF_SERVER = settingGroups().filter(({ name }) => name !== 'client')
const SETTINGS = OF_SERVER.flatMap(({ settings }) => settings)

function isUsage(pattern: RegExp) {
  return (error: unknown) => error instanceof CommandError && error.exit === EXIT.usage && pattern.test(error.message)
}

/** The help as one line, so that a sentence is found wherever it was wrapped. */
function flowing(text = ''): string {
  return text.replace(/\s+/g, ' ')
}

test('[CLI18] the help of serve begins with what a first start needs, and says where every other flag is', async () => {
  for (const flag of ['data', 'host', 'port', 'config']) assert.match(serve.help, new RegExp(`^ {2}--${flag} `, 'm'))
  assert.ok(serve.help.split('\n').length < 60, 'it fits on a page')
  const groups = [...serve.help.matchAll(/^ {2}([a-z-]+) {2,}[A-Z]/gm)].map(([, name]) => name)
  assert.equal(groups.length, OF_SERVER.length)
  const all = flowing(serve.helpOn?.('all'))
  const apart = flowing(groups.map((group) => serve.helpOn?.(group ?? '')).join('\n'))
  assert.equal(apart.trim(), all.trim())
  for (const named of SETTINGS) {
    const head = named.flag === undefined ? `${named.variable}=` : `--${named.flag} `
    const initial = defaultOf(named)
    assert.ok(all.includes(head), head)
    assert.ok(all.includes(`${initial === undefined ? '' : `(default ${initial}) `}${named.setting.why}`), head)
  }
  const [worker, short, other] = await Promise.all([
    holdfast(['serve', '--help', 'worker']),
    holdfast(['serve', '--port', '0', '--help']),
    holdfast(['help', 'serve', 'wroker']),
  ])
  assert.deepEqual([worker.exit, worker.out], [0, serve.helpOn?.('worker')])
  assert.deepEqual([short.exit, short.out], [0, serve.help])
  assert.equal(other.exit, 2)
  assert.match(other.err, /no group of settings "wroker"\. Did you mean worker\?/)
})

const EXAMPLES: Readonly<Record<string, string>> = { FILES: '/absent.pem', N: '4' }

test('[CLI18] every setting that is no secret is a flag of serve, and is taken', () => {
  for (const named of SETTINGS.filter(({ setting }) => !setting.isSecret)) {
    const { flag = '', setting } = named
    assert.ok(FLAGS[flag] !== undefined, flag)
    const value = defaultOf(named) ?? EXAMPLES[setting.value] ?? 'https://example.org'
    const { values } = parse({ name: 'serve', options: FLAGS }, [`--${flag}`, value])
    try {
      readConfig({ flags: values as Readonly<Record<string, string | undefined>>, environment: {} })
    } catch (error) {
      // It was read: what it says may want for company.
      assert.ok(error instanceof ConfigError, String(error))
      assert.match(error.message, /no key of it is set|cannot be read|go together|TLS is off/, flag)
    }
  }
})

test('[CLI18] no line of any help is wider than 80 columns', () => {
  const commands: readonly Command[] = [serve, token, imports, rooms, history, tail, search, dlq, verify]
  const pages = [...commands.map(({ help }) => help), serve.helpOn?.('all') ?? '']
  const wide = pages.flatMap((page) => page.split('\n')).filter(({ length }) => length > 80)
  assert.deepEqual(wide, [])
})

test('[CLI2] an unknown flag of serve is answered with the nearest of all, and a secret with its variable', () => {
  const given = (...args: string[]) => parse({ name: 'serve', options: FLAGS }, args)
  for (const [wrong, meant] of [
    ['prot', 'port'],
    ['log-levle', 'log-level'],
    ['worker-batch-record-max', 'worker-batch-records-max'],
    ['gateway-outbox-byte-max', 'gateway-outbox-bytes-max'],
  ])
    assert.throws(
      () => given(`--${wrong}`, '1'),
      isUsage(new RegExp(`no option --${wrong}\\. Did you mean --${meant}\\?`)),
    )
  assert.throws(() => given('--url', 'http://127.0.0.1:1'), isUsage(/no option --url/), 'it is for clients')
  for (const args of [['--jwt-secrets', 'x'], ['--jwt-secrets=x']])
    assert.throws(() => refuseSecrets(args), isUsage(/set HOLDFAST_JWT_SECRETS instead/))
  refuseSecrets(['--jwt-issuer', 'me'])
})

test('[CLI2] an option that npm kept to itself is answered with the two dashes it needs', () => {
  const kept = (variables: Record<string, string>) => () =>
    refuseTakenByNpm({ npm_lifecycle_event: 'start', ...variables })
  assert.throws(kept({ npm_config_port: '9000' }), isUsage(/`npm start -- --port 9000`/))
  assert.throws(kept({ npm_config_data: 'true' }), isUsage(/`npm start -- --data DIR`/))
  assert.doesNotThrow(kept({ npm_config_prefix: '/usr' }))
  assert.doesNotThrow(kept({ npm_lifecycle_event: 'test', npm_config_port: '9000' }))
})
