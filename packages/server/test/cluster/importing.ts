import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { OwnEngine } from '../../../../engines/index.ts'
import { linesOf, type Ran, type Running } from '../cli/holdfast.ts'
import type { ServerProcess } from '../support/server.ts'
import { Cluster } from './installation.ts'

/** A line of a file to be imported. */
export interface ImportedLine {
  readonly room: string
  readonly sender: string
  readonly at: string
  readonly text: string
}

export interface Excerpt {
  readonly linesMax: number
  /** Rooms are imported side by side, and the lines of one room one after the other. */
  readonly linesOfRoomMax?: number
}

/** The first lines of a file, in its order. */
export function excerptOf(path: string, { linesMax, linesOfRoomMax = linesMax }: Excerpt): readonly ImportedLine[] {
  const bytes = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  const counts = new Map<string, number>()
  const excerpt: ImportedLine[] = []
  for (const line of linesOf(text) as unknown as readonly ImportedLine[]) {
    const count = (counts.get(line.room) ?? 0) + 1
    counts.set(line.room, count)
    if (count <= linesOfRoomMax) excerpt.push(line)
    if (excerpt.length === linesMax) break
  }
  return excerpt
}

export interface ImportOptions {
  readonly kafka: OwnEngine
  /** A MongoDB URI. */
  readonly mongodb: string
  readonly lines: readonly ImportedLine[]
  readonly partitions?: number
  /** What the import says meanwhile. */
  readonly progress?: (line: string) => void
}

/** How many lines the gateway has told their end, and what the import says of itself in the end. */
export interface ImportSummary {
  readonly lines: number
  readonly imported: number
  readonly repeated: number
  readonly retries: number
  readonly seconds: number
  readonly rate: number
}

/** An import that is under way, into a cluster of a gateway and two workers, whose workers and broker may be killed meanwhile. */
export class ClusterImport implements AsyncDisposable {
  readonly #options: ImportOptions
  readonly #cluster: Cluster
  readonly #gateway: ServerProcess
  readonly #running: Running
  #workers: readonly ServerProcess[]
  #isOver = false

  private constructor(
    options: ImportOptions,
    cluster: Cluster,
    gateway: ServerProcess,
    workers: readonly ServerProcess[],
  ) {
    this.#options = options
    this.#cluster = cluster
    this.#gateway = gateway
    this.#workers = workers
    const file = join(cluster.data, 'chat.jsonl')
    writeFileSync(file, options.lines.map((line) => JSON.stringify(line)).join('\n'))
    this.#running = cluster.begin(['import', file, '--json', '--url', gateway.url])
    this.#running.child.on('close', () => {
      this.#isOver = true
    })
    this.#running.child.stderr?.on('data', (said: string) => options.progress?.(said.trimEnd()))
  }

  static async begin(options: ImportOptions): Promise<ClusterImport> {
    const { kafka, mongodb, partitions = 4 } = options
    const cluster = await Cluster.open({ kafka: kafka.url, mongodb }, { partitions })
    try {
      const gateway = await cluster.start('gateway,indexer')
      const workers = await Promise.all(['worker', 'worker'].map((role) => cluster.start(role)))
      return new ClusterImport(options, cluster, gateway, workers)
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** What the processes measured, by role, as Prometheus reads it. */
  metrics(): Promise<readonly string[]> {
    return Promise.all([this.#gateway, ...this.#workers].map(async ({ url }) => (await fetch(`${url}/metrics`)).text()))
  }

  /** How many commands were told that they are stored, as the gateway counts them. */
  async stored(): Promise<number> {
    const metrics = await (await fetch(`${this.#gateway.url}/metrics`)).text()
    return Number(/^holdfast_command_ended_seconds_count\{[^}]*end="stored"[^}]*\} (\d+)/m.exec(metrics)?.[1] ?? 0)
  }

  /** The one that has lived longest; another is started in its place. */
  async killWorker(): Promise<void> {
    const [oldest, ...others] = this.#workers
    assert.ok(oldest !== undefined)
    this.#workers = others
    oldest.signal('SIGKILL')
    await oldest.ended
    this.#workers = [...others, await this.#cluster.start('worker')]
  }

  /** It is started again on the same data. */
  async killBroker(): Promise<void> {
    await this.#options.kafka.signal('SIGKILL')
    await this.#options.kafka.startAgain()
  }

  /** Resolves when all is imported; and says how that went. */
  async done(): Promise<ImportSummary> {
    const { exit, out, err }: Ran = await this.#running.ended
    assert.equal(exit, 0, `${out}\n${err}`)
    return linesOf(out).at(-1) as unknown as ImportSummary
  }

  /** What the file holds is what history holds, per room and in order; nothing died, and nothing waits. */
  async check(): Promise<void> {
    const token = (await this.#cluster.run(['token', '--user', 'checker', '--admin'])).out.trim()
    const wanted = new Map<string, unknown[]>()
    for (const { room, sender, at, text } of this.#options.lines) {
      const messages = wanted.get(room) ?? []
      wanted.set(room, messages)
      messages.push({ sender, at: Date.parse(at), text })
    }
    for (const [room, messages] of wanted) {
      const entries = await this.#history(room, token)
      assert.deepEqual(
        entries.map(({ seq }) => seq),
        entries.map((_, i) => i + 1),
        `${room} has a gap`,
      )
      const found = entries.flatMap(({ kind, sender, at, text }) => (kind === 'message' ? [{ sender, at, text }] : []))
      assert.deepEqual(found, messages, `${room} is not what the file says`)
    }
    const { err } = await this.#cluster.run(['dlq', 'list', '--state', 'all', '--url', this.#gateway.url])
    assert.match(err, /no dead letters/)
    await this.#cluster.isQuiet()
  }

  /** How much memory each process holds, and how many lines it logged. */
  get processes(): readonly { readonly role: string; readonly logLines: number; readonly log: string }[] {
    return [this.#gateway, ...this.#workers].map((process, i) => {
      const log = process.output()
      return { role: i === 0 ? 'gateway' : 'worker', logLines: log.split('\n').length, log }
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#running.child.kill('SIGKILL')
    return this.#cluster[Symbol.asyncDispose]()
  }

  async #history(room: string, token: string): Promise<readonly HistoryEntry[]> {
    const entries: HistoryEntry[] = []
    for (;;) {
      const path = `/v1/rooms/${encodeURIComponent(room)}/timeline?after=${entries.length}&limit=200`
      const response = await fetch(`${this.#gateway.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
      assert.equal(response.status, 200, await response.clone().text())
      const page = (await response.json()) as { readonly entries: readonly HistoryEntry[] }
      if (page.entries.length === 0) return entries
      entries.push(...page.entries)
    }
  }
}

interface HistoryEntry {
  readonly seq: number
  readonly kind: string
  readonly sender: string
  readonly at: number
  readonly text?: string
}
