import { readFileSync } from 'node:fs'
import { Client } from '@opensearch-project/opensearch'
import { Failure } from '../../ports/failure.ts'
import { addressOf } from './address.ts'
import { complaintIn, failureFrom, failureOf, field } from './failures.ts'

export interface ClusterOptions {
  /** `https://host:9200,host:9200/prefix`. */
  readonly url: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** A file with the certificates of the authorities to trust, PEM. */
  readonly tlsCaFile?: string | undefined
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'HEAD' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean>>
  /** An object as JSON, or lines of JSON as they are. */
  readonly body?: object | string
  readonly timeoutMs: number
  /** Answers to be handed back although they are errors. */
  readonly isFine?: (status: number) => boolean
  /** Throws a Failure where the answer tells of one, though the request went well. */
  readonly check?: (answer: unknown) => void
}

/**
 * One search cluster: every error leaves as a Failure. The client's own repeats are off: without a pause they only hurry a server that is in
 * trouble, and whoever asks decides whether to ask again.
 */
export class Cluster {
  readonly name: string
  readonly prefix: string
  readonly #client: Client
  /** What is waited for: of each kind of request the last failure, until one succeeds. */
  readonly #troubles = new Map<string, string>()
  #isClosed = false

  /** Throws a Failure of class operator. */
  constructor({ url, username, password, tlsCaFile }: ClusterOptions) {
    const { nodes, prefix, hosts } = addressOf(url)
    this.name = `the search cluster at ${hosts}`
    this.prefix = prefix
    this.#client = new Client({
      nodes: [...nodes],
      maxRetries: 0,
      // A node that was away is asked again at once: there may be no other, and whoever asks pauses by itself.
      resurrectStrategy: 'none',
      ...(username === undefined || password === undefined ? {} : { auth: { username, password } }),
      ...(tlsCaFile === undefined ? {} : { ssl: { ca: certificates(tlsCaFile) } }),
    })
  }

  get troubles(): readonly string[] {
    return [...new Set(this.#troubles.values())]
  }

  async ask({ method, path, query = {}, body, timeoutMs, isFine, check }: Request): Promise<unknown> {
    if (this.#isClosed) throw new Failure('closed', `${this.name}: the search index was closed`)
    const kind = path.slice(path.lastIndexOf('/'))
    try {
      const asked =
        typeof body === 'string'
          ? { bulkBody: body }
          : body === undefined
            ? {}
            : { body: body as Record<string, unknown> }
      const answer = await this.#client.transport.request(
        { method, path, querystring: query, ...asked },
        { requestTimeout: timeoutMs, maxRetries: 0 },
      )
      check?.(answer.body)
      this.#troubles.delete(kind)
      return answer.body
    } catch (error) {
      const status = field(error, 'statusCode')
      if (typeof status === 'number' && isFine?.(status) === true) {
        this.#troubles.delete(kind)
        return field(error, 'body')
      }
      if (this.#isClosed) throw new Failure('closed', `${this.name}: the search index was closed`, error)
      const failure = failureOf(error, this.name)
      // What is lost is looked for elsewhere, and not waited for.
      if (failure.class !== 'lost') this.#troubles.set(kind, failure.message)
      throw failure
    }
  }

  /** What an answer that was handed back although it is an error amounts to. */
  failure(statusCode: number, body: unknown): Failure {
    return failureFrom(complaintIn({ statusCode, body }), this.name)
  }

  /** May be called twice: the client's own would not return the second time. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#client.close()
  }
}

function certificates(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new Failure('operator', `the certificates in ${file} cannot be read: ${String(cause)}`, cause)
  }
}
