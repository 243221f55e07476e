import { LIMITS } from '@holdfast/protocol'
import { type Description, exactly, helpOf, integer, oneOf, parse } from './arguments.ts'
import { type Command, EXIT, type Io } from './command.ts'
import type { Connection } from './connection.ts'
import { CLIENT_EXITS, CLIENT_OPTIONS, connect, isLocalAdministrator } from './installation.ts'
import { subcommand as rebuild } from './search-rebuild.ts'
import { type Cell, coloured, type Piece, plain, Table } from './table.ts'
import { type AnyEntry, ENTRY_COLUMNS, entryRow, timelinePage } from './timeline.ts'

/** Entries on each side of a hit. */
const CONTEXT_MAX = 20

const DESCRIPTION = {
  name: 'search',
  usage: 'QUERY [OPTIONS]',
  about:
    "Finds messages that hold all words of the query: in the rooms that the token's user is in, or in one with --room.\n" +
    'search rebuild makes the index anew (search rebuild --help); as a word to be found it is written: search -- rebuild.',
  options: {
    room: { type: 'string', value: 'ROOM', text: 'only in this room' },
    sender: { type: 'string', value: 'USER', text: 'only what this user said' },
    order: {
      type: 'string',
      value: 'ORDER',
      text: 'newest (the default), or relevance: accents as typed and words next to each other come first',
    },
    prefix: { type: 'boolean', text: 'of the last word the beginning is enough' },
    context: {
      type: 'string',
      value: 'N',
      text: `show so many entries before and after each hit too (at most ${CONTEXT_MAX})`,
    },
    limit: {
      type: 'string',
      value: 'N',
      text: `at most so many hits (default ${LIMITS.searchHitsDefault}, at most ${LIMITS.searchHitsMax})`,
    },
    ...CLIENT_OPTIONS,
  },
  exits: [[EXIT.ok, 'found something'], [EXIT.failed, 'found nothing'], ...CLIENT_EXITS],
  examples: [
    ['search mplayer --token "$(holdfast token --user alice)"', 'in every room of alice'],
    ["search 'xin chao' --room lobby", 'in one room; accents need not be typed'],
    ['search instal --prefix --sender bob --room lobby', 'what begins like this, said by bob'],
    ['search mplayer --room lobby --context 2', 'with what was said around it'],
    ['search mplayer --room lobby --json', 'one hit a line, for other tools'],
    ['search rebuild', 'makes the index of the installation in ./data anew'],
  ],
} as const satisfies Description

export const command: Command = {
  name: 'search',
  summary: 'find messages; rebuild the index',
  help: helpOf(DESCRIPTION),
  run,
  // As a word to be found it stands behind --.
  subcommands: { rebuild },
}

const ORDERS = ['newest', 'relevance']

/** An administrator may read every room, but is in few. */
const EVERYWHERE = " in the rooms that the token's user is in; --room looks into any other that it may read"
const LOCALLY =
  ': you ask as the local administrator, who is in no room; name one with --room, or ask as somebody with --token'

type Hit = AnyEntry & {
  readonly room: string
  readonly highlights?: readonly (readonly [start: number, end: number])[]
}

interface Found {
  readonly hits: readonly Hit[]
  /** Where more begin; null at the end. */
  readonly next: string | null
  readonly partial: boolean
}

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(DESCRIPTION, args)
  const [q = ''] = exactly('search', ['QUERY'], positionals)
  const limit = integer('limit', values.limit, 1, LIMITS.searchHitsMax)
  const context = integer('context', values.context, 0, CONTEXT_MAX) ?? 0
  const query = new URLSearchParams({ q })
  if (values.room !== undefined) query.set('room', values.room)
  if (values.sender !== undefined) query.set('sender', values.sender)
  if (values.order !== undefined) query.set('order', oneOf('order', values.order, ORDERS))
  if (values.prefix) query.set('prefix', 'true')
  if (limit !== undefined) query.set('limit', String(limit))
  const connection = connect(values, io)
  try {
    const { hits, next, partial } = (await connection.get(`/v1/search?${query}`)) as Found
    const rows: (readonly Cell[])[] = []
    for (const [i, hit] of hits.entries()) {
      const around = context === 0 ? NOTHING_AROUND : await entriesAround(connection, hit, context)
      if (values.json) await io.out.write(`${JSON.stringify(context === 0 ? hit : { ...hit, ...around })}\n`)
      else {
        if (i > 0 && context > 0) rows.push([])
        rows.push(...around.before.map(contextRow), hitRow(hit), ...around.after.map(contextRow))
      }
    }
    if (rows.length > 0) await new Table(io.out, [{ title: 'ROOM', columnsMax: 32 }, ...ENTRY_COLUMNS]).print(rows)
    if (hits.length === 0) {
      const everywhere = isLocalAdministrator(values, io) ? LOCALLY : EVERYWHERE
      await io.err.write(`nothing found${values.room === undefined ? everywhere : ''}\n`)
    }
    if (next !== null && hits.length > 0 && !values.json)
      await io.err.write(`there are more; --limit N shows up to ${LIMITS.searchHitsMax}\n`)
    if (partial)
      await io.err.write(
        coloured(io.err, 'yellow', 'The index is behind: newer messages may be missing from this answer.\n'),
      )
    return hits.length > 0 ? EXIT.ok : EXIT.failed
  } finally {
    connection.close()
  }
}

interface Around {
  readonly before: readonly AnyEntry[]
  readonly after: readonly AnyEntry[]
}

const NOTHING_AROUND: Around = { before: [], after: [] }

async function entriesAround(connection: Connection, { room, seq }: Hit, context: number): Promise<Around> {
  const after = Math.max(0, seq - context - 1)
  const { entries } = await timelinePage(connection, room, { after, limit: seq - after + context })
  return { before: entries.filter((entry) => entry.seq < seq), after: entries.filter((entry) => entry.seq > seq) }
}

function hitRow(hit: Hit): readonly Cell[] {
  const row = entryRow(hit)
  return [hit.room, ...row.slice(0, -1), marked(hit)]
}

/** What stands around a hit, paler than it. */
function contextRow(entry: AnyEntry): readonly Cell[] {
  return ['', ...entryRow(entry).map((cell): Cell => ({ text: plain(cell), style: 'dim' }))]
}

/** The text, with what was looked for marked in it. */
function marked({ highlights = [], ...hit }: Hit): Cell {
  const text = 'text' in hit ? hit.text : ''
  const pieces: Piece[] = []
  let at = 0
  for (const [start, end] of highlights) {
    pieces.push({ text: text.slice(at, start) }, { text: text.slice(start, end), style: ['bold', 'yellow'] })
    at = end
  }
  return [...pieces, { text: text.slice(at) }]
}
