import { once } from 'node:events'
import type { Entry } from '@holdfast/protocol'
import { SOCKET_PATH, SUBPROTOCOL } from '@holdfast/protocol'
import { WebSocket } from 'ws'
import type { Frame } from './proxy.ts'

/** What a reply that ends a request may be. */
const ENDS: readonly unknown[] = ['hello', 'refreshed', 'stored', 'refused', 'dead', 'subscribed', 'page', 'error']

export type Request = { readonly type: string } & Readonly<Record<string, unknown>>

/** A bare connection, frame by frame: nothing is sent again, nothing is hidden. */
export class Session {
  readonly heard: Frame[] = []
  /** The code it was closed with. */
  readonly closed: Promise<number>
  readonly #socket: WebSocket
  readonly #waiting = new Set<() => void>()
  #ref = 0
  #code: number | undefined

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('message', (data) => {
      this.heard.push(JSON.parse(String(data)) as Frame)
      this.#look()
    })
    this.closed = new Promise((resolve) =>
      socket.on('close', (code) => {
        this.#code = code
        this.#look()
        resolve(code)
      }),
    )
  }

  /** Connected, and nothing said. */
  static async open(url: string): Promise<Session> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${SOCKET_PATH}`, SUBPROTOCOL)
    const session = new Session(socket)
    await once(socket, 'open')
    return session
  }

  /** Signs in, and waits until every room is open. */
  async enter(token: string): Promise<void> {
    await this.ask({ type: 'authenticate', token })
    await this.hear(({ type }) => type === 'ready')
  }

  /** Sends a request and returns what it ended with. */
  async ask(request: Request): Promise<Frame> {
    const ref = this.tell(request)
    return this.hear((frame) => frame.ref === ref && ENDS.includes(frame.type))
  }

  /** Sends a request and returns its ref. */
  tell(request: Request): number {
    const ref = ++this.#ref
    this.raw(JSON.stringify({ ...request, ref }))
    return ref
  }

  /** Sends a frame as it is: text, or binary where it is bytes. */
  raw(data: string | Buffer): void {
    this.#socket.send(data)
  }

  /** Bytes as one text frame, valid or not. */
  rawText(bytes: Buffer): void {
    this.#socket.send(bytes, { binary: false })
  }

  /** The first such frame, from the beginning or behind `from` frames. Rejects when the connection ends without one. */
  async hear(isIt: (frame: Frame) => boolean, from = 0): Promise<Frame> {
    for (;;) {
      const frame = this.heard.slice(from).find(isIt)
      if (frame !== undefined) return frame
      if (this.#code !== undefined) throw new Error(`closed with ${this.#code} before the answer`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  /** A whole room, page by page. */
  async history(room: string): Promise<readonly Entry[]> {
    const entries: Entry[] = []
    for (;;) {
      const page = await this.ask({ type: 'page', room, after: entries.at(-1)?.seq ?? 0, limit: 200 })
      if (page.type !== 'page') throw new Error(`page: ${JSON.stringify(page)}`)
      const more = page.entries as readonly Entry[]
      if (more.length === 0) return entries
      entries.push(...more)
    }
  }

  close(): void {
    this.#socket.terminate()
  }

  #look(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}
