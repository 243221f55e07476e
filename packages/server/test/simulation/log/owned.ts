import { Failure, type FailureClass } from '../../../src/ports/failure.ts'
import type { Gather, Offset, OwnedPartition, ReadLimit, StoredRecord } from '../../../src/ports/log.ts'
import type { Group } from './group.ts'
import type { Link } from './link.ts'
import type { Tenure } from './member.ts'

/** A partition in the hands of one `run`, that may have lost it without knowing. */
export class Owned implements OwnedPartition {
  readonly id: number
  readonly signal: AbortSignal
  position: Offset
  hasCommitted = false
  readonly #group: Group
  readonly #tenure: Tenure
  readonly #link: Link
  readonly #place: string

  constructor(group: Group, tenure: Tenure, start: Offset) {
    this.id = tenure.partition
    this.signal = tenure.signal
    this.position = start
    this.#group = group
    this.#tenure = tenure
    this.#link = tenure.member.link
    this.#place = `${this.#link.process} at ${group.kept(tenure.partition).name}`
  }

  seek(offset: Offset): void {
    this.position = offset
  }

  read({
    waitMs,
    gather,
    ...limit
  }: ReadLimit & { readonly waitMs: number; readonly gather?: Gather }): Promise<readonly StoredRecord[]> {
    return new Promise((resolve, reject) => {
      const call: Call = { resolve, reject, ignoreAbort: () => {} }
      this.#link.awake(() => this.#read(call, waitMs, gather, limit))
    })
  }

  commit(next: Offset): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#link.awake(() => this.#commit(next, resolve, reject))
    })
  }

  // ---- reading --------------------------------------------------------------------------------------------------------

  #read(call: Call, waitMs: number, gather: Gather | undefined, limit: ReadLimit): void {
    const { troubles } = this.#group
    if (this.signal.aborted) call.resolve([])
    else if (this.#link.isCut) this.#fail(call, 'transient', troubles.patienceMs())
    else if (troubles.strikes('log.read.fails', this.#place)) this.#fail(call, 'transient', troubles.latencyMs())
    else {
      call.ignoreAbort = this.#tenure.onAbort(() => call.resolve([]))
      this.#await(1, waitMs, () => {
        const gathers = gather !== undefined && gather.ms > 0 && this.#has(1)
        if (gathers) this.#await(gather.records, gather.ms, () => this.#fetch(call, limit))
        else this.#fetch(call, limit)
      })
    }
  }

  #has(records: number): boolean {
    return this.#group.kept(this.id).has(this.position, records)
  }

  /** Calls when so many records are there, or after so long. */
  #await(records: number, ms: number, then: () => void): void {
    if (ms <= 0 || this.signal.aborted || this.#has(records)) {
      then()
      return
    }
    let isOver = false
    const wake = () => {
      if (isOver) return
      isOver = true
      forget()
      ignoreAbort()
      cancel()
      if (!this.signal.aborted) this.#link.awake(then)
    }
    const forget = this.#group.kept(this.id).wait(this.position, records, wake)
    const ignoreAbort = this.#tenure.onAbort(wake)
    const cancel = this.#group.troubles.clock.after(ms, wake)
  }

  #fetch(call: Call, limit: ReadLimit): void {
    const { troubles } = this.#group
    if (this.signal.aborted || !this.#has(1)) {
      settle(call, [])
      return
    }
    const ms = troubles.strikes('log.read.slow', this.#place) ? troubles.delayMs() : troubles.latencyMs()
    troubles.clock.after(ms, () => {
      if (this.#link.isCut) return this.#fail(call, 'transient', troubles.patienceMs())
      const isShort = limit.recordsMax > 1 && troubles.strikes('log.read.short', this.#place)
      const recordsMax = isShort ? troubles.chance.between(1, limit.recordsMax - 1) : limit.recordsMax
      const { records, next } = this.#group.kept(this.id).read(this.position, { ...limit, recordsMax })
      this.#link.awake(() => {
        // Whoever lost the partition in between was told so, and takes nothing.
        if (this.signal.aborted) return
        this.position = next
        this.#group.hasRead(this.#tenure, next)
        troubles.trace(() => `${this.#place}: read ${records.length} to ${next}`)
        settle(call, records)
      })
    })
  }

  // ---- committing -----------------------------------------------------------------------------------------------------

  #commit(next: Offset, resolve: () => void, reject: (cause: Failure) => void): void {
    const { troubles } = this.#group
    const call = { reject, ignoreAbort: () => {} }
    if (this.#link.isCut) this.#fail(call, 'transient', troubles.patienceMs())
    else if (troubles.strikes('log.commit.fails', this.#place)) this.#fail(call, 'transient', troubles.latencyMs())
    else if (troubles.strikes('log.commit.landsLater', this.#place)) {
      const patienceMs = troubles.patienceMs()
      this.#fail(call, 'ambiguous', patienceMs)
      this.#land(next, patienceMs + troubles.delayMs())
    } else {
      const isUnanswered = troubles.strikes('log.commit.replyLost', this.#place)
      if (troubles.strikes('log.commit.landsAgain', this.#place)) this.#land(next, troubles.delayMs())
      this.#land(next, troubles.latencyMs(), (counts) => {
        if (isUnanswered || this.#link.isCut) this.#fail(call, 'ambiguous', troubles.patienceMs())
        else if (!counts) this.#fail(call, 'closed', 0)
        else
          this.#link.awake(() => {
            this.hasCommitted = true
            resolve()
          })
      })
    }
  }

  #land(next: Offset, ms: number, then?: (counts: boolean) => void): void {
    const { clock, chance } = this.#group.troubles
    clock.after(ms, () => {
      const isLost = (this.#link.isCut || this.#link.isCrashed) && chance.happens(0.5)
      const counts = !isLost && this.#group.commit(this.#tenure, next)
      then?.(counts)
    })
  }

  #fail({ reject, ignoreAbort }: Pick<Call, 'reject' | 'ignoreAbort'>, failureClass: FailureClass, ms: number): void {
    this.#group.troubles.clock.after(ms, () =>
      this.#link.awake(() => {
        ignoreAbort()
        reject(new Failure(failureClass, `the simulated log failed: ${failureClass}`))
      }),
    )
  }
}

/** A read under way. Settling it twice does no harm. */
interface Call {
  readonly resolve: (records: readonly StoredRecord[]) => void
  readonly reject: (cause: Failure) => void
  ignoreAbort: () => void
}

function settle({ resolve, ignoreAbort }: Call, records: readonly StoredRecord[]): void {
  ignoreAbort()
  resolve(records)
}
