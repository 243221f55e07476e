import type { Cluster } from './cluster.ts'
import { textOf } from './messages.ts'
import { HEAD_OF_NEW_ROOM } from './preload.ts'

/**
 * Reads the store itself, since what the public interface shows stands on it: behind the entry that created a room stand exactly these
 * messages, each once, in the order of the log. Throws an Error that names the first one that is wrong.
 */
export async function checkEntries(cluster: Cluster, rooms: readonly string[], perRoom: number): Promise<void> {
  const found = new Map<string, { readonly seq: number; readonly text: string }[]>(rooms.map((room) => [room, []]))
  for await (const { room, seq, text } of cluster.database.collection('entries').find({ kind: 'message' }))
    found.get(room)?.push({ seq, text })
  for (const [room, entries] of found) {
    entries.sort((a, b) => a.seq - b.seq)
    for (const [number, { seq, text }] of entries.entries()) {
      if (seq !== HEAD_OF_NEW_ROOM + number + 1)
        throw new Error(`${room}: seq ${seq} stands where ${HEAD_OF_NEW_ROOM + number + 1} belongs`)
      if (text !== textOf(number)) throw new Error(`${room}: seq ${seq} is not message ${number}, but: ${text}`)
    }
    if (entries.length !== perRoom)
      throw new Error(`${room}: history ends after ${entries.length} of ${perRoom} messages`)
  }
}
