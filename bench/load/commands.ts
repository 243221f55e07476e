import type { Logs } from '../../packages/server/src/ports/log.ts'
import type { Range } from '../bare/kafka.ts'
import { textOf } from './messages.ts'

const PAGE = { recordsMax: 10_000, bytesMax: 8 << 20 }
const DECODER = new TextDecoder()

/**
 * Holds that the log has exactly so many messages of each room, each once, in the order they were sent. Throws an Error that names the first
 * one that is wrong.
 */
export async function checkCommands(
  { commands }: Logs,
  ranges: readonly Range[],
  sent: ReadonlyMap<string, number>,
): Promise<void> {
  const found = new Map([...sent.keys()].map((room) => [room, 0]))
  for (const { partition, from, to } of ranges) {
    for (let at = from; at < to; ) {
      const { records, next } = await commands.read(partition, at, PAGE)
      for (const { key, offset, value } of records) {
        const number = found.get(key)
        if (number === undefined || offset >= to) continue
        const { content } = JSON.parse(DECODER.decode(value))
        if (content.text !== textOf(number))
          throw new Error(`${key}: message ${number} is missing, or not in its place`)
        found.set(key, number + 1)
      }
      if (next <= at) break
      at = next
    }
  }
  for (const [room, messages] of sent)
    if (found.get(room) !== messages) throw new Error(`${room}: the log has ${found.get(room)} of ${messages} messages`)
}
