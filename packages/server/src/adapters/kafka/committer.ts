import type { Consumer } from '@platformatic/kafka'
import type { Offset } from '../../ports/log.ts'
import { type Clients, Renewable } from './clients.ts'
import { idsOf } from './failures.ts'

/** The group is in another generation by now, in which the partition may be somebody else's. */
export class Fenced extends Error {}

const FENCED = ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS', 'FENCED_INSTANCE_ID']

/**
 * Commits for one member in one generation of its group. It never joins: the library's member would join again at a refusal and repeat the
 * commit in the new generation, where it sets the next owner's offset back.
 */
export class Committer {
  readonly memberId: string
  readonly generation: number
  readonly #topic: string
  readonly #consumer: Renewable<Consumer>
  #isClosed = false

  constructor(clients: Clients, topic: string, groupId: string, memberId: string, generation: number) {
    this.memberId = memberId
    this.generation = generation
    this.#topic = topic
    this.#consumer = new Renewable(clients, () => {
      const consumer = clients.consumer({ groupId })
      consumer.topics.track(topic)
      consumer.memberId = memberId
      consumer.generationId = generation
      return consumer
    })
  }

  /** Rejects with a Fenced or an error of the library. */
  async commit(partition: number, next: Offset): Promise<void> {
    if (this.#isClosed) throw new Fenced('the generation is over')
    const offsets = [{ topic: this.#topic, partition, offset: BigInt(next), leaderEpoch: -1 }]
    try {
      await this.#consumer.use((consumer) => consumer.commit({ offsets }))
    } catch (error) {
      const ids = idsOf(error)
      if (this.#isClosed || FENCED.some((id) => ids.has(id)))
        throw new Fenced('the group goes on without us', { cause: error })
      throw error
    }
  }

  /** Takes the member out of the group, so that the others need not wait for it. */
  async leave(): Promise<void> {
    if (this.#isClosed) return
    await this.#consumer.use(leaveGroup)
  }

  close(): Promise<void> {
    this.#isClosed = true
    return this.#consumer.close()
  }
}

export function leaveGroup(consumer: Consumer): Promise<void> {
  return new Promise((resolve, reject) =>
    consumer.leaveGroup(true, (error) => {
      if (error) reject(error)
      else resolve()
    }),
  )
}
