import { connect } from 'node:net'
import { HOST } from '../machine/ports.ts'

const PATIENCE_MS = 1_000

/** Sends one request over a connection of its own and gives what comes back, once `sizeOf` knows its size and so much is there. */
export function exchange(
  port: number,
  request: Buffer,
  sizeOf: (received: Buffer) => number | undefined,
  patienceMs = PATIENCE_MS,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const socket = connect({ port, host: HOST, signal: AbortSignal.timeout(patienceMs) })
  let received = Buffer.alloc(0)
  socket.on('connect', () => socket.write(request))
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const size = sizeOf(received)
    if (size !== undefined && received.length >= size) resolve(received.subarray(0, size))
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('The connection ended before an answer.')))
  return promise.finally(() => socket.destroy())
}
