import { type Mutant, tests } from '../mutant.ts'
import { ADAPTER_TESTS, INDEXER_TESTS, RETENTION_TESTS, SEARCH_API_TESTS, SEARCH_CLUSTER_TESTS } from '../places.ts'

const SEARCH = 'packages/server/src/core/search-messages.ts'
const REBUILD = 'packages/server/src/indexer/rebuild.ts'
const FILE = 'packages/server/src/adapters/sqlite'
const CLUSTER = 'packages/server/src/adapters/opensearch'
const UNDOES = 'search that is silently wrong'

/** What makes search leave something out, or show something, without a word; and the log let go what was not read. */
export const SILENT_SEARCH: readonly Mutant[] = [
  {
    name: 'older-version-wins',
    undoes: UNDOES,
    what: 'Of two writes of one place the one that comes last is in the index, whatever its version.',
    edits: [
      { file: `${FILE}/search-tables.ts`, find: `there.version >= BigInt(version)`, replace: `BigInt(version) < 0n` },
    ],
    killedBy: tests(['SEA1'], [ADAPTER_TESTS], 'higher version wins'),
  },
  {
    name: 'version-without-the-epoch',
    undoes: UNDOES,
    what: 'What a restore took away has the same version as what came after it, and stays in the index.',
    edits: [
      {
        file: 'packages/server/src/core/indexed.ts',
        find: `version: epoch * REVISIONS,`,
        replace: `version: REVISIONS,`,
      },
    ],
    killedBy: tests(['IDX8'], [INDEXER_TESTS]),
  },
  {
    name: 'written-into-any-index',
    undoes: UNDOES,
    what: 'What is meant for an index that is gone goes into the one in its place, whose heads then tell of what it has not.',
    edits: [
      {
        file: `${FILE}/search-file.ts`,
        find: `    throw new Failure('lost', 'the search index is another one than it was: it has to be filled anew')`,
        replace: `    return this.#searched`,
      },
    ],
    killedBy: tests(['SEA7'], [ADAPTER_TESTS]),
  },
  {
    name: 'heads-of-the-old-index',
    undoes: UNDOES,
    what: 'An indexer that finds another index in the place of its own goes on with the heads of the old one.',
    edits: [
      {
        file: 'packages/server/src/indexer/follower.ts',
        find: `    if (into !== this.#into) this.#heads.clear()
`,
        replace: '',
      },
    ],
    killedBy: tests(['IDX19'], [INDEXER_TESTS]),
  },
  {
    name: 'heads-and-hits-of-two-indexes',
    undoes: UNDOES,
    what: 'A search takes how far the index is from one index, and the hits from the one that has just replaced it.',
    edits: [
      { file: SEARCH, find: `search.query({ ...wanted, of, rooms,`, replace: `search.query({ ...wanted, rooms,` },
    ],
    killedBy: tests(['HTTP16'], [SEARCH_API_TESTS], 'is replaced while'),
  },
  {
    name: 'rights-read-once',
    undoes: UNDOES,
    what: 'Who is removed while a search runs is still shown what it found.',
    edits: [
      {
        file: SEARCH,
        find: `      .filter(({ room }) => still.has(room))
`,
        replace: '',
      },
    ],
    killedBy: tests(['HTTP16'], [SEARCH_API_TESTS], 'removed while'),
  },
  {
    name: 'tail-not-looked-at',
    undoes: UNDOES,
    what: 'What the index lacks is not looked for in the store.',
    edits: [
      {
        file: SEARCH,
        find: `  const late = [...searched].filter(([, { head, indexed }]) => indexed < head)`,
        replace: `  const late = [...searched].filter(([, { head, indexed }]) => indexed > head)`,
      },
    ],
    killedBy: tests(['HTTP16'], [SEARCH_API_TESTS], 'comes from the store'),
  },
  {
    name: 'bulk-failures-pass',
    undoes: UNDOES,
    what: 'A bulk of which some documents failed for a moment counts as written, and its heads are told.',
    edits: [
      {
        file: `${CLUSTER}/bulk.ts`,
        find: `  if (failure !== undefined) throw failure
`,
        replace: '',
      },
    ],
    killedBy: tests(['OSE3'], [SEARCH_CLUSTER_TESTS]),
  },
  {
    name: 'replaced-index-unnoticed',
    undoes: UNDOES,
    what: 'An idle indexer does not notice that another index has taken the place of its own.',
    edits: [
      {
        file: 'packages/server/src/indexer/follower.ts',
        find: `if (search.visibleAtOnce) await writer.until(() => search.refresh(this.#into))`,
        replace: `void search`,
      },
    ],
    killedBy: tests(['IDX19'], [INDEXER_TESTS]),
  },
  {
    name: 'every-search-waits',
    undoes: 'search that holds people up',
    what: 'While a search cluster hangs each search waits for it.',
    edits: [
      {
        file: `${CLUSTER}/hanging.ts`,
        find: `      if (this.#clock.elapsed() < this.#until) throw new Failure('transient', this.#why)
`,
        replace: '',
      },
    ],
    killedBy: tests(['OSE4'], [SEARCH_CLUSTER_TESTS]),
  },
  {
    name: 'rebuilt-without-a-position',
    undoes: 'rebuild that loses its place',
    what: 'A new index does not say where the feed is, so that the whole feed is read again.',
    edits: [{ file: REBUILD, find: `of positions)`, replace: `of new Map<number, Offset>())` }],
    killedBy: tests(['IDX20'], [INDEXER_TESTS]),
  },
  {
    name: 'rebuild-begins-anew',
    undoes: 'rebuild that loses its place',
    what: 'A rebuild that was broken off begins from nothing.',
    edits: [{ file: REBUILD, find: `indexedSeq(heads.get(room), epoch)`, replace: `indexedSeq(undefined, epoch)` }],
    killedBy: tests(['IDX20'], [INDEXER_TESTS]),
  },
  {
    name: 'retention-passed-by',
    undoes: 'log that lets go what was not read',
    what: 'Sends are taken however far the worker is behind, until the log lets go what it has not read.',
    edits: [
      {
        file: 'packages/server/src/core/retention.ts',
        find: `      lateMs <= limitMs`,
        replace: `      lateMs <= limitMs * 1_000`,
      },
    ],
    killedBy: tests(['CLU2'], [RETENTION_TESTS]),
  },
]
