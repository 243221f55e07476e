import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

/**
 * A WebSocket client (RFC 6455) that costs as little as it can, so that a measurement loads the server and not itself: frames
 * are cut out of the stream by their headers and handed on as bytes, in place; what is sent is masked with zeros, which leaves it
 * as it is. No fragments, no compression, no check of what a correct server never sends.
 */
export class RawSocket {
  private readonly socket: Socket
  private readonly listener: SocketListener
  private carry: Buffer = NOTHING
  private greeted = false
  private greeting: { resolve(): void; reject(error: Error): void } | undefined

  private constructor(url: URL, listener: SocketListener, options: OpenOptions) {
    this.listener = listener
    this.socket = connect({
      host: url.hostname,
      port: Number(url.port),
      noDelay: true,
      onread: {
        buffer: CHUNK,
        callback: (length) => {
          this.take(length)
          return true
        },
      },
    })
    this.socket.on('connect', () => this.socket.write(upgrade(url, options)))
    this.socket.on('error', (error) => this.fail(error))
    this.socket.on('close', () => this.fail(new Error('the server closed the connection')))
  }

  /** Resolves when the server has agreed to speak WebSocket. */
  static async open(url: URL, listener: SocketListener, options: OpenOptions = {}): Promise<RawSocket> {
    const raw = new RawSocket(url, listener, options)
    await new Promise<void>((resolve, reject) => {
      raw.greeting = { resolve, reject }
    })
    return raw
  }

  /** Writes frames as they are. The bytes must not change any more. */
  write(frames: Buffer): void {
    this.socket.write(frames)
  }

  sendText(text: string): void {
    this.socket.write(textFrame(Buffer.from(text)))
  }

  close(): void {
    this.socket.removeAllListeners('close')
    this.socket.destroy()
  }

  private fail(error: Error): void {
    if (this.greeting !== undefined) this.greeting.reject(error)
    else this.listener.closed(error)
    this.greeting = undefined
    this.close()
  }

  private take(length: number): void {
    let bytes = CHUNK
    let end = length
    if (this.carry.length > 0) {
      bytes = Buffer.concat([this.carry, CHUNK.subarray(0, length)])
      end = bytes.length
    }
    const at = this.greeted ? 0 : this.greet(bytes, end)
    const rest = this.greeted ? this.frames(bytes, at, end) : at
    this.carry = rest === end ? NOTHING : Buffer.from(bytes.subarray(rest, end))
    if (this.greeted) this.listener.chunkEnd()
  }

  /** Returns where the frames begin, or 0 while the server's answer is not complete. */
  private greet(bytes: Buffer, end: number): number {
    const head = bytes.toString('latin1', 0, end)
    const stop = head.indexOf('\r\n\r\n')
    if (stop < 0) return 0
    if (!head.startsWith('HTTP/1.1 101')) {
      this.fail(new Error(`the server refused the upgrade: ${head.slice(0, head.indexOf('\r\n'))}`))
      return end
    }
    this.greeted = true
    this.greeting?.resolve()
    this.greeting = undefined
    return stop + 4
  }

  /** Hands on every whole frame and returns where the first incomplete one begins. */
  private frames(bytes: Buffer, from: number, end: number): number {
    let at = from
    while (end - at >= 2) {
      let size = (bytes[at + 1] ?? 0) & 127
      let head = 2
      if (size === 126) {
        if (end - at < 4) return at
        size = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
        head = 4
      } else if (size === 127) {
        if (end - at < 10) return at
        size = bytes.readUInt32BE(at + 6)
        head = 10
      }
      if (end - at - head < size) return at
      this.frame((bytes[at] ?? 0) & 15, bytes, at + head, at + head + size)
      at += head + size
    }
    return at
  }

  private frame(opcode: number, bytes: Buffer, start: number, end: number): void {
    if (opcode === TEXT) this.listener.text(bytes, start, end)
    else if (opcode === PING) this.socket.write(maskedFrame(PONG, Buffer.from(bytes.subarray(start, end))))
    else if (opcode === CLOSE) {
      const code = end - start >= 2 ? bytes.readUInt16BE(start) : 1005
      this.fail(new Error(`the server closed the socket: ${code} ${bytes.toString('utf8', start + 2, end)}`))
    }
  }
}

export interface SocketListener {
  /** One frame's text: valid only during the call. */
  text(bytes: Buffer, start: number, end: number): void
  /** Everything that one read brought has been handed on. */
  chunkEnd(): void
  closed(error: Error): void
}

export interface OpenOptions {
  readonly protocol?: string
}

/** A whole masked text frame: the mask is zero, so the payload stands in it as it is. */
export function textFrame(payload: Buffer): Buffer {
  return maskedFrame(TEXT, payload)
}

/** How many bytes stand before the payload of a masked frame. */
export function headBytes(payloadBytes: number): number {
  return payloadBytes < 126 ? 6 : 8
}

const TEXT = 1
const CLOSE = 8
const PING = 9
const PONG = 10
const NOTHING = Buffer.alloc(0)
/** One for all sockets: a read is handed on before the next one begins. */
const CHUNK = Buffer.allocUnsafeSlow(1 << 18)

function maskedFrame(opcode: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(headBytes(payload.length))
  head[0] = 0x80 | opcode
  if (payload.length < 126) head[1] = 0x80 | payload.length
  else {
    head[1] = 0x80 | 126
    head.writeUInt16BE(payload.length, 2)
  }
  return Buffer.concat([head, payload])
}

function upgrade(url: URL, { protocol }: OpenOptions): string {
  const lines = [
    `GET ${url.pathname} HTTP/1.1`,
    `Host: ${url.host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
  ]
  if (protocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${protocol}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}
