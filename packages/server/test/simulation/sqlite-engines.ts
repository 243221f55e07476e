import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSqlite, type Sqlite } from '../../src/adapters/sqlite/sqlite.ts'
import type { FailpointName } from '../../src/ports/system.ts'
import type { Engines, Owner, Restored, Role, SharedEngines, StoreBackup } from './processes.ts'
import type { Surroundings } from './world.ts'

/** Only processes die here, no machine: syncing to a disk would show nothing and take most of the time. */
const IN_MEMORY = '/dev/shm'
/** What a process has for itself alone. */
const UNSHARED = /-shm$|lock\.db/
const STORE = /store\.db(-wal)?$/
const TOGETHER: readonly Role[] = ['gateway', 'worker', 'indexer']

/**
 * The real files of an installation, in one process with every role. At each failpoint, inside of transactions too, the process may be
 * killed, or what it does there may fail; the next one opens what the kill has left.
 */
export class SqliteEngines implements SharedEngines {
  readonly topology = [TOGETHER]
  readonly poisoned: ReadonlySet<string> = new Set()
  readonly unindexable: ReadonlySet<string> = new Set()
  readonly #surroundings: Surroundings
  readonly #partitions: number
  readonly #root = mkdtempSync(join(existsSync(IN_MEMORY) ? IN_MEMORY : tmpdir(), 'holdfast-simulated-'))
  #folders = 0
  #backups = 0
  #open: Sqlite | undefined

  constructor(surroundings: Surroundings, partitions: number) {
    this.#surroundings = surroundings
    this.#partitions = partitions
  }

  connect(_: string, owner: Owner): Engines {
    const failpoint = (name: FailpointName) => this.#failpoint(name, owner)
    const { clock } = owner
    const sqlite = openSqlite({ folder: this.#folder, partitions: this.#partitions, clock, failpoint })
    this.#open = sqlite
    return { ...sqlite, failpoint }
  }

  visit(): Engines | undefined {
    return this.#open
  }

  /** What is in the files now is what the next process finds; what the dead one may still write goes nowhere. */
  crash(): void {
    const dead = this.#open
    if (dead === undefined) return
    this.#open = undefined
    const from = this.#folder
    this.#folders++
    cpSync(from, this.#folder, { recursive: true, filter: (file) => !UNSHARED.test(file) })
    dead.close().catch(() => {})
  }

  async stopped(): Promise<void> {
    const stopped = this.#open
    this.#open = undefined
    await stopped?.close()
  }

  freeze(): void {}

  thaw(): void {}

  /** As cp does: every transaction is over between two events. */
  backup(): StoreBackup {
    const made = join(this.#root, `backup-${++this.#backups}`)
    cpSync(this.#folder, made, { recursive: true, filter: (file) => file === this.#folder || STORE.test(file) })
    return { made }
  }

  /** Nobody is told: the files are all there is. Users stay, as applications bring them again. */
  restore({ made }: StoreBackup): Restored {
    const from = this.#folder
    this.#folders++
    cpSync(from, this.#folder, { recursive: true, filter: (file) => !UNSHARED.test(file) && !STORE.test(file) })
    cpSync(String(made), this.#folder, { recursive: true })
    bringUsers(join(from, 'store.db'), join(this.#folder, 'store.db'))
    this.#surroundings.sometimes('store.restored.untold')
    // Strict: what a kill between a write and its publication leaves to such a restore is not told to the checker.
    return { unpublished: [] }
  }

  heal(): void {}

  dispose(): void {
    this.#open?.close().catch(() => {})
    rmSync(this.#root, { recursive: true, force: true })
  }

  #failpoint(name: FailpointName, owner: Owner): void {
    const world = this.#surroundings
    if (world.faulty(`sqlite.kill.${name}`)) {
      world.sometimes(`sqlite.kill.${name}`)
      owner.die()
      throw new Error(`killed at ${name}`)
    }
    if (world.faulty(`sqlite.fail.${name}`)) {
      world.sometimes(`sqlite.fail.${name}`)
      throw new Error(`failed at ${name}`)
    }
  }

  get #folder(): string {
    return join(this.#root, String(this.#folders))
  }
}

function bringUsers(from: string, to: string): void {
  const database = new DatabaseSync(to)
  database.prepare('ATTACH ? AS newer').run(from)
  database.exec('INSERT OR IGNORE INTO users SELECT * FROM newer.users')
  database.close()
}
