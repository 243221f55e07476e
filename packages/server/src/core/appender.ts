import { Failure, failureClass } from '../ports/failure.ts'
import type { Log, LogRecord, Offset } from '../ports/log.ts'
import type { Cancel, Clock, TurnEnd } from '../ports/system.ts'

/** Something on its way into a log. One of `appended` and `failed` is called, once; neither where `mayAppend` said no. */
export interface Appendable {
  readonly record: LogRecord
  /** Asked when it would enter a batch. Who says no has answered for itself. */
  mayAppend(): boolean
  appended(offset: Offset): void
  /** `cause` is a Failure whose class says whether the record may appear in the log nevertheless. */
  failed(cause: unknown): void
}

export interface AppenderSettings {
  /** Queued and in flight together: a log that stalls must not fill the memory. */
  readonly appendQueueRecordsMax: number
  readonly appendQueueBytesMax: number
  /** One batch: a long one makes its first command wait for its last. */
  readonly appendBatchRecordsMax: number
  readonly appendBatchBytesMax: number
  /** An append without a reply for so long is called ambiguous: its senders must hear something. */
  readonly appendMsMax: number
}

export const APPENDER_DEFAULTS: AppenderSettings = {
  appendQueueRecordsMax: 10_000,
  appendQueueBytesMax: 16 << 20,
  appendBatchRecordsMax: 1_000,
  appendBatchBytesMax: 1 << 20,
  appendMsMax: 10_000,
}

export interface AppenderParts {
  readonly log: Pick<Log, 'append' | 'partitions'>
  readonly clock: Clock
  readonly turnEnd: TurnEnd
  readonly settings: AppenderSettings
}

/**
 * Group commit: each partition has at most one batch in flight, and what came meanwhile is the next one, in order.
 * There is no timer: an idle partition appends at the end of the turn that brought the first record.
 */
export class Appender {
  readonly #log: AppenderParts['log']
  readonly #clock: Clock
  readonly #turnEnd: TurnEnd
  readonly #settings: AppenderSettings
  readonly #partitions: Partition[]
  #records = 0
  #bytes = 0
  #stopped = false
  #idle: (() => void)[] = []

  constructor({ log, clock, turnEnd, settings }: AppenderParts) {
    this.#log = log
    this.#clock = clock
    this.#turnEnd = turnEnd
    this.#settings = settings
    this.#partitions = Array.from({ length: log.partitions }, (_, id) => ({ id, queue: [], state: 'idle' }))
  }

  /** Records queued or in flight. */
  get pending(): number {
    return this.#records
  }

  /** Appends after everything that was added before to this partition. May call `failed` at once. */
  add(id: number, item: Appendable): void {
    const partition = this.#partitions[id]
    const refusal = this.#refusal(partition, item)
    if (refusal !== undefined) item.failed(refusal)
    else if (partition !== undefined) this.#enqueue(partition, item)
  }

  /** Resolves when nothing is queued or in flight. */
  drained(): Promise<void> {
    if (this.#records === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Refuses what comes from now on. */
  stop(): void {
    this.#stopped = true
  }

  #refusal(partition: Partition | undefined, item: Appendable): Failure | undefined {
    const { appendQueueRecordsMax, appendQueueBytesMax } = this.#settings
    if (partition === undefined) return new Failure('operator', 'the log has no such partition')
    if (this.#stopped) return new Failure('closed', 'the server is stopping')
    if (partition.state === 'stuck') return new Failure('transient', 'the log does not answer')
    const full = this.#records >= appendQueueRecordsMax || this.#bytes + bytesOf(item) > appendQueueBytesMax
    return full ? new Failure('overload', 'the queue in front of the log is full') : undefined
  }

  #enqueue(partition: Partition, item: Appendable): void {
    this.#records += 1
    this.#bytes += bytesOf(item)
    partition.queue.push(item)
    if (partition.state !== 'idle') return
    partition.state = 'called'
    this.#turnEnd(() => this.#run(partition))
  }

  async #run(partition: Partition): Promise<void> {
    while (partition.queue.length > 0) {
      partition.state = 'flying'
      const batch = this.#take(partition)
      const entering = batch.filter((item) => item.mayAppend())
      if (entering.length > 0) await this.#append(partition, entering)
      this.#release(batch)
    }
    partition.state = 'idle'
  }

  #take({ queue }: Partition): Appendable[] {
    const { appendBatchRecordsMax, appendBatchBytesMax } = this.#settings
    let count = 0
    let bytes = 0
    for (const item of queue) {
      bytes += bytesOf(item)
      if (count === appendBatchRecordsMax || (count > 0 && bytes > appendBatchBytesMax)) break
      count += 1
    }
    return queue.splice(0, count)
  }

  async #append(partition: Partition, items: readonly Appendable[]): Promise<void> {
    const records = items.map(({ record }) => record)
    const reply = this.#log.append(partition.id, records)
    let offsets: readonly Offset[] | 'late'
    try {
      offsets = await this.#inTime(reply)
    } catch (cause) {
      if (failureClass(cause) === 'poison' && items.length > 1) return await this.#isolate(partition, items)
      for (const item of items) item.failed(cause)
      return
    }
    if (offsets === 'late') return await this.#late(partition, items, reply)
    for (const [i, item] of items.entries()) item.appended(offsets[i] ?? -1)
  }

  #inTime(reply: Promise<readonly Offset[]>): Promise<readonly Offset[] | 'late'> {
    let cancel: Cancel = ignore
    const late = new Promise<'late'>((resolve) => {
      cancel = this.#clock.after(this.#settings.appendMsMax, () => resolve('late'))
    })
    return Promise.race([reply, late]).finally(cancel)
  }

  /** Everybody is told, but no further batch starts before the log has replied: none may overtake one that may still land. */
  async #late(partition: Partition, items: readonly Appendable[], reply: Promise<unknown>): Promise<void> {
    const ambiguous = new Failure('ambiguous', 'the log did not answer in time')
    for (const item of items) item.failed(ambiguous)
    partition.state = 'stuck'
    const queued = partition.queue.splice(0)
    const certain = new Failure('transient', 'the log does not answer')
    for (const item of queued) item.failed(certain)
    this.#release(queued)
    await reply.then(ignore, ignore)
  }

  /** One record of these can never be in the log, and the error names none: the others must not share its fate. */
  async #isolate(partition: Partition, items: readonly Appendable[]): Promise<void> {
    const middle = items.length >> 1
    await this.#append(partition, items.slice(0, middle))
    const rest = items.slice(middle).filter((item) => item.mayAppend())
    if (rest.length > 0) await this.#append(partition, rest)
  }

  #release(items: readonly Appendable[]): void {
    for (const item of items) this.#bytes -= bytesOf(item)
    this.#records -= items.length
    if (this.#records > 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }
}

interface Partition {
  readonly id: number
  readonly queue: Appendable[]
  /** `called`: it runs at the end of this turn. `stuck`: the batch in flight is overdue. */
  state: 'idle' | 'called' | 'flying' | 'stuck'
}

function bytesOf({ record }: Appendable): number {
  return record.key.length + record.value.length
}

function ignore(): void {}
