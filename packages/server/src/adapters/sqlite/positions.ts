import type { StatementSync } from 'node:sqlite'
import type { Offset } from '../../ports/log.ts'
import type { Connection } from './connection.ts'

/**
 * What each group committed. A commit is true at once and written with the next transaction on the file, or a moment later:
 * losing the last one costs a redelivery, which is harmless (R8), while a transaction of its own would cost every batch.
 * Invariant: `known` is what `get` answers; `unwritten` names those of it that the file does not have yet.
 */
export class Positions {
  readonly #connection: Connection
  readonly #select: StatementSync
  readonly #upserts: ReadonlyMap<Connection, StatementSync>
  readonly #known = new Map<string, Position>()
  #unwritten = new Set<Position>()
  #writing: Position[] = []

  /** @param connections those whose transactions may carry commits; the first one reads. */
  constructor(connection: Connection, others: readonly Connection[]) {
    this.#connection = connection
    this.#select = connection.prepare('SELECT log, member_group AS "group", partition, next FROM positions')
    this.#upserts = new Map(
      [connection, ...others].map((each) => [
        each,
        each.prepare('INSERT OR REPLACE INTO positions (log, member_group, partition, next) VALUES (?, ?, ?, ?)'),
      ]),
    )
    this.refresh()
  }

  get(log: string, group: string, partition: number): Offset | undefined {
    return this.#known.get(keyOf(log, group, partition))?.next
  }

  set(log: string, group: string, partition: number, next: Offset): void {
    const key = keyOf(log, group, partition)
    const known = this.#known.get(key)
    if (known?.next === next) return
    const position = known ?? { log, group, partition, next }
    position.next = next
    this.#known.set(key, position)
    this.#unwritten.add(position)
  }

  get isWritten(): boolean {
    return this.#unwritten.size === 0
  }

  /** Reads the file anew, for a reader beside the process that writes. */
  refresh(): void {
    const rows = this.#connection.ask(() => this.#select.all()) as unknown as Position[]
    for (const { log, group, partition, next } of rows)
      this.#known.set(keyOf(log, group, partition), { log, group, partition, next })
  }

  /** What rides in front of a connection's transactions. */
  riderOn(connection: Connection): { write(): void; after(committed: boolean): void } {
    const upsert = this.#upserts.get(connection)
    return {
      write: () => {
        if (this.#unwritten.size === 0) return
        this.#writing = [...this.#unwritten]
        for (const { log, group, partition, next } of this.#writing) upsert?.run(log, group, partition, next)
      },
      after: (committed) => {
        if (committed) for (const position of this.#writing) this.#unwritten.delete(position)
        this.#writing = []
      },
    }
  }
}

interface Position {
  readonly log: string
  readonly group: string
  readonly partition: number
  next: Offset
}

function keyOf(log: string, group: string, partition: number): string {
  return `${log}/${partition}/${group}`
}
