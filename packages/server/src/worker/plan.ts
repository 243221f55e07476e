import type { ErrorCode } from '@holdfast/protocol'
import { type Decision, type Doubt, decide } from '../core/decide.ts'
import type { FloodGuard } from '../core/flood.ts'
import { earlierTries } from '../core/identity.ts'
import type { Lanes } from '../core/lanes.ts'
import type { Death, Outcome } from '../core/outcome.ts'
import type {
  Content,
  Document,
  EntryDocument,
  EntryId,
  LetterDocument,
  RoomId,
  Timestamp,
  UserId,
} from '../ports/store.ts'
import type { Sha256 } from '../ports/system.ts'
import { claimOf, endFrom, type Item, letterOf, tellable, type Writer } from './item.ts'
import { type Rooms, Tentative } from './rooms.ts'

/** What a decision may look at. */
export interface Knowledge {
  readonly sha256: Sha256
  readonly rooms: Rooms
  readonly lanes: Lanes<Item>
  readonly guard: FloodGuard
  readonly isRegistered: (user: UserId) => boolean
  /** When the look-up of rooms and users began. */
  readonly lookedUpAt: Timestamp
  /** The record that may die although the flood guard holds. */
  readonly probe: Item | undefined
  readonly writer: Writer
  /** What this batch has found to wait before this chunk. */
  readonly waits: Waits
}

/** Where something waits: lanes, in which everything later waits too, and rooms, in which no refusal is final (R6). */
export class Waits {
  readonly #lanes = new Set<string>()
  readonly #rooms = new Set<RoomId>()

  add(item: Item): void {
    this.#lanes.add(laneKey(item))
    this.#rooms.add(item.room)
  }

  inLane(item: Item): boolean {
    return this.#lanes.size > 0 && this.#lanes.has(laneKey(item))
  }

  inRoom(room: RoomId): boolean {
    return this.#rooms.has(room)
  }
}

/**
 * What is to be written of a chunk: entries and claims in log order (R5), tentative until the write succeeds.
 * `items[i]` ends in `outcomes[i]` once `documents[i]` is in.
 */
export class Plan {
  readonly documents: Document[] = []
  readonly items: Item[] = []
  readonly outcomes: Outcome[] = []
  readonly letters: LetterDocument[] = []
  readonly rooms = new Map<RoomId, Tentative>()
  readonly waiting: { readonly item: Item; readonly doubt: Doubt | undefined }[] = []
  /** The flood guard holds the chunk here. */
  heldAt: number | undefined
  readonly #known: Knowledge
  readonly #waits = new Waits()
  /** Lanes whose doubt is given up: all their records with the same doubt go with the first. */
  readonly #givenUp = new Set<string>()

  constructor(known: Knowledge) {
    this.#known = known
  }

  /** Decides the records in order, each on a state that includes what was decided before it. */
  decide(chunk: readonly Item[], found: ReadonlyMap<EntryId, Document>): void {
    for (const [at, item] of chunk.entries()) {
      const document = found.get(item.id)
      if (document !== undefined) this.#adopt(item, document)
      else if (this.#laneWaits(item)) this.#wait(item, undefined)
      else if (this.#isStoredBefore(item, found))
        this.#refuse(item, 'ALREADY', 'What this replays was stored after all.')
      else if (!this.#decideOne(item)) {
        this.heldAt = at
        return
      }
    }
  }

  room(room: RoomId): Tentative {
    let tentative = this.rooms.get(room)
    if (tentative === undefined) {
      const known = this.#known.rooms.get(room)
      if (known === undefined) throw new Error(`room ${room} was not loaded`)
      tentative = new Tentative(known)
      this.rooms.set(room, tentative)
    }
    return tentative
  }

  /** R7: after a restore, what was dead and replayed may be stored by itself; then it is not stored again. */
  #isStoredBefore({ id, command, death }: Item, found: ReadonlyMap<EntryId, Document>): boolean {
    if (command === undefined || command.replay === 0 || death !== undefined) return false
    const isPlanned = (tried: EntryId) =>
      this.documents.some((planned) => planned.id === tried && planned.end === 'stored')
    return earlierTries(id, command.replay).some((tried) => found.get(tried)?.end === 'stored' || isPlanned(tried))
  }

  /** False: the flood guard does not let this one die now. */
  #decideOne(item: Item): boolean {
    const { command, death, isSenderKnown } = item
    if (death !== undefined) return this.#die(item, death)
    if (command === undefined) throw new Error(`record ${item.offset} has neither a command nor a reason to die`)
    const tentative = this.room(command.room)
    const decision: Decision = decide(
      tentative.state,
      command,
      isSenderKnown || this.#known.isRegistered(command.sender),
    )
    switch (decision.decision) {
      case 'entry':
        this.#store(item, tentative, decision.content)
        return true
      case 'refusal':
        // R6: what still waits before it may change the answer.
        if (this.#roomWaits(item.room)) this.#wait(item, undefined)
        else this.#refuse(item, decision.code, decision.message)
        return true
      case 'doubt':
        if (!this.#givesUp(item)) this.#wait(item, decision.doubt)
        else return this.#die(item, expired(decision.doubt))
        return true
    }
    decision satisfies never
  }

  #adopt(item: Item, document: Document): void {
    const outcome = endFrom(item, document, this.#known.writer)
    item.outcome = outcome
    item.adopted = true
    // A crash may have come between the claim and its letter.
    if (outcome.end === 'dead') this.letters.push(outcome.letter)
  }

  #store(item: Item, tentative: Tentative, content: Content): void {
    const { id, digest, room, sender, offset, timestamp, command } = item
    const seq = tentative.state.head + 1
    const at = command?.at ?? timestamp
    const entry: EntryDocument = { end: 'stored', id, room, seq, sender, at, digest, origin: offset, content }
    tentative.add(entry)
    this.#write(item, entry, { end: 'stored', entry })
  }

  #refuse(item: Item, code: ErrorCode, message: string): void {
    const claim = claimOf(this.#known.sha256, item, 'refused', code, message, undefined)
    this.#write(item, claim, { end: 'refused', claim })
  }

  #die(item: Item, death: Death): boolean {
    const { guard, writer, probe, sha256 } = this.#known
    // Expired doubts are the senders' matter; what else kills commands of many senders may be ours.
    if (death.class !== 'expired' && !guard.admit(floodKey(item), writer.now, item === probe)) return false
    const claim = claimOf(sha256, item, 'dead', death.code, tellable(death), death.class)
    const letter = letterOf(item, death, writer)
    this.letters.push(letter)
    this.#write(item, claim, { end: 'dead', claim, letter })
    return true
  }

  #write(item: Item, document: Document, outcome: Outcome): void {
    item.planned = true
    this.documents.push(document)
    this.items.push(item)
    this.outcomes.push(outcome)
  }

  #wait(item: Item, doubt: Doubt | undefined): void {
    this.waiting.push({ item, doubt })
    this.#waits.add(item)
  }

  #laneWaits(item: Item): boolean {
    const { waits, lanes } = this.#known
    return this.#waits.inLane(item) || waits.inLane(item) || lanes.waits(item.room, item.sender)
  }

  #roomWaits(room: RoomId): boolean {
    const { waits, lanes } = this.#known
    return this.#waits.inRoom(room) || waits.inRoom(room) || lanes.waitsIn(room)
  }

  #givesUp(item: Item): boolean {
    const lane = laneKey(item)
    if (this.#givenUp.has(lane)) return true
    if (!this.#known.lanes.givesUp(item, this.#known.lookedUpAt)) return false
    this.#givenUp.add(lane)
    return true
  }
}

function laneKey({ room, sender }: Item): string {
  return `${room}\0${sender}`
}

/** A record without a sender counts by its key: one broken producer is still one. */
function floodKey({ sender, record }: Item): string {
  return sender === '' ? `key ${record.key}` : `sender ${sender}`
}

function expired({ code, user }: Doubt): Death {
  return {
    class: 'expired',
    code,
    reason: `The sender ${user} was not registered in time; register them, then replay.`,
  }
}
