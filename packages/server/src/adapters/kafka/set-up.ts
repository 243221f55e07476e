import type { Admin } from '@platformatic/kafka'
import { Failure } from '../../ports/failure.ts'
import type { SetUpStep } from '../../ports/set-up.ts'
import { Clients, Renewable } from './clients.ts'
import { failureOf, idsOf, unknownTopicIn } from './failures.ts'
import type { KafkaOptions } from './settings.ts'
import {
  checked,
  checkTopic,
  LOG_NAMES,
  type LogName,
  readCluster,
  readCompleteCluster,
  type Topic,
  topicOf,
} from './topics.ts'

export interface KafkaSetUpOptions extends KafkaOptions {
  readonly partitions: number
  /** How many brokers keep each record. */
  readonly replication: number
  /** How many of them must have it before an append is acknowledged. */
  readonly minInSync: number
}

/** A reader may be gone for so long without missing a record. */
const RETENTION_MS = 7 * 24 * 60 * 60 * 1_000

/** Room for the largest batch of the gateways, which is 1 MiB without its headers. */
const BATCH_BYTES_MAX = 4 << 20

/**
 * Creates the topics that are missing; may be repeated. Throws a Failure whose message says what to change, also where a topic has another
 * number of partitions, or is less durable than asked for.
 */
export async function setUpKafka(options: KafkaSetUpOptions): Promise<readonly SetUpStep[]> {
  checkAsked(options)
  const clients = new Clients(options)
  const admin = new Renewable(clients, () => clients.admin())
  try {
    const cluster = await readCluster(clients, admin)
    // Before anything is created: what exists and does not fit is for the operator to decide.
    for (const topic of Object.values(cluster.topics)) if (topic !== undefined) checkExisting(topic, options)
    const steps: SetUpStep[] = []
    for (const log of LOG_NAMES) {
      const name = topicOf(clients.address.prefix, log)
      const isThere = cluster.topics[log] !== undefined
      const isNew = !isThere && (await create(clients, admin, name, log, options))
      steps.push({ what: `topic ${name}`, done: isNew ? 'created' : 'was there' })
    }
    // Once more, because others may have set up something else at the same time.
    for (const topic of Object.values(await readServing(clients, admin))) checkExisting(topic, options)
    return steps
  } catch (error) {
    throw failureOf(error, 'ask', `setting up the topics of ${options.url}`)
  } finally {
    await clients.close()
  }
}

function checkAsked({ partitions, replication, minInSync }: KafkaSetUpOptions): void {
  if (!Number.isSafeInteger(partitions) || partitions < 1)
    throw new Failure('operator', `a log cannot have ${partitions} partitions: ask for one or more`)
  if (minInSync > replication)
    throw new Failure(
      'operator',
      `${minInSync} copies cannot be in sync where there are ${replication}: ask for more copies, or for fewer in sync`,
    )
}

function checkExisting(topic: Topic, { partitions, replication, minInSync }: KafkaSetUpOptions): void {
  const { name } = topic
  checkTopic(topic)
  if (topic.partitions !== partitions)
    throw new Failure(
      'operator',
      `the topic ${name} has ${topic.partitions} partitions, not ${partitions}: ask for ${topic.partitions}, because a room stays in its partition`,
    )
  if (topic.replication < replication)
    throw new Failure(
      'operator',
      `the topic ${name} has ${topic.replication} copies, not ${replication}: reassign its partitions to more brokers, or ask for ${topic.replication}`,
    )
  if (topic.minInSync < minInSync)
    throw new Failure(
      'operator',
      `the topic ${name} has min.insync.replicas=${topic.minInSync}: set it to ${minInSync}`,
    )
  if (replication === 1 && !topic.flushesEach)
    throw new Failure(
      'operator',
      `the topic ${name} has one copy, which a power cut takes: set its flush.messages to 1`,
    )
  if (topic.uncleanElection)
    throw new Failure(
      'operator',
      `the topic ${name} may be led by a broker that lacks records: set its unclean.leader.election.enable to false`,
    )
}

/** Whether it was created now; not where somebody else was faster. */
async function create(
  clients: Clients,
  admin: Renewable<Admin>,
  topic: string,
  log: LogName,
  options: KafkaSetUpOptions,
): Promise<boolean> {
  const { partitions, replication: replicas, minInSync } = options
  const settings: Readonly<Record<string, string>> = {
    // Dead letters stay until somebody looked at them.
    'retention.ms': log === 'dead-letters' ? '-1' : `${RETENTION_MS}`,
    'retention.bytes': '-1',
    'cleanup.policy': 'delete',
    // The only clock that decisions know is the log's.
    'message.timestamp.type': 'LogAppendTime',
    // What others compress comes out readable with whatever libraries are here.
    'compression.type': 'uncompressed',
    'max.message.bytes': `${BATCH_BYTES_MAX}`,
    'unclean.leader.election.enable': 'false',
    'min.insync.replicas': `${minInSync}`,
    // With one copy, only its disk is left to keep the promise.
    ...(replicas === 1 ? { 'flush.messages': '1' } : {}),
  }
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }))
  try {
    await clients.ask(`creating the topic ${topic}`, () =>
      admin.use((one) => one.createTopics({ topics: [topic], partitions, replicas, configs })),
    )
    return true
  } catch (error) {
    if (idsOf(error).has('TOPIC_ALREADY_EXISTS')) return false
    throw error
  }
}

/** The topics, once every partition has a leader: a new topic takes a moment. */
async function readServing(clients: Clients, admin: Renewable<Admin>): Promise<Readonly<Record<LogName, Topic>>> {
  const { prefix } = clients.address
  const topics = LOG_NAMES.map((log) => topicOf(prefix, log))
  await clients.ask('waiting for the topics', async () => {
    const metadata = await admin
      .use((one) => one.metadata({ topics, forceUpdate: true }))
      .catch((error) => {
        // Not every broker knows them at once.
        if (unknownTopicIn(error) === undefined) throw error
        throw new Failure('transient', 'not every broker knows the topics yet', error)
      })
    for (const name of topics)
      for (const { leader } of metadata.topics.get(name)?.partitions ?? [])
        if (!metadata.brokers.has(leader))
          throw new Failure('transient', `nobody leads a partition of the topic ${name} yet`)
  })
  return checked(await readCompleteCluster(clients, admin), prefix, undefined)
}
