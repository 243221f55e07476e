import type { Consumer, ConsumerGroupJoinPayload } from '@platformatic/kafka'
import { assignerOf, claimOf } from './assigner.ts'
import { type Clients, within } from './clients.ts'
import { Committer, leaveGroup } from './committer.ts'
import { Gate } from './gate.ts'

/** How partitions are shared out, in the words of the group: all its members must know it. */
const PROTOCOL = 'holdfast-sticky'

export interface SessionParts {
  readonly clients: Clients
  readonly topic: string
  readonly group: string
  /**
   * Called before each joining while the gate is closed: resolves when no batch is in flight, with the partitions that are ours.
   * `isLost`: the group took us out.
   */
  readonly drain: (isLost: boolean) => Promise<readonly number[]>
  /** A generation began. `isKept`: no generation was between this one and the last, so what is ours again was nobody else's. */
  readonly joined: (partitions: readonly number[], committer: Committer, isKept: boolean) => void
}

/**
 * One membership in a group, from the first joining until something goes wrong with it. The library keeps it alive and joins again at each
 * rebalance; what it consumes, it does not decide.
 */
export class Session {
  readonly gate: Gate
  /** Resolves with the reason when it cannot go on. */
  readonly ended: Promise<unknown>
  readonly #parts: SessionParts
  readonly #consumer: Consumer
  readonly #end: (cause: unknown) => void
  #committer: Committer | undefined
  #left: Promise<void> | undefined

  constructor(parts: SessionParts) {
    const { clients, topic, group } = parts
    const { timeouts } = clients
    this.#parts = parts
    this.gate = new Gate(clients.clock)
    const { promise, resolve } = Promise.withResolvers<unknown>()
    this.ended = promise
    this.#end = resolve
    this.#consumer = clients.consumer({
      groupId: group,
      // A rebalance repeats some steps at once; nothing it repeats does harm.
      retries: 4,
      retryDelay: 200,
      // The answer to a joining comes when all have joined.
      requestTimeout: timeouts.rebalanceMs + timeouts.requestMs,
      sessionTimeout: timeouts.sessionMs,
      rebalanceTimeout: timeouts.rebalanceMs,
      heartbeatInterval: timeouts.heartbeatMs,
      heartbeatStallTimeout: timeouts.sessionMs + timeouts.drainMs,
      protocols: [{ name: PROTOCOL, version: 1 }],
      partitionAssigner: assignerOf(topic),
      protocolsMetadata: () => this.#beforeJoining(),
    })
    this.#consumer.topics.track(topic)
    this.#consumer.on('error', (cause: unknown) => this.#end(cause))
    this.#consumer.on('consumer:heartbeat:stalled', ({ lastError }) =>
      this.#end(lastError ?? new Error('no heartbeat')),
    )
    this.#consumer.on('consumer:group:join', (payload) => {
      // What is thrown into the library's own call would end the process.
      try {
        this.#joined(payload)
      } catch (cause) {
        this.#end(cause)
      }
    })
    this.#join().catch((cause: unknown) => this.#end(cause))
  }

  /** Leaves the group, so that others take over at once; closes everything, in a bounded time. Never rejects. */
  leave(): Promise<void> {
    this.#left ??= this.#leave()
    return this.#left
  }

  async #leave(): Promise<void> {
    const { clients, topic, group } = this.#parts
    const { clock, timeouts } = clients
    const consumer = this.#consumer
    const { memberId, generationId } = consumer
    const leaver =
      this.#committer ?? (memberId === null ? undefined : new Committer(clients, topic, group, memberId, generationId))
    const leaving = [leaveGroup(consumer)]
    // Behind a joining that waits for the others, the broker would not read it: so over another connection, too.
    if (!this.gate.isOpen && leaver !== undefined) leaving.push(leaver.leave())
    await within(clock, timeouts.closeMs, 'leaving', Promise.allSettled(leaving)).catch(() => {})
    await Promise.all([leaver?.close(), clients.discard(consumer)])
    this.#end(undefined)
  }

  async #join(): Promise<void> {
    const { clients } = this.#parts
    const { rebalanceMs, requestMs } = clients.timeouts
    await within(clients.clock, 2 * (rebalanceMs + requestMs), 'joining', this.#consumer.joinGroup({}))
  }

  async #beforeJoining(): Promise<Buffer> {
    if (this.#left !== undefined) return claimOf([])
    this.gate.close()
    return claimOf(await this.#parts.drain(this.#committer !== undefined && this.#consumer.memberId === null))
  }

  #joined({ memberId, generationId = 0, assignments = [] }: ConsumerGroupJoinPayload): void {
    if (this.#left !== undefined) return
    const { clients, topic, group } = this.#parts
    const last = this.#committer
    const isKept = last?.memberId === memberId && last.generation + 1 === generationId
    const committer = new Committer(clients, topic, group, memberId, generationId)
    this.#committer = committer
    const partitions = assignments.flatMap((one) => (one.topic === topic ? one.partitions : []))
    this.#parts.joined(partitions, committer, isKept)
    // What the last generation still commits is refused anyway.
    last?.close()
    this.gate.open()
  }
}
