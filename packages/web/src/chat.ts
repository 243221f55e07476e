import {
  type Client,
  type ConnectionState,
  connect,
  type Entry,
  HoldfastError,
  type Room,
  type RoomAbout,
  type SearchOptions,
  type SearchResult,
} from '@holdfast/client'
import { newClientId } from './ids.ts'
import { type FailedOutcome, merged, type Pending, unplaced } from './timeline.ts'
import { SeenShelf, together, type Unread, unread } from './unread.ts'
import { isFinal, type Shelf, UnsentShelf } from './unsent.ts'

export interface ChatOptions {
  /** The server's address. */
  readonly url: string
  readonly user: string
  readonly getToken: () => Promise<string>
  /** This window's own storage. */
  readonly window: Shelf
  /** What all windows of this browser share. */
  readonly device: Shelf
  /** The server does not want us back as we are. */
  readonly onEnded: (reason: HoldfastError) => void
  /** After so long without an end a message is shown as not stored; it is tried once more when the connection comes back. */
  readonly sendMsMax?: number
}

/** One line of the list of rooms. */
export interface RoomSummary {
  readonly room: string
  readonly title: string
  readonly about: RoomAbout
  /** The newest thing known of it. */
  readonly newest: Entry | undefined
  readonly unread: Unread
  /** Whether something of ours could not be stored there. */
  readonly hasFailed: boolean
}

/** A room as its window shows it. */
export interface RoomView {
  readonly room: string
  readonly title: string
  readonly about: RoomAbout | undefined
  readonly isMember: boolean
  readonly entries: readonly Entry[]
  readonly head: number
  readonly pending: readonly Pending[]
  /** How far it had been looked at when it was opened, if that was not to the end. */
  readonly seenAtOpen: number | undefined
  /** What came since its end was last in view. */
  readonly unread: Unread
  readonly filling: Filling | undefined
  readonly shown: Shown | undefined
}

/** The message that somebody was led to: a new object each time. `problem` says why it cannot be shown. */
export interface Shown {
  readonly seq: number
  readonly problem: string | undefined
}

/** The hole that is being paged, named by its end; `problem` says why that failed. */
export interface Filling {
  readonly to: number
  readonly problem: string | undefined
}

interface State {
  readonly handle: Room
  entries: readonly Entry[]
  pending: readonly Pending[]
  seenAtOpen: number | undefined
  filling: Filling | undefined
  shown: Shown | undefined
}

/** A room that is not looked at keeps so much of its end. */
const restEntriesMax = 100
/** The room that is looked at is cut to the first of these once it holds more than the second, and its end is in view. */
const openEntriesMin = 400
const openEntriesMax = 1_200
const pageEntries = 50
/** The newest entry of so many rooms is read for the list; the others show it once something happens there. */
const previewRoomsMax = 200

/**
 * Everything this window knows: its rooms, what is loaded of them, one's own messages on their way. Views read from it after each change.
 */
export class Chat {
  readonly user: string
  readonly #client: Client
  readonly #rooms = new Map<string, State>()
  readonly #unsent: UnsentShelf
  readonly #seen: SeenShelf
  readonly #sendMsMax: number
  readonly #listeners = new Set<() => void>()
  #open: string | undefined
  #isReady = false
  #isClosed = false
  #isTelling = false

  constructor({ url, user, getToken, window, device, onEnded, sendMsMax = 30_000 }: ChatOptions) {
    this.#sendMsMax = sendMsMax
    this.user = user
    this.#unsent = new UnsentShelf(window, user)
    this.#seen = new SeenShelf(device, user)
    this.#client = connect({ url, getToken })
    this.#client.on('state', (state) => this.#connectionIs(state))
    this.#client.on('room', (room) => this.#joined(room))
    this.#client.on('left', () => this.#changed())
    this.#client.on('error', (error) => {
      if (this.#client.state === 'closed' && !this.#isClosed) onEnded(error)
    })
    void this.#client.ready().then(
      () => this.#ready(),
      () => {},
    )
    this.#sendUnsent()
  }

  get connection(): ConnectionState {
    return this.#client.state
  }

  /** Whether every room of ours is known. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Calls after every change, once for all of a turn. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Leaves nothing behind. What was not stored stays on the shelf. */
  close(): void {
    this.#isClosed = true
    this.#listeners.clear()
    this.#client.close()
  }

  // ---- rooms ---------------------------------------------------------------------------------------------------------

  /** The liveliest first. */
  list(): readonly RoomSummary[] {
    return [...this.#client.rooms.values()]
      .map((room) => this.#summary(room))
      .sort((one, other) => (other.newest?.at ?? 0) - (one.newest?.at ?? 0) || one.title.localeCompare(other.title))
  }

  /** What is new in the rooms that are not shown. */
  unreadElsewhere(): Unread {
    return together(
      this.list()
        .filter(({ room }) => room !== this.#open)
        .map(({ unread }) => unread),
    )
  }

  view(id: string): RoomView | undefined {
    const state = this.#rooms.get(id)
    if (state === undefined) return undefined
    const { handle, entries, pending, seenAtOpen, filling, shown } = state
    const { about, isMember } = handle
    const head = Math.max(handle.head, entries.at(-1)?.seq ?? 0)
    const title = this.#title(handle)
    return {
      room: id,
      title,
      about,
      isMember,
      entries,
      head,
      pending,
      seenAtOpen,
      unread: this.#unread(state),
      filling,
      shown,
    }
  }

  /** The room that is shown, if any. */
  open(id: string | undefined): void {
    if (this.#open === id) return
    const left = this.#open === undefined ? undefined : this.#rooms.get(this.#open)
    if (left !== undefined) {
      left.entries = left.entries.slice(-restEntriesMax)
      left.shown = undefined
    }
    this.#open = id
    const state = id === undefined ? undefined : this.#rooms.get(id)
    if (state !== undefined) state.seenAtOpen = this.#unreadFrom(state.handle)
    this.#changed()
  }

  /** The end of this room is in view. */
  look(id: string): void {
    const state = this.#rooms.get(id)
    const epoch = state?.handle.position?.epoch
    if (state === undefined || epoch === undefined) return
    const last = state.entries.at(-1)?.seq ?? 0
    if (state.entries.length > openEntriesMax) {
      state.entries = state.entries.slice(-openEntriesMin)
      this.#changed()
    }
    if (last < state.handle.head || (this.#seenOf(state.handle) ?? -1) >= last) return
    this.#seen.write(state.handle.id, epoch, last)
    this.#changed()
  }

  async createDirect(peer: string): Promise<string> {
    const room = await this.#client.createRoom({ kind: 'direct', members: [peer], timeoutMs: this.#sendMsMax })
    return room.id
  }

  async createGroup(name: string, members: readonly string[]): Promise<string> {
    const room = await this.#client.createRoom({ kind: 'group', name, members, timeoutMs: this.#sendMsMax })
    return room.id
  }

  async addMember(room: string, user: string): Promise<void> {
    await this.#client.room(room).addMember(user, { timeoutMs: this.#sendMsMax })
  }

  /** Takes somebody out of a group; oneself, to leave it. */
  async removeMember(room: string, user: string): Promise<void> {
    await this.#client.room(room).removeMember(user, { timeoutMs: this.#sendMsMax })
  }

  // ---- history -------------------------------------------------------------------------------------------------------

  /** Pages one side of a hole, that at which somebody reads; what is left of it becomes a smaller one. */
  async fill(
    id: string,
    { from, to }: { readonly from: number; readonly to: number },
    side: 'start' | 'end' = 'end',
  ): Promise<void> {
    const state = this.#rooms.get(id)
    if (state === undefined || (state.filling !== undefined && state.filling.problem === undefined)) return
    const epoch = state.handle.position?.epoch
    state.filling = { to, problem: undefined }
    this.#changed()
    try {
      const limit = Math.min(pageEntries, to - from + 1)
      const page = await state.handle.page(side === 'end' ? { before: to + 1, limit } : { after: from - 1, limit })
      // A page of another history: the reset that explains it is on its way, or was here.
      if (page.epoch === state.handle.position?.epoch && page.epoch === epoch)
        state.entries = merged(state.entries, page.entries)
      state.filling = undefined
    } catch (error) {
      state.filling = { to, problem: reasonOf(error) }
    }
    this.#changed()
  }

  /** Leads to one message: it and what stands around it are loaded. */
  async show(id: string, seq: number): Promise<void> {
    const state = this.#state(this.#client.room(id))
    const shown: Shown = { seq, problem: undefined }
    state.shown = shown
    this.#changed()
    try {
      await this.#client.ready()
      if (!state.entries.some((entry) => entry.seq === seq)) {
        const page = await state.handle.page({ after: Math.max(0, seq - 1 - pageEntries / 2), limit: pageEntries })
        if (page.epoch === state.handle.position?.epoch) state.entries = merged(state.entries, page.entries)
      }
      if (state.entries.some((entry) => entry.seq === seq)) return
      throw new Error('This message is not there any more.')
    } catch (error) {
      if (state.shown === shown) state.shown = { seq, problem: reasonOf(error) }
    } finally {
      this.#changed()
    }
  }

  #joined(handle: Room): void {
    const state = this.#state(handle)
    if (this.#open === handle.id) state.seenAtOpen ??= this.#unreadFrom(handle)
    this.#changed()
    if (this.#isReady) void this.#preview(handle)
  }

  #state(handle: Room): State {
    const known = this.#rooms.get(handle.id)
    if (known !== undefined) return known
    const state: State = {
      handle,
      entries: [],
      pending: [],
      seenAtOpen: undefined,
      filling: undefined,
      shown: undefined,
    }
    this.#rooms.set(handle.id, state)
    handle.on('entry', (entry) => this.#said(state, [entry]))
    // What was missed while away is a hole like unread history: read when somebody looks.
    handle.on('gap', ({ skip }) => {
      skip()
      this.#changed()
    })
    handle.on('reset', () => {
      state.entries = []
      state.filling = undefined
      state.seenAtOpen = undefined
      state.shown = undefined
      this.#changed()
    })
    return state
  }

  #said(state: State, entries: readonly Entry[]): void {
    state.entries = merged(state.entries, entries)
    if (state.handle.id !== this.#open) state.entries = state.entries.slice(-restEntriesMax)
    this.#settle(state)
    this.#changed()
  }

  async #ready(): Promise<void> {
    this.#isReady = true
    this.#changed()
    for (const handle of [...this.#client.rooms.values()].slice(0, previewRoomsMax)) await this.#preview(handle)
  }

  /** The newest entry, for the list. */
  async #preview(handle: Room): Promise<void> {
    const state = this.#state(handle)
    if (this.#isClosed || handle.head === 0 || state.entries.length > 0) return
    const page = await handle.page({ limit: 1 }).catch(() => undefined)
    if (page !== undefined && page.epoch === handle.position?.epoch) this.#said(state, page.entries)
  }

  // ---- search --------------------------------------------------------------------------------------------------------

  /** Finds messages of our rooms. Rejects with a HoldfastError. */
  search(words: string, options: SearchOptions): Promise<SearchResult> {
    return this.#client.search(words, options)
  }

  /** Whose messages one might look for: those who are known by name here, in order. */
  people(): readonly string[] {
    const names = new Set([this.user])
    for (const { handle, entries } of this.#rooms.values()) {
      for (const name of handle.about?.pair ?? []) names.add(name)
      for (const { sender } of entries) names.add(sender)
    }
    return [...names].sort((one, other) => one.localeCompare(other))
  }

  titleOf(room: string): string {
    return this.#title(this.#client.room(room))
  }

  // ---- one's own messages --------------------------------------------------------------------------------------------

  send(room: string, text: string): void {
    const now = Date.now()
    const clientId = newClientId(now, crypto.getRandomValues(new Uint8Array(10)))
    const message: Pending = { clientId, text, at: now, id: undefined, status: { state: 'sending' } }
    const state = this.#state(this.#client.room(room))
    state.pending = [...state.pending, message]
    this.#shelve()
    void this.#deliver(state, message, false)
  }

  /** Keeps the message's identity where nothing final is known of it, so that it cannot be doubled; else it is a new message. */
  tryAgain(room: string, clientId: string): void {
    const state = this.#rooms.get(room)
    const message = state?.pending.find((pending) => pending.clientId === clientId)
    if (state === undefined || message?.status.state !== 'failed') return
    if (isFinal(message.status.outcome)) {
      this.discard(room, clientId)
      this.send(room, message.text)
    } else {
      this.#update(state, clientId, { status: { state: 'sending' } })
      void this.#deliver(state, message, true)
    }
  }

  /** Forgets a message that failed. */
  discard(room: string, clientId: string): void {
    const state = this.#rooms.get(room)
    if (state === undefined) return
    state.pending = state.pending.filter((pending) => pending.clientId !== clientId)
    this.#shelve()
  }

  async #deliver(state: State, { clientId, text }: Pending, again: boolean): Promise<void> {
    try {
      const { id, seq } = await state.handle.send(text, {
        clientId,
        again,
        timeoutMs: this.#sendMsMax,
        onAccepted: ({ id }) => this.#update(state, clientId, { id, status: { state: 'accepted' } }),
      })
      this.#update(state, clientId, { id, status: { state: 'stored', seq } })
    } catch (error) {
      if (this.#isClosed) return
      const outcome = error instanceof HoldfastError ? (error.outcome ?? 'unknown') : 'unknown'
      this.#update(state, clientId, { status: { state: 'failed', outcome, message: reasonOf(error, outcome) } })
    }
  }

  #update(state: State, clientId: string, change: Partial<Pending>): void {
    state.pending = state.pending.map((pending) =>
      pending.clientId === clientId ? { ...pending, ...change } : pending,
    )
    this.#settle(state)
    this.#shelve()
  }

  /** Whoever has a place in history needs no line of its own any more. */
  #settle(state: State): void {
    const left = unplaced(state.pending, state.entries, this.user)
    // Without an answer yet only the view leaves it out: the answer may still say something else.
    state.pending = state.pending.filter((pending) => left.includes(pending) || pending.id === undefined)
  }

  #sendUnsent(): void {
    for (const [room, messages] of Object.entries(this.#unsent.read())) {
      const state = this.#state(this.#client.room(room))
      state.pending = messages
      for (const message of messages) if (message.status.state === 'sending') void this.#deliver(state, message, true)
    }
  }

  #shelve(): void {
    this.#unsent.write([...this.#rooms].map(([room, { pending }]) => [room, pending] as const))
    this.#changed()
  }

  // ---- the rest ------------------------------------------------------------------------------------------------------

  #connectionIs(state: ConnectionState): void {
    if (state === 'live') {
      for (const [room, { pending }] of this.#rooms) {
        for (const { clientId, status } of pending) {
          if (status.state === 'failed' && !isFinal(status.outcome)) this.tryAgain(room, clientId)
        }
      }
    }
    this.#changed()
  }

  #summary(handle: Room): RoomSummary {
    const state = this.#state(handle)
    const newest = state.entries.at(-1)
    return {
      room: handle.id,
      title: this.#title(handle),
      about: handle.about ?? { kind: 'group', owner: '', memberCount: 0 },
      newest,
      unread: this.#unread(state),
      hasFailed: unplaced(state.pending, state.entries, this.user).some(({ status }) => status.state === 'failed'),
    }
  }

  /** A direct room is called by whoever else is in it. */
  #title({ id, about }: Room): string {
    const peer = about?.pair?.find((user) => user !== this.user)
    return peer ?? about?.name ?? id
  }

  /** Whoever spoke last has seen what was there. */
  #unread({ handle, entries }: State): Unread {
    return entries.at(-1)?.sender === this.user ? { unread: 'none' } : unread(handle.head, this.#seenOf(handle))
  }

  #seenOf({ id, position }: Room): number | undefined {
    return position === undefined ? undefined : this.#seen.read(id, position.epoch)
  }

  /** Behind which entry the unread ones begin, if there are any and the reader has been here before. */
  #unreadFrom(handle: Room): number | undefined {
    const seen = this.#seenOf(handle)
    return seen !== undefined && seen < handle.head ? seen : undefined
  }

  #changed(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    queueMicrotask(() => {
      this.#isTelling = false
      for (const listener of [...this.#listeners]) listener()
    })
  }
}

function reasonOf(error: unknown, outcome?: FailedOutcome): string {
  if (outcome === 'unknown') return 'no answer yet, it may or may not have arrived.'
  if (error instanceof HoldfastError) return error.message
  return error instanceof Error ? error.message : String(error)
}
