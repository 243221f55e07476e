import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'

/** A line of a file, without its end; or why it cannot be read. */
export type SourceLine = { readonly number: number } & (
  | { readonly text: string; readonly bytes: number }
  | { readonly problem: string }
)

export interface Source {
  readonly lines: AsyncIterable<SourceLine>
  /** How much of the file, as it lies on the disk, has been read. */
  bytesRead(): number
}

/** No line of ours comes near: a message has at most 8 KiB. What is longer is skipped without being held. */
const LINE_BYTES_MAX = 1 << 20
const LINE_FEED = 0x0a

/** Reads a file of lines, gzipped where its name says so, holding no more than a chunk and a line. Blank lines count, and are left out. */
export function openSource(path: string): Source {
  const file = createReadStream(path, { highWaterMark: 1 << 18 })
  return { lines: path.endsWith('.gz') ? inflated(file) : linesOf(file), bytesRead: () => file.bytesRead }
}

async function* inflated(file: ReturnType<typeof createReadStream>): AsyncGenerator<SourceLine> {
  const gunzip = createGunzip()
  // What fails, the file or its inflation, shows up where the lines are read.
  pipeline(file, gunzip).catch(() => {})
  yield* linesOf(gunzip)
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<SourceLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const line = new PartialLine()
  let number = 0
  const finished = (): SourceLine | undefined => {
    number++
    const bytes = line.take()
    if (bytes === undefined) return { number, problem: `is longer than ${LINE_BYTES_MAX} bytes` }
    try {
      const text = decoder.decode(bytes)
      return text.trim() === '' ? undefined : { number, text, bytes: bytes.length }
    } catch {
      return { number, problem: 'is not valid UTF-8' }
    }
  }
  try {
    for await (const chunk of chunks) {
      let start = 0
      for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
        line.add(chunk.subarray(start, end))
        start = end + 1
        const read = finished()
        if (read !== undefined) yield read
      }
      line.add(chunk.subarray(start))
    }
  } catch (error) {
    yield { number: number + 1, problem: `cannot be read: ${error instanceof Error ? error.message : String(error)}` }
    return
  }
  if (line.isEmpty) return
  const read = finished()
  if (read !== undefined) yield read
}

/** The pieces of a line whose end has not come yet; of one that is too long, only that. */
class PartialLine {
  #pieces: Buffer[] = []
  #bytes = 0

  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  add(piece: Buffer): void {
    this.#bytes += piece.length
    if (this.#bytes > LINE_BYTES_MAX) this.#pieces = []
    else if (piece.length > 0) this.#pieces.push(piece)
  }

  take(): Buffer | undefined {
    const [first] = this.#pieces
    const isTooLong = this.#bytes > LINE_BYTES_MAX
    const whole = first !== undefined && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#bytes = 0
    return isTooLong ? undefined : whole
  }
}
