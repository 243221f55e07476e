import type { Clock, Failpoint, Logger, Random } from '../../ports/system.ts'

/** How long things may take. The defaults suit brokers in one region; tests take shorter ones. */
export interface KafkaTimeouts {
  /** One TCP connection, with TLS and sign-in. */
  readonly connectMs: number
  /** The answer to one request: above `pollMs` and `replicasMs`, so that only a broker that is gone or frozen misses it. */
  readonly requestMs: number
  /** One call of the library, with all requests it makes: should it never settle, its client is thrown away. */
  readonly callMs: number
  /** How long a leader waits for its replicas before it answers that they are late. */
  readonly replicasMs: number
  /** After so long without being able to send anything, an append fails for certain: before its callers call it unknown. */
  readonly unsentMs: number
  /** After so long, an append that may have reached a broker fails as ambiguous. Longer than a change of leader takes. */
  readonly appendMs: number
  /** How long reads, commits and questions are tried again. */
  readonly askMs: number
  /** A new topic is not known to every broker at once: after so long, one that looks missing is. */
  readonly missingMs: number
  /** How long a fetch waits at the broker for a first record. */
  readonly pollMs: number
  /** A member that was not heard of for so long is dead, and its partitions are others'. */
  readonly sessionMs: number
  /** How long the others wait for a member in a rebalance; at least `sessionMs`. */
  readonly rebalanceMs: number
  readonly heartbeatMs: number
  /** How long a rebalance or a stop waits for batches in flight; below `sessionMs`. */
  readonly drainMs: number
  /** A tail whose partition could not be read for so long says that it is broken. */
  readonly silentMs: number
  /** How long closing may take for each client: a broker that is gone must not hold the end of the process. */
  readonly closeMs: number
}

export const KAFKA_TIMEOUTS: KafkaTimeouts = {
  connectMs: 2_000,
  requestMs: 8_000,
  callMs: 20_000,
  replicasMs: 5_000,
  unsentMs: 8_000,
  appendMs: 30_000,
  askMs: 8_000,
  missingMs: 3_000,
  pollMs: 1_000,
  sessionMs: 10_000,
  rebalanceMs: 12_000,
  heartbeatMs: 1_000,
  drainMs: 5_000,
  silentMs: 5_000,
  closeMs: 3_000,
}

/** Between tries after an error: full jitter, doubled up to the maximum. */
export const BACKOFF = { delayMs: 50, delayMsMax: 1_000 }

/** One answer of a broker to a fetch, unless its first batch is longer: it bounds what a reader holds in memory. */
export const FETCH_BYTES = 512 << 10

export interface KafkaOptions {
  /** Like `kafka://host:9092,host2:9092/prefix`; the prefix of topics and groups is `holdfast` by default. */
  readonly url: string
  /** Must agree with the topics'; undefined: what the topics have. */
  readonly partitions: number | undefined
  readonly sasl?:
    | {
        readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
        readonly username: string
        readonly password: string
      }
    | undefined
  readonly tls?: { readonly caFile?: string | undefined } | undefined
  /** Seen in the broker's logs and group descriptions. */
  readonly clientName: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly failpoint?: Failpoint
  readonly timeouts?: Partial<KafkaTimeouts>
}
