import { SOCKET_PATH, SUBPROTOCOL } from '@holdfast/protocol'
import { NumberField } from './fields.ts'
import { RawSocket, type SocketListener } from './socket.ts'

/** What the server said, parsed: for everything that is not counted by the thousand. */
export type Frame = { readonly type: string; readonly ref?: number } & Readonly<Record<string, unknown>>

/** Who is told about the three frames that are counted by the thousand. */
export interface Traffic {
  accepted?(ref: number): void
  stored?(ref: number, seq: number): void
  entry?(seq: number): void
  /** Everything that one read brought has been told. */
  chunkEnd?(): void
  /** The connection broke, or a command ended otherwise than as stored. */
  failed(error: Error): void
}

/** A lean connection to a server: to Holdfast after `signIn`, to a bare `ws` server after `connect`. */
export class Client implements SocketListener {
  private readonly refOfAccepted = new NumberField('ref')
  private readonly refOfStored = new NumberField('ref')
  private readonly seqOfStored = new NumberField('seq')
  private readonly seqOfEntry = new NumberField('seq')
  private readonly waiting = new Map<number, { resolve(frame: Frame): void; reject(error: Error): void }>()
  private readonly expected = new Map<string, (frame: Frame) => void>()
  private ref = 0
  private broken: Error | undefined
  private socket: RawSocket | undefined
  /** Set while it is counted; else those frames are parsed like all others. */
  traffic: Traffic | undefined

  static async connect(url: URL, protocol?: string): Promise<Client> {
    const client = new Client()
    client.socket = await RawSocket.open(url, client, protocol === undefined ? {} : { protocol })
    return client
  }

  /** Connects to Holdfast and authenticates. */
  static async signIn(address: string, token: string): Promise<Client> {
    const client = await Client.connect(new URL(SOCKET_PATH, address), SUBPROTOCOL)
    await client.request({ type: 'authenticate', token })
    return client
  }

  /** Resolves with the reply that ends the request; rejects where that is an error. */
  async request(frame: { readonly type: string } & Readonly<Record<string, unknown>>): Promise<Frame> {
    if (this.broken !== undefined) throw this.broken
    const ref = ++this.ref
    const reply = new Promise<Frame>((resolve, reject) => this.waiting.set(ref, { resolve, reject }))
    this.socket?.sendText(JSON.stringify({ ...frame, ref }))
    return reply
  }

  /** Resolves with the next push of this type that is parsed. */
  frame(type: string): Promise<Frame> {
    return new Promise((resolve) => this.expected.set(type, resolve))
  }

  write(frames: Buffer): void {
    this.socket?.write(frames)
  }

  close(): void {
    this.socket?.close()
  }

  text(bytes: Buffer, start: number, end: number): void {
    const { traffic } = this
    const kind = traffic === undefined ? undefined : kindOf(bytes, start)
    switch (kind) {
      case 'accepted':
        traffic?.accepted?.(this.refOfAccepted.read(bytes, start, end))
        break
      case 'stored':
        traffic?.stored?.(this.refOfStored.read(bytes, start, end), this.seqOfStored.read(bytes, start, end))
        break
      case 'entry':
        traffic?.entry?.(this.seqOfEntry.read(bytes, start, end))
        break
      case undefined:
        this.other(bytes, start, end)
    }
  }

  chunkEnd(): void {
    this.traffic?.chunkEnd?.()
  }

  closed(error: Error): void {
    this.broken = error
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
    this.traffic?.failed(error)
  }

  private other(bytes: Buffer, start: number, end: number): void {
    const frame = JSON.parse(bytes.toString('utf8', start, end)) as Frame
    const waiting = frame.ref === undefined ? undefined : this.waiting.get(frame.ref)
    if (waiting === undefined) {
      this.expected.get(frame.type)?.(frame)
      this.expected.delete(frame.type)
      if (FAILURES.has(frame.type)) this.traffic?.failed(refusal(frame))
      return
    }
    if (frame.type === 'accepted') return
    this.waiting.delete(frame.ref ?? 0)
    // What already is, is as good as done: a room made by an earlier pass.
    if (FAILURES.has(frame.type) && frame.code !== 'ALREADY') waiting.reject(refusal(frame))
    else waiting.resolve(frame)
  }
}

const FAILURES = new Set(['error', 'refused', 'dead'])
const PREFIX = Buffer.from('{"type":"')
const [A, C, S, T, E, N] = Buffer.from('acsten')

/** The kind of a frame by the bytes it begins with; undefined for all that are rare. */
function kindOf(bytes: Buffer, start: number): 'accepted' | 'stored' | 'entry' | undefined {
  const at = start + PREFIX.length
  const first = bytes[at]
  const second = bytes[at + 1]
  if (first === E && second === N) return 'entry'
  if (first === S && second === T) return 'stored'
  if (first === A && second === C) return 'accepted'
  return undefined
}

function refusal({ type, code, message }: Frame): Error {
  return new Error(`the server answered ${type} ${String(code)}: ${String(message)}`)
}
