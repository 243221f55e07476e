// A Holdfast client over a bare WebSocket, written from docs/protocol.md alone: what any other language has to do.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'

export type Entry = { seq: number; id: string; kind: string; sender: string; at: number; text?: string; user?: string }
/** News: `entry`; `left`; `joined` and `resumed`: the room opens anew, so drop what you have of it and page. */
type Options = { url: string; getToken(): Promise<string>; onNews(type: string, room: string, entry?: Entry): void }
type Frame = Record<'type' | 'room' | 'code' | 'message', string> & Record<'epoch' | 'seq' | 'head', number> & Optional
type Optional = { ref?: number; recovered?: boolean; entry?: Entry; entries: Entry[]; to?: number } & Failure
type Failure = { retryable?: boolean; retryAfterMs?: number; generation?: number }
type Command = PromiseWithResolvers<Frame> & { request: { type: string; room: string }; sentUnder?: number }

const failed = ({ code, message, retryable = false }: Frame) => Object.assign(new Error(message), { code, retryable })
const lost = { type: 'error', code: 'CONNECTION_LOST', message: 'The connection was lost.', retryable: true } as Frame

export function plainClient({ url, getToken, onNews }: Options) {
  const places = new Map<string, { room: string; epoch: number; seq: number }>() // the end of what has no hole
  const commands = new Set<Command>() // what has no end yet, oldest first
  const generations = new Map<string, number>() // by room, on this connection
  const replies: ((reply: Frame) => void)[] = [] // by ref - 1, on this connection
  const stop = new AbortController()
  let [socket, signedIn, held, pushes] = [undefined as WebSocket | undefined, false, 0, Promise.resolve()]
  let refused = lost // why we were not let in

  const ask = (request: object) =>
    new Promise<Frame>((resolve) => socket?.send(JSON.stringify({ ...request, ref: replies.push(resolve) })))
  const flush = () => [...commands].map(transmit)

  async function command(request: Command['request'] & { [field: string]: unknown }): Promise<Frame> {
    stop.signal.throwIfAborted()
    const command = { ...Promise.withResolvers<Frame>(), request: { clientId: randomUUID(), ...request } }
    commands.add(command)
    transmit(command)
    return command.promise.finally(() => commands.delete(command))
  }
  async function transmit(command: Command): Promise<void> {
    const [{ request, sentUnder }, generation] = [command, generations.get(command.request.room) ?? 0]
    if (!signedIn || held > 0 || sentUnder === generation) return // not now, or it is on its way
    command.sentUnder = generation
    const reply = await ask({ ...request, generation, ...(sentUnder !== undefined && { again: true }) })
    if (reply.type === 'stored' || reply.code === 'ALREADY') return command.resolve(reply)
    if (reply.type !== 'error' || !reply.retryable) return command.reject(failed(reply))
    if (command.sentUnder !== generation) return // it has been sent again since
    command.sentUnder = -1 // to be sent again, together with all that failed with it, oldest first
    generations.set(request.room, Math.max(reply.generation ?? 0, generations.get(request.room) ?? 0))
    held += 1
    await pause(reply.retryAfterMs ?? 100, undefined, { signal: stop.signal }).catch(() => {})
    held -= 1
    flush()
  }
  async function page(room: string, range: { before?: number; after?: number; limit?: number }): Promise<Frame> {
    const reply = signedIn ? await ask({ type: 'page', room, ...range }) : lost
    if (reply.type !== 'page') throw failed(reply)
    return reply
  }
  async function pushed({ type, room, epoch, head, seq, to, recovered, entry }: Frame): Promise<void> {
    const anew = recovered === false || (type === 'joined' && epoch !== places.get(room)?.epoch)
    if (anew) places.set(room, { room, epoch, seq: head ?? seq })
    if (anew || (type === 'left' && places.delete(room))) onNews(type, room)
    const [at, end] = [places.get(room), { entry: entry?.seq, gap: to, joined: head, resumed: seq }[type as 'gap'] ?? 0]
    for (let read = { epoch, entries: entry ? [entry] : [] }; at && at.seq < end; at.seq += read.entries.length) {
      if (read.entries[0]?.seq !== at.seq + 1) read = await page(room, { after: at.seq, limit: 200 })
      if (read.epoch !== at.epoch || read.entries[0]?.seq !== at.seq + 1) throw failed(lost) // ask again
      for (const one of read.entries) onNews('entry', room, one)
    }
  }
  async function run(): Promise<void> {
    for (let token = await getToken(); !stop.signal.aborted; token = await getToken()) {
      const mine = new WebSocket(url, 'holdfast.v1', { handshakeTimeout: 10_000 })
      socket = mine
      mine.on('error', () => {}) // a close follows
      mine.on('upgrade', (response) => response.socket.setTimeout(60_000, () => mine.terminate())) // the server pings
      mine.on('open', async () => {
        const reply = await ask({ type: 'authenticate', token, resume: [...places.values()].slice(0, 200) })
        signedIn = reply.type === 'hello'
        if (signedIn) flush()
        else refused = reply
      })
      mine.on('message', (data) => {
        const frame: Frame = JSON.parse(String(data))
        if (frame.ref === undefined) pushes = pushes.then(() => pushed(frame)).catch(() => mine.terminate())
        else if (/^(hello|stored|refused|dead|page|error)$/.test(frame.type)) replies[frame.ref - 1]?.(frame)
      })
      const code = await new Promise<number>((resolve) => mine.on('close', resolve))
      signedIn = false
      for (const reply of replies.splice(0)) reply(lost)
      generations.clear()
      await pushes
      if (code >= 4400 && code < 4500) throw failed({ ...refused, retryable: false })
      await pause(100 + Math.random() * 900, undefined, { signal: stop.signal })
    }
  }
  stop.signal.onabort = () => {
    socket?.terminate()
    for (const { reject } of commands) reject(stop.signal.reason)
  }
  run().catch((why) => stop.abort(why))
  return { command, page, close: () => stop.abort(failed({ ...lost, code: 'CLOSED', retryable: false })) }
}
