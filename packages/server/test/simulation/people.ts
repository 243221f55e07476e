import { type Client, connect, type Entry } from '@holdfast/client'
import { searchMessages } from '../../src/core/search-messages.ts'
import type { Chance } from './chance.ts'
import type { SimulatedNetwork } from './network.ts'
import { ADMINISTRATOR, type Engines } from './processes.ts'
import type { Recorder } from './recorder.ts'
import type { Surroundings } from './world.ts'

/** Every message holds this word, so that one search of a room has to find all of them. */
export const COMMON_WORD = 'all'

/** A record of the command log is no longer than this; only what is said at length is. */
export const RECORD_BYTES_MAX = 2_000
const SEARCH_MS_MAX = 20_000

interface Sent {
  readonly room: string
  readonly clientId: string
  readonly text: string
}

/** Somebody with the SDK: says things, changes who is in a room, reads, goes away and comes back. */
export class Person {
  readonly name: string
  readonly #surroundings: Surroundings
  readonly #network: SimulatedNetwork
  readonly #recorder: Recorder
  readonly #chance: Chance
  readonly #sent: Sent[] = []
  /** What was asked for and has no end yet. */
  readonly #pending = new Set<Promise<unknown>>()
  readonly #following = new Set<string>()
  #client: Client
  #lives = 0
  #said = 0

  constructor(surroundings: Surroundings, network: SimulatedNetwork, recorder: Recorder, name: string) {
    this.name = name
    this.#surroundings = surroundings
    this.#network = network
    this.#recorder = recorder
    this.#chance = surroundings.chance.fork()
    this.#client = this.#connect()
  }

  get isWaiting(): boolean {
    return this.#pending.size > 0
  }

  page(room: string): void {
    this.#ask(this.#client.room(room).page({ after: 0, limit: this.#chance.between(1, 20) }))
  }

  add(room: string, user: string): void {
    this.#ask(this.#client.room(room).addMember(user))
  }

  remove(room: string, user: string): void {
    this.#ask(this.#client.room(room).removeMember(user))
  }

  say(room: string, isLong = false): void {
    const text = `${COMMON_WORD} ${this.name}${this.#said}${isLong ? ' and on'.repeat(RECORD_BYTES_MAX / 4) : ''}`
    const clientId = `${this.name}-${this.#said++}`
    this.#sent.push({ room, clientId, text })
    this.#ask(this.#client.room(room).send(text, { clientId }))
  }

  create(room: string, members: readonly string[]): void {
    this.#ask(
      this.#client.createRoom({ kind: 'group', room, name: room, members, clientId: `${this.name}-creates-${room}` }),
    )
  }

  /** Asks for the room of the two, who may both do so, as often as they like. */
  meet(other: string): void {
    const clientId = `${this.name}-meets-${other}-${this.#said++}`
    this.#ask(this.#client.createRoom({ kind: 'direct', members: [other], clientId }))
  }

  /** As over HTTP, through some gateway. */
  search(gateway: Engines, room: string | undefined): void {
    const [recorder, { clock }] = [this.#recorder, this.#surroundings]
    const begun = recorder.t
    const identity = { user: this.name, administrator: this.name === ADMINISTRATOR, expires: Number.POSITIVE_INFINITY }
    const query = { text: COMMON_WORD, room, hitsMax: 50 }
    const { history } = gateway.store
    const found = searchMessages({ history, search: gateway.search }, identity, query).then(({ hits }) => {
      this.#surroundings.sometimes('person.searched')
      recorder.searched(this.name, identity.administrator, begun, hits)
    })
    // Who dies answers nobody.
    this.#ask(Promise.race([found, clock.sleep(SEARCH_MS_MAX)]))
  }

  /** The page is closed and opened again: what had no end is not known any more, unless somebody asks for it again. */
  reload(): void {
    this.#surroundings.sometimes('person.reloaded')
    this.#client.close()
    this.#following.clear()
    this.#client = this.#connect()
  }

  close(): void {
    this.#client.close()
  }

  /** Uses an id that was used before: with the same content, or with another. */
  again(earlier: number, isOther: boolean): void {
    const sent = this.#sent[earlier % Math.max(1, this.#sent.length)]
    if (sent === undefined) return
    const { room, clientId, text } = sent
    this.#surroundings.sometimes(isOther ? 'person.reused' : 'person.repeated')
    const said = isOther ? `${COMMON_WORD} other ${this.name}${this.#said++}` : text
    this.#ask(this.#client.room(room).send(said, { clientId, again: true }))
  }

  /** Reads the room from its beginning, and whatever comes. */
  follow(room: string): void {
    if (this.#following.has(room)) return
    this.#following.add(room)
    const client = this.#client
    const read = async () => {
      for await (const _ of client.room(room).entries({ after: 0 })) void (_ satisfies Entry)
    }
    // A reader ends with its client, or where its user may not read.
    read().catch(() => this.#following.delete(room))
  }

  #ask(answer: Promise<unknown>): void {
    this.#pending.add(answer)
    const done = () => this.#pending.delete(answer)
    answer.then(done, done)
  }

  #connect(): Client {
    const { clock } = this.#surroundings
    const client = `${this.name}/${++this.#lives}`
    return connect({
      url: 'http://any',
      getToken: () => this.name,
      webSocket: this.#network.webSocket(() => this.#recorder.ear(client, this.name === ADMINISTRATOR)),
      clock,
      random: this.#chance.fork(),
      settings: { backoffMsMin: 20, backoffMsMax: 500, answerMsMax: 3_000, silenceMsMax: 10_000 },
    })
  }
}
