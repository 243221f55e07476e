import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { closeFrame, type Piece, Splitter, textFrame } from './frames.ts'

/** One frame of the protocol, as JSON. */
export type Frame = { readonly type?: string; readonly ref?: number | null } & Readonly<Record<string, unknown>>

export type Side = 'client' | 'server'

/** What passed the proxy: what a client sent, even where it did not get through, and what the server said. */
export interface Heard {
  /** 1 for the first connection. */
  readonly connection: number
  readonly from: Side
  readonly frame: Frame
}

/**
 * What happens at a frame. `lose`: it does not get through, and the connection is cut. `tear`: half of it gets through, and the
 * connection is cut. `stall`: from it on nothing gets through, in either direction, until `release` or `cut`.
 */
export type Strike = 'lose' | 'tear' | 'stall'

interface Fault {
  readonly from: Side
  readonly at: (frame: Frame) => boolean
  readonly strike: Strike
  readonly struck: () => void
}

/** Between client and server: bytes pass as they are, until a fault strikes at a frame. */
export class FaultProxy {
  readonly url: string
  readonly heard: Heard[] = []
  /** How many connections there were. */
  connections = 0
  /** While true, whoever comes is turned away. */
  isShut = false
  /** What the server says is replaced by these frames; undefined leaves it as it is. */
  rewrite: ((frame: Frame) => readonly Frame[] | undefined) | undefined
  #target: string
  readonly #server: Server
  readonly #pipes = new Set<Pipe>()
  readonly #faults = new Set<Fault>()

  private constructor(server: Server, target: string) {
    this.#server = server
    this.#target = target
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('connection', (socket) => this.#accept(socket))
  }

  static async open(target: string): Promise<FaultProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FaultProxy(server, target)
  }

  /** Where the next connections go: a server that was started again has another port. */
  set target(url: string) {
    this.#target = url
  }

  /** How many connections there are. */
  get open(): number {
    return this.#pipes.size
  }

  /** Lets a fault strike at the first such frame from now on. Resolves when it has. */
  strike(strike: Strike, from: Side, at: (frame: Frame) => boolean): Promise<void> {
    return new Promise((struck) => this.#faults.add({ from, at, strike, struck }))
  }

  cut(): void {
    for (const pipe of [...this.#pipes]) pipe.cut()
  }

  /** Ends a stall: what was held goes through. */
  release(): void {
    for (const pipe of [...this.#pipes]) pipe.release()
  }

  /** Says goodbye to the client with this code, in the server's name. */
  sayClose(code: number): void {
    for (const pipe of [...this.#pipes]) pipe.sayClose(code)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isShut = true
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    if (this.isShut) {
      client.on('error', ignore)
      client.destroy()
      return
    }
    const connection = ++this.connections
    const { port, hostname } = new URL(this.#target)
    const pipe = new Pipe(client, connect(Number(port), hostname), {
      frame: (from, frame) => this.#judge(connection, from, frame),
      rewritten: (frame) => this.rewrite?.(frame),
      ended: () => this.#pipes.delete(pipe),
    })
    this.#pipes.add(pipe)
  }

  #judge(connection: number, from: Side, frame: Frame): Strike | undefined {
    this.heard.push({ connection, from, frame })
    const fault = [...this.#faults].find((one) => one.from === from && one.at(frame))
    if (fault === undefined) return undefined
    this.#faults.delete(fault)
    fault.struck()
    return fault.strike
  }
}

interface Judges {
  /** Whether a fault strikes at this frame. */
  frame(from: Side, frame: Frame): Strike | undefined
  rewritten(frame: Frame): readonly Frame[] | undefined
  ended(): void
}

/** One connection through the proxy. */
class Pipe {
  readonly #sockets: Readonly<Record<Side, Socket>>
  readonly #judges: Judges
  readonly #held: { readonly from: Side; readonly piece: Piece }[] = []
  #isStalled = false

  constructor(client: Socket, server: Socket, judges: Judges) {
    this.#sockets = { client, server }
    this.#judges = judges
    for (const from of ['client', 'server'] as const) {
      const splitter = new Splitter()
      this.#sockets[from].setNoDelay(true)
      this.#sockets[from].on('data', (bytes: Buffer) => {
        for (const piece of splitter.add(bytes)) this.#take(from, piece)
      })
      this.#sockets[from].on('end', () => this.#other(from).end())
      this.#sockets[from].on('close', () => this.cut())
      this.#sockets[from].on('error', ignore)
    }
  }

  cut(): void {
    this.#sockets.client.destroy()
    this.#sockets.server.destroy()
    this.#judges.ended()
  }

  release(): void {
    this.#isStalled = false
    for (const { from, piece } of this.#held.splice(0)) this.#pass(from, piece)
  }

  sayClose(code: number): void {
    this.#sockets.server.removeAllListeners('data')
    this.#sockets.client.end(closeFrame(code))
  }

  #take(from: Side, piece: Piece): void {
    if (this.#isStalled) this.#held.push({ from, piece })
    else if (piece.text === undefined) this.#pass(from, piece)
    else this.#judge(from, piece, read(piece.text))
  }

  #judge(from: Side, piece: Piece, frame: Frame): void {
    switch (this.#judges.frame(from, frame)) {
      case 'lose':
        this.cut()
        return
      case 'tear':
        this.#other(from).end(piece.bytes.subarray(0, piece.bytes.length >> 1), () => this.cut())
        return
      case 'stall':
        this.#isStalled = true
        this.#held.push({ from, piece })
        return
      case undefined:
        this.#pass(from, piece, frame)
    }
  }

  #pass(from: Side, piece: Piece, frame?: Frame): void {
    const others = from === 'server' && frame !== undefined ? this.#judges.rewritten(frame) : undefined
    if (others === undefined) this.#other(from).write(piece.bytes)
    else for (const other of others) this.#other(from).write(textFrame(JSON.stringify(other)))
  }

  #other(from: Side): Socket {
    return this.#sockets[from === 'client' ? 'server' : 'client']
  }
}

/** What is no JSON object passes as it is: the other side will say what it thinks of it. */
function read(text: string): Frame {
  try {
    return { ...(JSON.parse(text) as Frame) }
  } catch {
    return {}
  }
}

/** A connection that is cut is what this is about. */
function ignore(): void {}
