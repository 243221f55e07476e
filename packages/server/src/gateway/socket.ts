import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { LIMITS, SOCKET_PATH, SUBPROTOCOL } from '@holdfast/protocol'
import { WebSocket, WebSocketServer } from 'ws'
import type { Gateway } from './gateway.ts'
import { canReadRequests } from './requests.ts'
import type { Socket, SocketListener } from './wire.ts'

export interface AttachOptions {
  /** Whether a page of this origin may connect; undefined for a client that is no page. */
  readonly checkOrigin: (origin: string | undefined, request: IncomingMessage) => boolean
}

/** Takes the upgrades of an HTTP server: sockets of our path and subprotocol go to the gateway, everything else is refused. */
export function attach(server: Server, gateway: Gateway, { checkOrigin }: AttachOptions): void {
  const sockets = new WebSocketServer({
    noServer: true,
    // `stop` closes sessions, which know more than ws does.
    clientTracking: false,
    maxPayload: LIMITS.frameBytesMax,
    // Compression costs four times the CPU and 250 KiB a reader, and raw frames could not be written beside it.
    perMessageDeflate: false,
    handleProtocols: () => SUBPROTOCOL,
  })
  server.on('upgrade', (request, socket, head) => {
    const refusal = refusalOf(request, gateway, checkOrigin)
    if (refusal !== undefined) return refuse(socket, refusal)
    sockets.handleUpgrade(request, socket, head, (websocket) => link(websocket, socket, gateway))
  })
}

function refusalOf(
  request: IncomingMessage,
  gateway: Gateway,
  checkOrigin: AttachOptions['checkOrigin'],
): string | undefined {
  const [path] = (request.url ?? '').split('?')
  if (path !== SOCKET_PATH) return '404 Not Found'
  const offered = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim())
  if (offered?.includes(SUBPROTOCOL) !== true) return '400 Bad Request'
  if (!checkOrigin(request.headers.origin, request)) return '403 Forbidden'
  return gateway.hasRoom && canReadRequests() ? undefined : '503 Service Unavailable'
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', ignore)
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

const LINK = Symbol('link')

/** The listeners below are shared by all sockets and find theirs here: a closure for each would cost kilobytes (an upgrade's keeps its request). */
interface Linked {
  [LINK]?: Link
}

function link(websocket: WebSocket & Linked, stream: Duplex & Linked, gateway: Gateway): void {
  const linked = new Link(websocket, stream)
  websocket[LINK] = linked
  stream[LINK] = linked
  linked.listener = gateway.connect(linked)
  websocket.on('message', onMessage)
  websocket.on('pong', onPong)
  websocket.on('close', onClose)
  // ws has closed the socket by then, with the code that the protocol wants.
  websocket.on('error', ignore)
  stream.on('drain', onDrain)
}

function onMessage(this: object, data: WebSocket.RawData, isBinary: boolean): void {
  if (isBinary) listenerOf(this)?.binary()
  else listenerOf(this)?.message(data.toString())
}

function onPong(this: object): void {
  listenerOf(this)?.pong()
}

function onClose(this: object): void {
  listenerOf(this)?.closed()
}

function onDrain(this: object): void {
  listenerOf(this)?.drained()
}

function listenerOf(socket: object & Linked): SocketListener | undefined {
  return socket[LINK]?.listener
}

function ignore(): void {}

/**
 * Whole, unmasked frames go straight to the stream beneath ws. That is safe because ws writes its own frames (pongs, close) whole
 * and at once, nothing here is compressed or fragmented, and nothing is written once a close has begun.
 */
class Link implements Socket {
  listener: SocketListener | undefined
  readonly #websocket: WebSocket
  readonly #stream: Duplex

  constructor(websocket: WebSocket, stream: Duplex) {
    this.#websocket = websocket
    this.#stream = stream
  }

  get writableLength(): number {
    return this.#stream.writableLength
  }

  write(frames: Uint8Array): boolean {
    return this.#websocket.readyState !== WebSocket.OPEN || this.#stream.write(frames)
  }

  close(code: number, reason: string): void {
    this.#websocket.close(code, reason)
  }

  terminate(): void {
    this.#websocket.terminate()
  }
}
