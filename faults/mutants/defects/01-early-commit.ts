import { type Mutant, tests } from '../mutant.ts'
import { LANE_TESTS, PREFIX_TESTS, WORKER_TESTS } from '../places.ts'

/** The offset is committed before what it stands for has happened. */
export const EARLY_COMMIT: readonly Mutant[] = [
  {
    name: 'commit-before-the-write',
    undoes: 'defect 1',
    what: 'A batch is committed when it is read, before anything of it is stored.',
    edits: [
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `    const left = readable.length === 0 ? [] : await new Batch(this, readable, probe).run()`,
        replace: `    await this.#owned.commit(this.prefix.end)
    const left = readable.length === 0 ? [] : await new Batch(this, readable, probe).run()`,
      },
    ],
    killedBy: tests(['WRK4'], [WORKER_TESTS]),
  },
  {
    name: 'commit-what-failed',
    undoes: 'defect 1',
    what: 'Records whose write failed count as finished, and the commit does not ask how far the store is.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `    if (failure === 'overload') this.#own.width = Math.max(1, chunk.length >> 1)
    return pauses.failed('store', error)`,
        replace: `    for (const { offset } of chunk) this.#own.prefix.finish(offset)
    this.#remaining = this.#remaining.slice(chunk.length)`,
      },
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `    if (next > this.settled)
      throw new Error(\`offset \${next} is to be committed, but the store was told \${this.settled}\`)
`,
        replace: '',
      },
    ],
    killedBy: tests(['WRK4'], [WORKER_TESTS]),
  },
  {
    name: 'commit-before-the-feed',
    undoes: 'defect 1',
    what: 'A batch is committed when it is stored, before anybody was told of it.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `    await this.#publish(debts)
    await this.#commit(debts)`,
        replace: `    await this.#commit(debts)
    await this.#publish(debts)`,
      },
    ],
    killedBy: tests(['WRK15'], [WORKER_TESTS]),
  },
  {
    name: 'commit-past-what-waits',
    undoes: 'defect 1',
    what: 'The last record read is committed, although one before it still waits.',
    edits: [
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `    const { next } = this.prefix
    if (next <= this.committed) return
    if (next > this.settled)
      throw new Error(\`offset \${next} is to be committed, but the store was told \${this.settled}\`)`,
        replace: `    const next = this.prefix.end
    if (next <= this.committed) return`,
      },
    ],
    killedBy: tests(['WRK20'], [LANE_TESTS]),
  },
  {
    name: 'settled-past-what-waits',
    undoes: 'defect 1',
    what: 'The store is told that everything read is finished, although a record of it still waits.',
    edits: [
      {
        file: 'packages/server/src/worker/batch.ts',
        find: `const next = own.prefix.nextOnce(ends)`,
        replace: `const next = own.prefix.end`,
      },
    ],
    killedBy: tests(['WRK20'], [LANE_TESTS]),
  },
  {
    name: 'prefix-with-holes',
    undoes: 'defect 1',
    what: 'What may be committed is the highest record read instead of the contiguous prefix of finished ones.',
    edits: [
      {
        file: 'packages/server/src/core/prefix.ts',
        find: `    for (const offset of this.#open.keys()) return offset
`,
        replace: '',
      },
    ],
    killedBy: tests(['WRK50'], [PREFIX_TESTS]),
  },
]
