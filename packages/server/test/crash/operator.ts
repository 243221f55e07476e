import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Entry } from '@holdfast/client'
import { createSecret } from '../../src/adapters/jwt/secret.ts'
import { sign } from '../../src/adapters/jwt/sign.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import type { Logs } from '../../src/ports/log.ts'
import type { Document, Store } from '../../src/ports/store.ts'
import { sqliteEngines } from '../support/adapters.ts'
import type { ServerProcess } from '../support/server.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const NAME = 'the operator'

/** What an HTTP request was answered. */
export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

export interface Letter {
  readonly id: string
  readonly state: string
  readonly sender: string
  readonly room: string
}

/** The engines of an installation, beside whoever works on them. */
export interface Engines {
  readonly logs: Logs
  readonly store: Store
  close(): Promise<void>
}

/** What an operator has at hand, whether any server runs or none. */
export interface Installation {
  /** Where its secret is. */
  readonly data: string
  /** Opens its engines, to look into them. */
  engines(): Promise<Engines>
  /** The operator's own check, which has to find nothing wrong. */
  verify(): Promise<void>
}

/** Whoever runs an installation: an administrator at an address of it, over every restart, and with its engines at hand. Its log has one partition. */
export class Operator {
  readonly #url: string
  readonly #installation: Installation
  readonly #token: string

  private constructor(url: string, installation: Installation, token: string) {
    this.#url = url
    this.#installation = installation
    this.#token = token
  }

  /** Becomes a user of the installation, which is by default the one in the folder of this server. */
  static async of({ url, data }: ServerProcess, installation = inFolder(data)): Promise<Operator> {
    const operator = new Operator(url, installation, await tokenOf(data, NAME, 'administrator'))
    await operator.register(NAME)
    return operator
  }

  /** The same operator at the address of another server of the installation. */
  at({ url }: ServerProcess): Operator {
    return new Operator(url, this.#installation, this.#token)
  }

  /** A token of this user, who need not be registered. Administrators have no rate limit. */
  token(user: string, role: Role = 'member'): Promise<string> {
    return tokenOf(this.#installation.data, user, role)
  }

  async register(user: string): Promise<void> {
    assert.equal((await this.#ask('PUT', `/v1/users/${user}`, {})).status, 200)
  }

  async createRoom(room: string, members: readonly string[]): Promise<void> {
    const answer = await this.#ask('POST', '/v1/rooms?wait=stored', { room, kind: 'group', name: room, members })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
  }

  /** Resolves once it is stored. */
  async removeMember(room: string, user: string): Promise<void> {
    const answer = await this.#ask('DELETE', `/v1/rooms/${room}/members/${user}?wait=stored`)
    assert.ok(answer.status < 300, JSON.stringify(answer))
  }

  /** Says something in somebody's name, and waits for what becomes of it. */
  say(room: string, sender: string, clientId: string, text: string): Promise<Answer> {
    return this.#ask('POST', `/v1/rooms/${room}/messages?wait=stored`, { clientId, sender, text })
  }

  /** Says something in somebody's name, and waits until it is accepted. */
  submit(room: string, sender: string, clientId: string, text: string): Promise<Answer> {
    return this.#ask('POST', `/v1/rooms/${room}/messages`, { clientId, sender, text })
  }

  replay(letter: string): Promise<Answer> {
    return this.#ask('POST', `/v1/dead-letters/${letter}/replay`, {})
  }

  async letters(): Promise<readonly Letter[]> {
    const { body } = await this.#ask('GET', '/v1/dead-letters?state=all')
    assert.equal(body.next, null)
    return body.items as Letter[]
  }

  /** The whole timeline of a room; throws where it has a hole. */
  async history(room: string): Promise<readonly Entry[]> {
    const entries: Entry[] = []
    for (;;) {
      const { status, body } = await this.#ask('GET', `/v1/rooms/${room}/timeline?after=${entries.length}&limit=200`)
      assert.equal(status, 200, JSON.stringify(body))
      const page = body.entries as Entry[]
      if (page.length === 0) return entries
      entries.push(...page)
      for (const [i, { seq }] of entries.entries()) assert.equal(seq, i + 1, `I4: ${room} has a gap`)
    }
  }

  /** The texts of a room's messages. */
  async texts(room: string): Promise<readonly string[]> {
    return (await this.history(room)).flatMap((entry) => (entry.kind === 'message' ? [entry.text] : []))
  }

  // ---- in the engines, beside the servers or without any ------------------------------------------------------------------

  /** How many records the dead-letter log holds of each letter. */
  async deadLetterRecords(): Promise<ReadonlyMap<string, number>> {
    return this.#look(async ({ logs }) => {
      const { records } = await logs.deadLetters.read(0, 0, { recordsMax: 1_000, bytesMax: 1 << 24 })
      const counts = new Map<string, number>()
      for (const { headers } of records) {
        const id = headers['hf-dlq-id'] ?? ''
        counts.set(id, (counts.get(id) ?? 0) + 1)
      }
      return counts
    })
  }

  /** Every entry and claim of a room that stands under this id: its ends. */
  async ends(room: string, id: string): Promise<readonly Document['end'][]> {
    return this.#look(async ({ store }) => {
      const documents = await store.audit.documents({ room, seq: Number.MIN_SAFE_INTEGER }, 1_000)
      return documents.filter((document) => document.room === room && document.id === id).map(({ end }) => end)
    })
  }

  /** Which commands the log still holds. */
  async commandsRange(): Promise<{ readonly begin: number; readonly end: number }> {
    return this.#look(({ logs }) => logs.commands.range(0))
  }

  /** The operator's own check, over the engines themselves. */
  verify(): Promise<void> {
    return this.#installation.verify()
  }

  async #look<Found>(look: (engines: Engines) => Promise<Found>): Promise<Found> {
    const engines = await this.#installation.engines()
    try {
      return await look(engines)
    } finally {
      await engines.close()
    }
  }

  async #ask(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as Answer['body'] }
  }
}

/** An installation in a data folder. */
function inFolder(data: string): Installation {
  return {
    data,
    engines: async () => sqliteEngines(data, { readOnly: true }),
    verify: async () => verify(data),
  }
}

/** `holdfast verify`, which has to find nothing wrong. */
export function verify(data: string): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@holdfast/source', MAIN, 'verify', '--data', data],
    { encoding: 'utf8' },
  )
  assert.equal(status, 0, `${stdout}\n${stderr}`)
}

type Role = 'administrator' | 'member'

async function tokenOf(data: string, user: string, role: Role): Promise<string> {
  const administrator = role === 'administrator'
  const { token } = await sign(createSecret(data), systemClock, { user, administrator, lifetimeMs: 3_600_000 })
  return token
}
