import { Failure, failureClass } from '../../../src/ports/failure.ts'
import type { Document, LetterDocument, Projection, Settled, WriteRequest, Written } from '../../../src/ports/store.ts'
import { faultsOf } from '../line.ts'
import type { Client } from './client.ts'
import { setting } from './collections.ts'
import type { Poison } from './poison.ts'
import type { Change, Pending, Primary } from './replica-set.ts'
import type { Versioned } from './versioned.ts'

const WRITE = faultsOf('store.write')
/** A bulk that does not stop at once goes on for so many documents at most. */
const PAST_FAILURE_MAX = 100
/** Between two documents of a bulk that does not go in at one moment. */
const PAUSES = 0.3

/** Where a bulk stopped. */
interface Stopped {
  readonly why: 'duplicate' | 'poison'
  readonly at: number
}

/** One command of a write, at the primary. */
type Command = (primary: Primary) => Promise<Stopped | undefined>

/**
 * One write: inserts in chunks, then letters, projections, heads, and how far the partition is. The process sends the next command when a majority
 * has what the last one did, so it may stop between any two of them; a bulk may stop, or be overtaken, between any two documents.
 */
export class Writing {
  readonly #client: Client
  readonly #poison: Poison
  readonly #request: WriteRequest
  readonly #chunk: number
  readonly #isTorn: boolean
  readonly #isInterleaved: boolean
  /** Something may have happened: from then on no failure is certain. */
  #hasBegun = false
  #hasPaused = false
  /** The last change that its next command stands on. */
  #last: Pending | undefined

  constructor(client: Client, poison: Poison, request: WriteRequest, chunk: number) {
    const { engine } = client.shared
    this.#client = client
    this.#poison = poison
    this.#request = request
    this.#chunk = chunk
    this.#isTorn = engine.strikes('store.write.torn')
    this.#isInterleaved = engine.strikes('store.write.interleaved')
  }

  async run(): Promise<Written> {
    try {
      return await this.#run()
    } catch (cause) {
      if (!this.#hasBegun || failureClass(cause) === 'unknown') throw cause
      throw new Failure('ambiguous', 'a write stopped half-way', cause)
    }
  }

  async #run(): Promise<Written> {
    const client = this.#client
    const { engine } = client.shared
    let primary = await client.arrive(WRITE)
    for (const [i, command] of this.#commands().entries()) {
      if (i > 0 && (this.#isTorn || this.#hasPaused)) primary = await this.#next()
      if (engine.strikes('store.write.late')) {
        // It was sent when a majority had what came before.
        await client.majority(this.#last)
        client.landLater((reached) => void command(reached).catch(() => {}))
        await client.fail('ambiguous', 'no reply to a command of a write')
      }
      this.#hasBegun = true
      const stopped = await command(primary)
      if (stopped !== undefined) return this.#stoppedAt(stopped)
      // What it found done already may be as fresh as its own: the reply waits for that too.
      this.#last = primary.pending.at(-1)
      if (engine.strikes('store.write.broken')) await client.fail('ambiguous', 'the connection was lost in a write')
    }
    await client.reply(WRITE, this.#last)
    return { result: 'all' }
  }

  /** The process hears that a majority has the last command's changes, and sends the next one. */
  async #next(): Promise<Primary> {
    const client = this.#client
    await client.majority(this.#last)
    if (this.#isTorn) await client.pause()
    this.#hasPaused = false
    return client.arrive(WRITE)
  }

  async #stoppedAt({ why, at }: Stopped): Promise<Written> {
    const { engine } = this.#client.shared
    await this.#client.reply(WRITE, this.#last)
    if (why === 'poison') {
      const isNameless = engine.strikes('store.write.poisonNameless')
      return { result: 'poison', at: isNameless ? undefined : at, cause: new Failure('poison', 'no such document') }
    }
    // As after a retry by the driver, which meets what its own first try has left.
    const isLess = at > 0 && engine.strikes('store.write.understated')
    return { result: 'duplicate', at: isLess ? engine.chance.below(at) : at }
  }

  // ---- the commands ----------------------------------------------------------------------------------------------------

  #commands(): Command[] {
    const { documents, letters, projections, settled } = this.#request
    const commands: Command[] = []
    for (let from = 0; from < documents.length; from += this.#chunk) {
      const to = Math.min(documents.length, from + this.#chunk)
      commands.push((primary) => this.#insert(primary, documents, from, to))
    }
    if (letters.length > 0) commands.push((primary) => this.#putLetters(primary, letters))
    if (projections.length > 0) {
      commands.push((primary) => this.#project(primary, projections))
      // Last of all, and not before a majority has what they tell of.
      commands.push((primary) => this.#raiseHeads(primary, projections))
    }
    if (settled !== undefined) commands.push((primary) => this.#settle(primary, settled))
    return commands
  }

  /** Document after document, up to the first that cannot go in; and sometimes beyond it. */
  async #insert(
    primary: Primary,
    documents: readonly Document[],
    from: number,
    to: number,
  ): Promise<Stopped | undefined> {
    const { collections, engine } = this.#client.shared
    let stopped: Stopped | undefined
    let end = to
    for (let at = from; at < end; at++) {
      if (this.#isInterleaved && at > from) await this.#between(primary)
      const document = documents[at]
      if (document === undefined) break
      const why = this.#obstacle(primary, document)
      if (why === undefined) {
        this.#make(primary, collections.insert(document))
        if (stopped !== undefined) engine.surroundings.sometimes('store.write.wentOn')
      } else if (stopped === undefined) {
        stopped = { why, at }
        if (!engine.strikes('store.write.goesOn')) break
        end = Math.min(documents.length, at + 1 + engine.chance.between(1, PAST_FAILURE_MAX))
      }
    }
    return stopped
  }

  #obstacle(primary: Primary, document: Document): Stopped['why'] | undefined {
    if (this.#poison.is(document)) return 'poison'
    const { collections, engine } = this.#client.shared
    if (!collections.isTaken(primary, document)) return undefined
    const isShown = collections.hasShown(document)
    engine.surroundings.sometimes(isShown ? 'store.duplicate' : 'store.duplicate.unseen')
    return 'duplicate'
  }

  async #putLetters(primary: Primary, letters: readonly LetterDocument[]): Promise<undefined> {
    for (const letter of letters) {
      await this.#between(primary)
      const known = this.#client.shared.collections.letter(letter.id)
      if (known.on(primary) === undefined) this.#make(primary, setting(known, letter))
    }
  }

  /** Each document by itself, guarded by its own seq. */
  async #project(primary: Primary, projections: readonly Projection[]): Promise<undefined> {
    const { collections } = this.#client.shared
    for (const { room, document, members } of projections) {
      if (document !== undefined) {
        await this.#between(primary)
        this.#raise(primary, collections.room(room).document, document)
      }
      for (const member of members) {
        await this.#between(primary)
        this.#raise(primary, collections.member(room, member.user), member)
      }
    }
  }

  async #raiseHeads(primary: Primary, projections: readonly Projection[]): Promise<undefined> {
    const { collections } = this.#client.shared
    for (const { room, head } of projections) {
      await this.#between(primary)
      const known = collections.room(room).head
      if (head > (known.on(primary) ?? -1)) this.#make(primary, setting(known, head))
    }
  }

  async #settle(primary: Primary, settled: Settled): Promise<undefined> {
    const { collections } = this.#client.shared
    this.#make(primary, setting(collections.ofPartition(collections.settled, settled.partition), settled))
  }

  #raise<T extends { readonly seq: number }>(primary: Primary, known: Versioned<T>, value: T): void {
    if (value.seq > (known.on(primary)?.seq ?? 0)) this.#make(primary, setting(known, value))
  }

  #make(primary: Primary, change: Change): void {
    this.#last = this.#client.shared.set.make(primary, change)
  }

  /** The server may let others go first here. It does not know whether anybody still waits for it. */
  async #between(primary: Primary): Promise<void> {
    const client = this.#client
    const { engine, set } = client.shared
    if (!this.#isInterleaved || !engine.chance.happens(PAUSES)) return
    this.#hasPaused = true
    const { era } = set
    await client.pause()
    await client.checkEra(era)
    if (!set.isServing(primary) || !client.line.reaches()) await client.fail('ambiguous', 'a bulk was broken off')
  }
}
