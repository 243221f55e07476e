import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { HOST } from '../machine/ports.ts'

const PATIENCE_MS = 1_000

export interface Door {
  readonly port: number
  /** With TLS, and who signed the certificate. */
  readonly caFile?: string | undefined
}

/** Sends a request over a connection of its own and gives what comes back, once `sizeOf` knows its size and so much is there. */
export async function exchange(
  door: Door,
  request: Buffer,
  sizeOf: (received: Buffer) => number | undefined,
): Promise<Buffer> {
  const [answer = Buffer.alloc(0)] = await converse(
    door,
    (answers) => (answers.length === 0 ? request : undefined),
    sizeOf,
    PATIENCE_MS,
  )
  return answer
}

/** Several over one connection: `next` gives the first request, and then, from the answers so far, the next, until there is none. */
export function converse(
  { port, caFile }: Door,
  next: (answers: readonly Buffer[]) => Buffer | undefined,
  sizeOf: (received: Buffer) => number | undefined,
  patienceMs: number,
): Promise<readonly Buffer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Buffer[]>()
  const address = { port, host: HOST }
  const socket = caFile === undefined ? connect(address) : connectTls({ ...address, ca: readFileSync(caFile) })
  const deadline = AbortSignal.timeout(patienceMs)
  deadline.addEventListener('abort', () => socket.destroy(deadline.reason))
  const answers: Buffer[] = []
  let received = Buffer.alloc(0)
  const goOn = () => {
    try {
      const request = next(answers)
      if (request === undefined) resolve(answers)
      else socket.write(request)
    } catch (error) {
      reject(error)
    }
  }
  socket.on(caFile === undefined ? 'connect' : 'secureConnect', goOn)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const size = sizeOf(received)
    if (size === undefined || received.length < size) return
    answers.push(received.subarray(0, size))
    received = received.subarray(size)
    goOn()
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('The connection ended before an answer.')))
  return promise.finally(() => socket.destroy())
}
