import { textOf } from './messages.ts'
import type { Holdfast } from './server.ts'

const PAGE = 200

interface Page {
  readonly entries: readonly { readonly seq: number; readonly kind: string; readonly text?: string }[]
  readonly head: number
}

/**
 * Reads the room's history through the public interface: behind the entry that created it (seq 1) and `seqBefore` stand exactly these
 * messages, each once, in the order they were sent. Throws an Error that names the first one that is wrong.
 */
export async function checkHistory(server: Holdfast, room: string, seqBefore: number, messages: number): Promise<void> {
  let next = 0
  for (let after = seqBefore; next < messages; after += PAGE) {
    const path = `/v1/rooms/${encodeURIComponent(room)}/timeline?after=${after}&limit=${PAGE}`
    const { entries, head } = (await (await server.get(path, 'bench-sender')).json()) as Page
    if (head !== seqBefore + messages) throw new Error(`${room}: head is ${head}, expected ${seqBefore + messages}`)
    if (entries.length === 0) throw new Error(`${room}: history ends after ${next} of ${messages} messages`)
    for (const { seq, text } of entries) {
      if (seq !== seqBefore + next + 1)
        throw new Error(`${room}: seq ${seq} stands where ${seqBefore + next + 1} belongs`)
      if (text !== textOf(next)) throw new Error(`${room}: seq ${seq} is not message ${next}, but: ${text}`)
      next++
    }
  }
}
