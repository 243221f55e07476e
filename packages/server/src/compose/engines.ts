import { mkdirSync } from 'node:fs'
import type { KafkaOptions } from '../adapters/kafka/kafka.ts'
import type { MongodbOptions } from '../adapters/mongodb/mongodb.ts'
import type { ClusterOptions } from '../adapters/opensearch/cluster.ts'
import type { Config } from '../config/config.ts'
import { Failure } from '../ports/failure.ts'

/** What the settings say of the brokers. */
export function kafkaOptions({
  log,
  partitions,
  kafka,
}: Config): Pick<KafkaOptions, 'url' | 'partitions' | 'sasl' | 'tls' | 'timeouts'> {
  const { username, password, mechanism, tls, tlsCaFile, sessionMs } = kafka
  return {
    url: log,
    partitions,
    sasl:
      username === undefined || password === undefined
        ? undefined
        : { mechanism: MECHANISMS[mechanism], username, password },
    tls: tls === 'off' ? undefined : { caFile: tlsCaFile },
    // Others wait a little longer for a member than it may be silent, and it must have drained before that.
    timeouts: {
      sessionMs,
      rebalanceMs: Math.ceil(sessionMs * 1.2),
      drainMs: Math.floor(sessionMs / 2),
      heartbeatMs: Math.min(1_000, Math.ceil(sessionMs / 4)),
    },
  }
}

const MECHANISMS = { 'scram-sha-512': 'SCRAM-SHA-512', 'scram-sha-256': 'SCRAM-SHA-256', plain: 'PLAIN' } as const

/** What the settings say of the database. */
export function mongodbOptions({
  store,
  mongodb,
}: Config): Pick<MongodbOptions, 'url' | 'username' | 'password' | 'tlsCaFile'> {
  return { url: store, ...mongodb }
}

/** What the settings say of the search cluster. */
export function searchOptions({ search, opensearch }: Config): ClusterOptions {
  return { url: search, ...opensearch }
}

/** Rejected with a sentence that names the folder. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new Failure('operator', `the folder ${folder} cannot be made: ${String(cause)}`, cause)
  }
}
