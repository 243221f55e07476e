import { exchange } from '../probes/exchange.ts'

/** As little of two protocols as shows that data are kept: the adapters' clients are no business of the engines. */
export interface RawClient {
  write(port: number, word: string): Promise<void>
  /** Whether the word was written. */
  has(port: number, word: string): Promise<boolean>
}

const PATIENCE_MS = 20_000 // a topic on a cluster of three, while the machine does something else

/** A word is a topic's name; it is put on as many brokers as there are by default. */
export const KAFKA_CLIENT: RawClient = {
  write: async (port, word) => {
    const name = Buffer.from(word)
    const [partitions, copies] = [int(1, 4), int(-1, 2)]
    const topic = Buffer.concat([int(name.length, 2), name, partitions, copies, int(0, 4), int(0, 4)])
    const answer = await kafka(port, 19, 4, Buffer.concat([int(1, 4), topic, int(PATIENCE_MS, 4), int(0, 1)]))
    // The size, the correlation id, a pause, how many topics, and this topic's name stand before its error code.
    const code = answer.readInt16BE(4 + 4 + 4 + 4 + 2 + name.length)
    if (code !== 0) throw new Error(`Kafka refuses topic ${word} with error code ${code}.`)
  },
  has: async (port, word) => (await kafka(port, 3, 1, int(-1, 4))).includes(word),
}

/** A word is a document. */
export const MONGODB_CLIENT: RawClient = {
  write: async (port, word) => {
    const answer = await mongodb(port, { insert: 'words', documents: [{ _id: word }], $db: 'smoke' })
    if (!answer.includes(OK) || answer.includes('writeErrors'))
      throw new Error(`MongoDB refuses document ${word}: ${answer.toString('latin1')}`)
  },
  has: async (port, word) => (await mongodb(port, { find: 'words', $db: 'smoke' })).includes(word),
}

const OK = Buffer.from('\x01ok\0\0\0\0\0\0\0\xf0\x3f', 'latin1')

function kafka(port: number, api: number, version: number, body: Buffer): Promise<Buffer> {
  const request = Buffer.concat([int(api, 2), int(version, 2), int(1, 4), int(-1, 2), body])
  return exchange(
    port,
    Buffer.concat([int(request.length, 4), request]),
    (received) => (received.length < 4 ? undefined : 4 + received.readInt32BE(0)),
    PATIENCE_MS,
  )
}

function mongodb(port: number, command: Fields): Promise<Buffer> {
  const body = Buffer.concat([Buffer.alloc(5), bson(command)])
  const head = Buffer.alloc(16)
  head.writeInt32LE(16 + body.length, 0)
  head.writeInt32LE(1, 4)
  head.writeInt32LE(2013, 12)
  return exchange(
    port,
    Buffer.concat([head, body]),
    (received) => (received.length < 4 ? undefined : received.readInt32LE(0)),
    PATIENCE_MS,
  )
}

type Fields = { readonly [name: string]: string | Fields | readonly Fields[] }

function bson(fields: Fields): Buffer {
  const elements = Object.entries(fields).map(([name, value]) => {
    if (typeof value === 'string') {
      const text = Buffer.from(`${value}\0`)
      const size = Buffer.alloc(4)
      size.writeInt32LE(text.length)
      return Buffer.concat([Buffer.from(`\x02${name}\0`), size, text])
    }
    return Buffer.concat([
      Buffer.from(`${Array.isArray(value) ? '\x04' : '\x03'}${name}\0`),
      bson(Object.fromEntries(Object.entries(value))),
    ])
  })
  const size = Buffer.alloc(4)
  const body = Buffer.concat([...elements, Buffer.alloc(1)])
  size.writeInt32LE(4 + body.length)
  return Buffer.concat([size, body])
}

function int(value: number, bytes: 1 | 2 | 4): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeIntBE(value, 0, bytes)
  return buffer
}
