import assert from 'node:assert/strict'
import type { Entry, RoomAbout } from '@holdfast/protocol'
import { type Client, type ConnectOptions, connect, HoldfastError } from '../../src/index.ts'
import { ManualClock, seeded, turn } from './clock.ts'
import { type TestSocket, TestSockets } from './socket.ts'

export const ABOUT: RoomAbout = { kind: 'group', owner: 'ann', memberCount: 2 }
const HOUR_MS = 3_600_000

/** A client whose time, chance and server are the test's. */
export class Scene {
  readonly clock = new ManualClock()
  readonly sockets = new TestSockets()
  readonly errors: HoldfastError[] = []
  readonly states: string[] = []
  readonly client: Client
  tokens = 0

  constructor(options: Partial<ConnectOptions> = {}) {
    const { clock } = this
    this.client = connect({
      url: 'http://chat.test/base/',
      getToken: async () => `token-${++this.tokens}`,
      webSocket: this.sockets.webSocket,
      clock,
      random: seeded(1),
      onError: (error) => this.errors.push(error),
      ...options,
    })
    this.client.on('state', (state) => this.states.push(state))
  }

  get socket(): TestSocket {
    return this.sockets.latest
  }

  /** The next connection says hello; `open` opens the rooms. */
  async greet(open: (socket: TestSocket) => void = () => {}, expiresInMs = HOUR_MS): Promise<TestSocket> {
    await turn()
    const { socket } = this
    socket.open()
    const { ref } = socket.take('authenticate')
    // Not our clock: only the difference may count.
    const now = 5_000_000
    socket.say({ type: 'hello', ref, user: 'ann', durability: 'fsync', expires: now + expiresInMs, now })
    open(socket)
    socket.say({ type: 'ready' })
    await turn()
    return socket
  }

  /** The connection is lost and the next one is there. */
  async reconnect(open: (socket: TestSocket) => void = () => {}): Promise<TestSocket> {
    this.socket.end(1006)
    await this.clock.advance(60_000)
    return this.greet(open)
  }
}

/** A scene with the room `den` open at `head`. */
export async function inDen(head = 0, options: Partial<ConnectOptions> = {}): Promise<Scene> {
  const scene = new Scene(options)
  await scene.greet((socket) => socket.say(joined('den', head)))
  return scene
}

export function joined(room: string, head: number, epoch = 1): object {
  return { type: 'joined', room, epoch, head, about: ABOUT }
}

export function resumed(room: string, seq: number, epoch = 1, recovered = true): object {
  return { type: 'resumed', room, epoch, seq, recovered, about: ABOUT }
}

export function message(seq: number): Entry {
  return { seq, id: `e${seq}`, kind: 'message', sender: 'bob', at: 1_000 + seq, text: `text ${seq}` }
}

export function pushed(room: string, seq: number, epoch = 1): object {
  return { type: 'entry', room, epoch, entry: message(seq) }
}

export function messages(from: number, to: number): Entry[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => message(from + i))
}

/** Answers the oldest frame, which must be a page, from a history that ends at `head`. */
export function answerPage(socket: TestSocket, head: number, epoch = 1): { after: number | undefined } {
  const { ref, room, after = 0, limit = 50 } = socket.take('page')
  const entries = messages(after + 1, Math.min(head, after + limit))
  socket.say({ type: 'page', ref, room, epoch, head, entries })
  return { after }
}

export function accepted(ref: number, room = 'den'): object {
  return { type: 'accepted', ref, room, id: `id-${ref}`, durability: 'fsync' }
}

export function stored(ref: number, seq: number, room = 'den'): object {
  return { type: 'stored', ref, room, id: `id-${seq}`, epoch: 1, seq, at: 1_000 + seq, duplicate: false }
}

export function failed(ref: number, code: string, generation?: number, appended = false): object {
  return {
    type: 'error',
    ref,
    code,
    message: code,
    retryable: true,
    appended,
    ...(generation === undefined ? {} : { generation }),
  }
}

/** Whether it is settled by now, and how. */
export async function outcomeOf<Value>(promise: Promise<Value>): Promise<Value | HoldfastError | 'pending'> {
  const settled = promise.catch((error: unknown) => {
    assert.ok(error instanceof HoldfastError, String(error))
    return error
  })
  return Promise.race([settled, turn().then(() => 'pending' as const)])
}

/** A promise whose rejection may be looked at later, or never. */
export function later<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {})
  return promise
}

export async function rejection(promise: Promise<unknown>): Promise<HoldfastError> {
  const outcome = await outcomeOf(promise)
  assert.ok(outcome instanceof HoldfastError, `it should have been rejected, but is ${JSON.stringify(outcome)}`)
  return outcome
}
