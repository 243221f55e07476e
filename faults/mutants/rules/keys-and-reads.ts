import { type Mutant, simulator, tests } from '../mutant.ts'
import { ADAPTER_TESTS, ROOMS_TESTS, SIMULATED_STORE_TESTS, WORKER_TESTS } from '../places.ts'

const BATCH = 'packages/server/src/worker/batch.ts'
const ROOMS = 'packages/server/src/worker/rooms.ts'
const STORE = 'packages/server/test/simulation/store'

/** The rules of what a worker may believe: unique keys, majority reads, rooms of one moment (R1 to R3). Where the guard is the engine's, it is undone in its model. */
export const KEYS_AND_READS: readonly Mutant[] = [
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
      {
        file: `${STORE}/collections.ts`,
        find: `      primary.ids.has(id) ||
      primary.places.has(placeOf(room, seq)) ||
      isSeen(this.documents.get(id)) ||
      isSeen(this.rooms.get(room)?.places.get(seq))`,
        replace: `      primary.ids.has(id) ||
      (seq < 0 && primary.places.has(placeOf(room, seq))) ||
      isSeen(this.documents.get(id)) ||
      (seq < 0 && isSeen(this.rooms.get(room)?.places.get(seq)))`,
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
    killedBy: tests(['STO3'], [SIMULATED_STORE_TESTS], 'the same id twice'),
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
    killedBy: simulator(),
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
    killedBy: tests(['SIM25'], [SIMULATED_STORE_TESTS], 'sees what no majority'),
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
    killedBy: simulator(),
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
    killedBy: simulator(),
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
    killedBy: simulator(),
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
    name: 'claims-on-another-shard',
    undoes: 'R1',
    what: 'A claim and an entry may have the same id, as where they are unique each by itself only.',
    edits: [
      {
        file: `${STORE}/collections.ts`,
        find: `isTaken(primary: Primary, { id, room, seq }: Document): boolean {
    const isSeen = (inserted: Inserted | undefined) => inserted !== undefined && inserted.position <= primary.sees`,
        replace: `isTaken(primary: Primary, { id, room, seq }: Document): boolean {
    const isSeen = (inserted: Inserted | undefined) =>
      inserted !== undefined && inserted.position <= primary.sees && inserted.document.seq < 0 === seq < 0`,
      },
      {
        file: `${STORE}/collections.ts`,
        find: `      primary.ids.has(id) ||
`,
        replace: `      (primary.ids.get(id)?.seq ?? -seq) < 0 === seq < 0 ||
`,
      },
      {
        file: `${STORE}/collections.ts`,
        find: `    this.documents.set(id, { document, position })
    room.places`,
        replace: `    if (!this.documents.has(id)) this.documents.set(id, { document, position })
    room.places`,
      },
    ],
    killedBy: tests(['STO3'], [SIMULATED_STORE_TESTS], 'exclude each other'),
  },
  {
    name: 'obstacle-unchecked',
    undoes: 'R2',
    what: 'What stood in the way of a write is not looked for before the next one.',
    edits: [
      {
        file: BATCH,
        find: `    this.#checkObstacle(chunk, found)
`,
        replace: `    if (chunk.length > 1_000_000) this.#checkObstacle(chunk, found)
`,
      },
    ],
    killedBy: tests(['WRK11'], [WORKER_TESTS]),
  },
  {
    name: 'reads-go-back',
    undoes: 'R2',
    what: 'What a worker reads may be older than what it was told before.',
    edits: [
      {
        file: `${STORE}/client.ts`,
        find: `const at = isOld ? Math.max(session.floor, Math.min(now, this.#before())) : now`,
        replace: `const at = isOld ? Math.min(now, this.#before()) : now`,
      },
    ],
    killedBy: tests(['SIM28'], [SIMULATED_STORE_TESTS]),
  },
  {
    name: 'chunk-before-the-majority',
    undoes: 'R2',
    what: 'The next piece of a write is sent before a majority has the last one.',
    edits: [
      {
        file: `${STORE}/writing.ts`,
        find: `    await client.majority(this.#last)
    if (this.#isTorn) await client.pause()`,
        replace: `    if (this.#isTorn) await client.pause()`,
      },
    ],
    killedBy: tests(['SIM27'], [SIMULATED_STORE_TESTS], 'raises no head above it'),
  },
]
