import { type Mutant, tests } from '../mutant.ts'
import { SENDING_TESTS, WORKER_TESTS } from '../places.ts'

/** What comes again is stored again, or breaks the batch that it comes in. */
export const DOUBLED: readonly Mutant[] = [
  {
    name: 'identity-of-the-record',
    undoes: 'defect 8',
    what: "A command's identity is its place in the log, so that each repeat is another one.",
    edits: [
      {
        file: 'packages/server/src/worker/item.ts',
        find: `  const item = blank(record, command.room, command.sender, command.id, command.digest, command, isSenderKnown)`,
        replace: `  const item = blank(record, command.room, command.sender, \`\${command.id}@\${record.offset}\`, command.digest, command, isSenderKnown)`,
      },
    ],
    killedBy: tests(['WRK5', 'WRK6'], [WORKER_TESTS]),
  },
  {
    name: 'no-look-up',
    undoes: 'defect 8',
    what: 'Nobody looks whether a command was stored before, so that a repeat meets its own key for ever.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `    const found = chunk.length === 0 ? NOTHING_FOUND : await own.store.find(withEarlierTries(chunk))`,
        replace: `    const found = NOTHING_FOUND`,
      },
    ],
    killedBy: tests(['WRK5', 'WRK8'], [WORKER_TESTS]),
  },
  {
    name: 'copies-do-not-collapse',
    undoes: 'defect 8',
    what: 'Copies of a command inside one batch are decided each by itself.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `    } else if (first.digest === item.digest) item.first = first
    else rivals.push(item)`,
        replace: `    } else if (first.digest === item.digest) firsts.push(item)
    else rivals.push(item)`,
      },
    ],
    killedBy: tests(['WRK6'], [WORKER_TESTS]),
  },
  {
    name: 'duplicate-is-poison',
    undoes: 'defect 8',
    what: 'A command whose key is taken is dead, although it is the very one that took it.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `          return this.#collided(plan, written.at)`,
        replace: `          return this.#poisoned(plan, written.at, new Error('duplicate key'))`,
      },
    ],
    killedBy: tests(['WRK11'], [WORKER_TESTS]),
  },
  {
    name: 'duplicate-fails-the-batch',
    undoes: 'defect 8',
    what: 'A key that is taken makes the batch fail, and the next one the same way.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `          this.#wrote(chunk, plan, written.at)
          return this.#collided(plan, written.at)`,
        replace: `          throw new Failure('ambiguous', 'duplicate key')`,
      },
    ],
    killedBy: tests(['WRK9'], [WORKER_TESTS]),
  },
  {
    name: 'adopt-without-comparing',
    undoes: 'defect 8',
    what: 'Who uses an id a second time, for something else, is told that it is stored.',
    edits: [
      {
        file: 'packages/server/src/worker/item.ts',
        find: `  if (document.digest !== digest && command !== undefined) return { end: 'reused', command }`,
        replace: `  if (digest === '' && command !== undefined) return { end: 'reused', command }`,
      },
    ],
    killedBy: tests(['WRK7'], [WORKER_TESTS]),
  },
  {
    name: 'repeat-goes-untold',
    undoes: 'defect 8',
    what: 'Whoever sends a command twice is told each time that it is new.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `found.end === 'stored' && found.origin !== this.#offset`,
        replace: `found.end === 'stored' && this.#offset === undefined`,
      },
    ],
    killedBy: tests(['GW10'], [SENDING_TESTS]),
  },
  {
    name: 'answer-of-another-content',
    undoes: 'defect 8',
    what: 'Two who wait on one id get the same answer, whatever each of them has said.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `      if (waiter.command.digest === record.digest) waiter.found(record)`,
        replace: `      waiter.found(record)`,
      },
    ],
    killedBy: tests(['GW10'], [SENDING_TESTS]),
  },
]
