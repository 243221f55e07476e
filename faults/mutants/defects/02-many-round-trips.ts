import { type Mutant, tests } from '../mutant.ts'
import { APPENDER_TESTS, SQLITE_TESTS, WORKER_TESTS } from '../places.ts'

/** Round trips for each message instead of for each batch. */
export const MANY_ROUND_TRIPS: readonly Mutant[] = [
  {
    name: 'write-per-message',
    undoes: 'defect 2',
    what: 'A batch is written one document at a time.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `      const written = await own.store.write({ documents, letters, projections, settled }).catch((error) => {`,
        replace: `      const each = async () => {
        for (const document of documents.slice(0, -1))
          await own.store.write({ documents: [document], letters: [], projections: [], settled: undefined })
        return own.store.write({ documents: documents.slice(-1), letters, projections, settled })
      }
      const written = await each().catch((error) => {`,
      },
    ],
    killedBy: tests(['WRK3'], [WORKER_TESTS]),
  },
  {
    name: 'look-up-per-message',
    undoes: 'defect 2',
    what: 'Each command of a batch is looked up by itself.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `    const found = chunk.length === 0 ? NOTHING_FOUND : await own.store.find(withEarlierTries(chunk))`,
        replace: `    const found = new Map<EntryId, Document>()
    for (const item of chunk) for (const [id, document] of await own.store.find([item])) found.set(id, document)`,
      },
    ],
    killedBy: tests(['WRK3'], [WORKER_TESTS]),
  },
  {
    name: 'load-per-room',
    undoes: 'defect 2',
    what: 'The rooms of a batch are loaded one by one.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `      const loaded = await store.load(list, unknown)`,
        replace: `      const { users: registered } = await store.load([], unknown)
      const snapshots = new Map<RoomId, RoomSnapshot>()
      for (const need of list)
        for (const [room, snapshot] of (await store.load([need], [])).rooms) snapshots.set(room, snapshot)
      const loaded = { users: registered, rooms: snapshots }`,
      },
    ],
    killedBy: tests(['WRK3'], [WORKER_TESTS]),
  },
  {
    name: 'publish-per-message',
    undoes: 'defect 2',
    what: 'The outcomes of a batch are published one by one.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `      await this.#publishPiece(debts.feed.slice(from, from + own.settings.feedRecordsMax))`,
        replace: `      for (const record of debts.feed.slice(from, from + own.settings.feedRecordsMax)) await this.#publishPiece([record])`,
      },
    ],
    killedBy: tests(['WRK3'], [WORKER_TESTS]),
  },
  {
    name: 'append-per-message',
    undoes: 'defect 2',
    what: 'Commands that wait for the log are appended one by one, each with a sync of its own.',
    edits: [
      {
        file: 'packages/server/src/core/appender.ts',
        find: `      if (count === appendBatchRecordsMax || (`,
        replace: `      if (count === 1 || (`,
      },
    ],
    killedBy: tests(['GW32'], [APPENDER_TESTS]),
  },
  {
    name: 'sync-per-append',
    undoes: 'defect 2',
    what: 'Appends that come in one turn of the event loop do not share a transaction.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/appends.ts',
        find: `    const failure = this.#attempt(appends)`,
        replace: `    const failure = appends.length > 1 ? new Failure('transient', 'each alone') : this.#attempt(appends)`,
      },
      {
        file: 'packages/server/src/adapters/sqlite/appends.ts',
        find: `import type { Failure } from`,
        replace: `import { Failure } from`,
      },
    ],
    killedBy: tests(['SQL12'], [SQLITE_TESTS]),
  },
]
