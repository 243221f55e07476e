import { type Description, exactly, helpOf, integer, parse } from './arguments.ts'
import { type Command, EXIT, type Io, usageError } from './command.ts'
import { type Connection, Refusal } from './connection.ts'
import { CLIENT_EXITS, CLIENT_OPTIONS, connect } from './installation.ts'
import { printable } from './printable.ts'
import { type Cell, coloured, instant, type Style, Table } from './table.ts'

const LETTERS_DEFAULT = 50
const LETTERS_PER_PAGE = 50
const STATES = ['open', 'replayed', 'discarded'] as const

const DESCRIPTION = {
  name: 'dlq',
  usage: 'list | show ID | replay ID… | discard ID… [OPTIONS]',
  about:
    'Dead letters: commands that were accepted and could not be processed. None is ever lost: each waits here for an operator.\n' +
    '  list       the newest first\n' +
    '  show       one, with everything that is known of it\n' +
    '  replay     puts it into the log again, as a new try; twice makes one try\n' +
    '  discard    marks it as done with; it stays readable',
  options: {
    state: { type: 'string', value: 'STATE', text: `list: ${STATES.join(', ')} or all (default open)` },
    limit: { type: 'string', value: 'N', text: `list: at most so many (default ${LETTERS_DEFAULT})` },
    ...CLIENT_OPTIONS,
  },
  exits: [[EXIT.ok, 'done'], [EXIT.failed, 'one of several ids failed'], ...CLIENT_EXITS],
  examples: [
    ['dlq list', 'what waits for you'],
    ['dlq show 06c5v2…', 'why it died, and what it said'],
    ['dlq replay 06c5v2…', 'try it again, once the cause is mended'],
    ['dlq list --json | jq -r .id | xargs holdfast dlq replay', 'try everything again'],
  ],
} as const satisfies Description

export const command: Command = {
  name: 'dlq',
  summary: 'dead letters: list, show, replay, discard',
  help: helpOf(DESCRIPTION),
  run,
}

/** A letter as the server shows it; what this build does not know of is printed all the same. */
interface Letter {
  readonly id: string
  readonly room: string | null
  readonly sender: string | null
  readonly class: string
  readonly code: string
  readonly reason: string
  readonly attempts: number
  readonly firstFailedAt: number
  readonly state: (typeof STATES)[number]
  readonly [field: string]: unknown
}

interface Asked {
  readonly connection: Connection
  readonly io: Io
  readonly json: boolean
}

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(DESCRIPTION, args)
  const [verb, ...ids] = positionals
  const state = stateOf(values.state)
  const limit = integer('limit', values.limit, 1, Number.MAX_SAFE_INTEGER) ?? LETTERS_DEFAULT
  if (verb !== 'list' && (values.state ?? values.limit) !== undefined)
    throw usageError('--state and --limit belong to `holdfast dlq list`.')
  const connection = connect(values, io)
  const asked: Asked = { connection, io, json: values.json }
  try {
    switch (verb) {
      case 'list':
        exactly('dlq list', [], ids)
        return await list(asked, state, limit)
      case 'show':
        return await show(asked, exactly('dlq show', ['ID'], ids)[0] ?? '')
      case 'replay':
        return await each(asked, verb, ids, 'POST', '/replay')
      case 'discard':
        return await each(asked, verb, ids, 'DELETE', '')
      default:
        throw usageError('say what to do: holdfast dlq list, show, replay or discard.')
    }
  } finally {
    connection.close()
  }
}

function stateOf(state: string | undefined): string {
  if (state === undefined || state === 'all' || (STATES as readonly string[]).includes(state)) return state ?? 'open'
  throw usageError(`--state must be ${STATES.join(', ')} or all, not ${JSON.stringify(state)}.`)
}

async function list({ connection, io, json }: Asked, state: string, lettersMax: number): Promise<number> {
  const table = new Table(io.out, [
    { title: 'ID' },
    { title: 'FAILED (UTC)' },
    { title: 'STATE' },
    { title: 'ROOM', columnsMax: 28 },
    { title: 'SENDER', columnsMax: 20 },
    { title: 'CODE' },
    { title: 'REASON' },
  ])
  let left = lettersMax
  let cursor: string | undefined
  do {
    const query = new URLSearchParams({ state, limit: String(Math.min(left, LETTERS_PER_PAGE)) })
    if (cursor !== undefined) query.set('cursor', cursor)
    const { items, next } = (await connection.get(`/v1/dead-letters?${query}`)) as {
      items: readonly Letter[]
      next?: string | null
    }
    if (json) await io.out.write(items.map((letter) => `${JSON.stringify(letter)}\n`).join(''))
    else if (items.length > 0) await table.print(items.map(row))
    left -= items.length
    cursor = next ?? undefined
  } while (cursor !== undefined && left > 0)
  if (left === lettersMax)
    await io.err.write(state === 'all' ? 'no dead letters\n' : `no dead letters that are ${state}\n`)
  return EXIT.ok
}

function row({ id, firstFailedAt, state, room, sender, code, reason }: Letter): readonly Cell[] {
  const styles: Readonly<Record<string, Style>> = { open: 'red', replayed: 'green' }
  return [
    id,
    { text: instant(firstFailedAt), style: 'dim' },
    { text: state, style: styles[state] ?? 'dim' },
    room ?? '–',
    sender ?? '–',
    code,
    reason,
  ]
}

async function show({ connection, io, json }: Asked, id: string): Promise<number> {
  const letter = (await connection.get(path(id))) as Letter
  if (json) {
    await io.out.write(`${JSON.stringify(letter)}\n`)
    return EXIT.ok
  }
  const fields = Object.entries(letter).filter(([, value]) => value !== undefined && value !== null)
  const width = Math.max(...fields.map(([name]) => name.length))
  const lines = fields.map(
    ([name, value]) => `${coloured(io.out, 'dim', name.padEnd(width))}  ${printable(shown(name, value))}`,
  )
  await io.out.write(`${lines.join('\n')}\n`)
  return EXIT.ok
}

function shown(name: string, value: unknown): string {
  if (typeof value === 'number' && name.endsWith('At')) return `${instant(value)} UTC`
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The same to each id; one that fails does not keep the others from it. */
async function each(
  { connection, io, json }: Asked,
  verb: string,
  ids: readonly string[],
  method: string,
  below: string,
): Promise<number> {
  if (ids.length === 0) throw usageError(`ID is missing: holdfast dlq ${verb} ID…`)
  let exit: number = EXIT.ok
  for (const id of ids) {
    try {
      const { body } = await connection.request(method, `${path(id)}${below}`)
      await io.out.write(
        json
          ? `${JSON.stringify({ ...(body as object | undefined), id, done: verb })}\n`
          : `${printable(id)}  ${verb === 'replay' ? 'replayed' : 'discarded'}\n`,
      )
    } catch (error) {
      if (!(error instanceof Refusal) || ids.length === 1) throw error
      await io.err.write(`${printable(id)}: ${error.message}\n`)
      exit = EXIT.failed
    }
  }
  return exit
}

function path(id: string): string {
  return `/v1/dead-letters/${encodeURIComponent(id)}`
}
