import { ProduceAcks, type Producer } from '@platformatic/kafka'
import { Failure, type FailureClass } from '../../ports/failure.ts'
import type { LogRecord, Offset } from '../../ports/log.ts'
import type { Cancel } from '../../ports/system.ts'
import { type Clients, Renewable } from './clients.ts'
import { failureOf, idsOf } from './failures.ts'
import { batchesOf, messageOf } from './records.ts'
import type { Waits } from './waits.ts'

/** The protocol keeps an epoch in 16 bits, signed. */
const EPOCH_MAX = 32_767

/** The broker remembers something else of this producer than we do. */
const DISPUTED = [
  'INVALID_PRODUCER_EPOCH',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
]

/** What a batch is known by to the brokers. */
interface Identity {
  readonly producer: bigint
  readonly epoch: number
}

interface Batch {
  readonly records: readonly LogRecord[]
  /** Undefined until the first try that can be made. */
  identity: Identity | undefined
  /** Whether any try may have reached a broker without an answer that says no. */
  isInDoubt: boolean
}

/**
 * Appends to one partition, one batch in flight, in the order of the calls.
 *
 * Every batch has an epoch of its own under one producer id, and is the first of its epoch. So it may be tried as often as it takes, over any
 * number of connections: the leader takes an epoch's first batch once (KIP-98). And once a later one is in, a straggler of an earlier one
 * is refused: its epoch is over (KIP-360). Records of an ambiguous append therefore never appear behind later ones, nor twice.
 */
export class PartitionAppender {
  readonly #clients: Clients
  readonly #topic: string
  readonly #partition: number
  readonly #batchBytesMax: number
  readonly #waits: Waits
  readonly #producer: Renewable<Producer>
  #last: Promise<unknown> = Promise.resolve()
  #pending = 0
  #cancelEnd: Cancel = () => {}
  #identity: Identity | undefined

  constructor(clients: Clients, topic: string, partition: number, batchBytesMax: number, waits: Waits) {
    this.#clients = clients
    this.#topic = topic
    this.#partition = partition
    this.#batchBytesMax = batchBytesMax
    this.#waits = waits
    this.#producer = new Renewable(clients, () => clients.producer())
  }

  append(records: readonly LogRecord[]): Promise<readonly Offset[]> {
    this.#pending++
    this.#cancelEnd()
    const appended = this.#last.then(() => this.#append(records))
    this.#last = appended.then(
      () => this.#settled(),
      () => this.#settled(),
    )
    return appended
  }

  /** Resolves when no append is under way. */
  async idle(): Promise<void> {
    await this.#last
  }

  /** Who failed to append will soon try again, so between two failed appends it waits on; but not for ever where nobody tries. */
  #settled(): void {
    this.#pending--
    const { clock, timeouts } = this.#clients
    this.#cancelEnd()
    if (this.#pending === 0) this.#cancelEnd = clock.after(timeouts.requestMs, () => this.#waits.end(this))
  }

  async #append(records: readonly LogRecord[]): Promise<readonly Offset[]> {
    this.#clients.checkOpen()
    const batches = batchesOf(records, this.#batchBytesMax)
    if (batches === undefined)
      throw new Failure(
        'poison',
        `${this.#what}: a record is longer than the ${this.#batchBytesMax} bytes the topic takes`,
      )
    const offsets: Offset[] = []
    for (const batch of batches) {
      try {
        const first = await this.#write({ records: batch, identity: undefined, isInDoubt: false })
        for (let i = 0; i < batch.length; i++) offsets.push(first + i)
      } catch (error) {
        // A call of several batches is in doubt as a whole once the first of them is in.
        if (offsets.length === 0) throw error
        throw new Failure(
          'ambiguous',
          `${this.#what}: only the first ${offsets.length} records are in for certain`,
          error,
        )
      }
    }
    return offsets
  }

  /** Tries until it is in, or until it may be given up; resolves with the first record's offset. */
  async #write(batch: Batch): Promise<Offset> {
    const { clock, timeouts, closed } = this.#clients
    const startedAt = clock.elapsed()
    for (let tries = 0; ; tries++) {
      const tried = await this.#try(batch)
      if (typeof tried === 'number') {
        this.#waits.end(this)
        return tried
      }
      this.#waits.begin(this, tried.message)
      const spentMs = clock.elapsed() - startedAt
      const isOver = spentMs >= (batch.isInDoubt ? timeouts.appendMs : timeouts.unsentMs)
      if (isOver || isFinal(tried.class) || closed.aborted) throw ended(tried, batch)
      await this.#clients.rest(tries, closed)
    }
  }

  async #try(batch: Batch): Promise<Offset | Failure> {
    let step: 'ask' | 'write' = 'ask'
    try {
      return await this.#producer.use(async (producer) => {
        await this.#reachLeader(producer)
        batch.identity ??= await this.#nextIdentity(producer)
        step = 'write'
        return await this.#send(producer, batch.records, batch.identity)
      })
    } catch (error) {
      const failure = failureOf(error, step, this.#what)
      const ids = idsOf(error)
      // By our account no broker ever says so; if one does, the next batch begins a new account.
      if (DISPUTED.some((id) => ids.has(id))) this.#identity = undefined
      if (isDoubt(failure.class)) {
        batch.isInDoubt = true
      }
      return failure
    }
  }

  /** All that comes before the records leave. What fails here leaves nothing behind. */
  async #reachLeader(producer: Producer): Promise<void> {
    const metadata = await producer.metadata({ topics: [this.#topic] })
    const leader = metadata.brokers.get(metadata.topics.get(this.#topic)?.partitions[this.#partition]?.leader ?? -1)
    if (leader === undefined) throw new Failure('transient', `${this.#what}: nobody leads the partition at the moment`)
    await producer.connections.get(leader)
  }

  async #nextIdentity(producer: Producer): Promise<Identity> {
    const last = this.#identity
    if (last !== undefined && last.epoch < EPOCH_MAX) this.#identity = { ...last, epoch: last.epoch + 1 }
    else {
      const made = await producer.initIdempotentProducer({ producerId: -1n, producerEpoch: -1 })
      this.#identity = { producer: made.producerId, epoch: made.producerEpoch }
    }
    return this.#identity
  }

  async #send(
    producer: Producer,
    records: readonly LogRecord[],
    { producer: producerId, epoch }: Identity,
  ): Promise<Offset> {
    const { offsets = [] } = await producer.send({
      messages: records.map((record) => messageOf(this.#topic, this.#partition, record)),
      acks: ProduceAcks.ALL,
      // The library's own idempotence forgets with every error which batch it was; ours is the identity.
      idempotent: false,
      producerId,
      producerEpoch: epoch,
      repeatOnStaleMetadata: false,
    })
    const offset = offsets.find(({ partition }) => partition === this.#partition)?.offset
    if (offset === undefined) throw new Failure('ambiguous', `${this.#what}: the broker named no offset`)
    return Number(offset)
  }

  get #what(): string {
    return `appending to partition ${this.#partition} of the topic ${this.#topic}`
  }
}

function isDoubt(failureClass: FailureClass): boolean {
  return failureClass === 'ambiguous' || failureClass === 'unknown'
}

/** What no further try can mend. */
function isFinal(failureClass: FailureClass): boolean {
  return failureClass === 'poison' || failureClass === 'operator' || failureClass === 'closed'
}

/** The last try's failure, as what it means for all of them together. */
function ended(failure: Failure, batch: Batch): Failure {
  if (!batch.isInDoubt || isDoubt(failure.class)) return failure
  return new Failure('ambiguous', failure.message, failure)
}
