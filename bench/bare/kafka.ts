// The least a process can do that makes messages as durable as a gateway does: an idempotent producer of the same library, in front of a
// topic with the same settings. It is shown what a gateway has appended, and appends the like in the same batches, one batch in flight for
// each partition, over and over; each message is made anew, under an id of its own. It has no sockets, checks nothing and answers nobody.
import { Consumer, FetchIsolationLevels, type MessageToProduce, ProduceAcks, Producer } from '@platformatic/kafka'

/** Reads the batches that somebody appended, or appends such batches for so long. */
export type Question =
  | { readonly read: readonly Range[] }
  | { readonly write: readonly (readonly number[])[]; readonly seconds: number }

export interface Range {
  readonly partition: number
  readonly from: number
  readonly to: number
}

/** The records of each batch, by partition. */
export type Batches = readonly (readonly number[])[]

export interface Answer {
  readonly messages: number
  readonly seconds: number
  /** Of CPU, of this process, while it wrote. */
  readonly cpuSeconds: number
}

type Message = MessageToProduce<Buffer, Buffer, Buffer, Buffer>

/** A command as the gateway writes it, of which every one has another id and text. */
type Command = Readonly<Record<string, unknown>> & {
  readonly clientId: string
  readonly content: { readonly text: string }
}

const [broker = '', source = '', target = ''] = process.argv.slice(2)
const options = { clientId: 'bench-bare', bootstrapBrokers: broker.split(','), retries: 0 }
const consumer = new Consumer({ ...options, groupId: 'unused' })
consumer.topics.track(source)
/** One for each partition, as a gateway has: each has a connection of its own. */
const producers: Producer[] = []
/** A command of each partition, as the gateway made it. */
const samples: Command[] = []
let made = 0

async function read(ranges: readonly Range[]): Promise<Batches> {
  const metadata = await consumer.metadata({ topics: [source] })
  const topic = metadata.topics.get(source)
  if (topic === undefined) throw new Error(`there is no topic ${source}`)
  const batches: number[][] = []
  for (const { partition, from, to } of ranges) {
    const sizes: number[] = []
    for (let at = from; at < to; ) {
      const { responses } = await consumer.fetch({
        node: topic.partitions[partition]?.leader ?? -1,
        topics: [
          {
            topicId: topic.id,
            partitions: [
              {
                partition,
                fetchOffset: BigInt(at),
                currentLeaderEpoch: -1,
                lastFetchedEpoch: -1,
                partitionMaxBytes: 1 << 20,
              },
            ],
          },
        ],
        maxWaitTime: 100,
        minBytes: 1,
        maxBytes: 1 << 20,
        isolationLevel: FetchIsolationLevels.READ_UNCOMMITTED,
      })
      const records = responses.flatMap(({ partitions }) => partitions.flatMap(({ records }) => records ?? []))
      for (const batch of records) {
        if (Number(batch.firstOffset) < at) continue
        at = Number(batch.firstOffset) + batch.records.length
        sizes.push(batch.records.length)
        samples[partition] ??= JSON.parse(String(batch.records[0]?.value))
      }
    }
    batches[partition] = sizes
  }
  return batches
}

async function write(batches: Batches, seconds: number): Promise<Answer> {
  const [begun, cpuBefore] = [performance.now(), process.cpuUsage()]
  const counts = await Promise.all(
    batches.map(async (sizes, partition) => {
      const sample = samples[partition]
      if (sizes.length === 0 || sample === undefined) return 0
      producers[partition] ??= new Producer({ ...options, idempotent: true })
      const producer = producers[partition]
      let messages = 0
      for (let i = 0; performance.now() - begun < seconds * 1_000; i++) {
        const size = sizes[i % sizes.length] ?? 0
        await producer.send({
          messages: Array.from({ length: size }, () => messageLike(sample, partition)),
          acks: ProduceAcks.ALL,
        })
        messages += size
      }
      return messages
    }),
  )
  const { user, system } = process.cpuUsage(cpuBefore)
  return {
    messages: counts.reduce((sum, count) => sum + count, 0),
    seconds: (performance.now() - begun) / 1_000,
    cpuSeconds: (user + system) / 1e6,
  }
}

function messageLike({ clientId, content, ...sample }: Command, partition: number): Message {
  const number = String(++made).padStart(12, '0')
  const command = {
    ...sample,
    clientId: clientId.slice(0, -12) + number,
    content: { ...content, text: number + content.text.slice(12) },
  }
  return {
    topic: target,
    partition,
    key: Buffer.from(String(sample.room)),
    value: Buffer.from(JSON.stringify(command)),
  }
}

process.on('message', async (question: Question) =>
  process.send?.('read' in question ? await read(question.read) : await write(question.write, question.seconds)),
)
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
