import assert from 'node:assert/strict'
import { Failure, failureClass } from '../../../src/ports/failure.ts'
import type {
  Document,
  EntryId,
  Projection,
  RoomId,
  RoomSnapshot,
  RoomView,
  Store,
  WriteRequest,
  Written,
} from '../../../src/ports/store.ts'
import { claim, entry, letter, room as roomDocument, view } from '../../conformance/documents.ts'
import type { Chance } from '../chance.ts'
import { type Backup, SimulatedStore } from '../store.ts'
import type { Trial } from '../trial.ts'

const ROOMS: readonly RoomId[] = ['r1', 'r2']
const PARTITIONS = 2
const COMMANDS = 40
const CERTAIN: ReadonlySet<string> = new Set(['transient', 'overload', 'full', 'operator'])
const STEPS = 25
/** After healing everybody has an answer within so much virtual time. */
const DRAIN_MS_MAX = 60_000

/**
 * Writers and readers that do as they please on one simulated store while it fails, and judge it by what `ports/store.ts` promises: whatever a majority
 * read has shown stays as it is, `all` is never taken back, and nothing is told before what it rests on.
 */
export class Workload {
  readonly store: SimulatedStore
  /** Writes with an answer, whatever it was. */
  answered = 0
  readonly #trial: Trial
  readonly #chance: Chance
  /** What majority reads have shown, since the last restore. */
  #seen = new Known()
  /** Documents said to be in, and those of calls that certainly did nothing. */
  readonly #promised = new Set<Document>()
  readonly #denied = new Set<Document>()
  readonly #terms: number[] = []
  /** By the offset they settle: what each of these writes was to have written by then. */
  readonly #settling = new Map<number, readonly Document[]>()
  #offsets = 0
  #writers: Writer[] = []
  #names = 0
  #restores = 0
  /** The first promise that was broken. */
  #broken: unknown

  constructor(trial: Trial) {
    this.#trial = trial
    this.#chance = trial.chance.fork()
    this.store = new SimulatedStore(trial, PARTITIONS)
  }

  async run(): Promise<void> {
    for (let i = 0; i < 3; i++) this.#start()
    const reader = this.#read()
    let backup: Backup | undefined
    for (let i = 0; i < STEPS; i++) {
      await this.#trial.clock.pass(this.#chance.between(1, 2_000))
      backup = this.#trouble(backup)
    }
    this.#trial.heal()
    this.store.heal()
    for (const { name } of this.#writers) this.store.thaw(name)
    for (const writer of this.#writers) writer.isOver = true
    const ended = this.#trial.settled(Promise.all([reader, ...this.#writers.map(({ running }) => running)]))
    const isDrained = await this.#trial.clock.until(ended, DRAIN_MS_MAX)
    if (this.#broken !== undefined) throw this.#broken
    assert.ok(isDrained, 'not everybody was answered after healing')
    await this.#judge()
  }

  // ---- what happens to it ----------------------------------------------------------------------------------------------

  #trouble(backup: Backup | undefined): Backup | undefined {
    const chance = this.#chance
    const writer = this.#writers[chance.below(this.#writers.length)]
    if (writer === undefined) return backup
    const { name } = writer
    switch (chance.below(12)) {
      case 0:
        this.#crash(writer)
        this.#start()
        break
      case 1: {
        this.store.freeze(name)
        this.#trial.clock.after(chance.between(1, 60_000), () => this.store.thaw(name))
        break
      }
      case 2:
        return this.store.backup()
      case 3:
        if (backup !== undefined && chance.happens(0.3)) this.#restore(backup)
        break
    }
    return backup
  }

  #restore(backup: Backup): void {
    for (const writer of [...this.#writers]) this.#crash(writer)
    this.store.restore(backup, { raisesEpochs: this.#chance.happens(0.5) })
    this.#restores++
    this.#seen = new Known()
    this.#promised.clear()
    for (let i = 0; i < 3; i++) this.#start()
  }

  #crash(writer: Writer): void {
    this.store.crash(writer.name)
    writer.isOver = true
    this.#writers = this.#writers.filter((other) => other !== writer)
  }

  // ---- writers ---------------------------------------------------------------------------------------------------------

  #start(): void {
    const name = `w${++this.#names}`
    const writer: Writer = { name, isOver: false, running: Promise.resolve() }
    this.#writers.push(writer)
    writer.running = this.#write(writer, this.store.connect(name))
  }

  async #write(writer: Writer, store: Store): Promise<void> {
    const known: Causal = { heads: new Map(), epochs: new Map() }
    while (!writer.isOver) {
      await this.#trial.clock.sleep(this.#chance.between(1, 300))
      if (writer.isOver) return
      await this.#step(writer, store, known).catch((error: unknown) => this.#note(error))
    }
  }

  /** Failures are what engines are asked to have here; everything else is a broken promise. */
  #note(error: unknown): void {
    if (!(error instanceof Failure) || error.class === 'closed') this.#broken ??= error
  }

  async #step(writer: Writer, store: Store, known: Causal): Promise<void> {
    const { timeline } = store
    const partition = this.#chance.below(PARTITIONS)
    switch (this.#chance.below(8)) {
      case 0: {
        const { term } = await timeline.lease(partition, writer.name)
        assert.ok(!this.#terms.includes(partition * 1e6 + term), `term ${term} was told to two`)
        this.#terms.push(partition * 1e6 + term)
        return
      }
      case 1: {
        const restores = this.#restores
        const epoch = await timeline.epoch(partition)
        assert.ok(restores !== this.#restores || epoch >= (known.epochs.get(partition) ?? 1), 'an epoch was lowered')
        const raised = await timeline.raiseEpoch(partition, epoch + this.#chance.below(2))
        assert.ok(raised >= epoch)
        if (restores === this.#restores) known.epochs.set(partition, raised)
        return
      }
      case 2:
        await this.#lookUpSettled(store, partition)
        return
      default:
        await this.#write1(writer, store, known)
    }
  }

  async #lookUpSettled({ timeline }: Store, partition: number): Promise<void> {
    const restores = this.#restores
    const settled = await timeline.settled(partition)
    const documents = settled === undefined ? [] : (this.#settling.get(settled.next) ?? [])
    const found = await timeline.find(documents)
    if (restores !== this.#restores) return
    for (const document of documents)
      assert.equal(found.get(document.id), document, `${settled?.next} is settled without ${document.id}`)
  }

  async #write1(writer: Writer, { timeline }: Store, known: Causal): Promise<void> {
    const restores = this.#restores
    const room = this.#chance.pick(ROOMS)
    const { rooms } = await timeline.load([{ room, users: ['alice'] }], [])
    const snapshot = rooms.get(room)
    if (snapshot === undefined || restores !== this.#restores) return
    this.#checkSnapshot(room, snapshot, known)
    const request = this.#request(writer, room, snapshot)
    const written = await timeline.write(request).catch((error: unknown) => {
      assert.ok(CERTAIN.has(failureClass(error)), `a write failed as ${String(error)}`)
      for (const document of request.documents) this.#denied.add(document)
      throw error
    })
    if (restores !== this.#restores) return
    await this.#believe(timeline, request, written, restores)
  }

  #request(writer: Writer, room: RoomId, snapshot: RoomSnapshot): WriteRequest {
    const chance = this.#chance
    const head = snapshot.above.at(-1)?.seq ?? snapshot.head
    const documents: Document[] = []
    let seq = head
    for (let i = chance.between(0, 5); i > 0; i--) {
      const id = `${room}/c${chance.below(COMMANDS)}`
      if (chance.happens(0.2)) documents.push(claim(room, id, { sender: writer.name }))
      else documents.push(entry(room, ++seq, { id, sender: writer.name, digest: id }))
    }
    const projections = seq === snapshot.head ? [] : [projectionOf(room, seq)]
    const letters = documents.filter(({ end }) => end !== 'stored').map(({ id }) => letter(id, { worker: writer.name }))
    const next = ++this.#offsets
    this.#settling.set(next, documents)
    const settled = chance.happens(0.5) ? { partition: chance.below(PARTITIONS), next, feed: 0 } : undefined
    return { documents, letters, projections, settled }
  }

  /** What the answer says has to be there at once for this process, and for ever for everybody. */
  async #believe(
    timeline: Store['timeline'],
    request: WriteRequest,
    written: Written,
    restores: number,
  ): Promise<void> {
    this.answered++
    const { documents } = request
    let count = 0
    if (written.result === 'all') count = documents.length
    else if (written.result === 'duplicate') count = written.at
    else if (written.result === 'poison') {
      count = written.at ?? 0
      const { id } = documents[written.at ?? -1] ?? {}
      assert.ok(id === undefined || this.store.poisoned.has(id), `${id} is no poison`)
    }
    const told = documents.slice(0, count)
    for (const document of told) this.#promised.add(document)
    const found = await timeline.find(told)
    if (restores !== this.#restores) return
    for (const document of told) assert.equal(found.get(document.id), document, `${document.id} was told to be in`)
  }

  #checkSnapshot(room: RoomId, { head, document, members, above }: RoomSnapshot, known: Causal): void {
    assert.ok(head >= (known.heads.get(room) ?? 0), 'a head went back for one process')
    known.heads.set(room, head)
    assert.ok((document?.seq ?? 0) >= head, 'the head is above the document')
    assert.ok((members.get('alice')?.seq ?? 0) >= head, 'the head is above a member')
    for (const found of above) {
      assert.ok(found.seq > head)
      this.#seen.see(found)
    }
  }

  // ---- readers ---------------------------------------------------------------------------------------------------------

  async #read(): Promise<void> {
    const { history, audit, letters } = this.store.connect('reader')
    while (!this.#isOver) {
      await this.#trial.clock.sleep(this.#chance.between(1, 500))
      const restores = this.#restores
      const room = this.#chance.pick(ROOMS)
      try {
        const shown = await history.view(view(room, { user: 'alice' }))
        if (restores === this.#restores) this.#checkView(room, shown)
        const { outcomes } = await history.survey(['alice'], [{ room, id: `${room}/c${this.#chance.below(COMMANDS)}` }])
        if (restores === this.#restores) for (const document of outcomes.values()) this.#seen.see(document)
        if (!this.#chance.happens(0.2)) continue
        const { items } = await letters.list(undefined, undefined, 3)
        assert.ok(items.length <= 3)
        const documents = await audit.documents(undefined, 1_000)
        if (restores === this.#restores) for (const document of documents) this.#seen.see(document)
      } catch (error) {
        this.#note(error)
      }
    }
  }

  get #isOver(): boolean {
    return this.#writers.every(({ isOver }) => isOver)
  }

  #checkView(room: RoomId, { head, document, entries, member }: RoomView): void {
    for (const shown of entries) {
      assert.ok(shown.seq <= head && shown.room === room)
      this.#seen.see(shown)
    }
    assert.ok(head === 0 || entries.at(-1)?.seq === head, 'what the head tells of is not there')
    assert.ok((document?.seq ?? 0) >= head && (member?.seq ?? 0) >= head, `a head ${head} is above what is projected`)
  }

  // ---- the end ---------------------------------------------------------------------------------------------------------

  async #judge(): Promise<void> {
    const { audit, letters } = this.store.connect('judge')
    const documents = await this.#trial.outcome(audit.documents(undefined, 10_000))
    for (const document of documents) {
      this.#seen.see(document)
      assert.ok(!this.#denied.has(document), `${document.id} was refused for certain`)
      assert.ok(document.end !== 'stored' || !this.store.poisoned.has(document.id), `${document.id} is poison`)
    }
    const there = new Set(documents)
    for (const document of this.#promised)
      assert.ok(there.has(document), `${document.id} was told to be in, and is lost`)
    for (const document of this.#seen.documents) assert.ok(there.has(document), `${document.id} was shown, and is lost`)
    const ids = new Set(documents.map(({ id }) => id))
    const { items } = await this.#trial.outcome(letters.list(undefined, undefined, 10_000))
    for (const { id } of items) assert.ok(ids.has(id), `there is a letter ${id}, but no claim`)
  }
}

interface Writer {
  readonly name: string
  isOver: boolean
  running: Promise<void>
}

/** What one process was told: it never hears of an earlier moment again. */
interface Causal {
  readonly heads: Map<RoomId, number>
  readonly epochs: Map<number, number>
}

/** What majority reads have shown: one document under each key, and always the same one. */
class Known {
  readonly #ids = new Map<EntryId, Document>()
  readonly #places = new Map<string, Document>()

  get documents(): Iterable<Document> {
    return this.#ids.values()
  }

  see(document: Document): void {
    const place = `${document.room}#${document.seq}`
    assert.equal(this.#ids.get(document.id) ?? document, document, `${document.id} is another document than before`)
    assert.equal(this.#places.get(place) ?? document, document, `${place} is another document than before`)
    this.#ids.set(document.id, document)
    this.#places.set(place, document)
  }
}

/** Everything of the room as of this head. */
function projectionOf(room: RoomId, head: number): Projection {
  const members = [{ user: 'alice', role: 'owner', seq: head } as const]
  return { room, document: roomDocument(room, head), members, head }
}
