import { usersNeeded } from '../core/decide.ts'
import { earlierTries } from '../core/identity.ts'
import { Halt } from '../core/life.ts'
import type { Outcome } from '../core/outcome.ts'
import { Failure, failureClass } from '../ports/failure.ts'
import type { LogRecord } from '../ports/log.ts'
import type { Document, EntryId, LetterDocument, RoomId, RoomSnapshot, Timestamp, UserId } from '../ports/store.ts'
import { ends, type Item } from './item.ts'
import type { Ownership } from './ownership.ts'
import { Plan, Waits } from './plan.ts'
import { Needs } from './rooms.ts'
import { Debts, settle } from './settle.ts'

const NOTHING_FOUND: ReadonlyMap<EntryId, Document> = new Map()
const EMPTY_ROOM: RoomSnapshot = { head: 0, document: undefined, members: new Map(), above: [] }
/** Loads of one chunk that contradict each other, before it waits and starts afresh. */
const LOADS_MAX = 4

/**
 * Brings the records of one batch to their ends. It can be broken off anywhere: nothing is committed before everything it owes is
 * paid, and what is done comes out the same when it is done again.
 */
export class Batch {
  readonly #own: Ownership
  readonly #items: readonly Item[]
  /** The record that may die although the flood guard holds. */
  readonly #probe: Item | undefined
  /** Without an end so far, in log order, copies left out. */
  #remaining: Item[]
  /** Other commands under an id of this batch: judged when the first one's end is known. */
  readonly #rivals: Item[]
  readonly #waits = new Waits()
  /** Rooms with entries of this batch that are durable but perhaps not projected, with the highest seq. */
  readonly #unprojected = new Map<RoomId, number>()
  /** Letters whose claims are durable, but perhaps not they themselves. */
  #unwritten: LetterDocument[] = []
  /** Whose number or id was taken by a document that no read has shown yet. */
  #obstacle: { readonly item: Item; readonly seq: number } | undefined
  /** The flood guard stopped this batch: what remains is left undone. */
  #isHeld = false

  constructor(own: Ownership, items: readonly Item[], probe: Item | undefined) {
    this.#own = own
    this.#items = items
    this.#probe = probe
    const { firsts, rivals } = collapse(items)
    this.#remaining = firsts
    this.#rivals = rivals
  }

  /** Returns what was left undone for the flood guard's sake. */
  async run(): Promise<readonly Item[]> {
    await this.#store()
    const debts = this.#settle()
    await this.#publish(debts)
    await this.#commit(debts)
    this.#report()
    return this.#items.filter(({ outcome }) => outcome === undefined)
  }

  // ---- dedupe, load, decide, number, write, project --------------------------------------------------------------------

  async #store(): Promise<void> {
    while (this.#isUndone()) {
      const chunk = this.#isHeld ? [] : this.#remaining.slice(0, this.#own.width)
      try {
        await this.#attempt(chunk)
      } catch (error) {
        await this.#mend(chunk, error)
      }
    }
    this.#own.failpoint('worker:stored')
    this.#measure()
  }

  #isUndone(): boolean {
    const owes = this.#unprojected.size > 0 || this.#unwritten.length > 0
    return owes || (!this.#isHeld && this.#remaining.length > 0)
  }

  async #attempt(chunk: readonly Item[]): Promise<void> {
    const own = this.#own
    for (const item of chunk) item.planned = false
    const found = chunk.length === 0 ? NOTHING_FOUND : await own.store.find(withEarlierTries(chunk))
    const lookedUpAt = await this.#load(chunk, found)
    own.failpoint('worker:loaded')
    this.#checkObstacle(chunk, found)
    const plan = new Plan({
      sha256: own.sha256,
      rooms: own.rooms,
      lanes: own.lanes,
      guard: own.guard,
      isRegistered: own.isRegistered,
      lookedUpAt,
      probe: this.#probe,
      writer: own.writer(),
      waits: this.#waits,
    })
    plan.decide(chunk, found)
    await this.#write(chunk, plan, found)
    own.attempts++
  }

  /** Brings every room the chunk needs into memory, as of one seq each. Returns when the last look-up began. */
  async #load(chunk: readonly Item[], found: ReadonlyMap<EntryId, Document>): Promise<Timestamp> {
    const { store, rooms, users, clock } = this.#own
    const unknown = this.#usersUnknown(chunk, found)
    let lookedUpAt = clock.now()
    for (let loads = 0; loads < LOADS_MAX; loads++) {
      const needs = this.#needs(chunk, found)
      if (needs.size === 0 && (unknown.length === 0 || loads > 0)) return lookedUpAt
      lookedUpAt = clock.now()
      const list = needs.list()
      const loaded = await store.load(list, unknown)
      for (const user of loaded.users) users.add(user)
      for (const need of list) rooms.absorb(need, loaded.rooms.get(need.room) ?? EMPTY_ROOM)
    }
    throw new Failure('ambiguous', 'the rooms of a batch changed with every look at them')
  }

  /** What is missing in memory. A room that has an entry above what is known of it is out of date (R4). */
  #needs(chunk: readonly Item[], found: ReadonlyMap<EntryId, Document>): Needs {
    const { rooms, lanes } = this.#own
    const needs = new Needs()
    for (const item of chunk) {
      const document = found.get(item.id)
      if (document !== undefined) {
        if (document.end === 'stored') this.#needThrough(needs, item.room, document.seq)
      } else if (item.command !== undefined && item.death === undefined && !lanes.waits(item.room, item.sender)) {
        const known = rooms.get(item.room)
        if (known === undefined) needs.add(item.room, undefined)
        for (const user of usersNeeded(item.command)) if (!known?.state.members.has(user)) needs.add(item.room, user)
      }
    }
    for (const [room, seq] of this.#unprojected) this.#needThrough(needs, room, seq)
    return needs
  }

  #needThrough(needs: Needs, room: RoomId, seq: number): void {
    const { rooms } = this.#own
    if ((rooms.get(room)?.state.head ?? -1) >= seq) return
    rooms.forget(room)
    needs.add(room, undefined)
  }

  #usersUnknown(chunk: readonly Item[], found: ReadonlyMap<EntryId, Document>): readonly UserId[] {
    const { users, lanes } = this.#own
    const unknown = new Set<UserId>()
    for (const { command, isSenderKnown, id, room, sender } of chunk)
      if (command !== undefined && !isSenderKnown && !users.has(sender) && !found.has(id) && !lanes.waits(room, sender))
        unknown.add(sender)
    return [...unknown]
  }

  /** R2: where what stood in the way of the last write is not visible yet, nothing may be concluded: wait, then try again. */
  #checkObstacle(chunk: readonly Item[], found: ReadonlyMap<EntryId, Document>): void {
    const { rooms } = this.#own
    const obstacle = this.#obstacle
    if (obstacle === undefined || !chunk.includes(obstacle.item)) return
    const { item, seq } = obstacle
    const isNumberShown = seq > 0 && (rooms.get(item.room)?.state.head ?? 0) >= seq
    // It may also have been rolled back, so only another write can tell.
    this.#obstacle = undefined
    if (found.has(item.id) || isNumberShown) return
    rooms.forget(item.room)
    throw new Failure('ambiguous', `a key of ${item.room} is taken by a document that majority reads do not show yet`)
  }

  /** One ordered write: entries and claims, then letters, projections and how far the partition is. */
  async #write(chunk: readonly Item[], plan: Plan, found: ReadonlyMap<EntryId, Document>): Promise<void> {
    const { own, documents } = { own: this.#own, documents: plan.documents }
    const projections = this.#projections(chunk, plan, found)
    const letters = this.#unwritten.length === 0 ? plan.letters : [...this.#unwritten, ...plan.letters]
    const next = own.prefix.nextOnce(ends)
    const settled = next > own.settled ? { partition: own.partition, next, feed: own.feedEnd } : undefined
    if (documents.length > 0 || letters.length > 0 || projections.length > 0 || settled !== undefined) {
      own.life.check()
      const written = await own.store.write({ documents, letters, projections, settled }).catch((error) => {
        this.#forget(plan)
        throw error
      })
      switch (written.result) {
        case 'all':
          break
        case 'duplicate':
          this.#wrote(chunk, plan, written.at)
          return this.#collided(plan, written.at)
        case 'poison':
          if (written.at === undefined) return this.#doubtful(plan, 'poison', written.cause)
          this.#wrote(chunk, plan, written.at)
          return this.#poisoned(plan, written.at, written.cause)
        case 'unknown':
          return this.#doubtful(
            plan,
            failureClass(written.cause) === 'unknown' ? 'unknown' : 'ambiguous',
            written.cause,
          )
        default:
          written satisfies never
      }
    }
    own.settled = Math.max(own.settled, next)
    this.#wroteAll(chunk, plan)
  }

  #projections(chunk: readonly Item[], plan: Plan, found: ReadonlyMap<EntryId, Document>) {
    const { rooms } = this.#own
    // Who knows of entries that are not projected projects them, whoever wrote them (R3): adopted ones, and what an earlier attempt left.
    for (const { id, room } of found.size === 0 ? [] : chunk) {
      const known = found.get(id)?.end === 'stored' ? rooms.get(room) : undefined
      if (known !== undefined && known.above.length > 0) plan.room(room)
    }
    for (const room of this.#unprojected.keys()) plan.room(room)
    const projections = []
    for (const tentative of plan.rooms.values()) {
      const projection = tentative.projection()
      if (projection !== undefined) projections.push(projection)
    }
    return projections
  }

  #wroteAll(chunk: readonly Item[], plan: Plan): void {
    const { rooms, width, pauses } = this.#own
    pauses.over()
    for (const [i, item] of plan.items.entries()) item.outcome = plan.outcomes[i]
    for (const { known, state } of plan.rooms.values()) rooms.projected(known, state)
    this.#unprojected.clear()
    this.#unwritten = []
    for (const { item, doubt } of plan.waiting) {
      if (doubt !== undefined) item.doubts = Math.max(1, item.doubts)
      item.outcome = { end: 'waiting', doubt: doubt ?? 'behind' }
      this.#waits.add(item)
    }
    this.#isHeld ||= plan.heldAt !== undefined
    this.#remaining = this.#remaining.slice(plan.heldAt ?? chunk.length)
    if (this.#remaining.length === 0) this.#remaining = this.#rivals.splice(0)
    this.#own.width = Math.min(this.#own.settings.batchRecordsMax, 2 * width)
  }

  /** The documents before `at` are in, and nothing else of the request. */
  #wrote(chunk: readonly Item[], plan: Plan, at: number): void {
    const { rooms } = this.#own
    for (let i = 0; i < at; i++) {
      const [item, outcome] = [plan.items[i], plan.outcomes[i]]
      if (item === undefined || outcome === undefined) continue
      item.outcome = outcome
      if (outcome.end === 'stored') rooms.stored(outcome.entry)
    }
    // Adopted ones too: nobody looks them up again, and what they owe was part of the write that failed.
    for (const { room, outcome } of chunk)
      if (outcome?.end === 'stored')
        this.#unprojected.set(room, Math.max(outcome.entry.seq, this.#unprojected.get(room) ?? 0))
    this.#unwritten.push(...plan.letters.filter((letter) => isClaimed(letter, plan, at)))
    for (let i = at; i < plan.items.length; i++) {
      const item = plan.items[i]
      if (item !== undefined) item.planned = false
    }
    const undone = chunk.filter(({ outcome }) => outcome === undefined)
    this.#remaining = [...undone, ...this.#remaining.slice(chunk.length)]
    if (this.#remaining.length === 0) this.#remaining = this.#rivals.splice(0)
  }

  /** Somebody else wrote: forget the room and decide what remains again (R4); a newer owner takes over from here. */
  async #collided(plan: Plan, at: number): Promise<void> {
    const { own, item, document } = { own: this.#own, item: plan.items[at], document: plan.documents[at] }
    if (item === undefined || document === undefined) throw new Failure('unknown', `no document ${at} was written`)
    own.observer.conflict(own.partition)
    own.rooms.forget(item.room)
    this.#obstacle = { item, seq: document.seq }
    if ((await own.store.term(own.partition)) > own.term) throw new Halt('taken_over')
  }

  /** This one can never be written: it dies, the others are decided again. */
  #poisoned(plan: Plan, at: number, cause: unknown): void {
    const item = plan.items[at]
    if (item === undefined) throw new Failure('unknown', `no document ${at} was written`, cause)
    this.#kill(item, 'poison', cause)
  }

  /** Nobody knows what of it is in: forget the rooms; what to do next depends on the class. */
  #doubtful(plan: Plan, failure: 'poison' | 'unknown' | 'ambiguous', cause: unknown): never {
    this.#forget(plan)
    throw new Failure(failure, `the outcome of a write is ${failure}`, cause)
  }

  #forget(plan: Plan): void {
    for (const room of plan.rooms.keys()) this.#own.rooms.forget(room)
    for (const item of plan.items) item.planned = false
  }

  // ---- what failed -----------------------------------------------------------------------------------------------------

  async #mend(chunk: readonly Item[], error: unknown): Promise<void> {
    const { pauses } = this.#own
    this.#own.attempts++
    const failure = failureClass(error)
    if (error instanceof Halt || chunk.length === 0) return pauses.failed('store', error)
    if (failure === 'poison' || failure === 'unknown') return this.#isolate(chunk, failure, error)
    if (failure === 'overload') this.#own.width = Math.max(1, chunk.length >> 1)
    return pauses.failed('store', error)
  }

  /** An error that names no record: halve until one is left, and blame that only when it fails alone, repeatedly. */
  async #isolate(chunk: readonly Item[], failure: 'poison' | 'unknown', error: unknown): Promise<void> {
    const { pauses, settings } = this.#own
    const [item] = chunk
    if (failure === 'unknown') await pauses.failed('store', error)
    if (chunk.length > 1 || item === undefined) {
      this.#own.width = Math.ceil(chunk.length / 2)
      return
    }
    item.failures++
    item.firstFailedAt ??= this.#own.clock.now()
    if (item.death !== undefined) return pauses.failed('store', error)
    if (failure === 'poison' || item.failures >= settings.isolateTriesMax) {
      this.#kill(item, failure, error)
      this.#own.width = settings.batchRecordsMax
    }
  }

  #kill(item: Item, deathClass: 'poison' | 'unknown', cause: unknown): void {
    // Not even its claim could be written: no record's fault any more.
    if (item.death !== undefined) throw new Failure('operator', `the claim of ${item.id} cannot be written`, cause)
    item.firstFailedAt ??= this.#own.clock.now()
    item.death = { class: deathClass, code: 'UNPROCESSABLE', reason: reasonOf(cause) }
  }

  // ---- settle: what each end owes, and then the contiguous prefix, and not one record more ------------------------------

  #settle(): Debts {
    const debts = new Debts()
    for (const item of this.#items) {
      const { first } = item
      if (first !== undefined) item.outcome = first.outcome
      if (item.outcome === undefined) continue
      // What the first one owes pays for its copies.
      if (first !== undefined && item.outcome.end !== 'waiting') debts.finished.push(item)
      else settle(debts, item, item.outcome, this.#own.epoch)
    }
    return debts
  }

  /** The feed is durable before anybody is told, and the dead letters are before the feed. */
  async #publish(debts: Debts): Promise<void> {
    const own = this.#own
    if (debts.letterRecords.length > 0) {
      own.failpoint('dead-letter:before')
      await own.pauses.until('dead_letters', () => this.#appendLetters(debts.letterRecords))
      own.failpoint('dead-letter:after')
    }
    own.failpoint('feed:before')
    for (let from = 0; from < debts.feed.length; from += own.settings.feedRecordsMax) {
      if (from > 0) own.failpoint('feed:partial')
      await this.#publishPiece(debts.feed.slice(from, from + own.settings.feedRecordsMax))
    }
    own.failpoint('feed:after')
  }

  async #appendLetters(records: readonly LogRecord[]): Promise<void> {
    const { partition, logs } = this.#own
    const to = partition % logs.deadLetters.partitions
    try {
      await logs.deadLetters.append(to, records)
    } catch (error) {
      if (failureClass(error) !== 'poison') throw error
      // With its headers a record can be longer than the log takes; the letter itself has it whole.
      await logs.deadLetters.append(to, records.map(withoutValue))
    }
  }

  async #publishPiece(records: readonly LogRecord[]): Promise<void> {
    const own = this.#own
    own.life.check()
    const offsets = await own.pauses.until('feed', () => own.logs.feed.append(own.partition, records))
    own.feedEnd = Math.max(own.feedEnd, (offsets.at(-1) ?? -1) + 1)
  }

  async #commit(debts: Debts): Promise<void> {
    const own = this.#own
    for (const { offset } of debts.finished) own.prefix.finish(offset)
    const now = own.clock.now()
    for (const { item, awaits } of debts.waiting) own.lanes.park(item, awaits, now)
    await own.commit()
    own.failpoint('worker:settled')
  }

  // ---- what is told of it ----------------------------------------------------------------------------------------------

  /** From the log's timestamp to durable, told once for each run of records that the log took together. */
  #measure(): void {
    const { observer, clock } = this.#own
    const now = clock.now()
    let [timestamp, count] = [0, 0]
    for (const { outcome, adopted, record } of this.#items) {
      if (outcome?.end !== 'stored' || adopted) continue
      if (record.timestamp !== timestamp) {
        if (count > 0) observer.latency(Math.max(0, now - timestamp), count)
        timestamp = record.timestamp
        count = 0
      }
      count++
    }
    if (count > 0) observer.latency(Math.max(0, now - timestamp), count)
  }

  #report(): void {
    const { observer, partition, alert } = this.#own
    const dead = { poison: 0, expired: 0, unknown: 0 }
    const counts = { stored: 0, adopted: 0, refused: 0, reused: 0, copies: 0, waiting: 0 }
    for (const item of this.#items) {
      const { outcome } = item
      if (outcome === undefined) continue
      if (item.first !== undefined) counts.copies++
      else if (outcome.end === 'waiting' || outcome.end === 'reused') counts[outcome.end]++
      else if (item.adopted) counts.adopted++
      else if (outcome.end === 'dead') dead[outcome.letter.class]++
      else counts[outcome.end]++
      if (outcome.end === 'dead' && item.first === undefined) alert('dead_letter', alertFields(item, outcome))
    }
    observer.batch({ partition, records: this.#items.length, ...counts, dead })
  }
}

/**
 * Copies inside a batch collapse: each points to the first record with its id, and shares its end.
 * One with the same id and another content is no copy but a rival.
 */
function collapse(items: readonly Item[]): { firsts: Item[]; rivals: Item[] } {
  const byId = new Map<EntryId, Item>()
  const [firsts, rivals]: [Item[], Item[]] = [[], []]
  for (const item of items) {
    item.first = undefined
    item.outcome = undefined
    item.planned = false
    const first = byId.get(item.id)
    if (first === undefined) {
      byId.set(item.id, item)
      firsts.push(item)
    } else if (first.digest === item.digest) item.first = first
    else rivals.push(item)
  }
  return { firsts, rivals }
}

/** A replay is looked up with what it is a new try of (R7). */
function withEarlierTries(chunk: readonly Item[]): readonly { readonly room: RoomId; readonly id: EntryId }[] {
  const earlier = chunk.flatMap(({ room, id, command }) =>
    command === undefined || command.replay === 0 ? [] : earlierTries(id, command.replay).map((id) => ({ room, id })),
  )
  return earlier.length === 0 ? chunk : [...chunk, ...earlier]
}

function isClaimed(letter: LetterDocument, plan: Plan, at: number): boolean {
  const place = plan.documents.findIndex(({ id }) => id === letter.id)
  // A letter without a document here belongs to a claim that was there before.
  return place < at
}

function withoutValue({ key, headers }: LogRecord): LogRecord {
  return { key, headers: { ...headers, 'hf-dlq-value': 'omitted' }, value: new Uint8Array(0) }
}

function reasonOf(cause: unknown): string {
  const text = cause instanceof Error && cause.cause !== undefined ? `${cause.message}: ${cause.cause}` : String(cause)
  return text.slice(0, 1_000)
}

function alertFields(item: Item, { letter }: Outcome & { end: 'dead' }) {
  const { id, room, sender, class: deathClass, code, reason, origin } = letter
  return { id, room, sender, class: deathClass, code, reason, partition: origin.partition, repeated: item.adopted }
}
