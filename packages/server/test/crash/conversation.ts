import assert from 'node:assert/strict'
import { type Client, type ConnectOptions, connect, type Entry, type Stored } from '@holdfast/client'
import { type ServerProcess, signIn, until } from '../support/server.ts'

const PEOPLE = ['anna', 'ben', 'cara'] as const
const ROOMS = ['lobby', 'garden'] as const

/** How long clients wait for a server that says nothing. */
export type Patience = NonNullable<ConnectOptions['settings']>

interface Sent {
  readonly room: string
  readonly sender: string
  readonly text: string
  readonly stored: Promise<Stored>
}

/**
 * Three people talking in two rooms through the SDK, each hearing the others: what they sent, what they were told and what they
 * saw, to be held against history when everything is quiet.
 */
export class Conversation {
  readonly #urls: readonly string[]
  readonly #patience: Patience
  readonly #clients = new Map<string, Client>()
  readonly #sent: Sent[] = []
  readonly #seen = new Map<string, Entry[]>()
  readonly #tokens = new Map<string, string>()
  readonly #losses = new Map<string, number>(PEOPLE.map((person) => [person, 0]))
  #said = 0

  private constructor(urls: readonly string[], patience: Patience) {
    this.#urls = urls
    this.#patience = patience
  }

  /** With several gateways, people are spread over them. */
  static async begin(urls: string | readonly string[], patience: Patience = {}): Promise<Conversation> {
    const conversation = new Conversation([urls].flat(), patience)
    for (const person of PEOPLE) await conversation.#join(person)
    const anna = conversation.#client('anna')
    for (const room of ROOMS) await anna.createRoom({ kind: 'group', name: room, room, members: ['ben', 'cara'] })
    return conversation
  }

  /** Everybody says so many things in each room, without waiting for answers. */
  talk(count: number): void {
    for (let i = 0; i < count; i++)
      for (const sender of PEOPLE)
        for (const room of ROOMS) {
          const text = `${sender} says ${++this.#said} – xin chào 👋`
          this.#sent.push({ room, sender, text, stored: this.#client(sender).room(room).send(text) })
        }
  }

  /** How many connections each of them has lost or given up so far. */
  get losses(): readonly number[] {
    return [...this.#losses.values()]
  }

  /** Resolves when everything said has its end: each promise settles, over every loss of the server. */
  async heard(): Promise<void> {
    await Promise.all(this.#sent.map(({ stored }) => stored))
  }

  /** I1–I9 as far as one process can break them: what was told and seen is what history holds, once, in order. */
  async check(): Promise<void> {
    await this.heard()
    for (const room of ROOMS) {
      const history = await this.#history(room)
      assert.deepEqual(
        history.map(({ seq }) => seq),
        history.map((_, i) => i + 1),
        `I4: ${room} has a gap`,
      )
      const messages = history.filter(({ kind }) => kind === 'message')
      const sent = this.#sent.filter((one) => one.room === room)
      assert.equal(messages.length, sent.length, `I1, I3: ${room} has lost or doubled something`)
      const bySeq = new Map(history.map((entry) => [entry.seq, entry]))
      for (const { text, sender, stored } of sent) {
        const { seq, id } = await stored
        const entry = bySeq.get(seq)
        assert.ok(entry?.kind === 'message', `I4: ${room} ${seq} is no message`)
        assert.deepEqual(
          { id: entry.id, text: entry.text, sender: entry.sender },
          { id, text, sender },
          'I2, I4: told and stored differ',
        )
      }
      for (const person of PEOPLE) {
        const order = messages.flatMap((entry) =>
          entry.kind === 'message' && entry.sender === person ? [entry.text] : [],
        )
        assert.deepEqual(
          order,
          sent.filter(({ sender }) => sender === person).map(({ text }) => text),
          `I5: ${person}'s order in ${room}`,
        )
        const seen = this.#seen.get(`${person} ${room}`) ?? []
        await until(`${person} sees ${room} to its end`, () => seen.at(-1)?.seq === history.length)
        assert.deepEqual(seen, history, `I7: what ${person} saw of ${room} is not its history`)
      }
    }
  }

  end(): void {
    for (const client of this.#clients.values()) client.close()
  }

  async #join(person: string): Promise<void> {
    // The token is taken once: the server may be away when the SDK asks again.
    const url = this.#urlOf(person)
    this.#tokens.set(person, await signIn(url, person))
    const client = connect({
      url,
      getToken: () => this.#tokens.get(person) ?? '',
      settings: { backoffMsMax: 200, ...this.#patience },
    })
    this.#clients.set(person, client)
    client.on('state', (state) => {
      if (state === 'waiting') this.#losses.set(person, (this.#losses.get(person) ?? 0) + 1)
    })
    client.on('room', ({ id }) => this.#watch(person, client, id))
    await client.ready()
  }

  #watch(person: string, client: Client, room: string): void {
    // A room is told again after each reconnect; the reader goes on by itself.
    if (this.#seen.has(`${person} ${room}`)) return
    const seen: Entry[] = []
    this.#seen.set(`${person} ${room}`, seen)
    const read = async () => {
      for await (const entry of client.room(room).entries({ after: 0 })) seen.push(entry)
    }
    read().catch(() => {})
  }

  #urlOf(person: string): string {
    const index = Math.max(0, [...this.#losses.keys()].indexOf(person))
    return this.#urls[index % this.#urls.length] ?? ''
  }

  #client(person: string): Client {
    const client = this.#clients.get(person)
    assert.ok(client !== undefined)
    return client
  }

  async #history(room: string): Promise<Entry[]> {
    const entries: Entry[] = []
    for (;;) {
      const after = entries.length
      const response = await fetch(`${this.#urls[0]}/v1/rooms/${room}/timeline?after=${after}&limit=200`, {
        headers: { authorization: `Bearer ${this.#tokens.get('anna')}` },
      })
      assert.equal(response.status, 200, await response.clone().text())
      const page = (await response.json()) as { entries: Entry[] }
      if (page.entries.length === 0) return entries
      entries.push(...page.entries)
    }
  }
}

/** Where a server listens that is started again at the same place. */
export function portOf({ url }: ServerProcess): number {
  return Number(new URL(url).port)
}
