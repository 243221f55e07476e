import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { SOCKET_PATH, SUBPROTOCOL } from '@holdfast/protocol'
import { WebSocket } from 'ws'
import { attach } from '../../src/gateway/socket.ts'
import type { Heard } from '../support/socket-pair.ts'
import { Rig, type RigOptions } from './rig.ts'

/** A rig behind a real HTTP server: turns end by themselves. */
async function serve(context: TestContext, options: RigOptions = {}) {
  const rig = new Rig(options)
  const server = createServer((_, response) => response.end('http'))
  attach(server, rig.gateway, { checkOrigin: (origin) => origin !== 'http://evil.example' })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let isRunning = true
  const run = async () => {
    while (isRunning) await rig.settle()
  }
  const running = run()
  context.after(async () => {
    await rig.gateway.stop()
    isRunning = false
    await running
    server.close()
    server.closeAllConnections()
  })
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}${SOCKET_PATH}`
  return { rig, url }
}

/** What a client hears, one frame after the other. */
async function* frames(socket: WebSocket): AsyncGenerator<Heard> {
  for await (const [data] of (await import('node:events')).on(socket, 'message', { close: ['close'] }))
    yield JSON.parse(String(data))
}

async function enter(
  url: string,
  user: string,
): Promise<{ socket: WebSocket; heard: AsyncGenerator<Heard>; until: (type: string) => Promise<Heard> }> {
  const socket = new WebSocket(url, SUBPROTOCOL)
  const heard = frames(socket)
  const first = heard.next()
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'authenticate', ref: 0, token: user }))
  let pending: Promise<IteratorResult<Heard>> | undefined = first
  const until = async (type: string): Promise<Heard> => {
    for (;;) {
      const { value, done } = await (pending ?? heard.next())
      pending = undefined
      if (done) throw new Error(`closed before ${type}`)
      if (value.type === type) return value
    }
  }
  await until('ready')
  return { socket, heard, until }
}

test('[GW38] a conversation over real sockets: accepted, stored, pushed, in whole frames', async (context) => {
  const { rig, url } = await serve(context)
  await rig.scribe.write({
    room: 'r',
    sender: 'alice',
    content: { kind: 'room_created', roomKind: 'group', members: ['bob'] },
  })
  const [alice, bob] = [await enter(url, 'alice'), await enter(url, 'bob')]
  const texts = ['hi', 'é'.repeat(100), 'x'.repeat(8_192), '🙂'.repeat(2_000), '\u0000\t'.repeat(4_000)]
  for (const [ref, text] of texts.entries()) {
    alice.socket.send(JSON.stringify({ type: 'send', ref, clientId: `c${ref}`, room: 'r', text }))
    alice.socket.ping()
  }
  for (const [ref, text] of texts.entries()) {
    assert.equal((await alice.until('stored')).ref, ref)
    const { entry } = await bob.until('entry')
    assert.equal((entry as { text: string }).text, text)
  }
  alice.socket.close(1000)
  const [code] = await once(alice.socket, 'close')
  assert.equal(code, 1000)
  bob.socket.terminate()
})

test('[GW38] a frame over 64 KiB closes the socket with 1009; one below it does not', async (context) => {
  const { url } = await serve(context)
  const { socket, until } = await enter(url, 'alice')
  const empty = JSON.stringify({ type: 'nonsense', ref: 1, fill: '' })
  const frame = (bytes: number) => empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`)
  socket.send(frame(65_536))
  assert.equal((await until('error')).code, 'UNKNOWN_TYPE')
  socket.send(frame(65_537))
  const [code] = await once(socket, 'close')
  assert.equal(code, 1009)
})

test('[GW38] other paths, protocols and origins are refused before the upgrade', async (context) => {
  const { url, rig } = await serve(context, { gateway: { sessionsMax: 0 } })
  const status = async (address: string, protocol: string | undefined, origin?: string) => {
    const options = origin === undefined ? {} : { origin }
    const socket = protocol === undefined ? new WebSocket(address, options) : new WebSocket(address, protocol, options)
    const [, response] = await once(socket, 'unexpected-response').finally(() => socket.on('error', () => {}))
    socket.terminate()
    return response.statusCode
  }
  assert.equal(await status(url.replace('/v1/', '/v2/'), SUBPROTOCOL), 404)
  assert.equal(await status(url, undefined), 400)
  assert.equal(await status(url, 'other.v1'), 400)
  assert.equal(await status(url, SUBPROTOCOL, 'http://evil.example'), 403)
  assert.equal(await status(url, SUBPROTOCOL), 503)
  assert.equal(rig.gateway.status.sessions, 0)
})

test('[GW38] a stop says goodbye to every socket, with its code', async (context) => {
  const { url, rig } = await serve(context)
  const { socket } = await enter(url, 'alice')
  const closed = once(socket, 'close')
  await rig.gateway.stop()
  const [code] = await closed
  assert.equal(code, 4500)
})
