import {
  type Kafka,
  type KafkaOptions,
  type KafkaTimeouts,
  openKafka,
  setUpKafka,
} from '../../src/adapters/kafka/kafka.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { systemRandom } from '../../src/adapters/system/random.ts'
import { Failure } from '../../src/ports/failure.ts'
import type { FailpointName, Logger } from '../../src/ports/system.ts'
import { memoryEngines } from '../support/adapters.ts'
import type { Fault, Subject } from './subject.ts'

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** As short as a broker allows, so that tests see what happens when they are over. */
export const SHORT: KafkaTimeouts = {
  connectMs: 1_000,
  requestMs: 2_000,
  callMs: 6_000,
  replicasMs: 1_000,
  unsentMs: 2_000,
  appendMs: 20_000,
  askMs: 8_000,
  missingMs: 1_000,
  pollMs: 500,
  sessionMs: 6_000,
  rebalanceMs: 7_000,
  heartbeatMs: 300,
  drainMs: 2_000,
  silentMs: 2_000,
  closeMs: 1_000,
}

let prefixes = 0

/** Options for topics of a test's own, on the brokers of this URL. */
export function kafkaOptions(brokers: string, options: Partial<KafkaOptions> = {}): KafkaOptions {
  return {
    url: `kafka://${brokers.replace(/^kafka:\/\//, '').replace(/\/.*$/, '')}/test-${process.pid}-${Date.now()}-${++prefixes}`,
    partitions: undefined,
    clientName: 'holdfast-test',
    clock: systemClock,
    random: systemRandom,
    logger: SILENT,
    ...options,
  }
}

/** The logs on Kafka; store and search, which are none of its business, in memory. */
export async function openKafkaSubject(brokers: string, partitions: number): Promise<Subject> {
  let armed: { readonly at: FailpointName; readonly fault: Fault } | undefined
  const options = kafkaOptions(brokers, {
    partitions,
    failpoint: (name) => {
      if (armed?.at !== name) return
      const { fault } = armed
      armed = undefined
      throw new Failure(fault === 'before' ? 'transient' : 'ambiguous', `a fault of the test: ${fault}`)
    },
  })
  await setUpKafka({ ...options, partitions, replication: 1, minInSync: 1 })
  let kafka: Kafka = await openKafka(options)
  const beside = memoryEngines({ partitions })
  return {
    get logs() {
      return kafka.logs
    },
    store: beside.store,
    search: beside.search,
    capabilities: { durability: 'fsync', survivesReopen: true, canTimeOut: true, visibleAtOnce: true },
    failAppend: (fault) => {
      armed = { at: fault === 'before' ? 'append:before' : 'append:after', fault }
    },
    failWrite: () => {},
    reopen: async () => {
      await kafka.close()
      kafka = await openKafka(options)
    },
    close: async () => {
      await kafka.close()
      await beside.close()
    },
  }
}
