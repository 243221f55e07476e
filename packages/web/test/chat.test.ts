import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signIn, startServer, temporaryFolder, until } from '../../server/test/support/server.ts'
import { Chat } from '../src/chat.ts'
import type { Pending } from '../src/timeline.ts'
import type { Shelf } from '../src/unsent.ts'
import { type Frame, scriptedServer } from './support/scripted-server.ts'
import { memoryShelf } from './support/shelf.ts'

const room = 'lobby'
const about = { kind: 'group', name: 'Lobby', owner: 'anna', memberCount: 1 }

test('[WEB9] try again keeps the id of a message of which nothing final is known', async () => {
  await using server = await scriptedServer(greeting(joined(0)))
  using chat = openChat(server.url, { sendMsMax: 50 })
  await until('live', () => chat.connection === 'live')

  chat.send(room, 'hello')
  await until('given up', () => only(chat)?.status.state === 'failed')
  const failed = only(chat)
  assert.equal(failed?.status.state === 'failed' && failed.status.outcome, 'unknown')
  chat.tryAgain(room, failed?.clientId ?? '')

  assert.equal(only(chat)?.clientId, failed?.clientId)
  assert.deepEqual(new Set(sends(server.heard).map(({ clientId }) => clientId)), new Set([failed?.clientId]))
})

test('[WEB9] try again makes a new message of one that was refused', async () => {
  using folder = temporaryFolder()
  const server = await startServer({ data: folder.path })
  await using stack = new AsyncDisposableStack()
  stack.defer(async () => assert.equal(await server.stop(), 0))
  using chat = openChat(server.url, { token: await signIn(server.url, 'anna') })

  chat.send('not-hers', 'hello')
  await until('refused', () => only(chat, 'not-hers')?.status.state === 'failed')
  const failed = only(chat, 'not-hers')
  assert.equal(failed?.status.state === 'failed' && failed.status.outcome, 'refused')
  chat.tryAgain('not-hers', failed?.clientId ?? '')

  const again = only(chat, 'not-hers')
  assert.equal(again?.text, 'hello')
  assert.notEqual(again?.clientId, failed?.clientId)
})

test('[WEB6] after a reload what has no end is sent again, marked so, under its own id', async () => {
  await using server = await scriptedServer(greeting(joined(0)))
  const window = memoryShelf()
  {
    using before = openChat(server.url, { window })
    before.send(room, 'hello')
    await until('sent', () => sends(server.heard).length === 1)
  }
  using after = openChat(server.url, { window })
  await until('sent again', () => sends(server.heard).length === 2)

  const [first, second] = sends(server.heard)
  assert.equal(second?.clientId, first?.clientId)
  assert.deepEqual([first?.again, second?.again], [undefined, true])
  assert.equal(only(after)?.text, 'hello')
})

test('[WEB10] a room whose history was reset is loaded anew', async () => {
  const old = [entry(1, 'a'), entry(2, 'b')]
  const fresh = [entry(1, 'c')]
  const opened = [joined(2), { type: 'resumed', room, epoch: 2, seq: 1, recovered: false, about }]
  const pages = [page(1, old), page(2, fresh)]
  let connections = 0
  await using server = await scriptedServer((frame) => {
    if (frame.type === 'authenticate') connections++
    if (frame.type === 'page') return [{ ...pages[connections - 1], ref: frame.ref }]
    return greeting(opened[connections - 1] ?? {})(frame)
  })
  using chat = openChat(server.url)
  await until('loaded', () => chat.view(room)?.head === 2 && chat.isReady)
  await chat.fill(room, { from: 1, to: 2 })
  assert.deepEqual(texts(chat), ['a', 'b'])

  server.hangUp()
  await until('reset', () => chat.view(room)?.head === 1)
  assert.deepEqual(texts(chat), [])
  await chat.fill(room, { from: 1, to: 1 })
  assert.deepEqual(texts(chat), ['c'])
})

interface Options {
  readonly token?: string
  readonly window?: Shelf
  readonly sendMsMax?: number
}

function openChat(url: string, { token = 'token', window = memoryShelf(), ...more }: Options = {}): Chat & Disposable {
  const onEnded = (reason: Error) => assert.fail(reason)
  const chat = new Chat({
    url,
    user: 'anna',
    getToken: async () => token,
    window,
    device: memoryShelf(),
    onEnded,
    ...more,
  })
  return Object.assign(chat, { [Symbol.dispose]: () => chat.close() })
}

/** Lets anybody in and opens one room; answers nothing else. */
function greeting(opened: Frame): (frame: Frame) => readonly Frame[] {
  return ({ type, ref }) => {
    if (type !== 'authenticate') return []
    const hello = { type: 'hello', ref, user: 'anna', durability: 'fsync', expires: 4e12, now: 0 }
    return [hello, opened, { type: 'ready' }]
  }
}

function joined(head: number): Frame {
  return { type: 'joined', room, epoch: 1, head, about }
}

function page(epoch: number, entries: readonly Frame[]): Frame {
  return { type: 'page', room, epoch, head: entries.length, entries }
}

function entry(seq: number, text: string): Frame {
  return { seq, id: `id-${text}`, kind: 'message', sender: 'ben', at: seq, text }
}

function sends(heard: readonly Frame[]): readonly Frame[] {
  return heard.filter(({ type }) => type === 'send')
}

function only(chat: Chat, id = room): Pending | undefined {
  const pending = chat.view(id)?.pending ?? []
  assert.ok(pending.length <= 1)
  return pending[0]
}

function texts(chat: Chat): string[] {
  return chat.view(room)?.entries.map((entry) => (entry.kind === 'message' ? entry.text : '')) ?? []
}
