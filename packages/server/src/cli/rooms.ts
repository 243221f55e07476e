import type { RoomKind } from '@holdfast/protocol'
import { type Description, exactly, helpOf, parse } from './arguments.ts'
import { type Command, EXIT, type Io } from './command.ts'
import type { Connection } from './connection.ts'
import { AS_LOCAL, CLIENT_EXITS, CLIENT_OPTIONS, connect, isLocalAdministrator } from './installation.ts'
import { count, Table } from './table.ts'

const DESCRIPTION = {
  name: 'rooms',
  usage: '[OPTIONS]',
  about: "Lists the rooms that the token's user is in, in the order of their ids.",
  options: CLIENT_OPTIONS,
  exits: [[EXIT.ok, 'listed, also where there are none'], ...CLIENT_EXITS],
  examples: [
    ['rooms --token "$(holdfast token --user alice)"', 'the rooms of alice'],
    ['rooms --token "$TOKEN" --json | jq -r .room', 'their ids, for other tools'],
  ],
} as const satisfies Description

export const command: Command = { name: 'rooms', summary: 'list the rooms of a user', help: helpOf(DESCRIPTION), run }

interface ListedRoom {
  readonly room: string
  readonly kind: RoomKind
  readonly name?: string
  readonly pair?: readonly string[]
  readonly memberCount: number
  readonly head: number
}

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(DESCRIPTION, args)
  exactly('rooms', [], positionals)
  const connection = connect(values, io)
  try {
    const table = new Table(io.out, [
      { title: 'ROOM', columnsMax: 48 },
      { title: 'KIND' },
      { title: 'MEMBERS', align: 'right' },
      { title: 'HEAD', align: 'right' },
      { title: 'NAME' },
    ])
    let isEmpty = true
    for await (const rooms of pages(connection)) {
      if (rooms.length === 0) continue
      isEmpty = false
      if (values.json) await io.out.write(rooms.map((room) => `${JSON.stringify(room)}\n`).join(''))
      else await table.print(rooms.map(row))
    }
    if (isEmpty) await io.err.write(`no rooms${isLocalAdministrator(values, io) ? `: ${AS_LOCAL}` : ''}\n`)
    return EXIT.ok
  } finally {
    connection.close()
  }
}

async function* pages(connection: Connection): AsyncGenerator<readonly ListedRoom[]> {
  let path: string | undefined = '/v1/rooms'
  while (path !== undefined) {
    const { rooms, next } = (await connection.get(path)) as { rooms: readonly ListedRoom[]; next: string | null }
    yield rooms
    path = next === null ? undefined : `/v1/rooms?${new URLSearchParams({ after: next })}`
  }
}

/** A direct room has no name: its two members say which it is. */
function row({ room, kind, name, pair, memberCount, head }: ListedRoom): readonly string[] {
  return [room, kind, count(memberCount), count(head), name ?? pair?.join(' and ') ?? '']
}
