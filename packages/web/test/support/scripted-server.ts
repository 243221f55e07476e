import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

/** A frame, as loosely as a test needs it. */
export type Frame = Readonly<Record<string, unknown>>

export interface ScriptedServer {
  readonly url: string
  /** Every frame that was heard, of all connections. */
  readonly heard: readonly Frame[]
  push(...frames: readonly Frame[]): void
  /** Closes the connection that there is. */
  hangUp(): void
  [Symbol.asyncDispose](): Promise<void>
}

/** A server that says what a test tells it to: what no real one can be made to say at will. */
export async function scriptedServer(reply: (frame: Frame) => readonly Frame[]): Promise<ScriptedServer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const heard: Frame[] = []
  let socket: WebSocket | undefined
  const push = (...frames: readonly Frame[]) => {
    for (const frame of frames) socket?.send(JSON.stringify(frame))
  }
  server.on('connection', (next) => {
    socket = next
    next.on('message', (data) => {
      const frame = JSON.parse(String(data)) as Frame
      heard.push(frame)
      push(...reply(frame))
    })
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    push,
    hangUp: () => socket?.terminate(),
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate()
      server.close()
      await once(server, 'close')
    },
  }
}
