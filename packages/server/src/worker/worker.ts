import type { Alert } from '../core/alert.ts'
import type { Logs, Membership, OwnedPartition } from '../ports/log.ts'
import type { Store } from '../ports/store.ts'
import type { Cancel, Clock, Failpoint, Logger, Random, Service, Sha256 } from '../ports/system.ts'
import { withDeadlines } from './deadlines.ts'
import type { PartitionStatus, WorkerObserver } from './observer.ts'
import type { Workshop } from './ownership.ts'
import { Partition } from './partition.ts'
import type { WorkerSettings } from './settings.ts'
import { GROUP } from './start.ts'

export interface WorkerOptions {
  /** Its name in leases and letters. */
  readonly name: string
  /** Which build wrote a letter. */
  readonly build: string
  readonly logs: Logs
  readonly store: Pick<Store, 'timeline'>
  readonly clock: Clock
  readonly random: Random
  readonly sha256: Sha256
  readonly logger: Logger
  readonly failpoint: Failpoint
  readonly settings: WorkerSettings
  readonly observer: WorkerObserver
  readonly alert: Alert
}

export interface Worker extends Service {
  /** Each partition owned now. */
  status(): readonly PartitionStatus[]
}

/**
 * The only writer of timelines: turns what was asked for into what happened, a partition at a time, in order.
 * The way of a batch: `ownership.ts` reads it, `batch.ts` takes it through its steps, `plan.ts` decides, `settle.ts` says what each end owes.
 */
export function createWorker(options: WorkerOptions): Worker {
  return new GroupMember(options)
}

class GroupMember implements Worker {
  readonly #workshop: Workshop
  readonly #partitions = new Map<number, Partition>()
  readonly #running = new Set<Promise<void>>()
  #state: 'new' | 'running' | 'stopping' = 'new'
  #membership: Membership | undefined
  #watchdog: Watchdog | undefined
  #stopped: Promise<void> | undefined

  constructor(options: WorkerOptions) {
    const { store, clock, settings } = options
    this.#workshop = { ...options, store: withDeadlines(store.timeline, clock, settings.storeAttemptMsMax) }
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return
    this.#state = 'running'
    this.#membership = this.#workshop.logs.commands.work(GROUP, (owned) => this.#run(owned))
    this.#watchdog = new Watchdog(this.#workshop, this.#partitions)
  }

  /** Finishes the batches in flight or drops them, commits what is finished, leaves the group. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  status(): readonly PartitionStatus[] {
    return [...this.#partitions.values()].map(({ status }) => status)
  }

  async #stop(): Promise<void> {
    this.#state = 'stopping'
    this.#watchdog?.stop()
    for (const partition of this.#partitions.values()) partition.end(this.#workshop.settings.drainMsMax)
    await Promise.all(this.#running)
    await this.#membership?.stop()
  }

  async #run(owned: OwnedPartition): Promise<void> {
    if (this.#state === 'stopping') return
    const partition = new Partition(this.#workshop, owned)
    this.#partitions.set(owned.id, partition)
    const running = partition.run()
    this.#running.add(running)
    try {
      await running
    } finally {
      this.#running.delete(running)
      if (this.#partitions.get(owned.id) === partition) this.#partitions.delete(owned.id)
    }
  }
}

/**
 * Heartbeats prove the process, not the work: a partition that has records to do, names no reason to pause and yet finishes no
 * attempt is started again.
 */
class Watchdog {
  readonly #workshop: Workshop
  readonly #partitions: ReadonlyMap<number, Partition>
  readonly #idle = new Map<Partition, { readonly attempts: number; readonly since: number }>()
  #cancel: Cancel
  #isStopped = false

  constructor(workshop: Workshop, partitions: ReadonlyMap<number, Partition>) {
    this.#workshop = workshop
    this.#partitions = partitions
    this.#cancel = this.#next()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #next(): Cancel {
    return this.#workshop.clock.after(this.#workshop.settings.stuckMsMax / 4, () => this.#look())
  }

  async #look(): Promise<void> {
    try {
      const lags = await this.#workshop.logs.commands.lag(GROUP)
      for (const { partition, records } of lags) this.#judge(partition, records)
    } catch {
      // Without the lag nothing can be said; an outage has its own alert.
    }
    for (const partition of this.#idle.keys())
      if (![...this.#partitions.values()].includes(partition)) this.#idle.delete(partition)
    if (!this.#isStopped) this.#cancel = this.#next()
  }

  #judge(id: number, lag: number): void {
    const partition = this.#partitions.get(id)
    if (partition === undefined) return
    const { attempts } = partition
    const seen = this.#idle.get(partition)
    const { clock, settings, observer, alert, logger } = this.#workshop
    if (lag === 0 || partition.status.state === 'paused') this.#idle.delete(partition)
    else if (seen?.attempts !== attempts) this.#idle.set(partition, { attempts, since: clock.elapsed() })
    else if (clock.elapsed() - seen.since >= settings.stuckMsMax && !this.#isStopped) {
      this.#idle.delete(partition)
      logger.error({ partition: id, lag }, 'partition made no progress: starting it again')
      alert('stuck', { partition: id, lag })
      observer.restarted(id)
      partition.drop()
    }
  }
}
