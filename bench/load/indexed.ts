import { indexedSeq } from '../../packages/server/src/core/indexed.ts'
import type { SearchIndex } from '../../packages/server/src/ports/search.ts'

const PAGE = 10_000
/** No history was restored here. */
export const EPOCH = 0

/**
 * Looks into the index itself, because what a search shows is looked for in the store too: of this room it holds exactly so many messages behind
 * `seqBefore`, each once, and says so. Throws an Error that names the first one that is wrong.
 */
export async function checkIndexed(
  index: SearchIndex,
  room: string,
  seqBefore: number,
  messages: number,
): Promise<void> {
  const head = seqBefore + messages
  let next = seqBefore + 1
  for (let seqs = await index.seqs(room, 0, PAGE); seqs.length > 0; seqs = await index.seqs(room, next - 1, PAGE))
    for (const seq of seqs) {
      if (seq !== next) throw new Error(`${room}: the index has seq ${seq} where ${next} belongs`)
      next++
    }
  if (next !== head + 1) throw new Error(`${room}: the index ends with seq ${next - 1} of ${head}`)
  const told = indexedSeq((await index.heads([room])).get(room), EPOCH)
  if (told !== head) throw new Error(`${room}: the index says that it goes to seq ${told}, and it goes to ${head}`)
}
