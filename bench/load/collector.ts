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

  async collect(): Promise<void> {
    const inspector = await Inspector.open(this.port)
    await inspector.ask('NodeWorker.enable', { waitForDebuggerOnStart: false })
    await inspector.ask(COLLECT)
    for (const sessionId of inspector.workers) {
      const answer = inspector.next('NodeWorker.receivedMessageFromWorker')
      await inspector.ask('NodeWorker.sendMessageToWorker', {
        sessionId,
        message: JSON.stringify({ id: 1, method: COLLECT }),
      })
      await answer
    }
    inspector.close()
  }
}

/** One conversation, one question at a time. */
class Inspector {
  readonly workers: string[] = []
  private readonly socket: WebSocket
  private readonly awaited = new Map<string, () => void>()

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.addEventListener('message', ({ data }) => this.hear(JSON.parse(String(data)) as Message))
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

  ask(method: string, params: object = {}): Promise<void> {
    const answer = this.next(ANSWER)
    this.socket.send(JSON.stringify({ id: 1, method, params }))
    return answer
  }

  /** Resolves with the next event of this name. */
  next(event: string): Promise<void> {
    return new Promise((resolve) => this.awaited.set(event, resolve))
  }

  close(): void {
    this.socket.close()
  }

  private hear({ method = ANSWER, params }: Message): void {
    if (method === 'NodeWorker.attachedToWorker' && params?.sessionId !== undefined) this.workers.push(params.sessionId)
    this.awaited.get(method)?.()
    this.awaited.delete(method)
  }
}

interface Message {
  /** Events have one, answers have none. */
  readonly method?: string
  readonly params?: { readonly sessionId?: string }
}

const ANSWER = ''
const COLLECT = 'HeapProfiler.collectGarbage'
