import { type Mutant, tests } from '../mutant.ts'
import {
  ADAPTER_TESTS,
  ISOLATION_TESTS,
  LANE_TESTS,
  ROOMS_TESTS,
  SCHEDULE_TESTS,
  SIMULATION_TESTS,
  START_TESTS,
  WORKER_TESTS,
} from '../places.ts'

const BATCH = 'packages/server/src/worker/batch.ts'
const PLAN = 'packages/server/src/worker/plan.ts'
const ROOMS = 'packages/server/src/worker/rooms.ts'
const START = 'packages/server/src/worker/start.ts'
const STORE = 'packages/server/test/simulation/store'

/** The rules that make a worker safe without transactions, one at a time. Where the guard is the engine's, it is undone in its model. */
export const WORKER_RULES: readonly Mutant[] = [
  {
    name: 'numbers-not-unique',
    undoes: 'R1',
    what: 'Two entries of a room may have the same number: the store has no unique index for it.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/store-file.ts',
        find: `NOT NULL,
      UNIQUE (room, seq)`,
        replace: `NOT NULL`,
      },
    ],
    killedBy: tests(['STO3'], [ADAPTER_TESTS], 'the same place twice keeps one document'),
  },
  {
    name: 'ids-not-unique',
    undoes: 'R1',
    what: 'A command may be stored twice under one id, as without the primary key.',
    edits: [
      {
        file: `${STORE}/collections.ts`,
        find: `      primary.ids.has(id) ||
      primary.places.has(placeOf(room, seq)) ||
      isSeen(this.documents.get(id)) ||`,
        replace: `      primary.places.has(placeOf(room, seq)) ||
      (seq < 0 && isSeen(this.documents.get(id))) ||`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'claims-share-a-place',
    undoes: 'R1',
    what: 'All claims of a room stand at one place of the unique index, so that only the first one fits.',
    edits: [
      {
        file: 'packages/server/src/core/identity.ts',
        find: `  return -1 - number`,
        replace: `  return -1 - Math.min(0, number)`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'local-reads',
    undoes: 'R2',
    what: 'The worker reads what its primary has, before a majority has it.',
    edits: [
      {
        file: `${STORE}/client.ts`,
        find: `      const primary = await this.arrive(READ)
`,
        replace: `      const primary = await this.arrive(READ)
      this.shared.collections.local = primary.ids
`,
      },
      {
        file: `${STORE}/collections.ts`,
        find: `  documents = new Map<EntryId, Inserted>()
`,
        replace: `  documents = new Map<EntryId, Inserted>()
  local: ReadonlyMap<EntryId, Document> = new Map()
`,
      },
      {
        file: `${STORE}/reading.ts`,
        find: `    const inserted = collections.documents.get(id)
`,
        replace: `    const local = collections.local.get(id)
    if (local !== undefined) documents.set(id, local)
    const inserted = collections.documents.get(id)
`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'unseen-number-is-skipped',
    undoes: 'R2',
    what: 'A number that is taken by what no majority read shows yet counts as used, although it may be rolled back.',
    edits: [
      {
        file: BATCH,
        find: `    if (found.has(item.id) || isNumberShown) return
    rooms.forget(item.room)
    throw new Failure('ambiguous', \`a key of \${item.room} is taken by a document that majority reads do not show yet\`)`,
        replace: `    const known = rooms.get(item.room)
    if (found.has(item.id) || isNumberShown || known === undefined) return
    known.state.head = Math.max(known.state.head, seq)`,
      },
    ],
    killedBy: tests(['WRK11'], [WORKER_TESTS]),
  },
  {
    name: 'documents-alone',
    undoes: 'R3',
    what: 'A room is loaded from its documents, without the entries above its head.',
    edits: [
      {
        file: ROOMS,
        find: `    const state = roomState(need, snapshot)
    const known`,
        replace: `    const state = roomState(need, { ...snapshot, above: [] })
    const known`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'entries-above-for-their-numbers',
    undoes: 'R3',
    what: 'Of the entries above the head only the numbers are taken, not what they say.',
    edits: [
      {
        file: 'packages/server/src/core/room.ts',
        find: `  for (const entry of snapshot.above) apply(state, entry)
  return state`,
        replace: `  state.head = Math.max(state.head, ...snapshot.above.map(({ seq }) => seq))
  return state`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'folded-but-not-projected',
    undoes: 'R3',
    what: 'Who folds in entries above the head does not project them.',
    edits: [
      {
        file: ROOMS,
        find: `projected: snapshot.head, above: [...snapshot.above], bytes: 0 }`,
        replace: `projected: snapshot.head, above: [], bytes: 0 }`,
      },
    ],
    killedBy: tests(['SIM41'], [SIMULATION_TESTS]),
  },
  {
    name: 'pieces-of-two-moments',
    undoes: 'R3',
    what: 'A member loaded later is taken into a room as of another head.',
    edits: [
      {
        file: ROOMS,
        find: `    if (known.state.head !== state.head) {
      this.forget(need.room)
      return false
    }
`,
        replace: '',
      },
    ],
    killedBy: tests(['WRK18'], [ROOMS_TESTS]),
  },
  {
    name: 'renumber-only',
    undoes: 'R4',
    what: 'After a collision the rest is numbered anew, and decided on what was known before.',
    edits: [
      {
        file: BATCH,
        find: `    own.rooms.forget(item.room)
    this.#obstacle = { item, seq: document.seq }`,
        replace: `    const known = own.rooms.get(item.room)
    if (known !== undefined) known.state.head = Math.max(known.state.head, document.seq)
    this.#obstacle = { item, seq: document.seq }`,
      },
      {
        file: BATCH,
        find: `    if (found.has(item.id) || isNumberShown) return
    rooms.forget(item.room)`,
        replace: `    if (found.has(item.id) || isNumberShown) return`,
      },
    ],
    killedBy: tests(['WRK9'], [WORKER_TESTS]),
  },
  {
    name: 'collision-forgets-nothing',
    undoes: 'R4',
    what: 'After a collision the worker goes on with what it knew of the room, and meets the same number again.',
    edits: [
      {
        file: BATCH,
        find: `    own.rooms.forget(item.room)
    this.#obstacle = { item, seq: document.seq }`,
        replace: `    this.#obstacle = { item, seq: document.seq }`,
      },
      {
        file: BATCH,
        find: `    if (found.has(item.id) || isNumberShown) return
    rooms.forget(item.room)`,
        replace: `    if (found.has(item.id) || isNumberShown) return`,
      },
    ],
    killedBy: tests(['WRK9'], [WORKER_TESTS]),
  },
  {
    name: 'adopt-without-folding',
    undoes: 'R4',
    what: 'An adopted entry moves its room to its number, and what it says is not folded in.',
    edits: [
      {
        file: BATCH,
        find: `        rooms.forget(item.room)
        needs.add(item.room, undefined)`,
        replace: `        const known = rooms.get(item.room)
        if (known === undefined) needs.add(item.room, undefined)
        else known.state.head = document.seq`,
      },
    ],
    killedBy: tests(['WRK2'], [SCHEDULE_TESTS]),
  },
  {
    name: 'taken-over-but-goes-on',
    undoes: 'R4',
    what: 'A worker that collides with a newer owner of the partition goes on beside it.',
    edits: [
      {
        file: BATCH,
        find: `    if ((await own.store.term(own.partition)) > own.term) throw new Halt('taken_over')
`,
        replace: '',
      },
    ],
    killedBy: tests(['WRK10'], [WORKER_TESTS]),
  },
  {
    name: 'claims-first',
    undoes: 'R5',
    what: 'The claims of a batch are written before its entries.',
    edits: [
      {
        file: PLAN,
        find: `    item.planned = true
    this.documents.push(document)
    this.items.push(item)
    this.outcomes.push(outcome)`,
        replace: `    item.planned = true
    const at = document.end === 'stored' ? this.documents.length : 0
    this.documents.splice(at, 0, document)
    this.items.splice(at, 0, item)
    this.outcomes.splice(at, 0, outcome)`,
      },
    ],
    killedBy: tests(['WRK13'], [WORKER_TESTS]),
  },
  {
    name: 'claims-last',
    undoes: 'R5',
    what: 'The claims of a batch are written after its entries.',
    edits: [
      {
        file: PLAN,
        find: `    item.planned = true
    this.documents.push(document)
    this.items.push(item)
    this.outcomes.push(outcome)`,
        replace: `    item.planned = true
    const claim = this.documents.findIndex(({ end }) => end !== 'stored')
    const at = document.end === 'stored' && claim >= 0 ? claim : this.documents.length
    this.documents.splice(at, 0, document)
    this.items.splice(at, 0, item)
    this.outcomes.splice(at, 0, outcome)`,
      },
    ],
    killedBy: tests(['WRK13'], [WORKER_TESTS]),
  },
  {
    name: 'refused-behind-a-wait',
    undoes: 'R6',
    what: 'A command is refused for good although an earlier one of its room still waits.',
    edits: [
      {
        file: PLAN,
        find: `        if (this.#roomWaits(item.room)) this.#wait(item, undefined)
        else this.#refuse`,
        replace: `        this.#refuse`,
      },
    ],
    killedBy: tests(['WRK22'], [LANE_TESTS]),
  },
  {
    name: 'given-up-on-an-old-look',
    undoes: 'R6',
    what: 'A doubt is given up when its deadline has passed, on a look-up made before that.',
    edits: [
      {
        file: PLAN,
        find: `this.#known.lanes.givesUp(item, this.#known.lookedUpAt)`,
        replace: `this.#known.lanes.givesUp({ ...item, doubts: 99 }, this.#known.writer.now)`,
      },
    ],
    killedBy: tests(['WRK21'], [LANE_TESTS]),
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
        find: `          this.#wrote(plan, written.at)
          return this.#collided(plan, written.at)`,
        replace: `          this.#wrote(plan, written.at + 1)
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
        find: `Math.max(epoch, feed.epoch) + 1)`,
        replace: `Math.max(epoch, feed.epoch))`,
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
    name: 'bulk-goes-on',
    undoes: 'R5',
    what: 'A write goes on past the first document that does not fit, as an unordered bulk does.',
    edits: [
      {
        file: 'packages/server/src/adapters/sqlite/timeline.ts',
        find: `    const half = Math.ceil(documents.length / 2)
    for`,
        replace: `    const half = Math.ceil(documents.length / 2)
    let first: Written | undefined
    for`,
      },
      {
        file: 'packages/server/src/adapters/sqlite/timeline.ts',
        find: `        if (isDuplicate(cause)) return { result: 'duplicate', at }
        if`,
        replace: `        if (isDuplicate(cause)) {
          first ??= { result: 'duplicate', at }
          continue
        }
        if`,
      },
      {
        file: 'packages/server/src/adapters/sqlite/timeline.ts',
        find: `    return { result: 'all' }
  }`,
        replace: `    return first ?? { result: 'all' }
  }`,
      },
    ],
    killedBy: tests(['STO3'], [ADAPTER_TESTS], 'documents are a prefix'),
  },
]
