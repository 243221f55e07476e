import { Failure } from '../../ports/failure.ts'
import type { Logs } from '../../ports/log.ts'
import type { FailpointName } from '../../ports/system.ts'
import { Clients, Renewable } from './clients.ts'
import { failureOf } from './failures.ts'
import { KafkaLog } from './log.ts'
import { Positions } from './positions.ts'
import type { KafkaOptions } from './settings.ts'
import { type Cluster, checked, durabilityOf, type LogName, readCompleteCluster, type Topic } from './topics.ts'
import { Waits } from './waits.ts'

export { type KafkaSetUpOptions, setUpKafka } from './set-up.ts'
export type { KafkaOptions, KafkaTimeouts } from './settings.ts'

export interface Kafka {
  readonly logs: Logs
  /** One line for the log: cluster, brokers, partitions, replication, min in-sync. */
  readonly about: string
  /** One sentence for each thing it waits for now; empty when all is well. */
  waiting(): readonly string[]
  /** Leaves the groups and closes every connection, in a bounded time. May be called twice. */
  close(): Promise<void>
}

/**
 * Connects and checks the topics. Rejects with a Failure: `transient` where nobody answers, `operator` where credentials, topics or settings
 * are wrong. Nothing is left open when it rejects.
 */
export async function openKafka(options: KafkaOptions): Promise<Kafka> {
  const clients = new Clients(options)
  const admin = new Renewable(clients, () => clients.admin())
  try {
    const cluster = await readCompleteCluster(clients, admin)
    const topics = checked(cluster, clients.address.prefix, options.partitions)
    return opened(options, clients, admin, cluster, topics)
  } catch (error) {
    await clients.close()
    throw hinted(failureOf(error, 'ask', `connecting to ${options.url}`), options)
  }
}

/** A broker that wants TLS hangs up on who does not speak it, and says nothing. */
function hinted(failure: Failure, { tls, sasl }: KafkaOptions): Failure {
  const isHungUp = failure.class === 'transient' && /Connection closed|ECONNRESET/.test(failure.message)
  if (!isHungUp || (tls !== undefined && sasl !== undefined)) return failure
  const missing = tls === undefined ? 'TLS' : 'credentials'
  return new Failure('transient', `${failure.message} (if the brokers ask for ${missing}, it must be set)`, failure)
}

function opened(
  { failpoint = () => {} }: KafkaOptions,
  clients: Clients,
  admin: Renewable<ReturnType<Clients['admin']>>,
  cluster: Cluster,
  topics: Readonly<Record<LogName, Topic>>,
): Kafka {
  const waits = new Waits()
  const durability = durabilityOf(Object.values(topics))
  const log = (name: LogName, before?: FailpointName, after?: FailpointName) =>
    new KafkaLog({
      name,
      topic: topics[name],
      durability,
      clients,
      positions: new Positions(clients, admin, topics[name].name),
      waits,
      failpoints: {
        before: () => before !== undefined && failpoint(before),
        after: () => after !== undefined && failpoint(after),
      },
    })
  const logs = {
    commands: log('commands', 'append:before', 'append:after'),
    feed: log('feed'),
    deadLetters: log('dead-letters'),
  }
  let closed: Promise<void> | undefined
  async function close(): Promise<void> {
    await Promise.all([logs.commands.stop(), logs.feed.stop(), logs.deadLetters.stop()])
    await clients.close()
  }
  return {
    logs,
    about: aboutOf(cluster, topics, clients.address.prefix),
    waiting: () => waits.list(),
    close: () => {
      closed ??= close()
      return closed
    },
  }
}

function aboutOf({ id, brokers }: Cluster, { commands }: Readonly<Record<LogName, Topic>>, prefix: string): string {
  const { partitions, replication, minInSync, flushesEach } = commands
  const flush = flushesEach ? ', each batch flushed' : ''
  return `Kafka cluster ${id}, brokers: ${brokers}, topics ${prefix}.*, partitions: ${partitions}, copies: ${replication}, in sync for a write: ${minInSync}${flush}`
}
