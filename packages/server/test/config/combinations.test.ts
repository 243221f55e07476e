import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Config, ConfigError } from '../../src/config/config.ts'
import { allNamed, type Named, valueAt } from '../../src/config/names.ts'
import { type ConfigSources, readConfig } from '../../src/config/read.ts'
import { SETTINGS } from '../../src/config/settings.ts'
import { temporaryFolder } from '../support/server.ts'

/** What a setting is when it is written so, told from the words of the reference alone; undefined where it may not be written so. */
type Meaning = (written: unknown) => unknown

const ALL = allNamed(SETTINGS)
const MEANINGS: ReadonlyMap<string, Meaning> = new Map(ALL.map((named) => [named.path, meaningOf(named)]))

function meaningOf({ setting: { type } }: Named): Meaning {
  const [, min, max = Number.MAX_SAFE_INTEGER] = /^integer, (?:at least )?(\d+)(?: to (\d+))?$/.exec(type) ?? []
  if (min !== undefined) return (written) => integer(written, Number(min), Number(max))
  if (type.startsWith('one of ')) {
    const words: readonly unknown[] = type.slice('one of '.length).split(', ')
    return (written) => (words.includes(written) ? written : undefined)
  }
  const words = /^one or several of (.*), with commas between them$/.exec(type)?.[1]?.split(', ')
  if (words !== undefined) return (written) => someOf(words, list(written))
  if (type.endsWith(', with commas between them')) return list
  const schemes = /^URL that begins with (.*)$/.exec(type)?.[1]?.split(' or ')
  if (schemes !== undefined)
    return (written) => (schemes.some((scheme) => String(written).startsWith(scheme)) ? written : undefined)
  if (type === 'URL') return (written) => (/^https?:\/\/[a-z.]+$/.test(String(written)) ? written : undefined)
  assert.match(type, /^(text|file)$/)
  return (written) => (typeof written === 'string' && written !== '' ? written : undefined)
}

function integer(written: unknown, min: number, max: number): number | undefined {
  const number = typeof written === 'string' && !/^[0-9]+$/.test(written) ? undefined : written
  const isInside = Number.isInteger(Number(number)) && Number(number) >= min && Number(number) <= max
  return isInside && ['string', 'number'].includes(typeof number) ? Number(number) : undefined
}

function list(written: unknown): unknown {
  const items: unknown = typeof written === 'string' ? written.split(',').map((item) => item.trim()) : written
  const isList = Array.isArray(items) && items.length > 0
  return isList && items.every((item) => typeof item === 'string' && item !== '') ? items : undefined
}

/** In the order of the reference, each once. */
function someOf(words: readonly string[], given: unknown): unknown {
  const isKnown = Array.isArray(given) && given.every((word) => words.includes(word))
  return isKnown ? words.filter((word) => given.includes(word)) : undefined
}

/** What people write: often something a setting of this type takes, or just beside it. */
function written({ setting: { type } }: Named): fc.Arbitrary<string> {
  const bounds = [...type.matchAll(/\d+/g)].map(([number]) => Number(number))
  const near = bounds.flatMap((bound) => [bound - 1, bound, bound + 1]).map(String)
  const words = /^one (?:or several )?of (.*?)(?:, with commas.*)?$/.exec(type)?.[1]?.split(', ') ?? [
    'https://a.example',
    'localhost',
    'sqlite:',
    'kafka://a:1',
    LIST,
  ]
  return fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...(near.length > 0 ? [...near, '2000', '8500', '9000'] : words)) },
    { weight: 1, arbitrary: fc.constantFrom(' 5', '5 ', '1e3', '0x10', '5.0', '+5', '５', 'NaN', 'Infinity', 'true') },
    { weight: 1, arbitrary: fc.constantFrom('a,,b', ',', ' ', 'ftp://a', 'http://', 'INFO', '9007199254740993', ONES) },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
  )
}
const ONES = '1'.repeat(400)
const LIST = `${'a'.repeat(32)}, ${'b'.repeat(32)}`

/** One setting, and what stands in each of the places it may be set in; `jwtPublicKeys` needs files. */
const GIVEN = fc.constantFrom(...ALL.filter(({ path }) => path !== 'jwtPublicKeys')).chain((named) => {
  const text = written(named)
  const json = fc.oneof(
    text,
    text.map(Number),
    fc.constantFrom(null, true, -1, 1.5, 1e300, '', [], {}, [1], ['a', 'b'], ['']),
  )
  return fc.record({
    path: fc.constant(named.path),
    flag: fc.option(text, { nil: undefined, freq: 2 }),
    variable: fc.option(text, { nil: undefined, freq: 2 }),
    json: fc.option(json, { nil: undefined, freq: 2 }),
  })
})
type Given = typeof GIVEN extends fc.Arbitrary<infer Value> ? Value : never

function sourcesOf(given: readonly Given[], file: string): ConfigSources {
  const json = {}
  const flags: Record<string, string> = { config: file }
  const environment: Record<string, string> = {}
  for (const { path, ...given_ } of given) {
    const { flag, variable } = namedAt(path)
    if (flag !== undefined && given_.flag !== undefined) flags[flag] = given_.flag
    if (given_.variable !== undefined) environment[variable] = given_.variable
    if (given_.json !== undefined) put(json, path.split('.'), given_.json)
  }
  writeFileSync(file, JSON.stringify(json))
  return { flags, environment }
}

function namedAt(path: string): Named {
  const named = ALL.find((named) => named.path === path)
  assert.ok(named)
  return named
}

/** What counts of all that is given: the first place that says anything. */
function wantedOf({ path, flag, variable, json }: Given): Wanted[] {
  const named = namedAt(path)
  const places = [named.flag === undefined ? undefined : flag, variable || undefined, jsonOf(json)]
  const says = places.find((place) => place !== undefined)
  return says === undefined ? [] : [{ named, says, value: MEANINGS.get(path)?.(says) }]
}

interface Wanted {
  readonly named: Named
  readonly says: unknown
  readonly value: unknown
}

/** JSON has no number that is none. */
function jsonOf(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}

function put(json: Record<string, unknown>, [name = '', ...below]: readonly string[], value: unknown): void {
  if (below.length === 0) json[name] = value
  else {
    json[name] ??= {}
    put(json[name] as Record<string, unknown>, below, value)
  }
}

/** The settings, or the sentence that refuses them. */
function read(sources: ConfigSources): Config | string {
  try {
    return readConfig(sources)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message
  }
}

test('[CFG8] whatever is written wherever: each setting is what the first place says, as the reference has it, or the start stops and names it', () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'settings.json')
  const some = fc.uniqueArray(GIVEN, { selector: ({ path }) => path, minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(some, (given) => {
      const config = read(sourcesOf(given, file))
      const wanted = given.flatMap(wantedOf)
      const wrong = wanted.filter(({ value }) => value === undefined)
      if (typeof config === 'string') checkRefusal(config, wrong.length > 0 ? wrong : wanted)
      else {
        assert.deepEqual(wrong, [])
        for (const { named, value } of wanted)
          if (named.path !== 'data') assert.deepEqual(valueIn(config, named), value)
        for (const named of ALL.filter(({ setting }) => typeof setting.default === 'number'))
          assert.notEqual(MEANINGS.get(named.path)?.(valueIn(config, named)), undefined, named.path)
      }
    }),
    { numRuns: 500 },
  )
})

/** One of those to blame is named, and no secret is shown. */
function checkRefusal(message: string, blamed: readonly Wanted[]): void {
  const names = blamed.flatMap(({ named: { path, flag, variable } }) => [path, `--${flag}`, variable])
  assert.ok(
    names.some((name) => message.includes(name)),
    message,
  )
  // A short one, null say, may be what another setting shows; and the same text may have been given for another.
  const shown = new Set(blamed.filter(({ named }) => !named.setting.isSecret).map(({ says }) => String(says)))
  for (const { named, says } of blamed)
    if (named.setting.isSecret && String(says).length >= 6 && !shown.has(String(says)))
      assert.ok(!message.includes(String(says)), message)
}

function valueIn(config: Config, { path }: Named): unknown {
  return valueAt(path === 'url' || path === 'token' ? config.client : config, path)
}

test('[CFG2] a name that is written wrong stops the start, wherever it stands', () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'settings.json')
  const slip = fc.record({
    path: fc.constantFrom(...ALL.map(({ path }) => path)),
    at: fc.nat(),
    letter: fc.constantFrom('', 'x', '_', '.', '-', 'E'),
  })
  fc.assert(
    fc.property(slip, fc.constantFrom('flag', 'variable', 'file', 'dots'), ({ path, at, letter }, place) => {
      const named = namedAt(path)
      const misspelt = (name: string) => {
        const i = at % name.length
        return `${name.slice(0, i)}${letter}${name.slice(i + 1)}`
      }
      const value = named.setting.type.startsWith('integer') ? '5' : 'a'
      if (place === 'flag') {
        const flag = misspelt(named.flag ?? 'port')
        if (ALL.some((other) => other.flag === flag)) return
        assert.match(String(read({ flags: { [flag]: value }, environment: {} })), /no setting/)
      } else if (place === 'variable') {
        const variable = `HOLDFAST_${misspelt(named.variable.slice('HOLDFAST_'.length))}`
        if (ALL.some((other) => other.variable === variable)) return
        assert.match(String(read({ environment: { [variable]: value } })), /no setting/)
      } else {
        const names = place === 'dots' ? [path] : misspelt(path).split('.')
        if (place === 'file' ? ALL.some((other) => other.path === names.join('.')) : !path.includes('.')) return
        const json = {}
        put(json, names, value)
        writeFileSync(file, JSON.stringify(json))
        assert.match(String(read({ flags: { config: file }, environment: {} })), /no setting/)
      }
    }),
    { numRuns: 200 },
  )
})
