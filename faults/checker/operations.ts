import type { Answer, Begin, Command, Entry, TryEvent } from './history.ts'
import { entryOf, keyOf } from './ordered.ts'

/** An event with its place in the history, which is its place in time. */
export interface At<E> {
  readonly at: number
  readonly event: E
}

export interface Try {
  readonly begin: At<Begin>
  accepted: At<TryEvent & { type: 'accepted' }> | undefined
  failed: At<TryEvent & { type: 'failed' }> | undefined
  isGivenUp: boolean
  /** There should be one at most. */
  readonly ends: At<Answer>[]
}

/** (room, sender, clientId), and which replay: what a command is for life. Several contents may contend for it. */
export interface Identity {
  /** By the hash of their content. */
  readonly operations: Map<string, Operation>
  /** There should be one. */
  readonly ids: Set<string>
}

/** All tries of one command. */
export class Operation {
  readonly command: Command
  readonly identity: Identity
  /** Its first begin: before that it cannot have happened. */
  readonly begin: At<Begin>
  readonly tries: Try[] = []
  /** Who keeps its order, and its place there; undefined where nobody does. */
  client: string | undefined
  orderedAt: number
  isAbandoned = false

  constructor(begin: At<Begin>, identity: Identity) {
    this.command = begin.event.command
    this.identity = identity
    this.begin = begin
    this.client = begin.event.client
    this.orderedAt = begin.at
  }

  get begun(): number {
    return this.begin.at
  }

  /** The first answer of any kind: from here on it may not be lost. */
  get acknowledged(): At<TryEvent> | undefined {
    return first(this.tries.flatMap(({ accepted, ends }) => [...(accepted === undefined ? [] : [accepted]), ...ends]))
  }

  /** The first answer that says that it is in the log. */
  get durable(): At<TryEvent> | undefined {
    const stored = this.ends.filter(({ event }) => event.type === 'stored')
    return first([...this.tries.flatMap(({ accepted }) => accepted ?? []), ...stored])
  }

  /** In the order in which they came. */
  get ends(): readonly At<Answer>[] {
    return this.tries.flatMap(({ ends }) => ends).sort((a, b) => a.at - b.at)
  }

  /** Not one of its tries can have been appended. */
  get isImpossible(): boolean {
    return this.tries.every(isCertainlyFailed)
  }

  /** Whether nobody but its client can have brought it into the log. */
  get isOfItsClientOnly(): boolean {
    return this.tries.every((one) => isCertainlyFailed(one) || one.begin.event.client === this.client)
  }

  get name(): string {
    const { kind, sender, clientId, room, replay } = this.command
    return `${kind} ${clientId}${replay === undefined ? '' : ` (replay ${replay})`} of ${sender} in ${room}`
  }
}

function isCertainlyFailed({ accepted, failed, ends }: Try): boolean {
  return failed !== undefined && accepted === undefined && ends.length === 0
}

function first(events: readonly At<TryEvent>[]): At<TryEvent> | undefined {
  let earliest: At<TryEvent> | undefined
  for (const event of events) if (earliest === undefined || event.at < earliest.at) earliest = event
  return earliest
}

/** Every operation of a run, by its tries, its identity, its content and its id. */
export class Operations {
  readonly all: Operation[] = []
  /** What the history itself has wrong. */
  readonly flaws: string[] = []
  readonly #byTry = new Map<string, { readonly operation: Operation; readonly one: Try }>()
  readonly #contents = new Set<string>()
  readonly #identities = new Map<string, Identity>()
  readonly #byId = new Map<string, Set<Identity>>()
  readonly #byIdAndHash = new Map<string, Operation>()
  /** Those whose id nobody has told, by what an entry shows of them; made when the first id is asked for. */
  #nameless: Map<string, Operation[]> | undefined

  add(at: number, event: TryEvent): void {
    if (event.type === 'begin') {
      this.#begin({ at, event })
      return
    }
    const known = this.#byTry.get(event.try)
    if (known === undefined) this.flaws.push(`${event.type} answers the try ${event.try}, which nobody began`)
    else this.#answer(known.operation, known.one, at, event)
  }

  get tries(): Iterable<{ readonly operation: Operation; readonly one: Try }> {
    return this.#byTry.values()
  }

  commandOf(name: string): Command | undefined {
    return this.#byTry.get(name)?.operation.command
  }

  get identities(): Iterable<Identity> {
    return this.#identities.values()
  }

  /** What this one is a replay of, where somebody is known to have asked for that. */
  replayedBy({ command: { room, sender, clientId, hash, replay = 0 } }: Operation): Operation | undefined {
    if (replay === 0) return undefined
    return this.#identities.get(keyOf(room, sender, clientId, replay - 1))?.operations.get(hash)
  }

  identitiesOf(id: string): ReadonlySet<Identity> {
    return this.#byId.get(id) ?? NONE
  }

  /** The operation with this id, of this content where it is known. */
  ofId(id: string, hash?: string): Operation | undefined {
    if (hash !== undefined) return this.#byIdAndHash.get(keyOf(id, hash))
    for (const { operations } of this.identitiesOf(id)) for (const operation of operations.values()) return operation
    return undefined
  }

  /** The operation that this entry is: of this id, this content, this sender and this room. */
  ofEntry(room: string, { id, sender, hash }: Entry): Operation | undefined {
    const found = this.ofId(id, hash)
    return found?.command.room === room && found.command.sender === sender ? found : undefined
  }

  /** Whether somebody asked for exactly this, under whatever identity. */
  isAskedFor(room: string, { sender, hash }: Entry): boolean {
    return this.#contents.has(keyOf(room, sender, hash))
  }

  /** An id that nobody has told belongs to the next operation with this content that has none. */
  name(room: string, { id, sender, hash }: Entry): void {
    if (this.#byId.has(id)) return
    this.#nameless ??= this.#listNameless()
    const nameless = this.#nameless.get(keyOf(room, sender, hash)) ?? []
    let operation = nameless.pop()
    // A rival of it may have been named meanwhile, and so has it.
    while (operation !== undefined && operation.identity.ids.size > 0) operation = nameless.pop()
    if (operation !== undefined) this.#tell(operation.identity, id)
  }

  #begin(begin: At<Begin>): void {
    const { command, client } = begin.event
    const { room, sender, clientId, hash, replay = 0 } = command
    const key = keyOf(room, sender, clientId, replay)
    const identity = entryOf(this.#identities, key, () => ({ operations: new Map(), ids: new Set<string>() }))
    const operation = identity.operations.get(hash) ?? this.#added(begin, identity)
    if (operation.isAbandoned) {
      operation.client = client
      operation.orderedAt = begin.at
      operation.isAbandoned = false
    }
    const one: Try = { begin, accepted: undefined, failed: undefined, isGivenUp: false, ends: [] }
    if (this.#byTry.has(begin.event.try)) this.flaws.push(`the try ${begin.event.try} begins twice`)
    operation.tries.push(one)
    this.#byTry.set(begin.event.try, { operation, one })
  }

  #added(begin: At<Begin>, identity: Identity): Operation {
    const { room, sender, hash, id } = begin.event.command
    const operation = new Operation(begin, identity)
    this.all.push(operation)
    identity.operations.set(hash, operation)
    this.#contents.add(keyOf(room, sender, hash))
    for (const known of identity.ids) this.#byIdAndHash.set(keyOf(known, hash), operation)
    if (id !== undefined) this.#tell(identity, id)
    return operation
  }

  #answer(operation: Operation, one: Try, at: number, event: Exclude<TryEvent, Begin>): void {
    switch (event.type) {
      case 'accepted':
        one.accepted ??= { at, event }
        this.#tell(operation.identity, event.id)
        return
      case 'stored':
        this.#tell(operation.identity, event.id)
        one.ends.push({ at, event })
        return
      case 'refused':
      case 'dead':
        one.ends.push({ at, event })
        return
      case 'failed':
        one.failed ??= { at, event }
        return
      case 'abandoned':
        operation.isAbandoned = true
        return
      case 'unknown':
        one.isGivenUp = true
        return
    }
    event satisfies never
  }

  #tell(identity: Identity, id: string): void {
    if (identity.ids.has(id)) return
    identity.ids.add(id)
    entryOf(this.#byId, id, () => new Set<Identity>()).add(identity)
    for (const [hash, operation] of identity.operations) this.#byIdAndHash.set(keyOf(id, hash), operation)
  }

  #listNameless(): Map<string, Operation[]> {
    const nameless = new Map<string, Operation[]>()
    for (const operation of this.all.toReversed()) {
      const { room, sender, hash } = operation.command
      if (operation.identity.ids.size === 0) entryOf(nameless, keyOf(room, sender, hash), () => []).push(operation)
    }
    return nameless
  }
}

const NONE: ReadonlySet<Identity> = new Set()
