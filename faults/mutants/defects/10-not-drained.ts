import { type Mutant, tests } from '../mutant.ts'
import { LIFECYCLE_TESTS, SESSION_TESTS, SQLITE_TESTS, START_TESTS, STOP_TESTS } from '../places.ts'

/** A stop that breaks off what is under way, or does not end. */
export const NOT_DRAINED: readonly Mutant[] = [
  {
    name: 'signal-not-heard',
    undoes: 'defect 10',
    what: 'SIGTERM ends the process on the spot.',
    edits: [
      {
        file: 'packages/server/src/lifecycle.ts',
        find: `for (const signal of ['SIGTERM', 'SIGINT'] as const)`,
        replace: `for (const signal of ['SIGINT'] as const)`,
      },
    ],
    killedBy: tests(['OPS20'], [STOP_TESTS]),
  },
  {
    name: 'worker-dropped',
    undoes: 'defect 10',
    what: 'A stop drops the batch in flight instead of finishing it.',
    edits: [
      {
        file: 'packages/server/src/worker/worker.ts',
        find: `partition.end(this.#workshop.settings.drainMsMax)`,
        replace: `partition.drop()`,
      },
    ],
    killedBy: tests(['WRK45'], [START_TESTS]),
  },
  {
    name: 'no-commit-on-stop',
    undoes: 'defect 10',
    what: 'The last batch of a stop is finished, and not committed.',
    edits: [
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `    if (next <= this.committed) return
`,
        replace: `    if (next <= this.committed || this.life.ending.aborted) return
`,
      },
    ],
    killedBy: tests(['WRK45'], [START_TESTS]),
  },
  {
    name: 'commit-not-written',
    undoes: 'defect 10',
    what: 'The last commits of a clean stop stay in memory.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/log-file.ts',
        find: `      this.#writeCommits()
      this.#durable.transaction(() => mark.run())`,
        replace: `      this.#durable.transaction(() => mark.run())`,
      },
    ],
    killedBy: tests(['SQL13'], [SQLITE_TESTS]),
  },
  {
    name: 'stop-without-end',
    undoes: 'defect 10',
    what: 'A batch that hangs holds a stop up for ever.',
    edits: [
      {
        file: 'packages/server/src/core/life.ts',
        find: `    this.#deadline = this.#clock.after(withinMs, () => this.drop())`,
        replace: `    this.#deadline = withinMs < 0 ? this.#clock.after(withinMs, () => this.drop()) : undefined`,
      },
    ],
    killedBy: tests(['WRK45'], [START_TESTS]),
  },
  {
    name: 'no-grace',
    undoes: 'defect 10',
    what: 'A server that cannot finish stopping is never abandoned.',
    edits: [
      {
        file: 'packages/server/src/lifecycle.ts',
        find: `      options?.clock.after(options.stopMsMax, () =>
        options.abandon(\`stopping took longer than \${options.stopMsMax} ms\`),
      )
`,
        replace: '',
      },
    ],
    killedBy: tests(['OPS60'], [LIFECYCLE_TESTS]),
  },
  {
    name: 'goodbye-before-the-answers',
    undoes: 'defect 10',
    what: 'A stop closes the sockets of those who still wait for an answer.',
    edits: [
      {
        file: 'packages/server/src/gateway/gateway.ts',
        find: `    await Promise.race([this.#intake.drain(), late])`,
        replace: `    await Promise.race([this.#intake.drain(), late, undefined])`,
      },
    ],
    killedBy: tests(['GW5'], [SESSION_TESTS]),
  },
  {
    name: 'commands-taken-while-stopping',
    undoes: 'defect 10',
    what: 'What comes while the server stops is still appended.',
    edits: [
      {
        file: 'packages/server/src/core/intake.ts',
        find: `    this.#appender.stop()
`,
        replace: '',
      },
    ],
    killedBy: tests(['GW5'], [SESSION_TESTS]),
  },
  {
    name: 'engine-not-drained',
    undoes: 'defect 10',
    what: 'A stop ends the engine thread without asking it to finish.',
    edits: [
      {
        file: 'packages/server/src/compose/embedded.ts',
        find: `await thread.engine.control.stop()`,
        replace: `await thread.engine.control.status()`,
      },
    ],
    killedBy: tests(['OPS20'], [STOP_TESTS]),
  },
]
