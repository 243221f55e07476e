import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ENGINES } from './engine.ts'
import type { Instance } from './instance.ts'

const SUFFIX = '.json'

/** Which engines were started: one file each, in the user's cache, so that any checkout can ask for them and stop them. */
export class Register {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
  }

  all(): readonly Instance[] {
    return readdirSync(this.#folder)
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => this.get(file.slice(0, -SUFFIX.length)))
      .filter((instance) => instance !== undefined)
  }

  /** A file that is missing, or that nobody can read, is no instance. */
  get(id: string): Instance | undefined {
    try {
      const read: unknown = JSON.parse(readFileSync(this.#file(id), 'utf8'))
      return isInstance(read) && read.id === id ? read : undefined
    } catch {
      return undefined
    }
  }

  put(instance: Instance): void {
    const file = this.#file(instance.id)
    writeFileSync(`${file}.partial`, `${JSON.stringify(instance, null, 2)}\n`)
    renameSync(`${file}.partial`, file)
  }

  delete(id: string): void {
    rmSync(this.#file(id), { force: true })
  }

  /** With its lock: for an id that never comes again. */
  forget(id: string): void {
    this.delete(id)
    rmSync(this.lock(id), { force: true })
  }

  /** Held by whoever starts or stops it. */
  lock(id: string): string {
    return join(this.#folder, `${id}.lock`)
  }

  #file(id: string): string {
    return join(this.#folder, `${id}${SUFFIX}`)
  }
}

/** Whether it is one of ours, of this layout. */
function isInstance(read: unknown): read is Instance {
  if (typeof read !== 'object' || read === null) return false
  const { engine, processes, ports, folder, url } = read as Partial<Record<keyof Instance, unknown>>
  return (
    ENGINES.some((name) => name === engine) &&
    typeof folder === 'string' &&
    typeof url === 'string' &&
    typeof ports === 'object' &&
    Array.isArray(processes) &&
    processes.every((process) => typeof process?.name === 'string' && typeof process?.probe?.port === 'number')
  )
}
