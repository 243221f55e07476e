import { encodeCommand } from '../../packages/server/src/core/command.ts'
import { partitionOf } from '../../packages/server/src/core/identity.ts'
import type { LogRecord, Logs } from '../../packages/server/src/ports/log.ts'
import type { Content } from '../../packages/server/src/ports/store.ts'
import { textOf } from './messages.ts'

export const SENDER = 'bench-sender'
/** The entry that created a room is its first. */
export const HEAD_OF_NEW_ROOM = 1
const APPEND = 500

/** The same number of rooms in each partition. */
export function roomsPerPartition(partitions: number, rooms: number, name = 'bench'): readonly (readonly string[])[] {
  const found: string[][] = Array.from({ length: partitions }, () => [])
  for (let i = 0; found.some((some) => some.length < rooms); i++) {
    const room = `${name}-${i}`
    const some = found[partitionOf(room, partitions)]
    if (some !== undefined && some.length < rooms) some.push(room)
  }
  return found
}

export async function preloadRooms({ commands }: Logs, partitions: readonly (readonly string[])[]): Promise<void> {
  await Promise.all(
    partitions.map((rooms, partition) =>
      commands.append(
        partition,
        rooms.map((room) => record(room, 0, { kind: 'room_created', roomKind: 'group', members: ['bench-receiver'] })),
      ),
    ),
  )
}

/** So many messages in each room, in turns, numbered from 0. */
export async function preloadMessages(
  { commands }: Logs,
  partitions: readonly (readonly string[])[],
  perRoom: number,
): Promise<void> {
  await Promise.all(
    partitions.map(async (rooms, partition) => {
      const count = perRoom * rooms.length
      for (let first = 0; first < count; first += APPEND) {
        const records = Array.from({ length: Math.min(APPEND, count - first) }, (_, i) => {
          const number = Math.floor((first + i) / rooms.length)
          return record(rooms[(first + i) % rooms.length] ?? '', number + 1, { kind: 'message', text: textOf(number) })
        })
        await commands.append(partition, records)
      }
    }),
  )
}

/** A command as a gateway would append it; its client id is a UUIDv7, as the SDK's are. */
function record(room: string, number: number, content: Content): LogRecord {
  const time = Date.now().toString(16).padStart(12, '0')
  const clientId = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${number.toString(16).padStart(12, '0')}`
  return encodeCommand({ room, sender: SENDER, clientId, authority: 'member', at: undefined, content, replay: 0 })
}
