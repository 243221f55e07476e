import { type Mutant, tests } from '../mutant.ts'
import { ADAPTER_TESTS, ISOLATION_TESTS, LANE_TESTS, SCHEDULE_TESTS, WORKER_TESTS } from '../places.ts'

const BATCH = 'packages/server/src/worker/batch.ts'
const PLAN = 'packages/server/src/worker/plan.ts'

/** The rules of when a worker decides, and when again (R4 to R6). */
export const DECISIONS: readonly Mutant[] = [
  {
    name: 'adopted-is-not-projected',
    undoes: 'R3',
    what: 'An entry that was found stored is forgotten where the write beside it breaks off: it is published, and no read shows it.',
    edits: [
      {
        file: BATCH,
        find: `    for (const { room, outcome } of chunk)
      if (outcome?.end === 'stored')`,
        replace: `    for (const { room, outcome } of plan.items.slice(0, at))
      if (outcome?.end === 'stored')`,
      },
    ],
    killedBy: tests(['WRK12'], [WORKER_TESTS, ISOLATION_TESTS]),
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
        find: `    rooms.forget(room)
    needs.add(room, undefined)`,
        replace: `    const known = rooms.get(room)
    if (known === undefined) needs.add(room, undefined)
    else known.state.head = seq`,
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
    name: 'collision-keeps-the-room',
    undoes: 'R4',
    what: 'After a collision the worker goes on with what it knew of the room until it meets the same number again.',
    edits: [
      {
        file: BATCH,
        find: `    own.rooms.forget(item.room)
    this.#obstacle = { item`,
        replace: `    this.#obstacle = { item`,
      },
    ],
    killedBy: tests(['WRK9'], [WORKER_TESTS]),
  },
  {
    name: 'doubtful-write-keeps-the-rooms',
    undoes: 'R4',
    what: 'After a write of which nobody knows how much went in, the worker goes on with what it knew of the rooms.',
    edits: [
      {
        file: BATCH,
        find: `    for (const room of plan.rooms.keys()) this.#own.rooms.forget(room)
    for (const item`,
        replace: `    for (const item`,
      },
    ],
    killedBy: tests(['WRK8'], [WORKER_TESTS], 'loaded anew'),
  },
  {
    name: 'letters-forgotten-after-a-stop',
    undoes: 'R5',
    what: 'A write that stops behind a claim forgets the letter that the claim owes.',
    edits: [
      {
        file: BATCH,
        find: `    this.#unwritten.push(...plan.letters.filter((letter) => isClaimed(letter, plan, at)))
`,
        replace: `    plan.letters.filter((letter) => isClaimed(letter, plan, at))
`,
      },
    ],
    killedBy: tests(['WRK35'], [ISOLATION_TESTS]),
  },
  {
    name: 'refused-behind-a-parked-one',
    undoes: 'R6',
    what: 'A command is refused for good although an earlier one of its room waits since another batch.',
    edits: [
      {
        file: PLAN,
        find: `waits.inRoom(room) || lanes.waitsIn(room)`,
        replace: `waits.inRoom(room)`,
      },
    ],
    killedBy: tests(['WRK22'], [LANE_TESTS]),
  },
]
