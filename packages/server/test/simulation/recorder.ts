import type { CommandRequest, Push, Reply, Request, Entry as WireEntry } from '@holdfast/protocol'
import type { Command, Entry, HistoryEvent } from '../../../../faults/checker/history.ts'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { directRoomId, entryId } from '../../src/core/identity.ts'
import type { MessageHit } from '../../src/core/search-messages.ts'
import type { Content } from '../../src/ports/store.ts'
import type { SimulatedClock } from './clock.ts'
import type { Ear } from './network.ts'

type Position = { readonly epoch: number; readonly seq: number }

/** Writes down what the clients of a run do, hear and see, frame by frame at their end of the wire: what the checker judges. */
export class Recorder {
  readonly history: HistoryEvent[] = []
  readonly #clock: SimulatedClock
  readonly #open = new Set<string>()
  readonly #visitors = new Set<string>()
  #sessions = 0

  constructor(clock: SimulatedClock) {
    this.#clock = clock
  }

  get t(): number {
    return this.#clock.elapsed()
  }

  add(event: HistoryEvent): void {
    this.history.push(event)
    if (event.type === 'connected') this.#open.add(event.session)
  }

  lost(session: string): void {
    this.#open.delete(session)
  }

  /** These could never be stored, as turned out later: they may die. */
  poisoned(ids: ReadonlySet<string>): void {
    for (const [at, event] of this.history.entries())
      if (event.type === 'begin' && ids.has(event.command.id ?? ''))
        this.history[at] = { ...event, command: { ...event.command, poison: true } }
  }

  /** Nothing is on its way to anybody any more. */
  quiet(): void {
    this.add({ type: 'quiet', t: this.t, sessions: [...this.#open] })
  }

  /** What a search over HTTP has shown: whoever asks so hears nothing else. */
  searched(user: string, isAdministrator: boolean, begun: number, hits: readonly MessageHit[]): void {
    const session = `${user}/http`
    const { t } = this
    if (!this.#visitors.has(session)) {
      this.#visitors.add(session)
      this.history.push({ type: 'connected', t, session, user, ...(isAdministrator ? { administrator: true } : {}) })
    }
    this.add({ type: 'search', t, begun, session, hits: hits.map((hit) => ({ ...entryOf(hit), room: hit.room })) })
  }

  /** One connection of this client. */
  ear(client: string, isAdministrator: boolean): Ear {
    return new Connection(this, client, isAdministrator, `${client}#${++this.#sessions}`)
  }
}

class Connection implements Ear {
  readonly #recorder: Recorder
  readonly #client: string
  readonly #isAdministrator: boolean
  readonly #session: string
  #user = ''
  /** Of each room, the place that the client named, or was brought to since. */
  readonly #places = new Map<string, Position>()
  /** By ref: commands without an end, and pages and subscriptions without an answer. */
  readonly #tries = new Map<number, string>()
  readonly #subscriptions = new Map<number, string>()
  readonly #pages = new Map<number, { readonly room: string; readonly begun: number }>()

  constructor(recorder: Recorder, client: string, isAdministrator: boolean, session: string) {
    this.#recorder = recorder
    this.#client = client
    this.#isAdministrator = isAdministrator
    this.#session = session
  }

  opened(): void {}

  sent(text: string): void {
    const frame = JSON.parse(text) as Request
    const { t } = this.#recorder
    const session = this.#session
    switch (frame.type) {
      case 'authenticate':
        this.#user = frame.token
        for (const { room, epoch, seq } of frame.resume ?? []) this.#places.set(room, { epoch, seq })
        return
      case 'page':
        this.#pages.set(frame.ref, { room: frame.room, begun: t })
        return
      case 'subscribe':
        this.#subscriptions.set(frame.ref, frame.room)
        return
      case 'refresh':
        return
      default: {
        const id = `${session}/${frame.ref}`
        this.#tries.set(frame.ref, id)
        this.#recorder.add({
          type: 'begin',
          t,
          try: id,
          command: this.#commandOf(frame),
          session,
          // Who asks for a direct room does not know its name yet, and so cannot keep an order there.
          ...(frame.room === undefined ? {} : { client: this.#client }),
        })
      }
    }
  }

  heard(text: string): void {
    for (const event of this.#eventsOf(JSON.parse(text) as Reply | Push)) this.#recorder.add(event)
  }

  lost(): void {
    const { t } = this.#recorder
    for (const id of this.#tries.values())
      this.#recorder.add({ type: 'unknown', t, try: id, why: 'the connection was lost' })
    this.#tries.clear()
    this.#pages.clear()
    this.#recorder.lost(this.#session)
  }

  #eventsOf(frame: Reply | Push): readonly HistoryEvent[] {
    const session = this.#session
    const { t } = this.#recorder
    switch (frame.type) {
      case 'hello': {
        const who = this.#isAdministrator ? { administrator: true as const } : {}
        return [{ type: 'connected', t, session, user: frame.user, ...who }]
      }
      case 'accepted':
        return this.#answer(frame.ref, (name) => ({ type: 'accepted', t, try: name, id: frame.id }))
      case 'stored': {
        const { id, epoch, seq, duplicate } = frame
        return this.#end(frame.ref, (name) => ({ type: 'stored', t, try: name, id, epoch, seq, duplicate }))
      }
      case 'refused':
      case 'dead':
        return this.#end(frame.ref, (name) => ({ type: frame.type, t, try: name, code: frame.code }))
      case 'error':
        return this.#failed(frame, t)
      case 'subscribed':
        return [{ type: 'subscribed', t, session, room: frame.room }]
      case 'joined': {
        const { room, epoch, head } = frame
        this.#places.set(room, { epoch, seq: head })
        return [{ type: 'joined', t, session, room, epoch, head }]
      }
      case 'resumed': {
        const { room, epoch, seq, recovered } = frame
        const from = this.#places.get(room) ?? { epoch, seq }
        this.#places.set(room, { epoch, seq })
        return [{ type: 'resumed', t, session, room, epoch, seq, recovered, from }]
      }
      case 'entry': {
        const { room, epoch, entry } = frame
        this.#places.set(room, { epoch, seq: entry.seq })
        return [{ type: 'entry', t, session, room, epoch, entry: entryOf(entry) }]
      }
      case 'gap': {
        const { room, epoch, from, to } = frame
        this.#places.set(room, { epoch, seq: to })
        return [{ type: 'gap', t, session, room, epoch, from, to }]
      }
      case 'left':
        return [{ type: 'left', t, session, room: frame.room }]
      case 'page': {
        const { ref, room, epoch, head } = frame
        const begun = this.#pages.get(ref)?.begun ?? t
        this.#pages.delete(ref)
        return [{ type: 'page', t, begun, session, room, epoch, head, entries: frame.entries.map(entryOf) }]
      }
      default:
        return []
    }
  }

  #failed({ ref, code, appended }: Reply & { type: 'error' }, t: number): readonly HistoryEvent[] {
    const room = this.#subscriptions.get(ref ?? -1)
    if (room !== undefined) {
      const session = this.#session
      return [
        { type: 'subscribed', t, session, room },
        { type: 'error', t, session, room, code },
      ]
    }
    const page = this.#pages.get(ref ?? -1)
    this.#pages.delete(ref ?? -1)
    if (page !== undefined) return [{ type: 'error', t, session: this.#session, room: page.room, code }]
    return this.#end(ref ?? -1, (name) =>
      appended === false ? { type: 'failed', t, try: name, code } : { type: 'unknown', t, try: name, why: code },
    )
  }

  #answer(ref: number, event: (name: string) => HistoryEvent): readonly HistoryEvent[] {
    const name = this.#tries.get(ref)
    return name === undefined ? [] : [event(name)]
  }

  #end(ref: number, event: (name: string) => HistoryEvent): readonly HistoryEvent[] {
    const events = this.#answer(ref, event)
    this.#tries.delete(ref)
    return events
  }

  #commandOf(frame: CommandRequest): Command {
    const { clientId } = frame
    const sender = this.#user
    const room = frame.room ?? roomOf(sender, contentOf(frame))
    // What an administrator says needs a membership like anybody's; whom they add or remove does not.
    const isExempt = this.#isAdministrator && (frame.type === 'add_member' || frame.type === 'remove_member')
    const by = isExempt ? { administrator: true as const } : {}
    const shared = { room, sender, clientId, id: entryId(sha256, room, sender, clientId), ...by }
    return { ...shared, ...saidIn(sender, contentOf(frame)) }
  }
}

/** Nobody names a direct room: its pair does. */
function roomOf(sender: string, content: Content): string {
  const [other = ''] = content.kind === 'room_created' ? content.members : []
  return directRoomId(sha256, sender, other)
}

function contentOf(frame: CommandRequest): Content {
  switch (frame.type) {
    case 'create_room': {
      const { kind: roomKind, name, members = [] } = frame
      return { kind: 'room_created', roomKind, members, ...(name === undefined ? {} : { name }) }
    }
    case 'add_member':
      return { kind: 'member_added', user: frame.user }
    case 'remove_member':
      return { kind: 'member_removed', user: frame.user }
    case 'send':
      return { kind: 'message', text: frame.text }
  }
}

/** What a command says, and whom it lets in or out. */
export function saidIn(sender: string, content: Content): Pick<Command, 'kind' | 'hash' | 'adds' | 'removes'> {
  const { kind } = content
  const hash = hashOf(content)
  switch (kind) {
    case 'room_created':
      return { kind, hash, adds: [sender, ...content.members] }
    case 'member_added':
      return { kind, hash, adds: [content.user] }
    case 'member_removed':
      return { kind, hash, removes: [content.user] }
    case 'message':
      return { kind, hash }
  }
}

/** What of an entry is the sender's choice. */
interface Said {
  readonly kind: string
  readonly text?: string
  readonly user?: string
  readonly roomKind?: string
  readonly name?: string | undefined
  readonly members?: readonly string[]
}

export function entryOf(entry: WireEntry | MessageHit): Entry {
  const { seq, id, sender } = entry
  return { seq, id, sender, hash: hashOf(entry as Said) }
}

function hashOf({ kind, text, user, roomKind, name, members }: Said): string {
  switch (kind) {
    case 'message':
      return `says ${text}`
    case 'room_created':
      return `creates ${roomKind} ${name ?? ''} ${[...(members ?? [])].sort().join()}`
    default:
      return `${kind} ${user}`
  }
}
