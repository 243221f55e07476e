import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { PARTS, type Part } from './check.ts'

export interface Settings {
  readonly parts: readonly Part[]
  /** `plain`, `sdk`, or a module. */
  readonly clientName: string
  /** Somebody else's server. */
  readonly url: string | undefined
  readonly only: string
  readonly deadlineMs: number
  readonly json: boolean
}

export const HELP = `Holds a client, and the server, to docs/protocol.md.

Usage: npm run protocol -- [PART …] [OPTIONS]

Parts (both by default):
  client   a client between which and the server the connection is cut, torn and stalled, the server killed, history restored
  server   the server, frame by frame: what is no request, tokens, limits, rooms that are not yours, ids, rates

Options:
  --client NAME    plain (default): faults/protocol/plain-client.ts, written from the page alone; sdk: @holdfast/client;
                   or a module that exports a \`plainClient\` of its own
  --url URL        a server on this machine that offers sign-in by name, instead of one of its own in a temporary folder;
                   what needs to kill it, or its secret, is then not judged
  --only TEXT      only rules whose name holds this
  --deadline-ms N  what ends a rule that hangs (default 30000); nothing is measured
  --json           the table as JSON
  --help

It exits with 1 when a rule is broken, and with 2 when it was called wrongly.
`

export class UsageError extends Error {}

/** undefined when help was asked for. Throws a UsageError with a sentence that says what to change. */
export function readSettings(args: readonly string[]): Settings | undefined {
  const { values, positionals } = parsed(args)
  if (values.help === true) return undefined
  for (const name of positionals)
    if (!(PARTS as readonly string[]).includes(name))
      throw new UsageError(`There is no part ${name}; the parts are ${PARTS.join(', ')}.`)
  const deadlineMs = Number(values['deadline-ms'] ?? 30_000)
  if (!(deadlineMs > 0 && Number.isFinite(deadlineMs))) throw new UsageError('--deadline-ms must be a number above 0.')
  const clientName = values.client ?? 'plain'
  if (!['plain', 'sdk'].includes(clientName) && !existsSync(clientName))
    throw new UsageError(`There is no client ${clientName}: plain, sdk, or the file of a module.`)
  return {
    parts: PARTS.filter((name) => positionals.length === 0 || positionals.includes(name)),
    clientName,
    url: values.url === undefined ? undefined : loopback(values.url),
    only: values.only ?? '',
    deadlineMs,
    json: values.json === true,
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        client: { type: 'string' },
        url: { type: 'string' },
        only: { type: 'string' },
        'deadline-ms': { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(firstSentence(error))
  }
}

/** What Node says of a wrong argument; how it could be meant otherwise, which follows, is of no use here. */
function firstSentence(error: unknown): string {
  const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/\.?(?:\s*\n|\. |$)/)
  return `${sentence}.`
}

/** Bursts, broken frames and hundreds of entries are nothing for a server that people use. */
function loopback(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^(localhost|127\.\d+\.\d+\.\d+)$/.test(url.hostname) || url.protocol !== 'http:')
    throw new UsageError(`--url must be http:// and an address of this machine, not ${text}.`)
  return url.origin
}
