import { type Config, ConfigError } from '../config/config.ts'
import { dashed, type Named } from '../config/names.ts'
import { readConfig } from '../config/read.ts'
import { defaultOf, type SettingGroup, settingGroups } from '../config/reference.ts'
import { nearest } from '../core/nearest.ts'
import { columns, type Option, type Options } from './arguments.ts'
import { CommandError, EXIT, type Io, usageError } from './command.ts'
import { wrapped } from './wrap.ts'

/** The groups of settings that a server has, named as their flags begin: `send-rate`. */
const GROUPS: ReadonlyMap<string, SettingGroup> = new Map(
  settingGroups()
    .filter(({ name }) => name !== 'client')
    .map((group) => [dashed(group.name), group]),
)
const CONFIG: Option = { type: 'string', value: 'FILE', text: 'a JSON file with settings' }

/** Every flag of `serve`: one for each setting that is no secret. */
export const FLAGS: Options = {
  config: CONFIG,
  ...Object.fromEntries(named().flatMap((named) => (named.flag === undefined ? [] : [[named.flag, option(named)]]))),
}

/** The few that a first start needs, for the short help. */
export const FIRST_FLAGS: Options = Object.fromEntries(
  ['data', 'host', 'port', 'config'].flatMap((flag) => (FLAGS[flag] === undefined ? [] : [[flag, FLAGS[flag]]])),
)

/** Where the others are. */
export const MORE = [
  wrapped(
    'Every setting has a flag. `holdfast serve --help GROUP` shows those of a group, and `--help all` all of them:',
  ),
  columns([...GROUPS].map(([name, { about }]) => [name, about])),
  wrapped(
    'A setting can also be given as a variable (--log-level is HOLDFAST_LOG_LEVEL) or in the file of --config; a flag wins over a ' +
      'variable, and that over the file. Secrets have no flag: whoever may list processes could read them.',
  ),
].join('\n\n')

/** Every flag of one group of settings, or of all. */
export function helpOn(topic: string): string {
  if (topic === 'all') return [...GROUPS].map(([name, group]) => page(name, group)).join('\n')
  const group = GROUPS.get(topic)
  if (group !== undefined) return page(topic, group)
  const close = nearest(topic, [...GROUPS.keys(), 'all'])
  const hint = close === undefined ? '' : ` Did you mean ${close}?`
  throw usageError(
    `there is no group of settings ${JSON.stringify(topic)}.${hint} \`holdfast serve --help\` lists them.`,
  )
}

/** The settings that these flags and the environment give; a wrong one is a usage error. */
export function settingsFrom(
  flags: Readonly<Record<string, string | undefined>>,
  { environment }: Pick<Io, 'environment'>,
  defaults: Readonly<Record<string, unknown>> = {},
): Config {
  try {
    return readConfig({ flags, environment, defaults })
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(EXIT.usage, error.message, error)
    throw error
  }
}

/** Refuses a secret among the arguments with what to do instead: that there is no such option would be half of the truth. */
export function refuseSecrets(args: readonly string[]): void {
  for (const { path, variable, setting } of named()) {
    const flag = `--${dashed(path)}`
    if (setting.isSecret && args.some((arg) => arg === flag || arg.startsWith(`${flag}=`)))
      throw usageError(
        `a secret has no flag, because whoever may list processes could read it: set ${variable} instead.`,
      )
  }
}

/** Refuses to start elsewhere than was asked: without `--` npm keeps an option of `npm start` to itself. */
export function refuseTakenByNpm(variables: Readonly<Record<string, string | undefined>>): void {
  if (variables.npm_lifecycle_event !== 'start') return
  for (const flag of Object.keys(FIRST_FLAGS)) {
    const taken = variables[`npm_config_${flag}`]
    if (taken === undefined) continue
    const value = taken === '' || taken === 'true' ? (FIRST_FLAGS[flag]?.value ?? '') : taken
    throw usageError(`npm kept --${flag} to itself: write two dashes before it, \`npm start -- --${flag} ${value}\`.`)
  }
}

function named(): readonly Named[] {
  return [...GROUPS.values()].flatMap(({ settings }) => settings)
}

function option(named: Named): Option {
  const { value, why } = named.setting
  const text = `${why.charAt(0).toLowerCase()}${why.slice(1).replace(/\.$/, '')}`
  return { type: 'string', value, text: `${text}${initial(named)}` }
}

function page(name: string, { about, settings }: SettingGroup): string {
  const entries = settings.map((named) => {
    const { flag, variable, setting } = named
    const head = flag === undefined ? `${variable}=${setting.value}` : `--${flag} ${setting.value}`
    return `  ${head}${initial(named)}\n${wrapped(setting.why, '      ')}`
  })
  return `${wrapped(`${name}: ${about}`)}\n\n${entries.join('\n')}\n`
}

function initial(named: Named): string {
  const text = defaultOf(named)
  return text === undefined ? '' : ` (default ${text})`
}
