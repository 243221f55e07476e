import type { Entry, RoomKind } from '@holdfast/protocol'
import type { Connection } from './connection.ts'
import { type Cell, type Column, instant } from './table.ts'

/** An entry as it comes from the server: a newer one may send kinds that this build does not know. */
export type AnyEntry = Entry | (Pick<Entry, 'seq' | 'id' | 'sender' | 'at'> & { readonly kind: string })

export interface TimelinePage {
  readonly entries: readonly AnyEntry[]
  readonly epoch: number
  readonly head: number
}

export interface PageBounds {
  /** Exclusive. */
  readonly after?: number | undefined
  readonly before?: number | undefined
  readonly limit: number
}

export function roomPath(room: string): string {
  return `/v1/rooms/${encodeURIComponent(room)}`
}

export function timelinePath(room: string, bounds: PageBounds): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(bounds)) if (value !== undefined) query.set(name, String(value))
  return `${roomPath(room)}/timeline?${query}`
}

export async function timelinePage(connection: Connection, room: string, bounds: PageBounds): Promise<TimelinePage> {
  return (await connection.get(timelinePath(room, bounds))) as TimelinePage
}

export const ENTRY_COLUMNS: readonly Column[] = [
  { title: 'SEQ', align: 'right' },
  { title: 'AT (UTC)' },
  { title: 'SENDER', columnsMax: 24 },
  { title: 'TEXT' },
]

export function entryRow(entry: AnyEntry): readonly Cell[] {
  return [
    { text: String(entry.seq), style: 'dim' },
    { text: instant(entry.at), style: 'dim' },
    { text: entry.sender, style: 'cyan' },
    said(entry),
  ]
}

/** What an entry says, in one line. */
function said(entry: AnyEntry): Cell {
  const known = entry as Entry
  switch (known.kind) {
    case 'message':
      return known.text
    case 'room_created':
      return event(
        `created ${created(known.roomKind, known.name)}${known.members.length === 0 ? '' : ` with ${known.members.join(', ')}`}`,
      )
    case 'member_added':
      return event(`added ${known.user}`)
    case 'member_removed':
      return event(known.user === known.sender ? 'left' : `removed ${known.user}`)
    default:
      return event(`(${entry.kind}) ${JSON.stringify(entry)}`)
  }
}

function created(kind: RoomKind, name: string | undefined): string {
  return name === undefined ? `a ${kind} room` : `the ${kind} room ${JSON.stringify(name)}`
}

function event(text: string): Cell {
  return { text: `* ${text}`, style: 'italic' }
}
