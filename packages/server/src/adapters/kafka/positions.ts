import type { Admin } from '@platformatic/kafka'
import { Failure } from '../../ports/failure.ts'
import type { Offset } from '../../ports/log.ts'
import type { Clients, Renewable } from './clients.ts'

const BEGIN = -2n
const END = -1n

export interface Range {
  readonly begin: Offset
  readonly end: Offset
}

/** Where the partitions of a topic begin and end, and how far groups are. */
export class Positions {
  readonly #clients: Clients
  readonly #admin: Renewable<Admin>
  readonly #topic: string

  constructor(clients: Clients, admin: Renewable<Admin>, topic: string) {
    this.#clients = clients
    this.#admin = admin
    this.#topic = topic
  }

  /** By partition. */
  ranges(partitions: readonly number[], signal?: AbortSignal): Promise<ReadonlyMap<number, Range>> {
    return this.#clients.ask(`asking how far the topic ${this.#topic} reaches`, () => this.#ranges(partitions), signal)
  }

  /** What each partition's next record will be. */
  ends(partitions: readonly number[], signal?: AbortSignal): Promise<ReadonlyMap<number, Offset>> {
    return this.#clients.ask(
      `asking how far the topic ${this.#topic} reaches`,
      () => this.#offsets(partitions, END),
      signal,
    )
  }

  async range(partition: number, signal?: AbortSignal): Promise<Range> {
    const range = (await this.ranges([partition], signal)).get(partition)
    if (range === undefined) throw missing(this.#topic, partition)
    return range
  }

  /** By partition; those that the group never committed are missing. */
  committed(group: string, partitions: readonly number[], signal?: AbortSignal): Promise<ReadonlyMap<number, Offset>> {
    return this.#clients.ask(`asking how far the group ${group} is`, () => this.#committed(group, partitions), signal)
  }

  async #ranges(partitions: readonly number[]): Promise<ReadonlyMap<number, Range>> {
    const [begins, ends] = await Promise.all([this.#offsets(partitions, BEGIN), this.#offsets(partitions, END)])
    const ranges = new Map<number, Range>()
    for (const partition of partitions) {
      const [begin, end] = [begins.get(partition), ends.get(partition)]
      if (begin === undefined || end === undefined) throw missing(this.#topic, partition)
      // Asked one after the other, retention may come between.
      ranges.set(partition, { begin: Math.min(begin, end), end })
    }
    return ranges
  }

  async #offsets(partitions: readonly number[], timestamp: bigint): Promise<ReadonlyMap<number, Offset>> {
    const name = this.#topic
    const listed = await this.#admin.use((admin) =>
      admin.listOffsets({
        topics: [{ name, partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp })) }],
      }),
    )
    const found = listed.flatMap((topic) => (topic.name === name ? topic.partitions : []))
    return new Map(found.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]))
  }

  async #committed(groupId: string, partitionIndexes: readonly number[]): Promise<ReadonlyMap<number, Offset>> {
    const name = this.#topic
    const groups = await this.#admin.use((admin) =>
      admin.listConsumerGroupOffsets({
        groups: [{ groupId, topics: [{ name, partitionIndexes: [...partitionIndexes] }] }],
      }),
    )
    const committed = new Map<number, Offset>()
    for (const topic of groups.flatMap(({ topics }) => topics))
      for (const { partitionIndex, committedOffset } of topic.name === name ? topic.partitions : [])
        if (committedOffset >= 0n) committed.set(partitionIndex, Number(committedOffset))
    return committed
  }
}

function missing(topic: string, partition: number): Failure {
  return new Failure('transient', `no broker tells how far partition ${partition} of the topic ${topic} reaches`)
}
