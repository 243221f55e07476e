import { type Durability, isText, LIMITS, type RoomKind } from '@holdfast/protocol'
import { httpUrl, socketUrl } from './addresses.ts'
import { Connection, type ConnectionState } from './connection.ts'
import { type CommandOptions, Deliveries } from './delivery.ts'
import { Emitter } from './emitter.ts'
import { type Fault, fault, HoldfastError } from './errors.ts'
import { clientIds } from './ids.ts'
import type { CommandBody } from './lanes.ts'
import {
  type Clock,
  checkPlatform,
  type Fetch,
  type Random,
  systemClock,
  systemFetch,
  systemRandom,
  systemWebSocket,
  type WebSocketConstructor,
} from './platform.ts'
import { checkIds, notSent, pageReader, Room, type RoomParts } from './room.ts'
import { type SearchOptions, type SearchParts, type SearchResult, search } from './search.ts'
import { Session } from './session.ts'
import { DEFAULTS, type Settings } from './settings.ts'
import type { Timeline } from './timeline.ts'

export interface ConnectOptions {
  /** The server's address: http://host:port, or https. */
  readonly url: string
  /** Asked before every connection, and again before a token expires. */
  readonly getToken: () => string | Promise<string>
  /** The platform's own by default. */
  readonly webSocket?: WebSocketConstructor
  readonly fetch?: Fetch
  /** The same as a listener to `error`, from the first moment. */
  readonly onError?: (error: HoldfastError) => void
  readonly settings?: Partial<Settings>
  /** Time and chance, for tests and simulators. */
  readonly clock?: Clock
  readonly random?: Random
}

export interface ClientEvents {
  state: ConnectionState
  /** A room is one of ours: since the connection, or since somebody added us. */
  room: Room
  /** We are not a member of this room any more. */
  left: Room
  /** Something went wrong that no promise tells of. With `state` `closed`, it is why. */
  error: HoldfastError
}

export interface CreateRoomOptions extends CommandOptions {
  readonly kind: RoomKind
  /** For people; a direct room has none. */
  readonly name?: string
  /** Who else is a member from the start; of a direct room, the other one. */
  readonly members: readonly string[]
  /** A group's id; the server makes one by default. */
  readonly room?: string
}

/** Connects, and stays connected until `close`, or until the server closes with a code of 44xx. */
export function connect(options: ConnectOptions): Client {
  checkPlatform()
  return new Client(options)
}

export class Client {
  readonly #events = new Emitter<ClientEvents>()
  readonly #session: Session
  readonly #connection: Connection
  readonly #deliveries: Deliveries
  readonly #handles = new Map<string, Room>()
  readonly #rooms = new Map<string, Room>()
  readonly #parts: RoomParts
  readonly #searchParts: SearchParts
  readonly #ready = Promise.withResolvers<void>()
  #closed: Fault | undefined

  constructor({
    url,
    getToken,
    webSocket,
    fetch = systemFetch,
    onError,
    settings: chosen,
    clock = systemClock,
    random = systemRandom,
  }: ConnectOptions) {
    const settings = { ...DEFAULTS, ...chosen }
    if (onError !== undefined) this.#events.on('error', onError)
    // Nobody need wait for it.
    this.#ready.promise.catch(() => {})
    this.#session = new Session({
      clock,
      random,
      settings,
      events: {
        greeted: (expires, now) => this.#connection.greeted(expires, now),
        refreshed: (expires) => this.#connection.refreshed(expires),
        refused: (why, request) => {
          if (request === 'authenticate') this.#connection.refused(why)
          else this.#report(why)
        },
        ready: () => this.#ready.resolve(),
        joined: (timeline) => this.#joined(timeline),
        left: (timeline) => this.#left(timeline),
        broken: () => this.#connection.drop(),
        ended: (why) => this.#end(why, true),
        failed: (why) => this.#report(why),
      },
    })
    this.#deliveries = new Deliveries(this.#session.lanes, clock)
    this.#parts = {
      session: this.#session,
      deliveries: this.#deliveries,
      clock,
      random,
      settings,
      readPage: pageReader(this.#session),
      newId: clientIds(clock, random),
      closed: () => this.#closed,
      endings: new Set(),
    }
    this.#searchParts = { ...this.#parts, url: httpUrl(url, '/v1/search'), getToken, fetch }
    this.#connection = new Connection({
      url: socketUrl(url),
      getToken,
      webSocket: webSocket ?? systemWebSocket(),
      session: this.#session,
      clock,
      random,
      settings,
      changed: (state) => this.#events.emit('state', state),
      report: (error) => this.#events.emit('error', error),
      ended: (why) => this.#end(why, true),
    })
    this.#connection.start()
  }

  get state(): ConnectionState {
    return this.#connection.state
  }

  /** Who we are; undefined before the first hello. */
  get user(): string | undefined {
    return this.#session.user
  }

  /** What `accepted` survives on this server; undefined before the first hello. */
  get durability(): Durability | undefined {
    return this.#session.durability
  }

  /** The rooms that are ours. */
  get rooms(): ReadonlyMap<string, Room> {
    return this.#rooms
  }

  /** Returns what takes the listener off again. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (value: ClientEvents[Name]) => void): () => void {
    return this.#events.on(name, listener)
  }

  /** Resolves once every room of ours was opened; rejects when the client closes before. */
  ready(): Promise<void> {
    return this.#ready.promise
  }

  /** The room of this id, whether known or not, ours or not. Always the same object. */
  room(id: string): Room {
    const known = this.#handles.get(id)
    if (known !== undefined) return known
    const room = new Room(this.#session.timeline(id), this.#parts)
    this.#handles.set(id, room)
    return room
  }

  /**
   * Creates a room and resolves when that is stored; it can be sent to at once, and its `room` event follows.
   * A direct room that exists already is a success.
   */
  async createRoom({ kind, name, members, room, ...options }: CreateRoomOptions): Promise<Room> {
    const clientId = options.clientId ?? this.#parts.newId()
    checkIds([...(room === undefined ? [] : [room]), clientId, ...members], clientId, this.#closed)
    if (name !== undefined && !isText(name, LIMITS.nameBytesMax))
      throw notSent('BAD_FRAME', clientId, `name: must be 1 to ${LIMITS.nameBytesMax} bytes`)
    if (members.length > LIMITS.membersPerCommandMax)
      throw notSent(
        'TOO_LARGE',
        clientId,
        `members: more than ${LIMITS.membersPerCommandMax}; add the others one by one`,
      )
    const named = { ...(name === undefined ? {} : { name }), ...(room === undefined ? {} : { room }) }
    const body = { type: 'create_room' as const, clientId, kind, members: [...members], ...named } satisfies CommandBody
    return this.room((await this.#deliveries.deliver(body, options, 'stored')).room)
  }

  /**
   * Finds messages that hold every word, in the rooms that are ours or in one of them: asked once, so it needs no connection.
   * Rejects with a HoldfastError, whose `retryable` says whether it is worth asking again.
   */
  search(words: string, options: SearchOptions = {}): Promise<SearchResult> {
    return search(this.#searchParts, words, options)
  }

  /** Leaves nothing behind: no socket, no timer; whoever waits is rejected with CLOSED. Nothing sent is taken back. */
  close(): void {
    this.#end(fault('CLOSED'), false)
  }

  #end(why: Fault, tell: boolean): void {
    if (this.#closed !== undefined) return
    this.#closed = why
    this.#connection.close()
    this.#deliveries.close(why)
    this.#session.close(why)
    for (const end of [...this.#parts.endings]) end(why)
    this.#ready.reject(new HoldfastError(why.code, why))
    if (tell) this.#report(why)
  }

  #joined(timeline: Timeline): void {
    const room = this.room(timeline.room)
    this.#rooms.set(room.id, room)
    this.#events.emit('room', room)
  }

  #left(timeline: Timeline): void {
    const room = this.room(timeline.room)
    this.#rooms.delete(room.id)
    this.#events.emit('left', room)
  }

  #report(why: Fault): void {
    this.#events.emit('error', new HoldfastError(why.code, why))
  }
}
