import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { BSON } from 'mongodb'

/** https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ */
const OP_MSG = 2013
const OP_QUERY = 2004
const OP_REPLY = 1
const HEADER_BYTES = 16

/** Stands between a client and its server: it knows each command that passes, and can lose a reply. */
export class WireProxy implements AsyncDisposable {
  readonly commands: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #losing: string | undefined
  #withholding: string | undefined

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((client) => this.#join(client, connect(target)))
  }

  /** In front of the one server that this URL names. */
  static async before(url: string): Promise<WireProxy> {
    const [, host = '', port = ''] = /^mongodb:\/\/([^:/]+):(\d+)/.exec(url) ?? []
    const proxy = new WireProxy({ host, port: Number(port) })
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  /** The URL with this proxy's address in place of the server's. */
  instead(url: string): string {
    const address = this.#server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    return url.replace(/^mongodb:\/\/[^/?]+/, `mongodb://127.0.0.1:${port}`)
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** The next command of this name reaches the server, and its reply nobody. */
  loseReplyOf(command: string): void {
    this.#losing = command
  }

  /** The next command of this name reaches the server, and nothing more is heard on its connection; all others go on. */
  withholdReplyOf(command: string): void {
    this.#withholding = command
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket, server: Socket): void {
    this.#sockets.add(client)
    const end = () => {
      client.destroy()
      server.destroy()
      this.#sockets.delete(client)
    }
    for (const socket of [client, server]) socket.on('close', end).on('error', end)
    let losing = false
    let withholding = false
    eachMessage(client, (message) => {
      const { command } = readMessage(message)
      this.commands.push(command)
      losing = command === this.#losing
      if (losing) this.#losing = undefined
      if (command === this.#withholding) {
        withholding = true
        this.#withholding = undefined
      }
      server.write(message)
    })
    server.on('data', (bytes) => {
      if (losing) end()
      else if (!withholding) client.write(bytes)
    })
  }
}

export type Reply = Readonly<Record<string, unknown>>

/** A server that answers commands as it is told, for what no server here does: to be old, or to refuse a password. */
export async function scriptedServer(
  answer: (command: string, document: Reply) => Reply | undefined,
): Promise<AsyncDisposable & { readonly url: string; connections(): number }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    eachMessage(socket, (message) => {
      const { opcode, id, command, document } = readMessage(message)
      const reply = answer(command, document) ?? { ok: 0, errmsg: `no such command: ${command}`, code: 59 }
      socket.write(replyTo(opcode, id, reply))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    url: `mongodb://127.0.0.1:${port}`,
    connections: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function eachMessage(socket: Socket, call: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    for (;;) {
      const length = rest.length < 4 ? Number.POSITIVE_INFINITY : rest.readInt32LE(0)
      if (rest.length < length) return
      call(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  })
}

interface Message {
  readonly opcode: number
  readonly id: number
  readonly command: string
  readonly document: Reply
}

function readMessage(message: Buffer): Message {
  const [id, opcode] = [message.readInt32LE(4), message.readInt32LE(12)]
  // The driver's first words to a server are an OP_QUERY, and always these.
  if (opcode !== OP_MSG) return { opcode, id, command: 'hello', document: {} }
  // Flags, the kind of the first section, then a document whose first field names the command.
  const start = HEADER_BYTES + 5
  const document: Reply = BSON.deserialize(message.subarray(start, start + message.readInt32LE(start)))
  return { opcode, id, command: Object.keys(document)[0] ?? '', document }
}

function replyTo(opcode: number, id: number, reply: Reply): Buffer {
  const document = BSON.serialize(reply)
  const body = opcode === OP_QUERY ? Buffer.alloc(20) : Buffer.alloc(5)
  if (opcode === OP_QUERY) body.writeInt32LE(1, 16) // one document
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeInt32LE(HEADER_BYTES + body.length + document.length, 0)
  header.writeInt32LE(id, 8)
  header.writeInt32LE(opcode === OP_QUERY ? OP_REPLY : OP_MSG, 12)
  return Buffer.concat([header, body, document])
}
