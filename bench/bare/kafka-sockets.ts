// A server as a weekend would write it, in front of Kafka: what comes over a socket is appended by an idempotent producer and then answered,
// everything that came meanwhile in the next batch, one batch in flight for each partition. It checks nothing and remembers nothing.
// Prints its port; ends with its parent.
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { type MessageToProduce, ProduceAcks, Producer } from '@platformatic/kafka'
import { partitionOf } from '../../packages/server/src/core/identity.ts'

interface Socket {
  send(text: string): void
  on(event: 'message', listener: (data: Buffer) => void): void
}

interface Server {
  on(event: 'connection', listener: (socket: Socket) => void): void
  on(event: 'listening', listener: () => void): void
  address(): AddressInfo
}

const { WebSocketServer } = createRequire(import.meta.url)('ws') as {
  WebSocketServer: new (options: object) => Server
}

const [broker = '', topic = '', partitions = '1'] = process.argv.slice(2)
const options = { clientId: 'bench-bare', bootstrapBrokers: broker.split(','), retries: 0 }

interface Sent {
  readonly message: MessageToProduce<Buffer, Buffer, Buffer, Buffer>
  readonly socket: Socket
  readonly ref: number
}

class Partition {
  private readonly producer = new Producer({ ...options, idempotent: true })
  private queue: Sent[] = []
  private isBusy = false

  add(sent: Sent): void {
    this.queue.push(sent)
    if (!this.isBusy) this.append()
  }

  private async append(): Promise<void> {
    this.isBusy = true
    // What this turn still brings is part of the batch.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.queue.length > 0) {
      const batch = this.queue
      this.queue = []
      await this.producer.send({ messages: batch.map(({ message }) => message), acks: ProduceAcks.ALL })
      for (const { socket, ref } of batch) socket.send(JSON.stringify({ type: 'accepted', ref }))
    }
    this.isBusy = false
  }
}

const all = Array.from({ length: Number(partitions) }, () => new Partition())
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
server.on('connection', (socket) =>
  socket.on('message', (data) => {
    const { ref, room, clientId, text } = JSON.parse(String(data))
    const partition = partitionOf(room, all.length)
    const command = { v: 1, room, sender: 'bench-sender', clientId, content: { kind: 'message', text } }
    const [key, value] = [Buffer.from(room), Buffer.from(JSON.stringify(command))]
    all[partition]?.add({ message: { topic, partition, key, value }, socket, ref })
  }),
)
server.on('listening', () => process.send?.({ port: server.address().port }))
process.on('disconnect', () => process.exit(0))
