import { type Mutant, simulator, tests } from '../mutant.ts'
import {
  ADAPTER_TESTS,
  COMMAND_TESTS,
  LANE_TESTS,
  ROOM_TESTS,
  SENDING_TESTS,
  SIMULATED_STORE_TESTS,
  WORKER_TESTS,
} from '../places.ts'

const STORE = 'packages/server/test/simulation/store'

const BATCH = 'packages/server/src/worker/batch.ts'
const PLAN = 'packages/server/src/worker/plan.ts'
/** Mistakes that systems like this one are known to make, where they undo no single rule. Those that are also defects or broken rules are not here. */
export const MISTAKES: readonly Mutant[] = [
  {
    name: 'unordered-bulk',
    undoes: 'unordered bulk',
    what: 'A write does not stop at the document that does not fit, in no engine of the cluster.',
    edits: [
      {
        file: `${STORE}/writing.ts`,
        find: `        if (!engine.strikes('store.write.goesOn')) break
`,
        replace: '',
      },
      {
        file: `${STORE}/writing.ts`,
        find: `engine.chance.between(1, PAST_FAILURE_MAX))`,
        replace: `PAST_FAILURE_MAX)`,
      },
    ],
    killedBy: tests(['STO3'], [SIMULATED_STORE_TESTS], 'documents are a prefix'),
  },
  {
    name: 'upsert-burns-numbers',
    undoes: 'upsert that burns numbers',
    what: 'An entry whose id is there already counts as written, and its new number is left out.',
    edits: [
      {
        file: `${STORE}/writing.ts`,
        find: `      const why = this.#obstacle(primary, document)
      if`,
        replace: `      const isThere = primary.ids.has(document.id) || collections.documents.has(document.id)
      const why = this.#obstacle(primary, document)
      if (isThere) continue
      if`,
      },
    ],
    killedBy: tests(['STO3'], [SIMULATED_STORE_TESTS], 'the same id twice'),
  },
  {
    name: 'upsert-on-sqlite',
    undoes: 'upsert that burns numbers',
    what: 'An entry whose id is there already counts as written, on SQLite.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/documents.ts',
        find: `connection.prepare(\`INSERT INTO documents (`,
        replace: `connection.prepare(\`INSERT OR IGNORE INTO documents (`,
      },
    ],
    killedBy: tests(['STO3'], [ADAPTER_TESTS], 'the same id twice'),
  },
  {
    name: 'given-up-without-a-claim',
    undoes: 'give up without a claim',
    what: 'Who waited too long for their sender to become known is passed over.',
    edits: [
      {
        file: PLAN,
        find: `        else return this.#die(item, expired(decision.doubt))
        return true`,
        replace: `        else if (expired(decision.doubt).class === 'expired') item.outcome = { end: 'reused', command }
        return true`,
      },
    ],
    killedBy: tests(['WRK21'], [LANE_TESTS]),
  },
  {
    name: 'new-id-on-retry',
    undoes: 'new id on retry',
    what: 'What is sent again is sent under another id.',
    edits: [
      {
        file: 'packages/client/src/lanes.ts',
        find: `      ...command.body,
      ...(lane`,
        replace: `      ...command.body,
      clientId: attempt > 1 ? \`\${command.body.clientId}~\${attempt}\` : command.body.clientId,
      ...(lane`,
      },
    ],
    killedBy: tests(['SDK4'], [COMMAND_TESTS]),
  },
  {
    name: 'numbered-by-clocks',
    undoes: 'order by wall clock',
    what: 'A batch is numbered by what its ids begin with, the clocks of those who sent it.',
    edits: [
      {
        file: BATCH,
        find: `    this.#remaining = firsts
`,
        replace: `    this.#remaining = firsts.sort((a, b) => (a.id < b.id ? -1 : 1))
`,
      },
    ],
    killedBy: simulator(),
  },
  {
    name: 'write-error-swallowed',
    undoes: 'swallowed write error',
    what: 'A write that fails counts as done.',
    edits: [
      {
        file: BATCH,
        find: `        this.#forget(plan)
        throw error
`,
        replace: `        this.#forget(plan)
        if (error instanceof Halt) throw error
        return { result: 'all' } as const
`,
      },
    ],
    killedBy: tests(['WRK4'], [WORKER_TESTS]),
  },
  {
    name: 'adopted-goes-untold',
    undoes: 'no feed for adopted',
    what: 'What is found stored already is not published: whoever has published it may have died before.',
    edits: [
      {
        file: BATCH,
        find: `      else settle(debts, item, item.outcome, this.#own.epoch)`,
        replace: `      else if (item.adopted && item.outcome.end === 'stored') debts.finished.push(item)
      else settle(debts, item, item.outcome, this.#own.epoch)`,
      },
    ],
    killedBy: tests(['WRK5'], [WORKER_TESTS]),
  },
  {
    name: 'auto-commit',
    undoes: 'auto-commit on',
    what: 'What was read is committed with the reading, whatever comes of it.',
    edits: [
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `    if (this.pauses.current?.reason === 'log') this.pauses.over()
`,
        replace: `    if (this.pauses.current?.reason === 'log') this.pauses.over()
    const last = records?.at(-1)
    if (last !== undefined) await this.#owned.commit(last.offset + 1)
`,
      },
    ],
    killedBy: tests(['WRK4'], [WORKER_TESTS]),
  },
  {
    name: 'dedupe-by-time',
    undoes: 'dedupe cache with a time limit instead of the key',
    what: 'Only what was stored lately is known to be stored, and nothing else keeps it from being stored again.',
    edits: [
      {
        file: BATCH,
        find: `    const found = chunk.length === 0 ? NOTHING_FOUND : await own.store.find(withEarlierTries(chunk))
`,
        replace: `    const known = chunk.length === 0 ? NOTHING_FOUND : await own.store.find(withEarlierTries(chunk))
    const found = new Map([...known].filter(([, { at }]) => own.clock.now() - at < 5_000))
`,
      },
      {
        file: `${STORE}/collections.ts`,
        find: `      primary.ids.has(id) ||
      primary.places.has(placeOf(room, seq)) ||
      isSeen(this.documents.get(id)) ||
`,
        replace: `      primary.places.has(placeOf(room, seq)) ||
      (seq < 0 && isSeen(this.documents.get(id))) ||
`,
      },
    ],
    killedBy: simulator(),
  },
  {
    name: 'commit-off-by-one',
    undoes: 'cursor off by one',
    what: 'The offset that is committed is one too high.',
    edits: [
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `    await this.#commit(next)
  }

  async #commit`,
        replace: `    await this.#commit(next + 1)
  }

  async #commit`,
      },
    ],
    killedBy: tests(['WRK4'], [WORKER_TESTS]),
  },
  {
    name: 'start-off-by-one',
    undoes: 'cursor off by one',
    what: 'A start begins behind the first record that is not finished.',
    edits: [
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `    this.#owned.seek(next)
`,
        replace: `    this.#owned.seek(next + 1)
`,
      },
    ],
    killedBy: tests(['WRK14'], [WORKER_TESTS]),
  },
  {
    name: 'fill-off-by-one',
    undoes: 'cursor off by one',
    what: 'What a session misses is read from one too far on.',
    edits: [
      {
        file: 'packages/server/src/gateway/following.ts',
        find: `this.#read({ after: this.#pos, entriesMax`,
        replace: `this.#read({ after: this.#pos + 1, entriesMax`,
      },
    ],
    killedBy: tests(['GW21'], [ROOM_TESTS]),
  },
  {
    name: 'accepted-when-queued',
    undoes: 'acknowledge on queueing',
    what: 'A command is accepted when it stands in the queue in front of the log.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `    this.#appender.add(partitionOf(room, this.#parts.log.partitions), waiter)
`,
        replace: `    this.#appender.add(partitionOf(room, this.#parts.log.partitions), waiter)
    waiter.queued()
`,
      },
      {
        file: 'packages/server/src/core/intake.ts',
        find: `    this.#accept()
    if (this.#early`,
        replace: `    if (this.#early`,
      },
      {
        file: 'packages/server/src/core/intake.ts',
        find: `  failed(cause: unknown): void {
`,
        replace: `  queued(): void {
    if (!this.#done) this.#accept()
  }

  failed(cause: unknown): void {
`,
      },
    ],
    killedBy: tests(['GW9'], [SENDING_TESTS]),
  },
]
