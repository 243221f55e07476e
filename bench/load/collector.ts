import { createServer } from 'node:net'

/**
 * Makes a Node process collect its garbage in every thread, from outside, through the inspector (Chrome DevTools protocol). Memory
 * means something only then: what connecting left behind may lie about for minutes, in amounts that differ from run to run.
 */
export class Collector {
  private readonly port: number

  private constructor(port: number) {
    this.port = port
  }

  /** Takes a free port; the process must be started with `nodeOptions`. */
  static async create(): Promise<Collector> {
    const probe = createServer()
    const port = await new Promise<number>((resolve) => {
      probe.listen(0, '127.0.0.1', () => {
        const address = probe.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    await new Promise((resolve) => probe.close(resolve))
    return new Collector(port)
  }

  get nodeOptions(): readonly string[] {
    return [`--inspect=127.0.0.1:${this.port}`]
  }

  /** Resolves with the bytes that are in use afterwards: the heaps of all threads, and the buffers they hold. */
  async collect(): Promise<number> {
    const inspector = await Inspector.open(this.port)
    await inspector.ask('NodeWorker.enable', { waitForDebuggerOnStart: false })
    let bytes = 0
    for (const ask of [inspector.ask, ...inspector.workers]) {
      await ask('HeapProfiler.collectGarbage')
      const { usedSize = 0, backingStorageSize = 0 } = await ask('Runtime.getHeapUsage')
      bytes += usedSize + backingStorageSize
    }
    inspector.close()
    return bytes
  }
}

type Ask = (method: string, params?: object) => Promise<Answer>

/** A conversation with the main thread, and through it with the others. */
class Inspector {
  /** One for each other thread. */
  readonly workers: Ask[] = []
  private readonly socket: WebSocket
  private readonly asked = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>()
  private questions = 0

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.addEventListener('message', ({ data }) => this.hear(JSON.parse(String(data)) as Message))
    socket.addEventListener('close', () => {
      for (const { reject } of this.asked.values()) reject(new Error('the inspected process ended'))
    })
  }

  static async open(port: number): Promise<Inspector> {
    const targets = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()
    const [target] = targets as { readonly webSocketDebuggerUrl: string }[]
    const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '')
    const inspector = new Inspector(socket)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', () => reject(new Error('the inspector does not answer')))
    })
    return inspector
  }

  readonly ask: Ask = (method, params = {}) => this.question((message) => this.socket.send(message), method, params)

  close(): void {
    this.socket.close()
  }

  private question(send: (message: string) => void, method: string, params: object): Promise<Answer> {
    const id = ++this.questions
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject })
      send(JSON.stringify({ id, method, params }))
    })
  }

  /** What another thread says comes as an event of this one; questions have numbers of their own whomever they are for. */
  private hear({ id, result = {}, error, method, params = {} }: Message): void {
    const { sessionId, message } = params
    if (method === 'NodeWorker.attachedToWorker')
      this.workers.push((method, params = {}) =>
        this.question(
          (message) => void this.ask('NodeWorker.sendMessageToWorker', { sessionId, message }),
          method,
          params,
        ),
      )
    else if (method === 'NodeWorker.receivedMessageFromWorker') this.hear(JSON.parse(message ?? '{}') as Message)
    if (id === undefined) return
    const asked = this.asked.get(id)
    this.asked.delete(id)
    if (error === undefined) asked?.resolve(result)
    else asked?.reject(new Error(`the inspector answered: ${error.message}`))
  }
}

/** An answer has the number of its question, an event has a method. */
interface Message {
  readonly id?: number
  readonly result?: Answer
  readonly error?: { readonly message: string }
  readonly method?: string
  readonly params?: { readonly sessionId?: string; readonly message?: string }
}

/** As much of what is answered as anybody here wants to know. */
interface Answer {
  readonly usedSize?: number
  /** Of `ArrayBuffer`s, which lie outside the heap. */
  readonly backingStorageSize?: number
}
