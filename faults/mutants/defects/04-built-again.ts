import { type Mutant, tests } from '../mutant.ts'
import { SQLITE_TESTS } from '../places.ts'

/** Connections and statements that are made for a batch or a message. */
export const BUILT_AGAIN: readonly Mutant[] = [
  {
    name: 'statement-per-message',
    undoes: 'defect 4',
    what: 'The statement that stores a document is compiled for each of them.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/documents.ts',
        find: `      this.#insert.run(id, room, seq, kind, sender, at, digest, document.origin, body)`,
        replace: `      this.#connection
        .prepare(\`INSERT INTO documents (\${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)\`)
        .run(id, room, seq, kind, sender, at, digest, document.origin, body)`,
      },
    ],
    killedBy: tests(['SQL10'], [SQLITE_TESTS]),
  },
  {
    name: 'statement-per-transaction',
    undoes: 'defect 4',
    what: 'The statement that begins a transaction is compiled for each of them.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/connection.ts',
        find: `      this.#begin.run()`,
        replace: `      this.#database.prepare('BEGIN IMMEDIATE').run()`,
      },
    ],
    killedBy: tests(['SQL10'], [SQLITE_TESTS]),
  },
  {
    name: 'connection-per-transaction',
    undoes: 'defect 4',
    what: 'Each transaction opens the file anew to see how it is.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/connection.ts',
        find: `      if (this.#isSuspect) this.#mend()`,
        replace: `      const beside = open(this.file, true)
      beside.exec('PRAGMA data_version')
      beside.close()
      if (this.#isSuspect) this.#mend()`,
      },
    ],
    killedBy: tests(['SQL10'], [SQLITE_TESTS]),
  },
]
