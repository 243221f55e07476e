// A chat server as a weekend would write it, to measure against: it keeps nothing. What somebody sends is given a number and sent to
// every socket, one `send(string)` for each message and socket. Prints its port; ends with its standard input.
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'

interface Socket {
  send(text: string): void
  on(event: 'message', listener: (data: Buffer) => void): void
}

interface Server {
  readonly clients: ReadonlySet<Socket>
  on(event: 'connection', listener: (socket: Socket) => void): void
  on(event: 'listening', listener: () => void): void
  address(): AddressInfo
}

const { WebSocketServer } = createRequire(import.meta.url)('ws') as {
  WebSocketServer: new (options: object) => Server
}

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: false,
  maxPayload: 65_536,
  backlog: 4_096,
})
let seq = 0

server.on('connection', (socket) => {
  socket.on('message', (data) => {
    const { ref, room, clientId, text } = JSON.parse(data.toString()) as Record<string, string>
    seq++
    const entry = {
      seq,
      id: String(clientId).slice(0, 26),
      kind: 'message',
      sender: 'bench-sender',
      at: Date.now(),
      text,
    }
    const frame = JSON.stringify({ type: 'entry', room, epoch: 1, entry })
    for (const client of server.clients) client.send(frame)
    socket.send(JSON.stringify({ type: 'accepted', ref, room, id: entry.id, durability: 'none' }))
    socket.send(
      JSON.stringify({ type: 'stored', ref, room, id: entry.id, epoch: 1, seq, at: entry.at, duplicate: false }),
    )
  })
})
server.on('listening', () => process.send?.({ port: server.address().port }))
process.on('disconnect', () => process.exit(0))
