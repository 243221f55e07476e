import type { Membership } from '../../ports/log.ts'
import type { Clients } from './clients.ts'
import type { Committer } from './committer.ts'
import { failureOf } from './failures.ts'
import type { Positions } from './positions.ts'
import { Session } from './session.ts'
import { type Run, Tenure } from './tenure.ts'
import type { Waits } from './waits.ts'

export interface MemberParts {
  readonly clients: Clients
  readonly topic: string
  /** The group's full name. */
  readonly group: string
  readonly positions: Positions
  readonly waits: Waits
  readonly run: Run
}

/**
 * A member of a group for as long as it is wanted: one session after the other, whatever becomes of each.
 * Invariant: at most one call of `run` for each partition; a next tenure begins only when the last one's `run` returned.
 */
export class Member implements Membership {
  readonly #parts: MemberParts
  readonly #tenures = new Map<number, Tenure>()
  readonly #working = new Map<number, Promise<void>>()
  readonly #stopping = new AbortController()
  #session: Session | undefined
  #stopped: Promise<void> | undefined
  readonly #living: Promise<void>

  constructor(parts: MemberParts) {
    this.#parts = parts
    this.#living = this.#live()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const { clock, timeouts } = this.#parts.clients
    this.#stopping.abort()
    this.#endAll()
    // Who is still at work is waited for, but the group does not wait for longer than this.
    const working = Promise.all(this.#working.values())
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = clock.after(timeouts.drainMs, resolve)
    await Promise.race([working, promise])
    cancel()
    await this.#session?.leave()
    await working
    await this.#living
  }

  async #live(): Promise<void> {
    const { clients, group, waits } = this.#parts
    // Joining returns before the first `run` is called.
    await undefined
    for (let tries = 0; !this.#stopping.signal.aborted; tries++) {
      const startedAt = clients.clock.elapsed()
      const cause = await this.#workInOneSession()
      if (this.#stopping.signal.aborted) break
      // One that lasted was a good one, so what ended it is a new trouble.
      if (clients.clock.elapsed() - startedAt > 2 * clients.timeouts.sessionMs) tries = 0
      const failure = failureOf(cause, 'ask', `working in the group ${group}`)
      waits.begin(this, failure.message)
      clients.logger.warn({ group, error: failure.message }, 'membership of a group broke off: joining again')
      await clients.rest(tries, this.#stopping.signal)
    }
    waits.end(this)
  }

  /** Resolves with what ended it. */
  async #workInOneSession(): Promise<unknown> {
    const { clients, topic, group } = this.#parts
    try {
      const session = new Session({
        clients,
        topic,
        group,
        drain: (isLost) => this.#drain(isLost),
        joined: (partitions, committer, isKept) => this.#joined(session, partitions, committer, isKept),
      })
      this.#session = session
      const cause = await session.ended
      if (!this.#stopping.signal.aborted) {
        this.#endAll()
        await session.leave()
      }
      return cause
    } catch (cause) {
      return cause
    }
  }

  async #drain(isLost: boolean): Promise<readonly number[]> {
    const { clients, group, waits } = this.#parts
    // Others may be at work on all of them already.
    if (isLost) this.#endAll()
    else if (this.#tenures.size === 0) waits.begin(this, `the group ${group} is being joined`)
    else waits.begin(this, `the group ${group} is being shared out anew`)
    const { clock, timeouts } = clients
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = clock.after(timeouts.drainMs, resolve)
    await Promise.race([Promise.all([...this.#tenures.values()].map((tenure) => tenure.idle())), promise])
    cancel()
    return [...this.#tenures.keys()]
  }

  #joined(session: Session, partitions: readonly number[], committer: Committer, isKept: boolean): void {
    if (this.#stopping.signal.aborted) return
    this.#parts.waits.end(this)
    for (const [partition, tenure] of this.#tenures) {
      if (isKept && partitions.includes(partition)) tenure.keep(committer)
      else {
        tenure.end()
        this.#tenures.delete(partition)
      }
    }
    for (const partition of partitions) if (!this.#tenures.has(partition)) this.#begin(session, partition, committer)
    const { logger } = this.#parts.clients
    logger.info(
      { group: this.#parts.group, partitions, generation: committer.generation },
      'partitions of a group assigned',
    )
  }

  #begin(session: Session, partition: number, committer: Committer): void {
    const tenure = new Tenure(partition, committer, { ...this.#parts, gate: session.gate })
    this.#tenures.set(partition, tenure)
    const before = this.#working.get(partition) ?? Promise.resolve()
    const working = before.then(() => tenure.work())
    this.#working.set(partition, working)
  }

  #endAll(): void {
    for (const tenure of this.#tenures.values()) tenure.end()
    this.#tenures.clear()
  }
}
