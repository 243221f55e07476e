import { BSON } from 'mongodb'
import type { Raw } from './row.ts'

/** Of one document, and of one insert: MongoDB takes 16 MiB, and the driver's buffer little more for the whole command. */
export const BYTES_MAX = 16_000_000

export function bytesOf(row: Raw): number {
  return BSON.calculateObjectSize(row, { ignoreUndefined: true })
}

/** The rows in their order, as many together as one command takes. */
export function chunksOf(rows: readonly Raw[], rowsMax: number): readonly (readonly Raw[])[] {
  const chunks: Raw[][] = []
  let chunk: Raw[] = []
  let bytes = 0
  for (const row of rows) {
    const more = bytesOf(row)
    if (chunk.length === 0 || chunk.length >= rowsMax || bytes + more > BYTES_MAX) {
      chunk = []
      chunks.push(chunk)
      bytes = 0
    }
    chunk.push(row)
    bytes += more
  }
  return chunks
}
