import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { Admin, type BaseOptions, Consumer, type ConsumerOptions, Producer } from '@platformatic/kafka'
import { waitMs } from '../../core/retry.ts'
import { Failure } from '../../ports/failure.ts'
import type { Clock, Logger, Random } from '../../ports/system.ts'
import { addressOf, type KafkaAddress } from './address.ts'
import { failureOf, isAnswer } from './failures.ts'
import { BACKOFF, KAFKA_TIMEOUTS, type KafkaOptions, type KafkaTimeouts } from './settings.ts'

export type Client = Admin | Consumer | Producer

/**
 * Makes the library's clients, which retry nothing by themselves: who retries has to know what it means. Knows all that are open, so that
 * closing leaves none.
 */
export class Clients {
  readonly address: KafkaAddress
  readonly timeouts: KafkaTimeouts
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly #base: Omit<BaseOptions, 'bootstrapBrokers'>
  readonly #open = new Set<Client>()
  readonly #closing = new Set<Promise<void>>()
  #made = 0
  readonly #closed = new AbortController()

  constructor({ url, sasl, tls, clientName, clock, random, logger, timeouts }: KafkaOptions) {
    this.address = addressOf(url)
    this.timeouts = { ...KAFKA_TIMEOUTS, ...timeouts }
    this.clock = clock
    this.random = random
    this.logger = logger
    this.#base = {
      // The library takes no blanks in it.
      clientId: clientName.replaceAll(/\s+/g, '-') || 'holdfast',
      connectTimeout: this.timeouts.connectMs,
      requestTimeout: this.timeouts.requestMs,
      timeout: this.timeouts.replicasMs,
      metadataMaxAge: 60_000,
      retries: 0,
      ...(sasl === undefined ? {} : { sasl: { ...sasl } }),
      ...(tls === undefined ? {} : { tls: tlsOptions(tls.caFile), tlsServerName: this.#hasNames() }),
    }
  }

  /** Aborts when everything is being closed. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  admin(): Admin {
    return this.#keep(new Admin(this.#options()))
  }

  producer(): Producer {
    return this.#keep(new Producer(this.#options()))
  }

  consumer(options: Partial<ConsumerOptions<Buffer, Buffer, Buffer, Buffer>> & { readonly groupId: string }): Consumer {
    return this.#keep(new Consumer({ ...this.#options(), ...options }))
  }

  /** Closes a client, at most for so long. Never rejects. */
  discard(client: Client): Promise<void> {
    if (!this.#open.delete(client)) return Promise.resolve()
    const { clock, timeouts } = this
    const closed = within(clock, timeouts.closeMs, 'closing', close(client)).catch(() => {
      for (const [, connection] of client.connections) connection.socket?.destroy()
    })
    this.#closing.add(closed)
    closed.finally(() => this.#closing.delete(closed))
    return closed
  }

  async close(): Promise<void> {
    this.#closed.abort()
    for (const client of this.#open) this.discard(client)
    await Promise.all(this.#closing)
  }

  /** The wait before the next try. */
  rest(tries: number, signal?: AbortSignal): Promise<void> {
    return this.clock.sleep(waitMs(this.random, BACKOFF, tries), signal)
  }

  /** Tries a question again while its failure is transient, `askMs` at most. */
  async ask<T>(what: string, attempt: () => Promise<T>, signal = this.closed): Promise<T> {
    const startedAt = this.clock.elapsed()
    for (let tries = 0; ; tries++) {
      this.checkOpen()
      try {
        return await attempt()
      } catch (error) {
        this.checkOpen()
        const failure = failureOf(error, 'ask', what)
        const isOver = this.clock.elapsed() - startedAt >= this.timeouts.askMs || signal.aborted
        if (failure.class !== 'transient' || isOver) throw failure
      }
      await this.rest(tries, signal)
    }
  }

  checkOpen(): void {
    if (this.#closed.signal.aborted) throw new Failure('closed', 'the connection to Kafka was closed')
  }

  #options(): BaseOptions {
    const { brokers } = this.address
    // Each begins with another broker: the library asks the first that accepts a connection, and a frozen one does that too.
    const first = this.#made++ % brokers.length
    return { ...this.#base, bootstrapBrokers: [...brokers.slice(first), ...brokers.slice(0, first)] }
  }

  #keep<C extends Client>(client: C): C {
    this.checkOpen()
    this.#open.add(client)
    // An error that nobody listens to would end the process; whoever made the call that failed is told anyway.
    client.on('error', ignore)
    client.connections.on('connecting', ({ connection }) => connection.on('error', ignore))
    return client
  }

  #hasNames(): boolean {
    return this.address.brokers.every((broker) => isIP(broker.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')) === 0)
  }
}

/**
 * One client that is thrown away, and made anew by the next call, when a call fails without an answer of a broker: its connections may be
 * half open, and its promises may never settle.
 */
export class Renewable<C extends Client> {
  readonly #clients: Clients
  readonly #make: () => C
  #client: C | undefined
  #isClosed = false

  constructor(clients: Clients, make: () => C) {
    this.#clients = clients
    this.#make = make
  }

  /** Rejects with what the library or `call` rejected with. */
  async use<T>(call: (client: C) => Promise<T>): Promise<T> {
    const clients = this.#clients
    clients.checkOpen()
    if (this.#isClosed) throw new Failure('closed', 'the client was closed')
    this.#client ??= this.#make()
    const client = this.#client
    try {
      return await within(clients.clock, clients.timeouts.callMs, 'the call', call(client))
    } catch (error) {
      // What is known of leaders and coordinators may be wrong now.
      client.clearMetadata()
      if (!isAnswer(error) && this.#client === client) {
        this.#client = undefined
        clients.discard(client)
      }
      throw error
    }
  }

  close(): Promise<void> {
    this.#isClosed = true
    const client = this.#client
    this.#client = undefined
    return client === undefined ? Promise.resolve() : this.#clients.discard(client)
  }
}

/** Rejects when the promise has not settled after `ms`. */
export async function within<T>(clock: Clock, ms: number, what: string, promise: Promise<T>): Promise<T> {
  let cancel = ignore
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(ms, () => reject(new Error(`${what} took longer than ${ms} ms`)))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    cancel()
  }
}

async function close(client: Client): Promise<void> {
  if (client instanceof Admin) await client.close()
  else await client.close(true)
}

function tlsOptions(caFile: string | undefined): { readonly ca?: Buffer } {
  if (caFile === undefined) return {}
  try {
    return { ca: readFileSync(caFile) }
  } catch (cause) {
    throw new Failure('operator', `the certificates in ${caFile} cannot be read: ${String(cause)}`, cause)
  }
}

function ignore(): void {}
