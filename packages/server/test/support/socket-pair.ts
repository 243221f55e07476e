import type { Socket, SocketListener } from '../../src/gateway/wire.ts'

/** A frame as a client reads it: its JSON, whatever it is. */
export interface Heard {
  readonly type: string
  readonly [field: string]: unknown
}

/** Bytes that go on their way although nobody reads: what the operating system would buffer. */
const WINDOW_BYTES = 16_384

/**
 * A socket in memory, with its client at the other end. Nothing moves until a test calls `flush`, so every order of events can be had by hand.
 * The client reads the server's bytes as RFC 6455 has them, and so checks that they are whole, unmasked frames.
 */
export class SocketPair implements Socket {
  /** Everything heard and not taken yet, oldest first. */
  heard: Heard[] = []
  /** How often the server wrote: each is a system call. */
  writes = 0
  closed: { readonly code: number; readonly reason: string } | 'cut' | undefined
  isMute = false
  #listener: SocketListener | undefined
  #toServer: (() => void)[] = []
  #toClient: Uint8Array[] = []
  #isStalled = false
  #isCongested = false
  #closing: { readonly code: number; readonly reason: string } | undefined

  /** Joins the server's side. */
  join(listener: SocketListener): void {
    this.#listener = listener
  }

  // ---- the server's side -----------------------------------------------------------------------------------------------

  get writableLength(): number {
    const bytes = this.#toClient.reduce((sum, { length }) => sum + length, 0)
    return this.#isStalled ? Math.max(0, bytes - WINDOW_BYTES) : 0
  }

  write(frames: Uint8Array): boolean {
    if (this.closed !== undefined || this.#closing !== undefined) return true
    this.writes += 1
    // A copy: frames are shared between sessions, and nobody may change one.
    this.#toClient.push(frames.slice())
    this.#isCongested = this.writableLength > 0
    return !this.#isCongested
  }

  close(code: number, reason: string): void {
    this.#closing ??= { code, reason }
  }

  terminate(): void {
    this.cut()
  }

  // ---- the client's side -----------------------------------------------------------------------------------------------

  send(frame: object | string): void {
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
    this.#toServer.push(() => this.#listener?.message(text))
  }

  sendBinary(): void {
    this.#toServer.push(() => this.#listener?.binary())
  }

  /** Stops reading: what the server writes piles up. */
  stall(): void {
    this.#isStalled = true
  }

  resume(): void {
    this.#isStalled = false
  }

  /** The connection is gone, without a goodbye. */
  cut(): void {
    if (this.closed !== undefined) return
    this.closed = 'cut'
    this.#listener?.closed()
  }

  /** Moves what is on the way, in both directions. Returns whether anything moved. */
  flush(): boolean {
    const toServer = this.#toServer.splice(0)
    if (this.closed === undefined) for (const deliver of toServer) deliver()
    const moved = this.#isStalled ? false : this.#read()
    return toServer.length > 0 || moved
  }

  /** What was heard since the last time, of these types or of all. */
  take(...types: string[]): Heard[] {
    const taken = this.heard.filter(({ type }) => types.length === 0 || types.includes(type))
    this.heard = this.heard.filter((frame) => !taken.includes(frame))
    return taken
  }

  #read(): boolean {
    const chunks = this.#toClient.splice(0)
    for (const { opcode, payload } of framesOf(Buffer.concat(chunks))) {
      if (opcode === 1) this.heard.push(JSON.parse(payload))
      else if (opcode === 9 && !this.isMute) this.#toServer.push(() => this.#listener?.pong())
    }
    if (this.#isCongested) {
      this.#isCongested = false
      this.#listener?.drained()
      return true
    }
    if (this.#closing !== undefined && this.closed === undefined) {
      this.closed = this.#closing
      this.#listener?.closed()
      return true
    }
    return chunks.length > 0
  }
}

export function* framesOf(bytes: Buffer): Generator<{ opcode: number; payload: string }> {
  for (let at = 0; at < bytes.length; ) {
    const [first = 0, second = 0] = bytes.subarray(at, at + 2)
    if ((first & 0xf0) !== 0x80 || (second & 0x80) !== 0) throw new Error('not a whole, unmasked frame')
    const [length, head] = lengthOf(bytes, at, second)
    if (at + head + length > bytes.length) throw new Error('a write ended in the middle of a frame')
    yield { opcode: first & 0x0f, payload: bytes.toString('utf8', at + head, at + head + length) }
    at += head + length
  }
}

function lengthOf(bytes: Buffer, at: number, second: number): [length: number, head: number] {
  if (second === 126) return [bytes.readUInt16BE(at + 2), 4]
  if (second === 127) return [Number(bytes.readBigUInt64BE(at + 2)), 10]
  return [second, 2]
}
