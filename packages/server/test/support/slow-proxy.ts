import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Stands in front of a server of this machine, and may hold back all that it answers for a while. */
export class SlowProxy implements AsyncDisposable {
  readonly url: string
  delayMs = 0
  readonly #server: Server
  readonly #sockets: ReadonlySet<Socket>

  private constructor(server: Server, url: string, sockets: ReadonlySet<Socket>) {
    this.#server = server
    this.url = url
    this.#sockets = sockets
  }

  static async inFrontOf(url: string): Promise<SlowProxy> {
    const target = new URL(url)
    const sockets = new Set<Socket>()
    const server = createServer((client) => {
      const behind = connect(Number(target.port), target.hostname)
      for (const [one, other] of [
        [client, behind],
        [behind, client],
      ] as const) {
        sockets.add(one)
        one.on('error', () => other.destroy())
        one.on('close', () => {
          sockets.delete(one)
          other.destroy()
        })
      }
      client.pipe(behind)
      behind.on('data', (chunk) => {
        if (proxy.delayMs === 0) client.write(chunk)
        else setTimeout(() => client.write(chunk), proxy.delayMs)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const proxy = new SlowProxy(server, `http://127.0.0.1:${port}`, sockets)
    return proxy
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }
}
