import { type Mutant, tests } from '../mutant.ts'
import { ADAPTER_TESTS, INDEXER_TESTS, ISOLATION_TESTS, SQLITE_TESTS, START_TESTS, WORKER_TESTS } from '../places.ts'

const BATCH = 'packages/server/src/worker/batch.ts'
const START = 'packages/server/src/worker/start.ts'

const STORE = 'packages/server/test/simulation/store'
/** The rules of replays, of owners that are doubled, and of starts (R7 to R9). */
export const RECOVERY: readonly Mutant[] = [
  {
    name: 'replay-beside-its-original',
    undoes: 'R7',
    what: 'What was replayed, and after a restore is stored by itself, is stored as its replay too.',
    edits: [
      {
        file: 'packages/server/src/worker/plan.ts',
        find: `else if (this.#isStoredBefore(item, found))`,
        replace: `else if (item.offset < 0)`,
      },
    ],
    killedBy: tests(['WRK36'], [ISOLATION_TESTS]),
  },
  {
    name: 'epoch-raised-late-is-missed',
    undoes: 'R8',
    what: 'A worker never asks again which epoch it is: one that was taken over in the middle of its start may have raised it since.',
    edits: [
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `    await this.#checkEpoch()
`,
        replace: ``,
      },
    ],
    killedBy: tests(['WRK48'], [START_TESTS]),
  },
  {
    name: 'idle-follower-is-silent',
    undoes: 'R8',
    what: 'An indexer says again how far it is only behind a record of its own: a commit that was set back before looks like lag.',
    edits: [
      {
        file: 'packages/server/src/indexer/follower.ts',
        find: `    this.#options.owned.seek(this.#committed)
`,
        replace: `    this.#options.owned.seek(this.#committed)
    this.#committed = 0
`,
      },
    ],
    killedBy: tests(['IDX16'], [INDEXER_TESTS]),
  },
  {
    name: 'restore-believed-at-first-sight',
    undoes: 'R9',
    what: 'What looks like a restore is not looked at again: an old read of the store is enough to raise the epoch.',
    edits: [
      {
        file: START,
        find: `  if (seen.isRestored) {`,
        replace: `  if (seen.isRestored && seen.epoch < 0) {`,
      },
    ],
    killedBy: tests(['WRK49'], [START_TESTS]),
  },
  {
    name: 'commit-that-goes-back-may-be-lost',
    undoes: 'R9',
    what: 'A commit that goes back, which a restored store rests on, is written with the next ones: a kill loses it.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/log.ts',
        find: `    if (next >= before) return this.#passed()`,
        replace: `    if (next >= before || before > 0) return this.#passed()`,
      },
    ],
    killedBy: tests(['SQL16'], [SQLITE_TESTS]),
  },
  {
    name: 'replayed-twice-is-two',
    undoes: 'R7',
    what: 'A letter that is replayed twice becomes two commands.',
    edits: [
      {
        file: 'packages/server/src/core/replay.ts',
        find: `replay: parts.replay + 1 }`,
        replace: `replay: parts.replay + (letter.state === 'replayed' ? 2 : 1) }`,
      },
    ],
    killedBy: tests(['WRK36'], [ISOLATION_TESTS]),
  },
  {
    name: 'replay-of-a-replay-is-the-same',
    undoes: 'R7',
    what: 'Whatever is replayed, its new try has the identity of the first one.',
    edits: [
      {
        file: 'packages/server/src/core/replay.ts',
        find: `replay: parts.replay + 1 }`,
        replace: `replay: 1 }`,
      },
    ],
    killedBy: tests(['WRK36'], [ISOLATION_TESTS]),
  },
  {
    name: 'settled-set-back-is-a-restore',
    undoes: 'R8',
    what: 'A store set back by a worker that came late counts as restored, although nothing is lost.',
    edits: [
      {
        file: START,
        find: `    isBehind &&
    (settled === undefined || (await lacksEnd(store, logs.commands, partition, next, committed ?? 0, sha256)))`,
        replace: `    isBehind`,
      },
    ],
    killedBy: tests(['WRK42'], [START_TESTS]),
  },
  {
    name: 'count-is-trusted',
    undoes: 'R8',
    what: 'Where a bulk stopped is taken for who stood in the way: that record counts as stored.',
    edits: [
      {
        file: BATCH,
        find: `          this.#wrote(chunk, plan, written.at)
          return this.#collided(plan, written.at)`,
        replace: `          this.#wrote(chunk, plan, written.at + 1)
          return this.#collided(plan, written.at)`,
      },
    ],
    killedBy: tests(['WRK9'], [WORKER_TESTS]),
  },
  {
    name: 'start-at-the-commit',
    undoes: 'R9',
    what: "A worker starts at the log's commit, however far the store is.",
    edits: [
      {
        file: START,
        find: `Math.min(committed ?? commands.begin, settled.next)`,
        replace: `committed ?? settled.next`,
      },
    ],
    killedBy: tests(['WRK41'], [START_TESTS]),
  },
  {
    name: 'restore-keeps-the-epoch',
    undoes: 'R9',
    what: 'After a restore the epoch stays, so that old positions count as positions in the new history.',
    edits: [
      {
        file: START,
        find: `Math.max(epoch, published) + 1)`,
        replace: `Math.max(epoch, published))`,
      },
    ],
    killedBy: tests(['WRK41'], [START_TESTS]),
  },
  {
    name: 'out-of-range-is-reset',
    undoes: 'R9',
    what: 'A position outside the log is quietly set to its begin or end.',
    edits: [
      {
        file: START,
        find: `    throw new OutOfRange(`,
        replace: `    console.warn(`,
      },
    ],
    killedBy: tests(['WRK44'], [START_TESTS]),
  },
  {
    name: 'replay-releases-the-claim',
    undoes: 'R7',
    what: 'A replay takes the claim away, so that the same command may be tried again.',
    edits: [
      {
        file: 'packages/server/src/core/replay.ts',
        find: `replay: parts.replay + 1 }`,
        replace: `replay: parts.replay }`,
      },
      {
        file: 'packages/server/src/adapters/memory/store.ts',
        find: `      this.#state.letters.set(id, { ...letter, state, stateAt: at, stateBy: by })
`,
        replace: `      this.#state.letters.set(id, { ...letter, state, stateAt: at, stateBy: by })
      this.#state.documents.delete(id)
`,
      },
      {
        file: `${STORE}/records.ts`,
        find: `      set.make(primary, setting(letter, { ...known, state, stateAt, stateBy }))
`,
        replace: `      set.make(primary, setting(letter, { ...known, state, stateAt, stateBy }))
      const claim = collections.documents.get(id)?.document
      collections.documents.delete(id)
      if (claim !== undefined) collections.room(claim.room).places.delete(claim.seq)
`,
      },
    ],
    killedBy: tests(['WRK36'], [ISOLATION_TESTS]),
  },
  {
    name: 'terms-won-twice',
    undoes: 'R8',
    what: 'Two workers may win the same lease, as where it is updated instead of inserted.',
    edits: [
      {
        file: `${STORE}/timeline.ts`,
        find: `        if ((terms.on(primary) ?? 0) >= term) return false
`,
        replace: '',
      },
      {
        file: 'packages/server/src/adapters/memory/store.ts',
        find: `      const term = (this.#state.terms.get(partition) ?? 0) + 1
`,
        replace: `      const term = Math.max(1, this.#state.terms.get(partition) ?? 0)
`,
      },
    ],
    killedBy: tests(['STO5'], [ADAPTER_TESTS]),
  },
  {
    name: 'late-commit-stands',
    undoes: 'R8',
    what: 'A commit that comes late from somebody else is taken for the last word.',
    edits: [
      {
        file: 'packages/server/src/worker/ownership.ts',
        find: `    if (records?.length === 0) await this.#commitAgain()
`,
        replace: `    if (records?.length === -1) await this.#commitAgain()
`,
      },
    ],
    killedBy: tests(['WRK47'], [START_TESTS]),
  },
  {
    name: 'store-not-told-how-far',
    undoes: 'R9',
    what: 'The store is never told how far a partition is.',
    edits: [
      {
        file: BATCH,
        find: `const settled = next > own.settled ?`,
        replace: `const settled = next < own.settled ?`,
      },
    ],
    killedBy: tests(['WRK41'], [START_TESTS]),
  },
  {
    name: 'known-senders-asked-for-again',
    undoes: 'R9',
    what: 'A command waits for its sender to be in the store, whatever its record says.',
    edits: [
      {
        file: 'packages/server/src/worker/item.ts',
        find: `command.digest, command, isSenderKnown)`,
        replace: `command.digest, command, false && isSenderKnown)`,
      },
    ],
    killedBy: tests(['WRK54'], [START_TESTS]),
  },
  {
    name: 'feed-without-the-epoch',
    undoes: 'R9',
    what: 'What is published names the first epoch, whatever the partition is in.',
    edits: [
      {
        file: 'packages/server/src/worker/settle.ts',
        find: `debts.feed.push(storedRecord(outcome.entry, epoch))`,
        replace: `debts.feed.push(storedRecord(outcome.entry, Math.min(1, epoch)))`,
      },
    ],
    killedBy: tests(['WRK41'], [START_TESTS]),
  },
]
