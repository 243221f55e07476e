import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from './engine.ts'
import type { Instance, InstanceProcess } from './instance.ts'
import type { Folders } from './machine/folders.ts'
import { ended, frozen, markOf, signal } from './machine/processes.ts'
import type { Progress } from './program.ts'
import { Register } from './register.ts'
import type { Security } from './security/security.ts'
import { type StartOptions, start } from './start.ts'
import { stop, stopLeftBehind } from './stop.ts'

/** For the system to carry a signal out. */
const PATIENCE_MS = 10_000

export interface OwnEngineOptions {
  /** 0, as by default: any that are free. */
  readonly port?: number
  /** What is told while it is built and started; by default nobody hears it. */
  readonly progress?: Progress
}

/** Ends what killed processes left behind, then starts an engine whose end is this process's. */
export async function startOwn(
  engine: Engine,
  folders: Folders,
  { port = 0, progress = () => {} }: OwnEngineOptions,
): Promise<OwnEngine> {
  const register = new Register(folders.running)
  await stopLeftBehind(register, progress)
  const owner = markOf(process.pid)
  if (owner === undefined) throw new Error('This process does not find itself.')
  const folder = await mkdtemp(join(tmpdir(), `holdfast-${engine.name}-`))
  const options = {
    id: `${engine.name}-${process.pid}-${++startedCount}`,
    folders,
    register,
    progress,
    port,
    folder,
    owner,
  }
  try {
    return new OwnEngine(engine, await start(engine, options), options)
  } catch (error) {
    register.forget(options.id)
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

let startedCount = 0

interface Owned extends StartOptions {
  readonly register: Register
  readonly folder: string
}

export class OwnEngine implements AsyncDisposable {
  #instance: Instance
  readonly #engine: Engine
  readonly #options: Owned
  /** All that can still be done while the process ends. */
  readonly #abandon = () => {
    for (const { mark } of this.#instance.processes) if (mark !== undefined) signal(mark, 'SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
    this.#options.register.forget(this.#options.id)
  }

  constructor(engine: Engine, instance: Instance, options: Owned) {
    this.#engine = engine
    this.#instance = instance
    this.#options = options
    process.on('exit', this.#abandon)
  }

  /** Bootstrap servers, or a MongoDB URI. */
  get url(): string {
    return this.#instance.url
  }

  /** Of an engine with TLS and credentials; others have none to be asked for. */
  get security(): Security {
    const { security, engine } = this.#instance
    if (security === undefined) throw new Error(`${engine} has neither TLS nor credentials.`)
    return security
  }

  get folder(): string {
    return this.#instance.folder
  }

  /** In the order in which they are started: brokers, or PostgreSQL and what stands on it. */
  get processes(): readonly InstanceProcess[] {
    return this.#instance.processes
  }

  /** Sends a signal to one of its processes, the last by default. After SIGKILL it is gone, after SIGSTOP frozen, when this resolves. */
  async signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT', process = this.processes.at(-1)?.name): Promise<void> {
    const mark = this.processes.find((one) => one.name === process)?.mark
    if (mark === undefined) throw new Error(`${this.#options.id} has no process ${process}.`)
    signal(mark, name)
    if (name === 'SIGKILL') await ended([mark], PATIENCE_MS)
    if (name === 'SIGSTOP') await frozen(mark, PATIENCE_MS)
  }

  /** Starts those of its processes that are gone, on the same ports with the same data, and waits until all serve. */
  async startAgain(): Promise<void> {
    this.#instance = await start(this.#engine, {
      ...this.#options,
      port: this.#instance.ports.clients[0],
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#abandon)
    await stop(this.#options.id, this.#options.register, this.#options.progress)
    this.#options.register.forget(this.#options.id)
    await rm(this.folder, { recursive: true, force: true })
  }
}
