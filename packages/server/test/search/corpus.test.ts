import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SearchIndex } from '../../src/ports/search.ts'
import { openSearchSubject } from '../conformance/opensearch-subject.ts'
import { sqliteEngines, temporaryFolder } from '../support/adapters.ts'
import { engineForTests } from '../support/engines.ts'
import { Corpus, search } from './corpus.ts'

const QUERIES = 500

const corpus = await Corpus.read()
const queries = corpus.queries(QUERIES, 1)

test('[SEA6] for words of every frequency, parts and beginnings, all that SQLite finds is all that is there', async (context) => {
  const engines = sqliteEngines(temporaryFolder(context))
  context.after(() => engines.close())
  await finds(engines.search)
})

for (const name of ['opensearch', 'elasticsearch'] as const) {
  const engine = await engineForTests(name)
  if (engine === undefined) continue
  test(`[SEA6] for words of every frequency, parts and beginnings, all that ${name} finds is all that is there`, async () => {
    const subject = await openSearchSubject(engine.url)
    try {
      await finds(subject.search)
    } finally {
      await subject.close()
    }
  })
}

async function finds(index: SearchIndex): Promise<void> {
  await corpus.index(index)
  let hits = 0
  for (const query of queries) {
    const found = await search(index, corpus.rooms, query)
    const there = corpus.scan(query)
    assert.deepEqual([...new Set(found)].sort(), [...there].sort(), JSON.stringify(query))
    hits += found.length
  }
  assert.ok(hits > QUERIES, `${hits} hits`)
}
