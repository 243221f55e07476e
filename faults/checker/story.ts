import type { Claim, Command, Entry, HistoryEvent, Letter } from './history.ts'

/** The code of a claim. */
type Refusal = 'NOT_FOUND' | 'NOT_A_MEMBER' | 'FORBIDDEN' | 'CONFLICT' | 'ALREADY'

export interface Sent {
  readonly command: Command
  readonly id: string
  /** Its first try. */
  readonly try: string
}

interface Room {
  epoch: number
  line: Sent[]
}

interface Session {
  readonly name: string
  readonly user: string
  readonly isAdministrator: boolean
  readonly open: Set<string>
}

export interface Sending {
  /** By default one of the sender's own, where there is one. */
  readonly session?: string | undefined
  /** By default the sender is a client that keeps its order. */
  readonly client?: string | undefined
  readonly clientId?: string
  readonly text?: string
  readonly administrator?: true
  readonly poison?: true
  /** The id is told by answers only. */
  readonly isNameless?: true
}

/**
 * Good histories, told by what happens: a server that does everything right, seen from outside. Whoever wants a bad one changes a good one.
 */
export class Story {
  readonly history: HistoryEvent[] = []
  readonly #rooms = new Map<string, Room>()
  readonly #sessions = new Map<string, Session>()
  readonly claims: Claim[] = []
  readonly letters: Letter[] = []
  #t = 0
  #count = 0

  // ---- commands --------------------------------------------------------------------------------------------------------

  create(room: string, owner: string, others: readonly string[] = []): Sent {
    return this.#complete(this.#command(room, owner, 'room_created', { adds: [owner, ...others] }), {})
  }

  add(sender: string, room: string, user: string, sending: Sending = {}): Sent {
    return this.#complete(this.#command(room, sender, 'member_added', { adds: [user] }, sending), sending)
  }

  remove(sender: string, room: string, user: string, sending: Sending = {}): Sent {
    return this.#complete(this.#command(room, sender, 'member_removed', { removes: [user] }, sending), sending)
  }

  say(sender: string, room: string, sending: Sending = {}): Sent {
    return this.#complete(this.message(sender, room, sending), sending)
  }

  message(sender: string, room: string, sending: Sending = {}): Command {
    return this.#command(room, sender, 'message', {}, sending)
  }

  addition(sender: string, room: string, user: string): Command {
    return this.#command(room, sender, 'member_added', { adds: [user] })
  }

  removal(sender: string, room: string, user: string): Command {
    return this.#command(room, sender, 'member_removed', { removes: [user] })
  }

  /** The same command once more: its answer is the first one. */
  repeat(sent: Sent, sending: Sending = {}): Sent {
    const again = this.begin(sent.command, sending)
    this.tell({ type: 'accepted', try: again.try, id: sent.id })
    this.tellStored(again, { duplicate: true })
    return again
  }

  /** Begins a try and says no more. */
  begin(command: Command, sending: Sending = {}): Sent {
    const name = `try ${++this.#count}`
    const own = [...this.#sessions.values()].find(({ user }) => user === command.sender)?.name
    const session = 'session' in sending ? sending.session : own
    const client = 'client' in sending ? sending.client : command.sender
    this.tell({
      type: 'begin',
      try: name,
      command,
      ...(session === undefined ? {} : { session }),
      ...(client === undefined ? {} : { client }),
    })
    const { room, sender, clientId, replay } = command
    return { command, id: `${room}/${sender}/${clientId}${replay === undefined ? '' : `~${replay}`}`, try: name }
  }

  /** A try without an answer: it may have happened. */
  cut(command: Command, sending: Sending = {}): Sent {
    const sent = this.begin(command, sending)
    this.tell({ type: 'unknown', try: sent.try, why: 'the connection was lost' })
    return sent
  }

  accept({ id, try: name }: Sent): void {
    this.tell({ type: 'accepted', try: name, id })
  }

  /** The worker stores it: it gets the next place, and everybody who has the room open hears it. */
  store(sent: Sent): void {
    const { room, adds = [], removes = [] } = sent.command
    const { line, epoch } = this.#room(room)
    line.push(sent)
    const entry = entryOf(sent, line.length)
    for (const session of this.#sessions.values()) {
      if (session.open.has(room)) this.tell({ type: 'entry', session: session.name, room, epoch, entry })
      if (removes.includes(session.user) && session.open.delete(room))
        this.tell({ type: 'left', session: session.name, room })
      if (adds.includes(session.user)) this.#open(session, room)
    }
  }

  tellStored(sent: Sent, { duplicate }: { readonly duplicate: boolean }): void {
    const { epoch, line } = this.#room(sent.command.room)
    const seq = line.findLastIndex(({ id }) => id === sent.id) + 1
    this.tell({ type: 'stored', try: sent.try, id: sent.id, epoch, seq, duplicate })
  }

  /** The worker refuses it for good. */
  refuse(sent: Sent, code: Refusal): void {
    this.claims.push({ id: sent.id, end: 'refused', code, hash: sent.command.hash })
    this.tell({ type: 'refused', try: sent.try, code })
  }

  die(sent: Sent, code: string): void {
    this.claims.push({ id: sent.id, end: 'dead', code, hash: sent.command.hash })
    this.letters.push({ id: sent.id, state: 'open' })
    this.tell({ type: 'dead', try: sent.try, code })
  }

  /** The operator gives it a new try, which is stored. */
  replay(sent: Sent): Sent {
    const { id = sent.id } = sent.command
    const again = this.begin({ ...sent.command, id: `${id}~1`, replay: 1 }, { session: undefined, client: undefined })
    this.accept(again)
    this.store(again)
    const at = this.letters.findIndex(({ id }) => id === sent.id)
    this.letters[at] = { id: sent.id, state: 'replayed', replayedAs: again.id }
    return again
  }

  // ---- sessions --------------------------------------------------------------------------------------------------------

  connect(user: string, { administrator = false }: { readonly administrator?: boolean } = {}): string {
    const session = this.#connect(user, administrator)
    for (const room of this.#rooms.keys()) if (this.#isMember(room, user)) this.#open(session, room)
    return session.name
  }

  /** An HTTP client: it hears nothing that it does not ask for. */
  visit(user: string): string {
    const { name } = this.#connect(user, false)
    this.#sessions.delete(name)
    return name
  }

  /** The connection is gone; the client comes again from where it was. */
  reconnect(name: string): string {
    const old = this.#session(name)
    const places = new Map([...old.open].map((room) => [room, this.#room(room).line.length]))
    return this.resume(this.disconnect(name), places)
  }

  disconnect(name: string): string {
    const { user } = this.#session(name)
    this.#sessions.delete(name)
    return user
  }

  /** Connects with a position in some rooms; the others are joined. */
  resume(user: string, places: ReadonlyMap<string, number>): string {
    const session = this.#connect(user, false)
    for (const [room, { epoch, line }] of this.#rooms) {
      const seq = places.get(room)
      if (!this.#isMember(room, user)) {
        if (seq !== undefined) this.tell({ type: 'left', session: session.name, room })
      } else if (seq === undefined) this.#open(session, room)
      else {
        const from = { epoch, seq }
        this.tell({ type: 'resumed', session: session.name, room, epoch, seq, recovered: true, from })
        session.open.add(room)
        for (const [i, sent] of line.entries())
          if (i >= seq) this.tell({ type: 'entry', session: session.name, room, epoch, entry: entryOf(sent, i + 1) })
      }
    }
    return session.name
  }

  page(name: string, room: string, { after = 0, limit = 50 } = {}): void {
    const { epoch, line } = this.#room(room)
    const begun = this.#t
    const entries = line.map((sent, i) => entryOf(sent, i + 1)).slice(after, after + limit)
    this.tell({ type: 'page', begun, session: name, room, epoch, head: line.length, entries })
  }

  search(name: string, room: string): void {
    const { line } = this.#room(room)
    const hits = line.flatMap((sent, i) => (sent.command.kind === 'message' ? { ...entryOf(sent, i + 1), room } : []))
    this.tell({ type: 'search', begun: this.#t, session: name, hits })
  }

  // ---- the system ------------------------------------------------------------------------------------------------------

  /** The store is set back to an older state; what it lost comes again from the log, as far as that has it. */
  restore(room: string, head: number, { isInLog = true } = {}): void {
    const state = this.#room(room)
    const from = { epoch: state.epoch, seq: state.line.length }
    const again = state.line.splice(head)
    state.epoch += 1
    const { epoch } = state
    this.tell({ type: 'restored', rooms: [room] })
    for (const session of this.#sessions.values()) {
      if (!session.open.has(room)) continue
      if (this.#isMember(room, session.user) || session.isAdministrator)
        this.tell({ type: 'resumed', session: session.name, room, epoch, seq: head, recovered: false, from })
      else {
        session.open.delete(room)
        this.tell({ type: 'left', session: session.name, room })
      }
    }
    if (isInLog) for (const sent of again) this.store(sent)
  }

  /** The same of what was stored, but not published yet: nobody can notice, so the epoch stays, and nothing comes again by itself. */
  setBackUnnoticed(room: string, head: number): void {
    const { epoch, line } = this.#room(room)
    const unpublished = line.splice(head).map(({ id }, i) => ({ room, epoch, seq: head + 1 + i, id }))
    this.tell({ type: 'restored', rooms: [room], untold: true, unpublished })
  }

  /** Faults are over, everything is drained, new sends work, and everything is read. */
  end(): HistoryEvent[] {
    this.tell({ type: 'healed' })
    this.tell({ type: 'drained', lag: { worker: 0, indexer: 0 } })
    for (const room of this.#rooms.keys()) {
      const [member] = this.membersOf(room)
      if (member !== undefined) this.say(member, room)
    }
    this.tell({ type: 'quiet', sessions: [...this.#sessions.keys()] })
    for (const gateway of ['gateway 1', 'gateway 2']) {
      for (const [room, { epoch, line }] of this.#rooms) {
        const entries = line.map((sent, i) => entryOf(sent, i + 1))
        this.tell({ type: 'history', gateway, room, epoch, head: line.length, entries })
      }
    }
    for (const [room, { line }] of this.#rooms) {
      const ids = line.flatMap(({ command, id }) => (command.kind === 'message' ? id : []))
      this.tell({ type: 'found', room, ids, partial: false })
      this.tell({ type: 'members', room, users: this.membersOf(room) })
    }
    this.tell({ type: 'claims', claims: [...this.claims] })
    this.tell({ type: 'letters', letters: [...this.letters] })
    this.tell({ type: 'letter_log', ids: this.letters.map(({ id }) => id) })
    return this.history
  }

  tell(event: Timeless<HistoryEvent>): void {
    this.history.push({ ...event, t: this.#t++ } as HistoryEvent)
  }

  // ---- what it knows ---------------------------------------------------------------------------------------------------

  get now(): number {
    return this.#t
  }

  get rooms(): readonly string[] {
    return [...this.#rooms.keys()]
  }

  get sessions(): readonly Readonly<Session>[] {
    return [...this.#sessions.values()]
  }

  head(room: string): number {
    return this.#room(room).line.length
  }

  entryAt(room: string, seq: number): Entry {
    const sent = this.#room(room).line[seq - 1]
    if (sent === undefined) throw new Error(`${room} has no entry at ${seq}`)
    return entryOf(sent, seq)
  }

  sentAt(room: string, seq: number): Sent | undefined {
    return this.#room(room).line[seq - 1]
  }

  membersOf(room: string): readonly string[] {
    const members = new Set<string>()
    for (const { command } of this.#room(room).line) {
      for (const user of command.adds ?? []) members.add(user)
      for (const user of command.removes ?? []) members.delete(user)
    }
    return [...members]
  }

  #isMember(room: string, user: string): boolean {
    return this.membersOf(room).includes(user)
  }

  #complete(command: Command, sending: Sending): Sent {
    const sent = this.begin(command, sending)
    this.accept(sent)
    this.store(sent)
    this.tellStored(sent, { duplicate: false })
    return sent
  }

  #command(
    room: string,
    sender: string,
    kind: string,
    changes: Pick<Command, 'adds' | 'removes'>,
    { clientId = `c${++this.#count}`, text = clientId, administrator, poison, isNameless }: Sending = {},
  ): Command {
    return {
      room,
      sender,
      clientId,
      hash: `hash of ${text}`,
      kind,
      ...changes,
      ...(isNameless ? {} : { id: `${room}/${sender}/${clientId}` }),
      ...(administrator ? { administrator } : {}),
      ...(poison ? { poison } : {}),
    }
  }

  #connect(user: string, isAdministrator: boolean): Session {
    const session = { name: `session ${++this.#count}`, user, isAdministrator, open: new Set<string>() }
    this.#sessions.set(session.name, session)
    const { name } = session
    this.tell({ type: 'connected', session: name, user, ...(isAdministrator ? { administrator: true } : {}) })
    return session
  }

  #open(session: Session, room: string): void {
    if (session.open.has(room)) return
    session.open.add(room)
    const { epoch, line } = this.#room(room)
    this.tell({ type: 'joined', session: session.name, room, epoch, head: line.length })
  }

  #room(room: string): Room {
    const state = this.#rooms.get(room) ?? { epoch: 1, line: [] }
    this.#rooms.set(room, state)
    return state
  }

  #session(name: string): Session {
    const session = this.#sessions.get(name)
    if (session === undefined) throw new Error(`${name} is not connected`)
    return session
  }
}

type Timeless<E> = E extends HistoryEvent ? Omit<E, 't'> : never

function entryOf({ command, id }: Sent, seq: number): Entry {
  return { seq, id, sender: command.sender, hash: command.hash }
}

/** The first event of this type that fits. */
export function eventOf<T extends HistoryEvent['type']>(
  history: readonly HistoryEvent[],
  type: T,
  fits: (event: HistoryEvent & { readonly type: T }) => boolean = () => true,
): HistoryEvent & { readonly type: T } {
  const found = history.find((event): event is HistoryEvent & { readonly type: T } => {
    return event.type === type && fits(event as HistoryEvent & { readonly type: T })
  })
  if (found === undefined) throw new Error(`there is no such ${type}`)
  return found
}

/** The history without these events. */
export function without(
  history: readonly HistoryEvent[],
  isGone: (event: HistoryEvent) => boolean,
): readonly HistoryEvent[] {
  return history.filter((event) => !isGone(event))
}

/** The history with every event of this type changed that fits. */
export function changed<T extends HistoryEvent['type']>(
  history: readonly HistoryEvent[],
  type: T,
  change: (event: HistoryEvent & { readonly type: T }) => Partial<HistoryEvent & { readonly type: T }> | undefined,
): readonly HistoryEvent[] {
  return history.map((event) =>
    event.type === type
      ? ({ ...event, ...change(event as HistoryEvent & { readonly type: T }) } as HistoryEvent)
      : event,
  )
}

/** The history with this event behind the last one that fits. */
export function inserted(
  history: readonly HistoryEvent[],
  event: Timeless<HistoryEvent>,
  isBefore: (event: HistoryEvent) => boolean,
): readonly HistoryEvent[] {
  const at = history.findLastIndex(isBefore)
  const t = history[at]?.t
  if (t === undefined) throw new Error('there is no place for it')
  return [...history.slice(0, at + 1), { ...event, t } as HistoryEvent, ...history.slice(at + 1)]
}
