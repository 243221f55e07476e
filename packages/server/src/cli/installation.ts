import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readSecret } from '../adapters/jwt/secret.ts'
import { type SignedToken, type SignOptions, sign } from '../adapters/jwt/sign.ts'
import type { Clock } from '../ports/system.ts'
import type { Options } from './arguments.ts'
import { CommandError, EXIT, type Io, usageError } from './command.ts'
import { Connection, type ConnectionLimits, type Target } from './connection.ts'

/** Who a local operator is to the server. */
export const LOCAL_USER = 'holdfast-cli'
/** A local token is short-lived and made again at its half: an import may take longer. */
const LOCAL_TOKEN_MS = 3_600_000

export const DATA_OPTION = {
  data: {
    type: 'string',
    value: 'DIR',
    text: 'the data folder of the local installation (default ./data, or HOLDFAST_DATA)',
  },
} as const satisfies Options

/** The options of every command that talks to a running server. */
export const CLIENT_OPTIONS = {
  url: {
    type: 'string',
    value: 'URL',
    text: "the server's address (default: the local installation's, or HOLDFAST_URL)",
  },
  token: {
    type: 'string',
    value: 'TOKEN',
    text: "who asks (default: an administrator's, made with the local secret, or HOLDFAST_TOKEN)",
  },
  ...DATA_OPTION,
  json: { type: 'boolean', text: 'lines of JSON, for machines' },
} as const satisfies Options

export const CLIENT_EXITS = [
  [EXIT.usage, 'called wrongly'],
  [EXIT.unreachable, 'no server answers'],
  [EXIT.refused, 'the server refused'],
] as const

export interface ClientValues {
  readonly url: string | undefined
  readonly token: string | undefined
  readonly data: string | undefined
}

/** Whether nobody is named who asks: it is then the administrator of this machine. */
export function isLocalAdministrator(values: ClientValues, io: Io): boolean {
  return (values.token ?? variable(io, 'HOLDFAST_TOKEN')) === undefined
}

/** Why a local operator's own rooms are none. */
export const AS_LOCAL =
  'you ask as the local administrator, who is in no room; ask as somebody who is: --token "$(holdfast token --user NAME)"'

export function dataFolder(data: string | undefined, io: Io): string {
  return resolve(data ?? variable(io, 'HOLDFAST_DATA') ?? './data')
}

/** A connection to the server that the options name. */
export function connect(values: ClientValues, io: Io, limits?: ConnectionLimits): Connection {
  return new Connection(target(values, io), limits)
}

export function target(values: ClientValues, io: Io): Target {
  const folder = dataFolder(values.data, io)
  const url = values.url ?? variable(io, 'HOLDFAST_URL')
  const token = values.token ?? variable(io, 'HOLDFAST_TOKEN')
  // The local secret may only be shown to the local server.
  if (
    url !== undefined &&
    token === undefined &&
    values.data === undefined &&
    variable(io, 'HOLDFAST_DATA') === undefined
  )
    throw usageError('--url needs --token (or --data DIR, if that server runs on the data folder of this machine).')
  const address = url === undefined ? undefined : parseUrl(url)
  return {
    url: async () => address ?? localAddress(folder),
    token: token === undefined ? localToken(folder, io.clock) : async () => token,
  }
}

/** An empty variable is one that is not set. */
function variable({ environment }: Io, name: string): string | undefined {
  return environment[name] || undefined
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw usageError(`--url must be like http://127.0.0.1:8080, not ${JSON.stringify(text)}.`)
  return url
}

/** Where the server of this data folder listens: it writes that down when it does. */
async function localAddress(folder: string): Promise<URL> {
  const file = join(folder, 'address.json')
  try {
    const { url } = JSON.parse(await readFile(file, 'utf8')) as { url: string }
    return new URL(url)
  } catch (cause) {
    throw new CommandError(
      EXIT.unreachable,
      `no server has left its address in ${folder}. Start one (\`holdfast serve --data ${folder}\`), or name its folder with --data, or its address with --url.`,
      cause,
    )
  }
}

/** A token signed with the secret of this data folder. A usage error where the folder has none. */
export async function signLocally(folder: string, clock: Clock, options: SignOptions): Promise<SignedToken> {
  const secret = readSecret(folder)
  if (secret !== undefined) return sign(secret, clock, options)
  throw new CommandError(
    EXIT.unreachable,
    `there is no secret in ${folder}: it is made when a server starts there for the first time. Is --data right?`,
  )
}

function localToken(folder: string, clock: Clock): () => Promise<string> {
  let current: SignedToken | undefined
  return async () => {
    if (current === undefined || current.expires - clock.now() < LOCAL_TOKEN_MS / 2)
      current = await signLocally(folder, clock, { user: LOCAL_USER, administrator: true, lifetimeMs: LOCAL_TOKEN_MS })
    return current.token
  }
}
