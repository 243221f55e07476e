import { LIMITS } from '@holdfast/protocol'
import { type Description, exactly, helpOf, integer, parse } from './arguments.ts'
import { type Command, CommandError, EXIT, type Io, usageError } from './command.ts'
import { type Connection, Refusal } from './connection.ts'
import { CLIENT_EXITS, CLIENT_OPTIONS, connect } from './installation.ts'
import { Table } from './table.ts'
import { type AnyEntry, ENTRY_COLUMNS, entryRow, timelinePage } from './timeline.ts'

const DESCRIPTION = {
  name: 'history',
  usage: 'ROOM [OPTIONS]',
  about: "Prints a piece of a room's timeline, oldest first: the newest entries, unless the options say which.",
  options: {
    limit: { type: 'string', value: 'N', text: `at most so many entries (default ${LIMITS.pageEntriesDefault})` },
    after: { type: 'string', value: 'SEQ', text: 'the oldest entries above this seq' },
    before: { type: 'string', value: 'SEQ', text: 'the newest entries below this seq' },
    all: { type: 'boolean', text: 'everything (between --after and --before)' },
    ...CLIENT_OPTIONS,
  },
  exits: [[EXIT.ok, 'printed'], ...CLIENT_EXITS],
  examples: [
    ['history lobby', 'the last 50 entries'],
    ['history lobby --before 1200 --limit 20', 'the 20 entries below seq 1200'],
    ['history lobby --all --json | jq -r .text', 'every text, for other tools'],
  ],
} as const satisfies Description

export const command: Command = { name: 'history', summary: "print a room's timeline", help: helpOf(DESCRIPTION), run }

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(DESCRIPTION, args)
  const [room = ''] = exactly('history', ['ROOM'], positionals)
  const wanted: Wanted = {
    after: integer('after', values.after, 0, Number.MAX_SAFE_INTEGER),
    before: integer('before', values.before, 0, Number.MAX_SAFE_INTEGER),
    limit: integer('limit', values.limit, 1, Number.MAX_SAFE_INTEGER),
  }
  if (values.all && wanted.limit !== undefined)
    throw usageError('--all and --limit contradict each other: leave one out.')
  const connection = connect(values, io)
  try {
    const table = new Table(io.out, ENTRY_COLUMNS)
    for await (const entries of pages(connection, room, wanted, values.all)) {
      if (values.json) await io.out.write(entries.map((entry) => `${JSON.stringify({ room, ...entry })}\n`).join(''))
      else if (entries.length > 0) await table.print(entries.map(entryRow))
    }
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'NOT_FOUND') throw error
    throw new CommandError(EXIT.refused, `${error.message}. \`holdfast rooms\` lists the rooms of a user.`, error)
  } finally {
    connection.close()
  }
}

interface Wanted {
  readonly after: number | undefined
  readonly before: number | undefined
  readonly limit: number | undefined
}

/** The wanted entries, ascending. Because seqs have no gaps, where to begin can be counted back from the end. */
async function* pages(
  connection: Connection,
  room: string,
  { after, before, limit }: Wanted,
  all: boolean,
): AsyncGenerator<readonly AnyEntry[]> {
  const { head } = await timelinePage(connection, room, { limit: 1 })
  const last = Math.min(head, before === undefined ? head : before - 1)
  const entriesMax = all ? Number.POSITIVE_INFINITY : (limit ?? LIMITS.pageEntriesDefault)
  let position = after ?? Math.max(0, last - entriesMax)
  const end = Math.min(last, position + entriesMax)
  while (position < end) {
    const page = await timelinePage(connection, room, {
      after: position,
      limit: Math.min(LIMITS.pageEntriesMax, end - position),
    })
    const newest = page.entries.at(-1)
    if (newest === undefined) return
    yield page.entries
    position = newest.seq
  }
}
