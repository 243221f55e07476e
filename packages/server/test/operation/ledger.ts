import assert from 'node:assert/strict'
import { type Entry, type ErrorCode, SOCKET_PATH, SUBPROTOCOL } from '@holdfast/protocol'
import { createSecret } from '../../src/adapters/jwt/secret.ts'
import { sign } from '../../src/adapters/jwt/sign.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { type ServerProcess, until } from '../support/server.ts'

/** What one try to say something was told, over a bare socket or bare HTTP: no SDK tries anything again behind its back. */
export interface Told {
  readonly clientId: string
  readonly text: string
  /** Its id, from when it was accepted. */
  id?: string
  /** Its place, from when it was stored. */
  seq?: number
  error?: { readonly code: ErrorCode; readonly retryable: boolean; readonly appended: boolean }
  /** The connection ended before anything was told. */
  isLost?: true
}

const ROOM = 'ledger'
const HOUR_MS = 3_600_000

/** Everything that was said in one room and what was told of it, to be held against history when all is quiet. */
export class Ledger {
  readonly told: Told[] = []
  readonly #tokens: ReadonlyMap<string, string>
  readonly #textBytes: number

  private constructor(tokens: ReadonlyMap<string, string>, textBytes: number) {
    this.#tokens = tokens
    this.#textBytes = textBytes
  }

  /**
   * These people and their room, in an installation that is new. They are administrators, who have no rate limit.
   * Each text is of about `textBytes`.
   */
  static async open({ url, data }: ServerProcess, people: readonly string[], textBytes = 40): Promise<Ledger> {
    const secret = createSecret(data)
    const tokens = new Map<string, string>()
    for (const user of people) {
      const { token } = await sign(secret, systemClock, { user, administrator: true, lifetimeMs: HOUR_MS })
      tokens.set(user, token)
      assert.equal((await ask(url, token, 'PUT', `/v1/users/${user}`, {})).status, 200)
    }
    const ledger = new Ledger(tokens, textBytes)
    const [owner = '', ...members] = people
    const room = { room: ROOM, kind: 'group', name: ROOM, members }
    assert.equal((await ask(url, ledger.token(owner), 'POST', '/v1/rooms?wait=stored', room)).status, 201)
    return ledger
  }

  token(user: string): string {
    return this.#tokens.get(user) ?? ''
  }

  /** Something that was not said before. */
  begin(user: string): Told {
    const clientId = `${user} ${this.told.length + 1}`
    const told: Told = { clientId, text: `${clientId} – xin chào 👋 `.padEnd(this.#textBytes, '.') }
    this.told.push(told)
    return told
  }

  /** Says something over HTTP and resolves with the first answer. */
  async post({ url }: ServerProcess, user: string): Promise<Told> {
    const told = this.begin(user)
    const body = { clientId: told.clientId, text: told.text }
    try {
      const answer = await ask(url, this.token(user), 'POST', `/v1/rooms/${ROOM}/messages`, body)
      if (answer.status < 300) told.id = answer.body.id as string
      else told.error = { ...(answer.body as Omit<NonNullable<Told['error']>, 'appended'>), appended: false }
      if (told.error?.code === 'OUTCOME_UNKNOWN') told.error = { ...told.error, appended: true }
    } catch {
      told.isLost = true
    }
    return told
  }

  /** The room's timeline, whole; a hole in it is an error, and so is a store that cannot be read. */
  async history({ url }: ServerProcess): Promise<readonly Entry[]> {
    const [token = ''] = this.#tokens.values()
    const entries: Entry[] = []
    for (;;) {
      const after = entries.length
      const { status, body } = await ask(url, token, 'GET', `/v1/rooms/${ROOM}/timeline?after=${after}&limit=200`)
      assert.equal(status, 200, JSON.stringify(body))
      const page = body.entries as Entry[]
      if (page.length === 0) return entries
      for (const [i, { seq }] of page.entries()) assert.equal(seq, after + i + 1, 'history has a hole')
      entries.push(...page)
    }
  }

  /**
   * Waits until everything that was accepted is in history, and holds what was told against it: accepted means stored once, a place
   * that was told is the place, what certainly did not happen is not there, and of what nobody knows there is one or none.
   */
  async check(server: ServerProcess): Promise<void> {
    const accepted = this.told.filter(({ id }) => id !== undefined)
    let history: readonly Entry[] = []
    await until('everything accepted is in history', async () => {
      history = await this.history(server)
      const ids = new Set(history.map(({ id }) => id))
      return accepted.every(({ id }) => ids.has(id ?? ''))
    })
    const byText = new Map<string, Entry[]>()
    for (const entry of history)
      if (entry.kind === 'message') byText.set(entry.text, [...(byText.get(entry.text) ?? []), entry])
    for (const { clientId, text, id, seq, error, isLost } of this.told) {
      const entries = byText.get(text) ?? []
      const what = `${clientId} (${JSON.stringify({ id, seq, error, isLost })})`
      assert.ok(entries.length <= 1, `doubled: ${what}`)
      const [entry] = entries
      if (id !== undefined) assert.equal(entry?.id, id, `accepted and lost: ${what}`)
      if (seq !== undefined) assert.equal(entry?.seq, seq, `told another place than ${entry?.seq}: ${what}`)
      if (error !== undefined && !error.appended) assert.equal(entry, undefined, `refused and stored: ${what}`)
    }
  }
}

/** Somebody with a socket of their own, who says one thing after the other and listens. */
export class Speaker {
  readonly user: string
  readonly #socket: WebSocket
  readonly #ledger: Ledger
  readonly #waiting = new Map<number, { readonly told: Told; readonly heard: () => void }>()
  readonly #ready = Promise.withResolvers<void>()
  #ref = 0
  #generation = 0
  /** The last place that was pushed, or where the room was when it was opened. */
  #place = 0
  /** How many entries were pushed. */
  pushed = 0
  /** Pushes that left a hole or came again. */
  readonly strayed: string[] = []

  private constructor(socket: WebSocket, ledger: Ledger, user: string) {
    this.user = user
    this.#socket = socket
    this.#ledger = ledger
  }

  static async connect({ url }: ServerProcess, ledger: Ledger, user: string): Promise<Speaker> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${SOCKET_PATH}`, SUBPROTOCOL)
    const speaker = new Speaker(socket, ledger, user)
    socket.onmessage = ({ data }) => speaker.#hear(JSON.parse(String(data)) as Frame)
    socket.onclose = ({ code }) => speaker.#closed(code)
    socket.onopen = () => speaker.#send({ type: 'authenticate', token: ledger.token(user) })
    await speaker.#ready.promise
    return speaker
  }

  /** Resolves with the first thing that is said of it: accepted, an error, or nothing because the socket is gone. */
  say(): Promise<Told> {
    const told = this.#ledger.begin(this.user)
    const { clientId, text } = told
    if (this.#socket.readyState !== WebSocket.OPEN) {
      told.isLost = true
      return Promise.resolve(told)
    }
    return new Promise((resolve) => {
      const generation = this.#generation === 0 ? {} : { generation: this.#generation }
      const ref = this.#send({ type: 'send', room: ROOM, clientId, text, ...generation })
      this.#waiting.set(ref, { told, heard: () => resolve(told) })
    })
  }

  get place(): number {
    return this.#place
  }

  close(): void {
    this.#socket.close()
  }

  #send(frame: object): number {
    const ref = ++this.#ref
    this.#socket.send(JSON.stringify({ ref, ...frame }))
    return ref
  }

  #hear(frame: Frame): void {
    const waiting = frame.ref === undefined ? undefined : this.#waiting.get(frame.ref)
    switch (frame.type) {
      case 'ready':
        this.#ready.resolve()
        return
      case 'joined':
        this.#place = frame.head
        return
      case 'entry':
        if (frame.entry.seq !== this.#place + 1) this.strayed.push(`${frame.entry.seq} behind ${this.#place}`)
        this.#place = frame.entry.seq
        this.pushed += 1
        return
      case 'accepted':
        if (waiting !== undefined) waiting.told.id = frame.id
        waiting?.heard()
        return
      case 'stored':
        if (waiting !== undefined) waiting.told.seq = frame.seq
        break
      case 'error':
        this.#generation = frame.generation ?? this.#generation
        if (waiting !== undefined) waiting.told.error = frame
        waiting?.heard()
        break
    }
    if (frame.ref !== undefined) this.#waiting.delete(frame.ref)
  }

  #closed(code: number): void {
    this.#ready.reject(new Error(`the socket was closed with ${code}`))
    for (const { told, heard } of this.#waiting.values()) {
      if (told.id === undefined) told.isLost = true
      heard()
    }
    this.#waiting.clear()
  }
}

/** As much of the protocol as a speaker understands. */
type Frame = { readonly ref?: number } & (
  | { readonly type: 'ready' | 'hello' | 'refused' | 'dead' | 'left' }
  | { readonly type: 'joined'; readonly head: number }
  | { readonly type: 'entry'; readonly entry: { readonly seq: number } }
  | { readonly type: 'accepted'; readonly id: string }
  | { readonly type: 'stored'; readonly seq: number }
  | {
      readonly type: 'error'
      readonly code: ErrorCode
      readonly retryable: boolean
      readonly appended: boolean
      readonly generation?: number
    }
)

async function ask(url: string, token: string, method: string, path: string, body?: object) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> }
}
