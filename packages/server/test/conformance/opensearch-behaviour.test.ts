import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSearch } from '../../src/adapters/opensearch/opensearch.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { failureClass } from '../../src/ports/failure.ts'
import type { SearchWrite } from '../../src/ports/search.ts'
import type { Clock } from '../../src/ports/system.ts'
import { complaint, QUERY, type Reply, type Scripted, scriptedCluster } from './opensearch-scripted.ts'
import { message } from './search.ts'

/** What the adapter makes of what a search cluster says, and of one that says nothing. */

const NOTHING: Omit<SearchWrite, 'documents'> = { into: 'holdfast-is-one', heads: new Map(), through: undefined }
const TAKEN: Reply = { status: 200, body: { errors: false } }

async function failureOf(asking: Promise<unknown>): Promise<string> {
  const error = await asking.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => error,
  )
  return `${failureClass(error)}: ${(error as Error).message}`
}

async function opened(
  reply: () => Reply,
  use: (search: ReturnType<typeof openSearch>, server: Scripted) => Promise<void>,
  clock: Pick<Clock, 'elapsed'> = systemClock,
) {
  await using server = await scriptedCluster(reply)
  const cluster = openSearch({ url: server.url }, clock)
  try {
    await use(cluster, server)
  } finally {
    await cluster.close()
  }
}

test('[OSE1] an address that is none is refused with what to write, before anything is asked', () => {
  for (const url of ['localhost:9200', 'ftp://x', 'http://', 'http://a:b@host', 'https://host:99999', 'http://h?x=1'])
    assert.throws(
      () => openSearch({ url }, systemClock),
      /is no address of OpenSearch or Elasticsearch: write https:\/\/host:9200/,
      url,
    )
  for (const url of ['http://host/_a', 'http://host/A', 'http://host/a,b', 'http://host/a/b'])
    assert.throws(() => openSearch({ url }, systemClock), /with which no index can begin: use lower-case letters/, url)
  assert.throws(
    () => openSearch({ url: 'https://host', tlsCaFile: '/nowhere/ca.pem' }, systemClock),
    /certificates in \/nowhere\/ca.pem/,
  )
})

const ANSWERS: readonly (readonly [Reply, RegExp])[] = [
  [
    complaint(401, 'security_exception', 'missing authentication credentials'),
    /^operator: .*check the user, its password/,
  ],
  [{ status: 401, body: 'Unauthorized' }, /^operator: .*check the user, its password/],
  [complaint(403, 'security_exception', 'no permissions'), /^operator: .*read, write and create these indexes/],
  [complaint(400, 'parsing_exception'), /^operator: /],
  [complaint(404, 'index_not_found_exception'), /^lost: /],
  [complaint(413, ''), /^poison: /],
  [{ status: 413, body: '<html>too large</html>' }, /^poison: /],
  [complaint(429, 'circuit_breaking_exception'), /^overload: /],
  [complaint(429, 'es_rejected_execution_exception'), /^overload: /],
  [complaint(403, 'cluster_block_exception', 'index [x] blocked'), /^full: .*make room on its disks/],
  [complaint(400, 'index_closed_exception'), /^full: .*open the index again/],
  [complaint(503, 'unavailable_shards_exception'), /^transient: /],
  [{ status: 502, body: '<html>bad gateway</html>' }, /^transient: /],
  [{ status: 504, body: '' }, /^transient: /],
  [complaint(500, 'null_pointer_exception'), /^unknown: /],
  [{ status: 418, body: 'a teapot' }, /^unknown: /],
]

test('[OSE2] whatever a cluster answers is a Failure that says what can be done, and is told as waited for', async () => {
  for (const [reply, expected] of ANSWERS)
    await opened(
      () => reply,
      async ({ search, waiting }) => {
        const documents = [message('r', 1, 'a')]
        assert.match(await failureOf(search.write({ ...NOTHING, documents })), expected)
        if (!expected.source.startsWith('^lost'))
          assert.match(waiting().join(), new RegExp(expected.source.replace(/^\^\w+: /, '')))
      },
    )
})

test('[OSE2] a cluster that is not there, or no search cluster, is waited for, and named without its credentials', async () => {
  const away = openSearch({ url: 'http://127.0.0.1:1', username: 'someone', password: 'wrong-password' }, systemClock)
  const said = await failureOf(away.search.query(QUERY))
  assert.match(said, /^transient: the search cluster at 127\.0\.0\.1:1 cannot be reached/)
  assert.ok(!said.includes('wrong-password') && !away.waiting().join().includes('wrong-password'))
  await away.close()
  assert.match(await failureOf(away.search.query(QUERY)), /^closed: /)
})

test('[OSE3] of a bulk, what can never be is handed back, what is there already is in, and a failure is the whole write’s', async () => {
  const items = (...all: readonly (readonly [status: number, type?: string])[]): Reply => ({
    status: 200,
    body: {
      errors: true,
      items: all.map(([status, type]) => ({ index: { status, ...(type && { error: { type, reason: type } }) } })),
    },
  })
  const documents = [1, 2, 3, 4].map((seq) => message('r', seq, `word${seq}`))
  const write = { ...NOTHING, documents, heads: new Map([['r', 4]]), through: { partition: 0, next: 9 } }
  const bad = [400, 'mapper_parsing_exception'] as const
  const replies: Reply[] = [items([201], bad, [409, 'version_conflict_engine_exception'], [200]), TAKEN]
  await opened(
    () => replies.shift(),
    async ({ search }, { asked }) => {
      assert.deepEqual(await search.write(write), [documents[1]])
      const [first, second] = asked.map(({ path, body }) => [path, body.trimEnd().split('\n').length])
      assert.deepEqual(
        [first, second],
        [
          ['/holdfast-is-one/_bulk', 8],
          ['/holdfast-is-one/_bulk', 4],
        ],
      )
      assert.match(asked[1]?.body ?? '', /"headOf":"r","head":4/)
    },
  )
  // Nothing is told of what is not in.
  await opened(
    () => items([201], bad, [429, 'es_rejected_execution_exception'], [201]),
    async ({ search }, { asked }) => {
      assert.match(await failureOf(search.write(write)), /^overload: /)
      assert.equal(asked.length, 1)
    },
  )
  // What the index tells of itself has to be taken.
  const refused: Reply[] = [TAKEN, items([201], bad)]
  await opened(
    () => refused.shift(),
    async ({ search }) => {
      assert.match(await failureOf(search.write(write)), /^operator: .*refuses what the index is to tell of itself/)
    },
  )
})

test('[OSE3] a write goes in parts that a cluster takes, in order, and its heads behind all of them', async () => {
  const documents = Array.from({ length: 2_500 }, (_, i) => message('r', i + 1, 'word'))
  await opened(
    () => TAKEN,
    async ({ search }, { asked }) => {
      await search.write({ ...NOTHING, documents, heads: new Map([['r', 2_500]]) })
      const seqs = asked.map(({ body }) => [...body.matchAll(/"seq":(\d+)/g)].map(([, seq]) => Number(seq)))
      assert.deepEqual(
        seqs.map(({ length }) => length),
        [1_000, 1_000, 500, 0],
      )
      assert.deepEqual(
        seqs.flat(),
        documents.map(({ seq }) => seq),
      )
    },
  )
})

test('[OSE4] of a cluster that hangs only the first search waits: the others are told at once, for a while', async () => {
  let now = 0
  await opened(
    () => undefined,
    async ({ search }, { asked }) => {
      for (let i = 0; i < 6; i++) {
        const said = await failureOf(i % 2 === 0 ? search.query(QUERY) : search.heads(['r']))
        assert.match(said, /^transient: .*does not answer in time/)
      }
      assert.equal(asked.length, 1)
      now = 5_000
      await Promise.all([failureOf(search.query(QUERY)), failureOf(search.query(QUERY))])
      assert.equal(asked.length, 2, 'one finds out whether it answers again')
    },
    { elapsed: () => now },
  )
})

test('[OSE4] where others are answered meanwhile, it is the search that was too slow, and nobody else suffers', async () => {
  let isSlow = true
  const reply = (): Reply => {
    const slow = isSlow
    isSlow = false
    return slow ? undefined : { status: 200, body: { hits: { hits: [] } } }
  }
  await opened(reply, async ({ search }) => {
    const slow = failureOf(search.query(QUERY))
    let isOver = false
    void slow.then(() => {
      isOver = true
    })
    while (!isOver) assert.deepEqual((await search.query(QUERY)).hits, [])
    assert.match(await slow, /does not answer in time/)
    assert.deepEqual((await search.query(QUERY)).hits, [])
  })
})
