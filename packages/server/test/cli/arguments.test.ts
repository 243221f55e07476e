import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exactly, integer, parse } from '../../src/cli/arguments.ts'
import { CommandError, EXIT } from '../../src/cli/command.ts'
import { nearest } from '../../src/core/nearest.ts'

const DESCRIPTION = {
  name: 'demo',
  options: {
    user: { type: 'string', value: 'USER', text: 'who' },
    admin: { type: 'boolean', text: 'all' },
  },
} as const

function isUsage(pattern: RegExp) {
  return (error: unknown) => error instanceof CommandError && error.exit === EXIT.usage && pattern.test(error.message)
}

test('[CLI1] options and positionals are told apart wherever they stand', () => {
  const { values, positionals } = parse(DESCRIPTION, ['room', '--user=--odd', '--admin', '--', '--other'])
  assert.deepEqual(values, { user: '--odd', admin: true })
  assert.deepEqual(positionals, ['room', '--other'])
  assert.deepEqual(parse(DESCRIPTION, []).values, { user: undefined, admin: false })
})

test('[CLI2] an option that does not exist, lacks its value or has one too many says what to write', () => {
  assert.throws(
    () => parse(DESCRIPTION, ['--usr', 'a']),
    isUsage(/no option --usr\. Did you mean --user\?.*holdfast demo --help/),
  )
  assert.throws(
    () => parse(DESCRIPTION, ['--nothing-like-it']),
    isUsage(/no option --nothing-like-it\. `holdfast demo --help`/),
  )
  assert.throws(() => parse(DESCRIPTION, ['--user']), isUsage(/--user needs a value: --user USER/))
  assert.throws(() => parse(DESCRIPTION, ['--user', '--admin']), isUsage(/--user needs a value before --admin/))
  assert.throws(() => parse(DESCRIPTION, ['--admin=yes']), isUsage(/--admin takes no value/))
})

test('[CLI2] positionals are counted, and numbers are numbers', () => {
  assert.throws(() => exactly('history', ['ROOM'], []), isUsage(/ROOM is missing: holdfast history ROOM/))
  assert.throws(() => exactly('history', ['ROOM'], ['a', 'b']), isUsage(/"b" is one too many/))
  assert.deepEqual(exactly('history', ['ROOM'], ['a']), ['a'])
  assert.equal(integer('limit', '20', 1, 100), 20)
  assert.equal(integer('limit', undefined, 1, 100), undefined)
  for (const value of ['0', '101', '-1', '1.5', '1e2', '', ' 1'])
    assert.throws(() => integer('limit', value, 1, 100), isUsage(/from 1 to 100/))
  assert.throws(
    () => integer('limit', 'x', 1, Number.MAX_SAFE_INTEGER),
    isUsage(/a whole number, 1 or more, not "x"\./),
  )
})

test('[CLI2] a misspelling is answered with the nearest word, and nonsense with none', () => {
  assert.equal(nearest('imprt', ['import', 'history', 'tail']), 'import')
  assert.equal(nearest('verfy', ['serve', 'verify']), 'verify')
  assert.equal(nearest('prot', ['host', 'port', 'help']), 'port', 'neighbours exchanged')
  assert.equal(nearest('frobnicate', ['import', 'history']), undefined)
})
