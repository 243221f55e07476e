import assert from 'node:assert/strict'
import { type Engines, Operator } from '../crash/operator.ts'
import { type ServerProcess, until } from '../support/server.ts'
import { Cluster, type ClusterOptions } from './installation.ts'

export const ROOM = 'lobby'
export const SENDER = 'anna'

/** A gateway, a worker, and one room in a log of one partition. */
export class DefectScene implements AsyncDisposable {
  readonly cluster: Cluster
  readonly gateway: ServerProcess
  worker: ServerProcess
  readonly operator: Operator
  /** In this process, beside whoever works on them. */
  readonly engines: Engines
  #said = 0

  private constructor(
    cluster: Cluster,
    gateway: ServerProcess,
    worker: ServerProcess,
    operator: Operator,
    engines: Engines,
  ) {
    this.cluster = cluster
    this.engines = engines
    this.gateway = gateway
    this.worker = worker
    this.operator = operator
  }

  static async open(
    engines: { readonly kafka: string; readonly mongodb: string },
    options: ClusterOptions = {},
    worker: Readonly<Record<string, string>> = {},
  ): Promise<DefectScene> {
    const cluster = await Cluster.open(engines, { partitions: 1, ...options })
    const [gateway, first] = await Promise.all([cluster.start('gateway'), cluster.start('worker', { env: worker })])
    return new DefectScene(cluster, gateway, first, await Operator.of(gateway, cluster), await cluster.engines())
  }

  async replaceWorker(): Promise<void> {
    this.worker = await this.cluster.start('worker')
  }

  async room(members: readonly string[] = []): Promise<void> {
    await this.operator.register(SENDER)
    await this.operator.createRoom(ROOM, [SENDER, ...members])
  }

  /** Says so much at once. Returns what each was answered, when it was accepted or not. */
  async say(count: number): Promise<readonly number[]> {
    const first = this.#said
    this.#said += count
    return Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const n = first + i
        const answer = await this.operator.submit(ROOM, SENDER, `c${n}`, `text ${n}`)
        return answer.status
      }),
    )
  }

  /** History comes to hold so many messages: each once. */
  async holds(count: number): Promise<void> {
    await until(`history holds ${count}`, async () => (await this.operator.texts(ROOM)).length >= count, 60_000)
    const texts = await this.operator.texts(ROOM)
    assert.equal(texts.length, count)
    assert.equal(new Set(texts).size, count)
  }

  /** How far the workers have committed. */
  async committed(): Promise<number> {
    return (await this.engines.logs.commands.committed('worker', 0)) ?? 0
  }

  /** The same, once that is all there is. */
  async committedAll(): Promise<number> {
    const { end } = await this.engines.logs.commands.range(0)
    await until('the worker commits all', async () => (await this.committed()) === end)
    return end
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engines.close()
    await this.cluster[Symbol.asyncDispose]()
  }
}
