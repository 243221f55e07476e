/** WebSocket frames as bytes (RFC 6455, section 5.2), as far as a proxy must know them: it cuts, tears and rewrites them. */

/** Bytes that belong together: the head of the upgrade, or one frame. */
export interface Piece {
  readonly bytes: Buffer
  /** What a text frame says; undefined for everything else. */
  readonly text: string | undefined
}

const TEXT = 0x81
const CLOSE = 0x88

/** Cuts one direction of a connection into pieces: first the HTTP head, then frame by frame. */
export class Splitter {
  #bytes = Buffer.alloc(0)
  #isUpgraded = false

  add(bytes: Buffer): readonly Piece[] {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    const pieces: Piece[] = []
    for (let length = this.#length(); length !== undefined; length = this.#length()) {
      pieces.push(this.#isUpgraded ? pieceOf(this.#bytes.subarray(0, length)) : this.#head(length))
      this.#bytes = this.#bytes.subarray(length)
    }
    return pieces
  }

  #head(length: number): Piece {
    this.#isUpgraded = true
    return { bytes: this.#bytes.subarray(0, length), text: undefined }
  }

  /** Of the next piece; undefined while it is not all there. */
  #length(): number | undefined {
    const length = this.#isUpgraded ? frameLength(this.#bytes) : headLength(this.#bytes)
    return length !== undefined && length <= this.#bytes.length ? length : undefined
  }
}

/** A server's whole text frame. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  if (payload.length < 126) return Buffer.concat([Buffer.from([TEXT, payload.length]), payload])
  if (payload.length < 65_536)
    return Buffer.concat([Buffer.from([TEXT, 126, payload.length >> 8, payload.length & 255]), payload])
  const head = Buffer.from([TEXT, 127, 0, 0, 0, 0, 0, 0, 0, 0])
  head.writeUInt32BE(payload.length, 6)
  return Buffer.concat([head, payload])
}

/** A server's goodbye. */
export function closeFrame(code: number): Buffer {
  return Buffer.from([CLOSE, 2, code >> 8, code & 255])
}

function headLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  return end < 0 ? undefined : end + 4
}

function frameLength(bytes: Buffer): number | undefined {
  const { start, payload } = layout(bytes)
  return payload === undefined ? undefined : start + payload
}

/** Where a frame's payload starts, and how long it is. */
function layout(bytes: Buffer): { start: number; payload: number | undefined } {
  const short = (bytes[1] ?? 0) & 127
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0
  const start = 2 + extended + (isMasked(bytes) ? 4 : 0)
  if (bytes.length < start) return { start, payload: undefined }
  if (extended === 0) return { start, payload: short }
  return { start, payload: extended === 2 ? bytes.readUInt16BE(2) : bytes.readUInt32BE(6) }
}

function isMasked(bytes: Buffer): boolean {
  return ((bytes[1] ?? 0) & 128) !== 0
}

function pieceOf(bytes: Buffer): Piece {
  if (bytes[0] !== TEXT) return { bytes, text: undefined }
  const { start } = layout(bytes)
  if (!isMasked(bytes)) return { bytes, text: bytes.toString('utf8', start) }
  const payload = Buffer.from(bytes.subarray(start))
  for (const [i, byte] of payload.entries()) payload[i] = byte ^ (bytes[start - 4 + (i & 3)] ?? 0)
  return { bytes, text: payload.toString() }
}
