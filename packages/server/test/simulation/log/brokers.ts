import { Failure } from '../../../src/ports/failure.ts'
import type { Membership, Offset, OwnedPartition, PartitionLag, TailReader } from '../../../src/ports/log.ts'
import { Group } from './group.ts'
import { Kept } from './kept.ts'
import { Lane, type LaneParts } from './lane.ts'
import type { Link } from './link.ts'
import { Tail } from './tail.ts'
import type { Troubles } from './troubles.ts'

export interface SimulatedLogsOptions {
  readonly partitions: number
  /** A record longer than this is refused for ever, with the whole append it is in. */
  readonly recordBytesMax?: number
  /**
   * What every group has passed and is older may be trimmed: must outlast any freeze and any store that is set back, as retention has to.
   * By default nothing ever goes.
   */
  readonly retainMs?: number
}

/** One log: what all processes share of it. */
export class Brokers {
  readonly name: string
  readonly troubles: Troubles
  readonly partitions: readonly Kept[]
  readonly groups = new Map<string, Group>()
  readonly #staleAccepted: boolean
  readonly #recordBytesMax: number
  readonly #retainMs: number
  readonly #writers: LaneParts['writers'] = new Map()
  readonly #tails = new Set<Tail>()

  constructor(
    name: string,
    troubles: Troubles,
    staleAccepted: boolean,
    {
      partitions,
      recordBytesMax = Number.POSITIVE_INFINITY,
      retainMs = Number.POSITIVE_INFINITY,
    }: SimulatedLogsOptions,
  ) {
    this.name = name
    this.troubles = troubles
    this.partitions = Array.from({ length: partitions }, (_, partition) => new Kept(name, partition))
    this.#staleAccepted = staleAccepted
    this.#recordBytesMax = recordBytesMax
    this.#retainMs = retainMs
    for (const kept of this.partitions) kept.onAppended(() => this.#tell((tail) => tail.appended(kept.partition)))
  }

  kept(partition: number): Kept {
    const kept = this.partitions[partition]
    if (kept === undefined) throw new Failure('operator', `the log ${this.name} has no partition ${partition}`)
    return kept
  }

  lane(link: Link, kept: Kept): Lane {
    const { troubles } = this
    return new Lane({ troubles, link, kept, recordBytesMax: this.#recordBytesMax, writers: this.#writers })
  }

  work(link: Link, name: string, run: (owned: OwnedPartition) => Promise<void>): Membership {
    const { troubles, partitions } = this
    let group = this.groups.get(name)
    if (group === undefined) {
      const committed = (partition: number) => this.#trim(partition)
      group = new Group({ troubles, log: this.name, name, partitions, staleAccepted: this.#staleAccepted, committed })
      this.groups.set(name, group)
    }
    return group.join(link, run)
  }

  tail(link: Link, reader: TailReader): Membership {
    const tail = new Tail(this.troubles, link, this.name, this.partitions, reader)
    this.#tails.add(tail)
    return tail
  }

  lag(group: string): readonly PartitionLag[] {
    return this.partitions.map((kept) => {
      const { partition } = kept
      return { partition, ...kept.from(this.committed(group, partition) ?? kept.begin) }
    })
  }

  committed(group: string, partition: number): Offset | undefined {
    return this.groups.get(group)?.committed(partition)
  }

  tick(): void {
    for (const group of this.groups.values()) group.tick()
    this.#tell((tail) => tail.tick())
  }

  #tell(tell: (tail: Tail) => void): void {
    for (const tail of this.#tails) {
      if (tail.isOver) this.#tails.delete(tail)
      else tell(tail)
    }
  }

  #trim(partition: number): void {
    const kept = this.kept(partition)
    const olderThan = this.troubles.clock.now() - this.#retainMs
    let passed = Number.POSITIVE_INFINITY
    for (const group of this.groups.values()) passed = Math.min(passed, group.committed(partition) ?? kept.begin)
    const [oldest] = kept.records
    if (oldest === undefined || oldest.timestamp >= olderThan || oldest.offset >= passed) return
    if (this.troubles.strikes('log.trimmed', kept.name)) kept.trim(passed, olderThan)
  }
}
