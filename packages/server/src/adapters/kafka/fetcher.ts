import { type Consumer, FetchIsolationLevels } from '@platformatic/kafka'
import { Failure } from '../../ports/failure.ts'
import type { Offset, StoredRecord } from '../../ports/log.ts'
import { type Clients, Renewable } from './clients.ts'
import { idsOf } from './failures.ts'
import { recordsOf } from './records.ts'
import { FETCH_BYTES } from './settings.ts'

export interface Fetched {
  readonly records: readonly StoredRecord[]
  readonly next: Offset
}

/** The offset is below the first record kept, or above the end. */
export class OutOfRange extends Error {}

/** The broker forgot our session, or we lost count: the same fetch once more begins a new one. */
const SESSION_ERRORS = ['FETCH_SESSION_ID_NOT_FOUND', 'INVALID_FETCH_SESSION_EPOCH', 'FETCH_SESSION_TOPIC_ID_ERROR']

/**
 * Reads a topic, one fetch at a time: the library shares one fetch session with each broker, which two at once would break. So whoever
 * waits for records has one of its own: one for each partition worked or followed, and one for all other reads of a topic.
 */
export class Fetcher {
  readonly #topic: string
  readonly #consumer: Renewable<Consumer>
  #last: Promise<unknown> = Promise.resolve()

  constructor(clients: Clients, topic: string) {
    this.#topic = topic
    this.#consumer = new Renewable(clients, () => {
      const consumer = clients.consumer({ groupId: 'unused' })
      consumer.topics.track(topic)
      return consumer
    })
  }

  /** Waits at the broker at most `waitMs` for a first record. Rejects with an OutOfRange, a Failure, or an error of the library. */
  fetch(partition: number, from: Offset, waitMs: number): Promise<Fetched> {
    const fetched = this.#last.then(() => this.#fetchAgain(partition, from, waitMs))
    this.#last = fetched.catch(() => {})
    return fetched
  }

  close(): Promise<void> {
    return this.#consumer.close()
  }

  async #fetchAgain(partition: number, from: Offset, waitMs: number): Promise<Fetched> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#consumer.use((consumer) => this.#fetch(consumer, partition, from, waitMs))
      } catch (error) {
        const ids = idsOf(error)
        if (ids.has('OFFSET_OUT_OF_RANGE')) throw new OutOfRange(`${this.#topic}/${partition} does not hold ${from}`)
        if (tries === 2 || !SESSION_ERRORS.some((id) => ids.has(id))) throw error
      }
    }
  }

  async #fetch(consumer: Consumer, partition: number, from: Offset, waitMs: number): Promise<Fetched> {
    const metadata = await consumer.metadata({ topics: [this.#topic] })
    const topic = metadata.topics.get(this.#topic)
    const leader = topic?.partitions[partition]?.leader ?? -1
    if (topic === undefined || !metadata.brokers.has(leader))
      throw new Failure('transient', `nobody leads partition ${partition} of the topic ${this.#topic}`)
    const { responses } = await consumer.fetch({
      node: leader,
      topics: [
        {
          topicId: topic.id,
          partitions: [
            {
              partition,
              fetchOffset: BigInt(from),
              currentLeaderEpoch: -1,
              lastFetchedEpoch: -1,
              partitionMaxBytes: FETCH_BYTES,
            },
          ],
        },
      ],
      maxWaitTime: Math.ceil(waitMs),
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      // Whatever stands in the topic is to be seen: a transaction that somebody left open must not hide what is behind it.
      isolationLevel: FetchIsolationLevels.READ_UNCOMMITTED,
    })
    // Where nothing is new, the partition is missing from the answer.
    const batches = responses.flatMap(({ partitions }) =>
      partitions.filter(({ partitionIndex }) => partitionIndex === partition).flatMap(({ records }) => records ?? []),
    )
    return recordsOf(partition, batches, from)
  }
}
