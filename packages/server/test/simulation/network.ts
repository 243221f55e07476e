import type { WebSocketConstructor, WebSocketLike } from '@holdfast/client'
import type { Socket, SocketListener } from '../../src/gateway/wire.ts'
import { framesOf } from '../support/socket-pair.ts'
import type { Chance } from './chance.ts'
import type { Surroundings } from './world.ts'

/** Where sockets arrive: a gateway that listens. */
export interface Listening {
  readonly name: string
  connect(socket: Socket): SocketListener
}

/** What one connection is heard to say, at the client's end: a history is made of it. */
export interface Ear {
  opened(gateway: string): void
  sent(frame: string): void
  heard(frame: string): void
  /** Nothing is heard of it any more. */
  lost(): void
}

const SLOW_MS_MAX = 30
/** What is sent later arrives later: within one moment chance would decide. */
const BEHIND_MS = 0.001
/** What the operating system takes from a writer although nobody reads. */
const WINDOW_BYTES = 2_048

/**
 * The network between SDKs and gateways. Each direction of a connection keeps its order and takes its time; connections are cut, at both ends
 * at different moments, and what was on its way then may or may not arrive; readers stop reading for a while; gateways that are
 * down refuse.
 */
export class SimulatedNetwork {
  readonly #surroundings: Surroundings
  readonly #chance: Chance
  readonly #listening = new Map<string, Listening>()
  readonly #wires = new Set<Wire>()

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#chance = surroundings.chance.fork()
  }

  listen(gateway: Listening): void {
    this.#listening.set(gateway.name, gateway)
  }

  /** The process is gone: its peers hear of it sooner or later. */
  down(name: string): void {
    this.#listening.delete(name)
    for (const wire of this.#wires) if (wire.gateway === name) wire.cut('server')
  }

  /** One of these connections is cut. */
  cutSome(): void {
    const wires = [...this.#wires]
    if (wires.length > 0) this.#chance.pick(wires).cut('between')
  }

  /** A WebSocket class for one client: `ws://g1/…` goes to the gateway of that name, `ws://any/…` to any that listens. */
  webSocket(ear: () => Ear): WebSocketConstructor {
    const open = (url: string, socket: ClientSocket) => this.#open(new URL(url).hostname, socket, ear())
    return class extends ClientSocket {
      constructor(url: string) {
        super()
        open(url, this)
      }
    }
  }

  #open(host: string, client: ClientSocket, ear: Ear): void {
    const { clock, faulty, sometimes } = this.#bound
    clock.after(this.#chance.between(1, SLOW_MS_MAX), () => {
      const names = [...this.#listening.keys()]
      const name = host === 'any' ? names[this.#chance.below(Math.max(1, names.length))] : host
      const gateway = name === undefined ? undefined : this.#listening.get(name)
      if (gateway === undefined || client.isClosed || faulty('network.refused')) return client.end(1006, '')
      sometimes('network.connected')
      const wire = new Wire(this.#surroundings, this.#chance, client, ear, gateway.name, () => this.#wires.delete(wire))
      this.#wires.add(wire)
      wire.join(gateway)
    })
  }

  get #bound() {
    const { clock } = this.#surroundings
    return {
      clock,
      faulty: (name: string) => this.#surroundings.faulty(name),
      sometimes: (name: string) => this.#surroundings.sometimes(name),
    }
  }
}

/** One connection. The server's end is a `Socket`; the client's end is a `ClientSocket`. */
class Wire implements Socket {
  readonly gateway: string
  readonly #surroundings: Surroundings
  readonly #chance: Chance
  readonly #client: ClientSocket
  readonly #ear: Ear
  readonly #gone: () => void
  #listener: SocketListener | undefined
  /** When the last thing sent in each direction arrives: nothing overtakes it. */
  #upAt = 0
  #downAt = 0
  /** Written by the server and not read yet. */
  #unread = 0
  #readsAgainAt = 0
  #isCongested = false
  #isServerOver = false
  #isClientOver = false
  #isCut = false

  constructor(
    surroundings: Surroundings,
    chance: Chance,
    client: ClientSocket,
    ear: Ear,
    gateway: string,
    gone: () => void,
  ) {
    this.#surroundings = surroundings
    this.#chance = chance
    this.#client = client
    this.#ear = ear
    this.gateway = gateway
    this.#gone = gone
  }

  join(gateway: Listening): void {
    this.#client.send = (text) => this.#up(text)
    this.#client.onHangUp = () => this.#hangUp()
    this.#ear.opened(gateway.name)
    this.#listener = gateway.connect(this)
    this.#client.open()
  }

  // ---- the server's end ------------------------------------------------------------------------------------------------

  get writableLength(): number {
    return Math.max(0, this.#unread - WINDOW_BYTES)
  }

  write(frames: Uint8Array): boolean {
    if (this.#isServerOver) return true
    // A copy: frames are shared between sessions, and nobody may change one.
    const bytes = Buffer.from(frames)
    this.#unread += bytes.length
    this.#down(() => this.#read(bytes))
    this.#isCongested = this.writableLength > 0
    return !this.#isCongested
  }

  close(code: number, reason: string): void {
    if (this.#isServerOver) return
    this.#down(() => this.#clientOver(code, reason))
    this.#down(() => this.#serverOver())
  }

  terminate(): void {
    this.cut('server')
  }

  // ---- what goes wrong -------------------------------------------------------------------------------------------------

  /** Both ends hear of it, each when it does; what is under way goes on for as long as the end it goes to has not heard. */
  cut(where: 'server' | 'between'): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#surroundings.sometimes(`network.cut.${where}`)
    const { clock } = this.#surroundings
    clock.after(this.#chance.below(SLOW_MS_MAX), () => this.#clientOver(1006, ''))
    if (where === 'server') this.#serverOver()
    else clock.after(this.#chance.below(SLOW_MS_MAX), () => this.#serverOver())
  }

  // ---- the client's end ------------------------------------------------------------------------------------------------

  #up(text: string): void {
    if (this.#isClientOver) return
    this.#ear.sent(text)
    if (this.#surroundings.faulty('network.cut.sending')) this.cut('between')
    const at = Math.max(this.#upAt + BEHIND_MS, this.#surroundings.clock.elapsed() + this.#latency())
    this.#upAt = at
    this.#surroundings.clock.after(at - this.#surroundings.clock.elapsed(), () => {
      if (!this.#isServerOver) this.#listener?.message(text)
    })
  }

  #down(deliver: () => void): void {
    const { clock } = this.#surroundings
    if (this.#surroundings.faulty('network.cut.receiving')) this.cut('between')
    if (this.#surroundings.faulty('network.stall')) {
      this.#surroundings.sometimes('network.stalled')
      this.#readsAgainAt = clock.elapsed() + this.#chance.between(100, 5_000)
    }
    const at = Math.max(this.#downAt + BEHIND_MS, this.#readsAgainAt, clock.elapsed() + this.#latency())
    this.#downAt = at
    clock.after(at - clock.elapsed(), deliver)
  }

  #read(bytes: Buffer): void {
    this.#unread -= bytes.length
    if (!this.#isClientOver)
      for (const { opcode, payload } of framesOf(bytes)) {
        if (opcode === 9) this.#pong()
        else if (opcode === 1) {
          this.#ear.heard(payload)
          this.#client.hear(payload)
        }
      }
    if (!this.#isCongested || this.writableLength > 0 || this.#isServerOver) return
    this.#isCongested = false
    this.#listener?.drained()
  }

  #pong(): void {
    this.#surroundings.clock.after(this.#latency(), () => {
      if (!this.#isServerOver) this.#listener?.pong()
    })
  }

  #hangUp(): void {
    if (this.#isClientOver) return
    this.#clientOver(1000, '')
    this.#surroundings.clock.after(this.#latency(), () => this.#serverOver())
  }

  #clientOver(code: number, reason: string): void {
    if (this.#isClientOver) return
    this.#isClientOver = true
    this.#ear.lost()
    this.#client.end(code, reason)
    this.#forget()
  }

  #serverOver(): void {
    if (this.#isServerOver) return
    this.#isServerOver = true
    this.#listener?.closed()
    this.#forget()
  }

  #forget(): void {
    if (this.#isClientOver && this.#isServerOver) this.#gone()
  }

  #latency(): number {
    return this.#chance.between(1, SLOW_MS_MAX)
  }
}

type Listeners = {
  readonly open: (() => void)[]
  readonly error: (() => void)[]
  readonly message: ((event: { readonly data: unknown }) => void)[]
  readonly close: ((event: { readonly code: number; readonly reason: string }) => void)[]
}

/** As much of a WebSocket as the SDK uses. */
class ClientSocket implements WebSocketLike {
  readonly #listeners: Listeners = { open: [], error: [], message: [], close: [] }
  isClosed = false
  onHangUp: () => void = () => {}
  send: (data: string) => void = () => {}

  close(): void {
    this.isClosed = true
    this.onHangUp()
  }

  addEventListener(name: keyof Listeners, listener: never): void {
    this.#listeners[name].push(listener)
  }

  open(): void {
    for (const listener of this.#listeners.open) listener()
  }

  hear(data: string): void {
    for (const listener of this.#listeners.message) listener({ data })
  }

  end(code: number, reason: string): void {
    this.isClosed = true
    for (const listener of this.#listeners.close) listener({ code, reason })
  }
}
