import { Failure, type FailureClass } from '../../../src/ports/failure.ts'
import type { LogRecord, Offset } from '../../../src/ports/log.ts'
import type { Kept } from './kept.ts'
import type { Link } from './link.ts'
import type { Troubles } from './troubles.ts'

export interface LaneParts {
  readonly troubles: Troubles
  readonly link: Link
  readonly kept: Kept
  /** A record longer than this can never be appended. */
  readonly recordBytesMax: number
  /** Who wrote last to each partition: shared by all. */
  readonly writers: Map<Kept, { lane: Lane; at: number }>
}

/**
 * What one process sends to one partition. Invariant: `#pieces` land in the order in which they were sent, as an idempotent producer's do,
 * however late; but what others send may land between them.
 */
export class Lane {
  readonly #parts: LaneParts
  readonly #place: string
  readonly #pieces: Piece[] = []
  #lastAt = 0

  constructor(parts: LaneParts) {
    this.#parts = parts
    this.#place = `${parts.link.process} to ${parts.kept.name}`
  }

  /** Pieces that may still land. */
  get inFlight(): number {
    return this.#pieces.length
  }

  /** Whose process is dead: what may still land of it lands now. */
  settle(): void {
    if (this.#parts.link.isCrashed) while (this.#pieces.length > 0) this.#land()
  }

  append(records: readonly LogRecord[]): Promise<readonly Offset[]> {
    // A copy: what is on its way, nobody changes any more.
    const copies = records.map(({ key, headers, value }) => ({ key, headers: { ...headers }, value: value.slice() }))
    return new Promise((resolve, reject) => {
      this.#parts.link.awake(() => this.#send({ resolve, reject, offsets: [], sentAt: 0, state: 'awaited' }, copies))
    })
  }

  /** The connection is lost: what was sent first may still land, the rest never does. */
  interrupt(): void {
    const { chance } = this.#parts.troubles
    for (const { call } of this.#pieces.splice(chance.between(0, this.#pieces.length)))
      if (call.state !== 'givenUp') this.#giveUp(call)
  }

  #send(call: Call, records: readonly LogRecord[]): void {
    call.sentAt = this.#parts.troubles.clock.elapsed()
    const { state = 'awaited', told, pieces } = this.#fate(records)
    call.state = state
    if (told !== undefined) this.#fail(call, told)
    for (const [i, { records, ms }] of pieces.entries())
      this.#dispatch({ call, records, isLast: i === pieces.length - 1 }, ms)
  }

  /** What will become of an append. */
  #fate(records: readonly LogRecord[]): Fate {
    const { troubles, link, recordBytesMax } = this.#parts
    const { chance } = troubles
    if (records.some(({ value }) => value.length > recordBytesMax)) {
      troubles.happened('log.append.tooLarge')
      return refused('poison', troubles.latencyMs())
    }
    if (link.isCut) {
      troubles.happened('log.append.cut')
      // A connection refused is certain; a connection that just is silent is not.
      return chance.happens(0.5) ? refused('transient', chance.below(2_000)) : givenUp(this.#doubt(), [])
    }
    const ms = troubles.latencyMs()
    if (troubles.strikes('log.append.refused', this.#place)) return refused('transient', ms)
    if (troubles.strikes('log.append.overload', this.#place)) return refused(chance.pick(['overload', 'full']), ms)
    if (troubles.strikes('log.append.lost', this.#place)) return givenUp(this.#doubt(), [])
    if (troubles.strikes('log.append.slow', this.#place)) return { pieces: [{ records, ms: troubles.delayMs() }] }
    if (troubles.strikes('log.append.replyLost', this.#place)) return { state: 'unanswered', pieces: [{ records, ms }] }
    if (troubles.strikes('log.append.landsLater', this.#place)) {
      const told = this.#doubt()
      return givenUp(told, [{ records, ms: told.ms + troubles.delayMs() }])
    }
    if (records.length === 1) return { pieces: [{ records, ms }] }
    const middle = chance.between(1, records.length - 1)
    const first = { records: records.slice(0, middle), ms }
    if (troubles.strikes('log.append.partly', this.#place)) return givenUp(this.#doubt(), [first])
    if (troubles.strikes('log.append.inPieces', this.#place))
      return { pieces: [first, { records: records.slice(middle), ms: ms + troubles.latencyMs() }] }
    return { pieces: [{ records, ms }] }
  }

  /** Nobody knows, the caller is told, after a while. */
  #doubt(): Told {
    const { troubles } = this.#parts
    const isOdd = troubles.strikes('log.append.oddError', this.#place)
    return { failure: isOdd ? 'unknown' : 'ambiguous', ms: troubles.patienceMs() }
  }

  #dispatch(piece: Piece, ms: number): void {
    const { clock } = this.#parts.troubles
    this.#lastAt = Math.max(this.#lastAt, clock.elapsed() + ms)
    this.#pieces.push(piece)
    // Whichever of these events comes first takes the oldest piece, so that chance decides nothing between those of one moment.
    clock.after(this.#lastAt - clock.elapsed(), () => this.#land())
  }

  #land(): void {
    const piece = this.#pieces.shift()
    if (piece === undefined) return
    const { call, records, isLast } = piece
    const { troubles, link, kept } = this.#parts
    const { clock, chance } = troubles
    if (troubles.strikes('log.append.clockOff', this.#place)) kept.clockOffMs = chance.between(-3_000, 3_000)
    const leavesOut = troubles.strikes('log.append.offsetsLeftOut', this.#place)
    if (leavesOut) kept.leaveOut(chance.below(4))
    const offsets = kept.append(records, clock.now())
    if (leavesOut) kept.leaveOut(chance.below(4))
    call.offsets.push(...offsets)
    this.#observe(call)
    troubles.trace(() => {
      const keys = records.map(({ key }) => key).join()
      return `${link.process} appended to ${kept.name}@${offsets[0]}${call.state === 'awaited' ? '' : ' unknowingly'}: ${keys}`
    })
    if (isLast) this.#reply(call)
  }

  #reply(call: Call): void {
    const { troubles, link } = this.#parts
    if (call.state === 'unanswered') this.#giveUp(call)
    if (call.state !== 'awaited') return
    const answer = () => {
      if (link.isCut) this.#giveUp(call)
      else link.awake(() => call.resolve(call.offsets))
    }
    const ms = troubles.chance.happens(0.5) ? 0 : troubles.latencyMs()
    if (ms === 0) answer()
    else troubles.clock.after(ms, answer)
  }

  #giveUp(call: Call): void {
    call.state = 'givenUp'
    this.#fail(call, this.#doubt())
  }

  #fail(call: Call, { failure, ms }: Told): void {
    const { troubles, link } = this.#parts
    troubles.clock.after(ms, () =>
      link.awake(() => {
        troubles.trace(() => `${this.#place}: the append is ${failure}`)
        call.reject(new Failure(failure, `the simulated append failed: ${failure}`))
      }),
    )
  }

  #observe(call: Call): void {
    const { troubles, link, kept, writers } = this.#parts
    const at = troubles.clock.elapsed()
    const last = writers.get(kept)
    if (call.state === 'givenUp' && last !== undefined && last.lane !== this && last.at > call.sentAt)
      troubles.happened('log.append.behindOthers')
    if (link.isCrashed) troubles.happened('log.append.afterCrash')
    writers.set(kept, { lane: this, at })
  }
}

interface Call {
  readonly resolve: (offsets: readonly Offset[]) => void
  readonly reject: (cause: Failure) => void
  readonly offsets: Offset[]
  sentAt: number
  /** `unanswered`: the reply will be lost; `givenUp`: the caller hears, or has heard, that nobody knows. */
  state: 'awaited' | 'refused' | 'unanswered' | 'givenUp'
}

interface Fate {
  readonly state?: Call['state']
  /** What the caller is told, if not the offsets. */
  readonly told?: Told
  /** What lands, and after how long. */
  readonly pieces: readonly { readonly records: readonly LogRecord[]; readonly ms: number }[]
}

interface Told {
  readonly failure: FailureClass
  readonly ms: number
}

/** Nothing of it ever lands. */
function refused(failure: FailureClass, ms: number): Fate {
  return { state: 'refused', told: { failure, ms }, pieces: [] }
}

function givenUp(told: Told, pieces: Fate['pieces']): Fate {
  return { state: 'givenUp', told, pieces }
}

/** A part of an append that is written as one. */
interface Piece {
  readonly call: Call
  readonly records: readonly LogRecord[]
  readonly isLast: boolean
}
