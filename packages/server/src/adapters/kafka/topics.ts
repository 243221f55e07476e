import type { Durability } from '@holdfast/protocol'
import { type Admin, ConfigResourceTypes } from '@platformatic/kafka'
import { Failure } from '../../ports/failure.ts'
import type { Clients, Renewable } from './clients.ts'
import { unknownTopicIn } from './failures.ts'

/** The three logs, and what follows the prefix in the names of their topics. */
export const LOG_NAMES = ['commands', 'feed', 'dead-letters'] as const

export type LogName = (typeof LOG_NAMES)[number]

/** A topic as the brokers have it. */
export interface Topic {
  readonly name: string
  readonly partitions: number
  /** Of the partition with the fewest copies. */
  readonly replication: number
  readonly minInSync: number
  readonly flushesEach: boolean
  readonly batchBytesMax: number
  readonly cleanup: string
  readonly timestamps: string
  readonly uncleanElection: boolean
  /** Records go after so long, read or not; undefined where they stay. */
  readonly retentionMs: number | undefined
  /** Records go once there are so many bytes of later ones; -1 where they stay. */
  readonly retentionBytes: number
}

export interface Cluster {
  readonly id: string
  readonly brokers: number
  readonly topics: Readonly<Record<LogName, Topic | undefined>>
}

const CONFIGURATION = [
  'min.insync.replicas',
  'flush.messages',
  'max.message.bytes',
  'cleanup.policy',
  'message.timestamp.type',
  'unclean.leader.election.enable',
  'retention.ms',
  'retention.bytes',
]

/** What a broker adds to a batch that it takes. */
const BATCH_BYTES_SPARE = 1_024

export function topicOf(prefix: string, log: LogName): string {
  return `${prefix}.${log}`
}

/** Asks the brokers for the topics; those that do not exist are undefined. */
export async function readCluster(clients: Clients, admin: Renewable<Admin>): Promise<Cluster> {
  const { prefix, brokers } = clients.address
  const what = `asking ${brokers.join(', ')} for the topics ${prefix}.*`
  const { id, brokers: all } = await clients.ask(what, () => admin.use((one) => one.metadata({ topics: [] })))
  const topics: Record<LogName, Topic | undefined> = { commands: undefined, feed: undefined, 'dead-letters': undefined }
  for (const log of LOG_NAMES)
    topics[log] = await clients.ask(what, () => admin.use((one) => readTopic(one, topicOf(prefix, log))))
  return { id, brokers: all.size, topics }
}

/** The same, once all topics are there, or have been missing for so long that they are. */
export async function readCompleteCluster(clients: Clients, admin: Renewable<Admin>): Promise<Cluster> {
  const { clock, timeouts } = clients
  const startedAt = clock.elapsed()
  for (let tries = 0; ; tries++) {
    const cluster = await readCluster(clients, admin)
    const isComplete = Object.values(cluster.topics).every((topic) => topic !== undefined)
    if (isComplete || clock.elapsed() - startedAt >= timeouts.missingMs) return cluster
    await clients.rest(tries, clients.closed)
  }
}

async function readTopic(admin: Admin, name: string): Promise<Topic | undefined> {
  const found = await metadataOf(admin, name)
  if (found === undefined) return undefined
  const [described] = await admin.describeConfigs({
    resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: name, configurationKeys: CONFIGURATION }],
  })
  const value = (key: string) => described?.configs.find((one) => one.name === key)?.value ?? ''
  return {
    name,
    partitions: found.partitionsCount,
    replication: Math.min(...found.partitions.map(({ replicas }) => replicas.length)),
    minInSync: Number(value('min.insync.replicas')),
    flushesEach: value('flush.messages') === '1',
    batchBytesMax: Number(value('max.message.bytes')) - BATCH_BYTES_SPARE,
    cleanup: value('cleanup.policy'),
    timestamps: value('message.timestamp.type'),
    uncleanElection: value('unclean.leader.election.enable') === 'true',
    retentionMs: value('retention.ms') === '-1' ? undefined : Number(value('retention.ms')),
    retentionBytes: Number(value('retention.bytes')),
  }
}

async function metadataOf(admin: Admin, name: string) {
  try {
    // By itself: of several, the answer names one that is missing and gives none.
    return (await admin.metadata({ topics: [name], forceUpdate: true })).topics.get(name)
  } catch (error) {
    if (unknownTopicIn(error) === name) return undefined
    throw error
  }
}

/** The topics, if they are all there and fit for their purpose. Throws a Failure that says what to do. */
export function checked(
  { topics }: Cluster,
  prefix: string,
  partitions: number | undefined,
): Readonly<Record<LogName, Topic>> {
  const { commands, feed, 'dead-letters': letters } = topics
  const missing = LOG_NAMES.filter((log) => topics[log] === undefined).map((log) => topicOf(prefix, log))
  if (commands === undefined || feed === undefined || letters === undefined)
    throw new Failure(
      'operator',
      `Kafka has no topic ${missing.join(', ')}: run \`holdfast setup\` to create what is missing`,
    )
  const all = [commands, feed, letters]
  const counts = all.map((topic) => `${topic.name} has ${topic.partitions}`).join(', ')
  if (all.some((topic) => topic.partitions !== commands.partitions))
    throw new Failure('operator', `the topics must have the same number of partitions: ${counts}`)
  if (partitions !== undefined && partitions !== commands.partitions)
    throw new Failure(
      'operator',
      `the topic ${commands.name} has ${commands.partitions} partitions, but the settings say ${partitions}: say what it has, because a room stays in its partition`,
    )
  for (const topic of all) checkTopic(topic)
  return { commands, feed, 'dead-letters': letters }
}

/** What would lose records, or let decisions depend on the clocks of gateways. */
export function checkTopic({ name, cleanup, timestamps, retentionBytes }: Topic): void {
  if (cleanup !== 'delete')
    throw new Failure(
      'operator',
      `the topic ${name} has cleanup.policy=${cleanup}, which removes records by key: set it to delete`,
    )
  if (timestamps !== 'LogAppendTime')
    throw new Failure(
      'operator',
      `the topic ${name} has message.timestamp.type=${timestamps}, so a record's time would be its sender's: set it to LogAppendTime`,
    )
  if (retentionBytes !== -1)
    throw new Failure(
      'operator',
      `the topic ${name} has retention.bytes=${retentionBytes}, so a burst would delete what nobody has read: set it to -1`,
    )
}

/** What an acknowledgement of all these survives. */
export function durabilityOf(topics: readonly Topic[]): Durability {
  if (topics.every(({ replication, minInSync }) => replication >= 2 && minInSync >= 2)) return 'replicated'
  return topics.every(({ flushesEach }) => flushesEach) ? 'fsync' : 'process'
}
