import { isId, LIMITS } from '@holdfast/protocol'
import { type Description, exactly, helpOf, integer, parse } from './arguments.ts'
import { type Command, EXIT, type Io, usageError } from './command.ts'
import { DATA_OPTION, dataFolder, signLocally } from './installation.ts'
import { coloured, instant } from './table.ts'

const HOUR_MS = 3_600_000
const HOURS_DEFAULT = 24
const HOURS_MAX = 87_600

const DESCRIPTION = {
  name: 'token',
  usage: '--user USER [OPTIONS]',
  about:
    "Prints a token signed with the installation's own secret, alone on its line: whoever holds it is that user.\n" +
    'The server need not run, and takes it whatever keys of your backend (HOLDFAST_JWT_SECRETS, …) it has.',
  options: {
    user: { type: 'string', value: 'USER', text: 'whose token it is: the `sub` in it' },
    admin: { type: 'boolean', text: 'an administrator: may read every room, import, and see dead letters' },
    hours: { type: 'string', value: 'N', text: `how long it lasts (default ${HOURS_DEFAULT})` },
    ...DATA_OPTION,
    json: { type: 'boolean', text: 'one line of JSON: {user, admin, token, expires}' },
  },
  exits: [
    [EXIT.ok, 'printed'],
    [EXIT.usage, 'called wrongly'],
    [EXIT.unreachable, 'the data folder has no secret'],
  ],
  examples: [
    ['token --user alice', 'a token for alice, for a day'],
    ['token --user backup --admin --hours 1', 'an administrator for an hour'],
    ['history lobby --token "$(holdfast token --user alice)"', 'what alice may see of a room'],
  ],
} as const satisfies Description

export const command: Command = { name: 'token', summary: 'print a token for a user', help: helpOf(DESCRIPTION), run }

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(DESCRIPTION, args)
  exactly('token --user USER', [], positionals)
  const { user, admin, json } = values
  if (user === undefined) throw usageError('--user is missing: holdfast token --user USER.')
  if (!isId(user, LIMITS.idBytesMax))
    throw usageError(`--user must be 1 to ${LIMITS.idBytesMax} bytes without control characters.`)
  const lifetimeMs = (integer('hours', values.hours, 1, HOURS_MAX) ?? HOURS_DEFAULT) * HOUR_MS
  const { token, expires } = await signLocally(dataFolder(values.data, io), io.clock, {
    user,
    administrator: admin,
    lifetimeMs,
  })
  await io.out.write(json ? `${JSON.stringify({ user, admin, token, expires })}\n` : `${token}\n`)
  if (!json && io.out.isTerminal) await io.err.write(coloured(io.err, 'dim', `until ${instant(expires)} UTC\n`))
  return EXIT.ok
}
