import { ERRORS } from '@holdfast/protocol'
import { Failure, failureClass } from '../ports/failure.ts'
import type { LogRecord, Offset, SharedLog } from '../ports/log.ts'
import type { Document, EntryId, HistoryStore, UserId } from '../ports/store.ts'
import type { Clock, TurnEnd } from '../ports/system.ts'
import { APPENDER_DEFAULTS, type Appendable, Appender, type AppenderSettings } from './appender.ts'
import { type Command, encodeCommand } from './command.ts'
import type { FeedRecord } from './feed.ts'
import { partitionOf } from './identity.ts'
import { appendProblem, Problem, readProblem } from './problem.ts'
import type { End, Submissions, Submitter } from './submissions.ts'

export interface IntakeSettings extends AppenderSettings {
  /** Commands waiting for their end: when nothing ends any more, sends are refused instead of remembered. */
  readonly waitersMax: number
  /** Commands looked up by one read. */
  readonly lookUpCommandsMax: number
  /** A look-up without a reply for so long has failed. */
  readonly lookUpMsMax: number
}

export const INTAKE_DEFAULTS: IntakeSettings = {
  ...APPENDER_DEFAULTS,
  waitersMax: 100_000,
  lookUpCommandsMax: 500,
  lookUpMsMax: 5_000,
}

/** What is measured of commands on their way. Times in milliseconds since `submit`. */
export interface IntakeObserver {
  accepted(ms: number): void
  ended(end: End['end'], ms: number): void
  failed(problem: Problem): void
}

export interface IntakeParts {
  readonly log: SharedLog
  readonly history: Pick<HistoryStore, 'survey'>
  /** Whether this user was seen in the store. */
  readonly knows: (user: UserId) => boolean
  readonly clock: Clock
  readonly turnEnd: TurnEnd
  readonly settings: IntakeSettings
  readonly observer: IntakeObserver
}

/** What became of a command, from the feed or from the store. */
type Found = (FeedRecord & { readonly end: 'stored' | 'refused' | 'dead' }) | (Document & { readonly epoch: number })

/** Where commands come in and from where their senders hear: the one way into the command log. */
export class Intake implements Submissions {
  readonly #parts: IntakeParts
  readonly #appender: Appender
  readonly #table: Table
  /** Everybody whose command is queued, in flight or appended, by its id. */
  readonly #waiting = new Map<EntryId, Waiter[]>()
  #count = 0
  /** By lane: who waits for a look-up, and in order who came behind them. A lane without a look-up is not in it. */
  readonly #held = new Map<string, Waiter[]>()
  #lookingUp = false
  #ended: (() => void)[] = []

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.#appender = new Appender(parts)
    const { knows, clock, observer } = parts
    this.#table = { knows, clock, observer, forget: (waiter) => this.#forget(waiter) }
  }

  submit(command: Command, submitter: Submitter, { again }: { readonly again: boolean }): () => void {
    const waiter = new Waiter(this.#table, command, submitter, again)
    const lane = again || this.#held.size > 0 ? laneOf(command) : ''
    const held = this.#held.get(lane)
    if (this.#count >= this.#parts.settings.waitersMax)
      waiter.refuse(new Problem('OVERLOADED', 'Too many commands are waiting for their end; try again.'))
    else if (held !== undefined) this.#hold(waiter, held)
    else if (again) this.#lookUpFirst(waiter, lane)
    else this.#enter(waiter)
    return () => this.#cancel(waiter)
  }

  /** How many commands wait in front of the log, and how many for their end. */
  get status(): { readonly appending: number; readonly waiting: number } {
    return { appending: this.#appender.pending, waiting: this.#count }
  }

  /** Refuses what comes from now on; resolves when everybody who waits was answered. */
  async drain(): Promise<void> {
    this.#appender.stop()
    await this.#appender.drained()
    if (this.#count > 0) await new Promise<void>((resolve) => this.#ended.push(resolve))
  }

  // ---- ends: from the feed, and from the store after every establishment of its tail (G1) ------------------------------

  /** Whether anybody waits for this id: asked for every record of the feed, before anything of it is decoded. */
  awaits(id: EntryId): boolean {
    return this.#waiting.has(id)
  }

  /** A record of the feed tells everybody who waits for exactly this command: same id, same content. */
  answered(record: FeedRecord): void {
    if (record.end === 'epoch') return
    for (const waiter of this.#waiting.get(record.id)?.slice() ?? [])
      if (waiter.command.digest === record.digest) waiter.found(record)
  }

  /** Looks in the store for the ends of all who wait now. Rejects where the store cannot be read. */
  async lookUp(): Promise<void> {
    const waiters = [...this.#waiting.values()].flat()
    const { lookUpCommandsMax } = this.#parts.settings
    for (let i = 0; i < waiters.length; i += lookUpCommandsMax) {
      const some = waiters.slice(i, i + lookUpCommandsMax)
      const outcomes = await this.#outcomesOf(some)
      for (const waiter of some) {
        const outcome = outcomes.get(waiter.command.id)
        if (outcome !== undefined) waiter.found(outcome)
      }
    }
  }

  // ---- look-ups before an append (G3) ----------------------------------------------------------------------------------

  #hold(waiter: Waiter, held: Waiter[]): void {
    held.push(waiter)
    this.#count += 1
  }

  #lookUpFirst(waiter: Waiter, lane: string): void {
    const held: Waiter[] = []
    this.#held.set(lane, held)
    this.#hold(waiter, held)
    if (this.#lookingUp) return
    this.#lookingUp = true
    this.#parts.turnEnd(() => this.#lookUpHeld())
  }

  /** One read at a time, for all who ask; who came meanwhile is in the next. */
  async #lookUpHeld(): Promise<void> {
    while (this.#held.size > 0) {
      const asking = this.#asking()
      const answer = await this.#outcomesOf(asking).catch(readProblem)
      const asked = new Set(asking)
      for (const [lane, held] of this.#held) {
        this.#advance(held, asked, answer)
        if (held.length === 0) this.#held.delete(lane)
      }
    }
    this.#lookingUp = false
  }

  /** The first of every lane asks, and whoever may be answered by the same read. */
  #asking(): Waiter[] {
    const asking: Waiter[] = []
    for (const held of this.#held.values()) {
      for (const waiter of held) {
        if (asking.length >= this.#parts.settings.lookUpCommandsMax) return asking
        if (waiter.again) asking.push(waiter)
      }
    }
    return asking
  }

  /** Lets a lane go on, in order, up to the first one that has not been looked up yet. */
  #advance(held: Waiter[], asked: ReadonlySet<Waiter>, answer: ReadonlyMap<EntryId, Found> | Problem): void {
    for (let waiter = held[0]; waiter !== undefined; waiter = held[0]) {
      if (waiter.again && !asked.has(waiter)) return
      held.shift()
      this.#count -= 1
      if (waiter.again && answer instanceof Problem) waiter.refuse(answer)
      else if (!waiter.cancelled) this.#admit(waiter, answer instanceof Problem ? undefined : answer)
    }
    this.#tellEnded()
  }

  #admit(waiter: Waiter, outcomes: ReadonlyMap<EntryId, Found> | undefined): void {
    const outcome = waiter.again ? outcomes?.get(waiter.command.id) : undefined
    if (outcome === undefined) this.#enter(waiter)
    else waiter.lookedUp(outcome)
  }

  async #outcomesOf(waiters: readonly Waiter[]): Promise<ReadonlyMap<EntryId, Found>> {
    const { history, clock, settings, log } = this.#parts
    const keys = waiters.map(({ command: { room, id } }) => ({ room, id }))
    let late = () => {}
    const deadline = new Promise<never>((_, reject) => {
      late = clock.after(settings.lookUpMsMax, () =>
        reject(new Failure('transient', 'the store did not answer in time')),
      )
    })
    const { epochs, outcomes } = await Promise.race([history.survey([], keys), deadline]).finally(() => late())
    return new Map(
      [...outcomes].map(([id, document]) => [
        id,
        { ...document, epoch: epochs[partitionOf(document.room, log.partitions)] ?? 1 },
      ]),
    )
  }

  // ---- the table of who waits ------------------------------------------------------------------------------------------

  /** Registers the waiter, then appends: an answer that is faster than the append finds somebody (G1). */
  #enter(waiter: Waiter): void {
    const { id, room } = waiter.command
    const others = this.#waiting.get(id)
    if (others === undefined) this.#waiting.set(id, [waiter])
    else others.push(waiter)
    this.#count += 1
    this.#appender.add(partitionOf(room, this.#parts.log.partitions), waiter)
  }

  #forget(waiter: Waiter): void {
    const { id } = waiter.command
    const all = this.#waiting.get(id)
    const at = all?.indexOf(waiter) ?? -1
    if (all === undefined || at < 0) return
    if (all.length === 1) this.#waiting.delete(id)
    else all.splice(at, 1)
    this.#count -= 1
    this.#tellEnded()
  }

  #cancel(waiter: Waiter): void {
    waiter.cancelled = true
    this.#forget(waiter)
  }

  #tellEnded(): void {
    if (this.#count > 0) return
    const ended = this.#ended
    this.#ended = []
    for (const resolve of ended) resolve()
  }
}

/** What a waiter needs of the table it stands in. */
interface Table extends Pick<IntakeParts, 'knows' | 'clock' | 'observer'> {
  forget(waiter: Waiter): void
}

/** Somebody who waits for the end of a command. */
class Waiter implements Appendable {
  readonly command: Command
  readonly again: boolean
  cancelled = false
  readonly #table: Table
  readonly #submitter: Submitter
  readonly #since: number
  #record: LogRecord | undefined
  /** Where its own append landed: an entry made by another record was sent before. */
  #offset: Offset | undefined
  /** An end that came before the append's reply: it is told behind `accepted`. */
  #early: Found | undefined
  #done = false

  constructor(table: Table, command: Command, submitter: Submitter, again: boolean) {
    this.#table = table
    this.command = command
    this.#submitter = submitter
    this.again = again
    this.#since = table.clock.elapsed()
  }

  get record(): LogRecord {
    this.#record ??= encodeCommand(this.command, this.#table.knows(this.command.sender))
    return this.#record
  }

  /** Also asked for one whose socket is gone: a later command of a lane must not pass where an earlier one failed. */
  mayAppend(): boolean {
    const problem = this.#submitter.mayAppend()
    if (problem !== undefined) this.refuse(problem)
    return problem === undefined
  }

  appended(offset: Offset): void {
    this.#offset = offset
    if (this.cancelled) return
    this.#accept()
    if (this.#early !== undefined) this.found(this.#early)
  }

  failed(cause: unknown): void {
    const failure = failureClass(cause)
    const mayBeIn = failure === 'ambiguous' || failure === 'unknown'
    const early = this.cancelled ? undefined : this.#early
    // Whatever became of this try, a command that has its end has it. Only whether a repeat came too late for it, where its own record may
    // have made it, nobody knows: it asks again.
    if (early === undefined || (mayBeIn && this.again && early.end === 'stored'))
      this.#fail(appendProblem(cause), mayBeIn)
    else this.#endAs(early, !mayBeIn)
  }

  /** The feed or the store shows the end. */
  found(found: Found): void {
    if (this.#done || this.cancelled) return
    if (this.#offset === undefined) this.#early = found
    else this.#end(endOf(this.command, found, found.end === 'stored' && found.origin !== this.#offset))
  }

  /** The look-up before the append found the end of an earlier try: nothing is appended. */
  lookedUp(found: Found): void {
    this.#endAs(found, true)
  }

  /** It was certainly not appended. */
  refuse(problem: Problem): void {
    this.#fail(problem, false)
  }

  #endAs(found: Found, duplicate: boolean): void {
    if (found.digest === this.command.digest) this.#accept()
    this.#end(endOf(this.command, found, duplicate))
  }

  #accept(): void {
    this.#table.observer.accepted(this.#elapsed())
    this.#submitter.accepted()
  }

  #end(end: End): void {
    this.#done = true
    this.#table.forget(this)
    this.#table.observer.ended(end.end, this.#elapsed())
    this.#submitter.ended(end)
  }

  #fail(problem: Problem, appended: boolean): void {
    this.#done = true
    this.#table.forget(this)
    this.#table.observer.failed(problem)
    this.#submitter.failed(problem, appended)
  }

  #elapsed(): number {
    return this.#table.clock.elapsed() - this.#since
  }
}

/** The lane: one sender in one room. What is looked up holds what comes behind it, and nobody else's. */
function laneOf({ room, sender }: Command): string {
  return `${room.length}:${room}${sender}`
}

function endOf({ digest }: Command, found: Found, duplicate: boolean): End {
  if (found.digest !== digest) return { end: 'refused', code: 'ID_REUSED', message: ERRORS.ID_REUSED.message }
  switch (found.end) {
    case 'stored':
      return { end: 'stored', epoch: found.epoch, seq: found.seq, at: found.at, duplicate }
    case 'refused':
    case 'dead':
      return { end: found.end, code: found.code, message: found.message }
  }
}
