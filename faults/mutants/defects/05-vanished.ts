import { type Mutant, tests } from '../mutant.ts'
import { ISOLATION_TESTS } from '../places.ts'

/** A message that cannot be processed is gone, or nobody hears of it. */
export const VANISHED: readonly Mutant[] = [
  {
    name: 'gone-after-three-tries',
    undoes: 'defect 5',
    what: 'What failed three times by itself is finished without an end.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `      this.#kill(item, failure, error)`,
        replace: `      this.#own.prefix.finish(item.offset)
      this.#remaining = this.#remaining.filter((other) => other !== item)`,
      },
    ],
    killedBy: tests(['WRK31'], [ISOLATION_TESTS]),
  },
  {
    name: 'dead-without-a-claim',
    undoes: 'defect 5',
    what: 'A dead command leaves no claim under its key, so that whoever sends it again begins from nothing.',
    edits: [
      {
        file: 'packages/server/src/worker/plan.ts',
        find: `    this.#write(item, claim, { end: 'dead', claim, letter })`,
        replace: `    item.outcome = { end: 'dead', claim, letter }`,
      },
    ],
    killedBy: tests(['WRK30'], [ISOLATION_TESTS]),
  },
  {
    name: 'dead-without-a-letter',
    undoes: 'defect 5',
    what: 'A dead command leaves no letter for the operator.',
    edits: [
      {
        file: 'packages/server/src/worker/plan.ts',
        find: `    this.letters.push(letter)
`,
        replace: '',
      },
    ],
    killedBy: tests(['WRK30'], [ISOLATION_TESTS]),
  },
  {
    name: 'letter-lost-by-a-crash',
    undoes: 'defect 5',
    what: 'A claim whose letter was lost by a crash never gets one.',
    edits: [
      {
        file: 'packages/server/src/worker/plan.ts',
        find: `    if (outcome.end === 'dead') this.letters.push(outcome.letter)
`,
        replace: '',
      },
    ],
    killedBy: tests(['WRK35'], [ISOLATION_TESTS]),
  },
  {
    name: 'dead-without-a-log-record',
    undoes: 'defect 5',
    what: 'Dead letters do not reach the log that other tools read.',
    edits: [
      {
        file: 'packages/server/src/worker/settle.ts',
        find: `      debts.letterRecords.push(letterRecord(outcome.letter))
`,
        replace: '',
      },
    ],
    killedBy: tests(['WRK30', 'WRK35'], [ISOLATION_TESTS]),
  },
  {
    name: 'dead-without-an-answer',
    undoes: 'defect 5',
    what: 'The sender of a dead command is not told.',
    edits: [
      {
        file: 'packages/server/src/worker/settle.ts',
        find: `      debts.letterRecords.push(letterRecord(outcome.letter))
      debts.feed.push(claimRecord(outcome.claim, epoch))`,
        replace: `      debts.letterRecords.push(letterRecord(outcome.letter))`,
      },
    ],
    killedBy: tests(['WRK30', 'WRK35'], [ISOLATION_TESTS]),
  },
  {
    name: 'dead-without-an-alert',
    undoes: 'defect 5',
    what: 'The operator is not alerted of a dead command.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `      if (outcome.end === 'dead' && item.first === undefined) alert('dead_letter', alertFields(item, outcome))
`,
        replace: '',
      },
    ],
    killedBy: tests(['WRK30'], [ISOLATION_TESTS]),
  },
  {
    name: 'replay-under-the-same-id',
    undoes: 'defect 5',
    what: 'A replay is appended under the identity that is claimed already, and meets its own claim.',
    edits: [
      {
        file: 'packages/server/src/core/replay.ts',
        find: `replay: parts.replay + 1`,
        replace: `replay: parts.replay`,
      },
    ],
    killedBy: tests(['WRK36'], [ISOLATION_TESTS]),
  },
  {
    name: 'replay-marked-first',
    undoes: 'defect 5',
    what: 'A letter is marked as replayed before its command is in the log again.',
    edits: [
      {
        file: 'packages/server/src/core/replay.ts',
        find: `  await commands.append(`,
        replace: `  await letters.mark(id, 'replayed', clock.now(), by).catch(rejectRead)
  await commands.append(`,
      },
    ],
    killedBy: tests(['WRK36'], [ISOLATION_TESTS]),
  },
]
