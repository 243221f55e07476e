import { type Mutant, tests } from '../mutant.ts'
import { APPENDER_TESTS, LANE_TESTS, WORKER_TESTS } from '../places.ts'

/** Somebody waits without a bound, or what was half done counts as whole. */
export const NO_DEADLINE: readonly Mutant[] = [
  {
    name: 'no-deadline-of-an-attempt',
    undoes: 'defect 7',
    what: 'A store that does not answer is waited for without end.',
    edits: [
      {
        file: 'packages/server/src/worker/deadlines.ts',
        find: `  if (!store.canTimeOut) return store`,
        replace: `  if (attemptMsMax > 0) return store`,
      },
    ],
    killedBy: tests(['WRK17'], [WORKER_TESTS]),
  },
  {
    name: 'no-deadline-of-a-look-up',
    undoes: 'defect 7',
    what: 'The look-up for who waits may take as long as any attempt, and everybody else waits for it.',
    edits: [
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `      const { users } = await (store.canTimeOut ? before(clock, settings.lookUpMsMax, 'a look-up', answer) : answer)`,
        replace: `      const { users } = await (settings.lookUpMsMax < 0 ? before(clock, 1, 'a look-up', answer) : answer)`,
      },
    ],
    killedBy: tests(['WRK20'], [LANE_TESTS]),
  },
  {
    name: 'no-deadline-of-a-message',
    undoes: 'defect 7',
    what: 'A command whose sender never becomes known waits for ever, and the commit with it.',
    edits: [
      {
        file: 'packages/server/src/core/lanes.ts',
        find: `    return doubts >= this.#settings.laneTriesMin && lookedUpAt >= timestamp + this.#settings.laneWaitMsMax`,
        replace: `    return doubts < 0 && lookedUpAt >= timestamp`,
      },
    ],
    killedBy: tests(['WRK21'], [LANE_TESTS]),
  },
  {
    name: 'no-deadline-of-a-batch',
    undoes: 'defect 7',
    what: 'Nobody is told of a batch that does not come to an end.',
    edits: [
      {
        file: 'packages/server/src/worker/pauses.ts',
        find: `clock.elapsed() - pause.startedAt >= settings.batchMsMax) this.#tell(pause, cause)`,
        replace: `settings.batchMsMax < 0) this.#tell(pause, cause)`,
      },
    ],
    killedBy: tests(['WRK16'], [WORKER_TESTS]),
  },
  {
    name: 'no-deadline-of-an-append',
    undoes: 'defect 7',
    what: 'A log that does not answer leaves senders without a word.',
    edits: [
      {
        file: 'packages/server/src/core/appender.ts',
        find: `      cancel = this.#clock.after(this.#settings.appendMsMax, () => resolve('late'))`,
        replace: `      cancel = this.#settings.appendMsMax < 0 ? () => resolve('late') : cancel`,
      },
    ],
    killedBy: tests(['GW35'], [APPENDER_TESTS]),
  },
  {
    name: 'half-counts-as-whole',
    undoes: 'defect 7',
    what: 'A write of which nobody knows how much went in counts as done.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `        case 'all':
          break`,
        replace: `        case 'all':
        case 'unknown':
          break`,
      },
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `        case 'unknown':
          return this.#doubtful(
            plan,
            failureClass(written.cause) === 'unknown' ? 'unknown' : 'ambiguous',
            written.cause,
          )
`,
        replace: '',
      },
    ],
    killedBy: tests(['WRK8'], [WORKER_TESTS]),
  },
  {
    name: 'silence-counts-as-certain',
    undoes: 'defect 7',
    what: 'An append without a reply counts as one that did not happen.',
    edits: [
      {
        file: 'packages/server/src/core/appender.ts',
        find: `new Failure('ambiguous', 'the log did not answer in time')`,
        replace: `new Failure('transient', 'the log did not answer in time')`,
      },
    ],
    killedBy: tests(['GW35'], [APPENDER_TESTS]),
  },
]
