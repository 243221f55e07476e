import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Request, SOCKET_PATH, SUBPROTOCOL } from '@holdfast/protocol'
import { WebSocketServer, WebSocket as WsWebSocket } from 'ws'
import { connect, type WebSocketConstructor } from '../src/index.ts'
import { joined, message } from './support/scene.ts'

/** A server that stores what it is told, over real sockets. Its first connection is cut at the first send. */
async function serve(t: TestContext): Promise<{ url: string; texts: string[]; cuts: number }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: SOCKET_PATH })
  await once(server, 'listening')
  t.after(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  const seen = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, texts: [] as string[], cuts: 0 }
  server.on('connection', (socket) => {
    assert.equal(socket.protocol, SUBPROTOCOL)
    let isCut = false
    const say = (frame: object) => socket.send(JSON.stringify(frame))
    socket.on('message', (data) => {
      // What had arrived before the cut is still told after it.
      if (isCut) return
      const frame = JSON.parse(String(data)) as Request
      if (frame.type === 'authenticate') {
        say({ type: 'hello', ref: frame.ref, user: 'ann', durability: 'process', expires: 2e12, now: 1e12 })
        say(joined('den', seen.texts.length))
        say({ type: 'ready' })
      } else if (frame.type === 'page') {
        const entries = seen.texts.map((_, i) => message(i + 1)).filter(({ seq }) => seq > (frame.after ?? 0))
        say({ type: 'page', ref: frame.ref, room: 'den', epoch: 1, head: seen.texts.length, entries })
      } else if (frame.type === 'send' && seen.cuts === 0) {
        seen.cuts++
        isCut = true
        socket.terminate()
      } else if (frame.type === 'send') {
        const seq = seen.texts.push(frame.text)
        const head = { ref: frame.ref, room: 'den', id: `e${seq}` }
        say({ type: 'accepted', ...head, durability: 'process' })
        say({ type: 'stored', ...head, epoch: 1, seq, at: 1, duplicate: false })
        say({ type: 'entry', room: 'den', epoch: 1, entry: message(seq) })
      }
    })
  })
  return seen
}

const IMPLEMENTATIONS: readonly (readonly [string, WebSocketConstructor | undefined])[] = [
  ["the platform's", undefined],
  ['the package ws', WsWebSocket],
]

for (const [name, webSocket] of IMPLEMENTATIONS) {
  test(`[SDK29] over real sockets (${name}): sent, cut, sent again, stored, shown`, async (t) => {
    const server = await serve(t)
    const settings = { backoffMsMin: 1, backoffMsMax: 10 }
    const client = connect({ url: server.url, getToken: () => 'token', settings, ...(webSocket && { webSocket }) })
    t.after(() => client.close())
    await client.ready()
    const room = client.room('den')
    const entries = room.entries()
    const sends = await Promise.all(['a', 'b', 'c'].map((text) => room.send(text)))
    assert.deepEqual([server.cuts, server.texts], [1, ['a', 'b', 'c']])
    assert.deepEqual(
      sends.map(({ seq }) => seq),
      [1, 2, 3],
    )
    await room.send('d')
    const seen: number[] = []
    for await (const { seq } of entries) {
      seen.push(seq)
      if (seq === 4) break
    }
    // From where the room was when the loop was asked for.
    assert.deepEqual(seen, [1, 2, 3, 4].slice(4 - seen.length))
  })
}

test('[SDK29] nobody at the address: it waits and tries again', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  holder.close()
  await once(holder, 'close')
  const client = connect({
    url: `http://127.0.0.1:${port}`,
    getToken: () => 'token',
    settings: { backoffMsMin: 1, backoffMsMax: 10 },
  })
  t.after(() => client.close())
  let waits = 0
  await new Promise<void>((resolve) => {
    client.on('state', (state) => {
      if (state === 'waiting' && ++waits === 3) resolve()
    })
  })
})

const PROGRAM = `
const { connect } = await import(process.argv[1])
const client = connect({ url: process.argv[2], getToken: () => 'token', settings: { backoffMsMin: 1 } })
await client.ready()
await client.room('den').send('a')
client.close()
`

test('[SDK16] after close nothing keeps a process alive', async (t) => {
  const server = await serve(t)
  const index = fileURLToPath(new URL('../src/index.ts', import.meta.url))
  const program = ['--conditions=@holdfast/source', '--input-type=module', '--eval', PROGRAM, index, server.url]
  const child = spawn(process.execPath, program, { stdio: 'inherit' })
  t.after(() => child.kill('SIGKILL'))
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  assert.deepEqual(server.texts, ['a'])
})
