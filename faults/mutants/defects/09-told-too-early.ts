import { type Mutant, tests } from '../mutant.ts'
import { APPENDER_TESTS, SENDING_TESTS, SYNC_TESTS } from '../places.ts'

/** The client is told something that has not happened, or is told nothing of what failed. */
export const TOLD_TOO_EARLY: readonly Mutant[] = [
  {
    name: 'accepted-before-the-append',
    undoes: 'defect 9',
    what: 'A command is accepted when it is about to be appended.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `    if (problem !== undefined) this.refuse(problem)
    return problem === undefined`,
        replace: `    if (problem !== undefined) this.refuse(problem)
    else this.#accept()
    return problem === undefined`,
      },
      {
        file: 'packages/server/src/core/intake.ts',
        find: `    this.#accept()
    if (this.#early !== undefined) this.found(this.#early)`,
        replace: `    if (this.#early !== undefined) this.found(this.#early)`,
      },
    ],
    killedBy: tests(['GW9'], [SENDING_TESTS]),
  },
  {
    name: 'accepted-without-a-sync',
    undoes: 'defect 9',
    what: 'A command is accepted when the system has it, before the disk does.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/log-file.ts',
        find: `synchronous: 'FULL'`,
        replace: `synchronous: 'NORMAL'`,
      },
    ],
    killedBy: tests(['SQL11'], [SYNC_TESTS]),
  },
  {
    name: 'stored-without-a-sync',
    undoes: 'defect 9',
    what: 'A message is called stored when the system has it, before the disk does.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/store-file.ts',
        find: `synchronous: 'FULL'`,
        replace: `synchronous: 'NORMAL'`,
      },
    ],
    killedBy: tests(['SQL11'], [SYNC_TESTS]),
  },
  {
    name: 'failure-goes-untold',
    undoes: 'defect 9',
    what: 'Nobody is told of an append that failed.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `    if (early === undefined || (mayBeIn && this.again && early.end === 'stored'))
      this.#fail(appendProblem(cause), mayBeIn)
    else this.#endAs(early, !mayBeIn)`,
        replace: `    if (early !== undefined) this.#endAs(early, !mayBeIn)
    else if (failure === 'closed') this.#fail(appendProblem(cause), false)`,
      },
    ],
    killedBy: tests(['GW13'], [SENDING_TESTS]),
  },
  {
    name: 'unknown-told-as-certain',
    undoes: 'defect 9',
    what: 'Whose append may have happened is told that it did not.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `    if (early === undefined || (mayBeIn && this.again && early.end === 'stored'))
      this.#fail(appendProblem(cause), mayBeIn)
    else this.#endAs(early, !mayBeIn)`,
        replace: `    if (early !== undefined) this.#endAs(early, !mayBeIn)
    else this.#fail(appendProblem(cause), failure === 'unknown')`,
      },
    ],
    killedBy: tests(['GW13'], [SENDING_TESTS]),
  },
  {
    name: 'failure-for-good',
    undoes: 'defect 9',
    what: 'An append that failed for a moment is told as one that never can succeed.',
    edits: [
      {
        file: 'packages/server/src/core/problem.ts',
        find: `      return new Problem('LOG_UNAVAILABLE', undefined, { cause })`,
        replace: `      return new Problem('TOO_LARGE', undefined, { cause })`,
      },
    ],
    killedBy: tests(['GW13'], [SENDING_TESTS]),
  },
  {
    name: 'queue-without-a-bound',
    undoes: 'defect 9',
    what: 'The queue in front of the log takes whatever comes.',
    edits: [
      {
        file: 'packages/server/src/core/appender.ts',
        find: `this.#records >= appendQueueRecordsMax || this.#bytes + bytesOf(item) > appendQueueBytesMax`,
        replace: `appendQueueRecordsMax < 0 || bytesOf(item) > appendQueueBytesMax`,
      },
    ],
    killedBy: tests(['GW33'], [APPENDER_TESTS]),
  },
]
