import assert from 'node:assert/strict'
import type { Push, Reply, Request, Requests } from '@holdfast/protocol'
import type { WebSocketConstructor } from '../../src/index.ts'

type Handler = (event: { data: unknown; code: number; reason: string }) => void

/** The client's end of a connection; the test is the other end. */
export class TestSocket {
  readonly url: string
  readonly protocols: string
  /** What the client said and nobody has taken yet. */
  readonly said: Request[] = []
  state: 'connecting' | 'open' | 'closed' = 'connecting'
  readonly #handlers = new Map<string, Handler[]>()

  constructor(url: string, protocols: string) {
    this.url = url
    this.protocols = protocols
  }

  addEventListener(name: string, handler: Handler): void {
    this.#handlers.set(name, [...(this.#handlers.get(name) ?? []), handler])
  }

  send(data: string): void {
    assert.equal(this.state, 'open', 'nothing is sent on a socket that is not open')
    this.said.push(JSON.parse(data) as Request)
  }

  close(): void {
    this.state = 'closed'
  }

  open(): void {
    this.state = 'open'
    this.#tell('open')
  }

  /** The connection ends from outside. */
  end(code: number, reason = ''): void {
    this.state = 'closed'
    this.#tell('close', { code, reason })
  }

  /** It never opened; some platforms say no more than this. */
  fail(): void {
    this.state = 'closed'
    this.#tell('error')
  }

  say(frame: Reply | Push | object): void {
    this.sayText(JSON.stringify(frame))
  }

  sayText(data: string): void {
    if (this.state === 'open') this.#tell('message', { data })
  }

  /** The oldest frame not taken, which must be of this type. */
  take<Type extends keyof Requests>(type: Type): Requests[Type] {
    const frame = this.said.shift()
    assert.equal(frame?.type, type)
    return frame as Requests[Type]
  }

  takeAll<Type extends keyof Requests>(type: Type): Requests[Type][] {
    return this.said.splice(0).map((frame) => {
      assert.equal(frame.type, type)
      return frame as Requests[Type]
    })
  }

  #tell(name: string, event: Partial<Parameters<Handler>[0]> = {}): void {
    for (const handler of this.#handlers.get(name) ?? []) handler({ data: undefined, code: 0, reason: '', ...event })
  }
}

/** Makes sockets and remembers them. */
export class TestSockets {
  readonly all: TestSocket[] = []
  readonly webSocket: WebSocketConstructor

  constructor(made: (socket: TestSocket) => void = () => {}) {
    const { all } = this
    this.webSocket = class extends TestSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols)
        all.push(this)
        made(this)
      }
    }
  }

  get latest(): TestSocket {
    const socket = this.all.at(-1)
    assert.ok(socket, 'a socket was made')
    return socket
  }
}
