import { connect as connectLive, HoldfastError } from '@holdfast/client'
import { type Description, exactly, helpOf, integer, parse } from './arguments.ts'
import { type Command, CommandError, EXIT, type Io } from './command.ts'
import { type Connection, mayComeRight, type Target } from './connection.ts'
import { CLIENT_EXITS, CLIENT_OPTIONS, connect, target } from './installation.ts'
import { coloured, Table } from './table.ts'
import { type AnyEntry, ENTRY_COLUMNS, entryRow, roomPath, timelinePage } from './timeline.ts'

const LINES_DEFAULT = 10
const LINES_MAX = 200
/** For a room we are not in there is no push, so it is asked for. */
const POLL_MS = 500
const POLL_AGAIN_MS = 1_000

const DESCRIPTION = {
  name: 'tail',
  usage: 'ROOM [OPTIONS]',
  about:
    "Prints a room's newest entries, and then each new one as it comes, until Ctrl-C. It survives restarts of the server:\n" +
    'nothing is left out and nothing comes twice. A member of the room hears of entries at once; an administrator who is not\n' +
    `one asks for them every ${POLL_MS / 1_000} s.`,
  options: {
    lines: {
      type: 'string',
      value: 'N',
      text: `begin with so many entries (default ${LINES_DEFAULT}, at most ${LINES_MAX})`,
    },
    ...CLIENT_OPTIONS,
  },
  exits: [...CLIENT_EXITS, [EXIT.interrupted, 'Ctrl-C']],
  examples: [
    ['tail lobby', 'as a local administrator'],
    ['tail lobby --lines 0 --json', 'only what is new, for other tools'],
    ['tail lobby --token "$(holdfast token --user alice)"', 'what alice may see'],
  ],
} as const satisfies Description

export const command: Command = { name: 'tail', summary: 'follow a room live', help: helpOf(DESCRIPTION), run }

/** Where we are: what is printed next has the seq behind this one. */
interface Place {
  epoch: number
  seq: number
}

interface Following {
  readonly room: string
  readonly place: Place
  readonly connection: Connection
  readonly target: Target
  readonly io: Io
  readonly print: (entries: readonly AnyEntry[]) => Promise<void>
}

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(DESCRIPTION, args)
  const [room = ''] = exactly('tail', ['ROOM'], positionals)
  const lines = integer('lines', values.lines, 0, LINES_MAX) ?? LINES_DEFAULT
  const connection = connect(values, io)
  try {
    const { role, head, epoch } = (await connection.get(roomPath(room))) as {
      role: string | null
      head: number
      epoch: number
    }
    const table = new Table(io.out, ENTRY_COLUMNS)
    const print = async (entries: readonly AnyEntry[]) => {
      if (values.json) await io.out.write(entries.map((entry) => `${JSON.stringify({ room, ...entry })}\n`).join(''))
      else if (entries.length > 0) await table.print(entries.map(entryRow))
    }
    const place = { epoch, seq: Math.max(0, head - lines) }
    const following: Following = { room, place, connection, target: target(values, io), io, print }
    return await (role === null ? poll(following) : live(following))
  } finally {
    connection.close()
  }
}

/** Over the socket, by the SDK. Where the server has another address after a restart, from there on. */
async function live(following: Following): Promise<never> {
  const { room, place, target, io, print } = following
  for (;;) {
    const url = await target.url()
    const moved = new AbortController()
    const client = connectLive({ url: url.href, getToken: () => target.token() })
    client.on('state', (state) => {
      if (state !== 'waiting') return
      tellLoss(io)
      const look = async () => (await target.url()).href !== url.href && moved.abort()
      look().catch(() => {})
    })
    try {
      for await (const entry of client.room(room).entries({ after: { ...place }, signal: moved.signal })) {
        await print([entry])
        place.seq = entry.seq
      }
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      if (error.code === 'HISTORY_RESET') await startAnew(following)
      else if (error.code !== 'ABORTED')
        throw new CommandError(EXIT.refused, `the server refused: ${error.message} (${error.code})`, error)
    } finally {
      client.close()
    }
  }
}

async function poll(following: Following): Promise<never> {
  const { room, place, connection, io, print } = following
  for (;;) {
    try {
      const page = await timelinePage(connection, room, { after: place.seq, limit: LINES_MAX })
      if (page.epoch !== place.epoch) {
        await startAnew(following)
        continue
      }
      await print(page.entries)
      place.seq = page.entries.at(-1)?.seq ?? place.seq
      if (place.seq < page.head) continue
      await io.clock.sleep(POLL_MS)
    } catch (error) {
      if (!mayComeRight(error)) throw error
      tellLoss(io)
      await io.clock.sleep(POLL_AGAIN_MS)
    }
  }
}

/** History was restored or lost: what was printed may not be so any more. */
async function startAnew({ room, place, connection, io }: Following): Promise<void> {
  const { epoch, head } = await timelinePage(connection, room, { limit: 1 })
  Object.assign(place, { epoch, seq: head })
  await io.err.write(
    'The history of this room was restored or lost: what was printed before may not hold. Going on with what is new.\n',
  )
}

function tellLoss({ err }: Io): void {
  if (err.isTerminal) void err.write(coloured(err, 'dim', 'no connection; trying again …\n'))
}
