import type { TestContext } from 'node:test'
import { type Kafka, type KafkaOptions, openKafka, setUpKafka } from '../../src/adapters/kafka/kafka.ts'
import type { Log, LogRecord, StoredRecord } from '../../src/ports/log.ts'
import { kafkaOptions, SHORT } from './kafka-subject.ts'

/** Topics of the test's own, opened; closed when it ends. */
export async function openedKafka(
  context: TestContext,
  url: string,
  partitions: number,
  timeouts: KafkaOptions['timeouts'] = {},
): Promise<{ readonly kafka: Kafka; readonly options: KafkaOptions }> {
  const options = kafkaOptions(url, { timeouts: { ...SHORT, ...timeouts } })
  await setUpKafka({ ...options, partitions, replication: 1, minInSync: 1 })
  const kafka = await openKafka(options)
  context.after(() => kafka.close())
  return { kafka, options }
}

export function prefixOf({ url }: KafkaOptions): string {
  return url.slice(url.lastIndexOf('/') + 1)
}

export function record(key: string): LogRecord {
  return { key, headers: {}, value: new Uint8Array(100) }
}

export async function all(log: Log, partition: number): Promise<readonly StoredRecord[]> {
  const { begin, end } = await log.range(partition)
  const records: StoredRecord[] = []
  for (let from = begin; from < end; ) {
    const read = await log.read(partition, from, { recordsMax: 1_000, bytesMax: 1 << 20 })
    if (read.records.length === 0) break
    records.push(...read.records)
    from = read.next
  }
  return records
}

/** Resolves when the condition holds; brokers take their time. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
