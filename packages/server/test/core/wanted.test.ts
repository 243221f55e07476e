import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { documentsOf } from '../../src/core/indexed.ts'
import { match, wantedOf } from '../../src/core/wanted.ts'
import { judge } from '../../src/ports/search.ts'

const SAID = fc.array(fc.constantFrom('xin', 'chào', 'chao', 'Đường', 'duong', '検索', 'が', 'b', 'bạn', '½', '👍'), {
  minLength: 1,
  maxLength: 6,
})

test('[TOK11] a text is to a query what its document is to the index: found or not, and of the same rank', () => {
  fc.assert(
    fc.property(SAID, SAID, fc.constantFrom('newest', 'relevance'), fc.boolean(), (said, asked, order, isPrefix) => {
      const text = said.join(' ')
      const wanted = wantedOf(asked.slice(0, 3).join(' ').slice(0, -1) || asked[0] || '', { order, isPrefix })
      const entry = { room: 'r', seq: 1, id: 'i', sender: 's', at: 1, content: { kind: 'message', text } }
      const [document] = documentsOf(entry, 1)
      assert.ok(document !== undefined)
      const hit = judge(document, { ...wanted, rooms: ['r'], sender: undefined, after: undefined })
      const matched = wanted.wanted.length === 0 ? undefined : match(text, wanted)
      assert.equal(matched?.rank, hit?.rank)
    }),
    { numRuns: 2_000 },
  )
})

test('[TOK11] highlights are where the words stand, whatever the text is made of, and never touch each other', () => {
  const shown = (text: string, query: string, isPrefix = false) =>
    match(text, wantedOf(query, { order: 'newest', isPrefix }))?.highlights.map(([start, end]) =>
      text.slice(start, end),
    )
  assert.deepEqual(shown('Xin chào, XIN!', 'xin'), ['Xin', 'XIN'])
  assert.deepEqual(shown('đi đường dài'.normalize('NFD'), 'duong'), ['đường'.normalize('NFD')])
  assert.deepEqual(shown('全文検索エンジン検索', '検索'), ['検索', '検索'])
  assert.deepEqual(shown('chance of chào', 'cha', true), ['chance', 'chào'])
  assert.deepEqual(shown('½ cup', '2 1'), ['½'])
  assert.equal(shown('nothing', 'some'), undefined)
})

test('[TOK12] a query asks for no more than 32 words and five preferences, however long it is', () => {
  const long = Array.from({ length: 300 }, (_, i) => `wörd${i}`).join(' ')
  const { wanted, preferred } = wantedOf(long, { order: 'relevance', isPrefix: true })
  assert.deepEqual([wanted.length, preferred.length], [32, 5])
  assert.equal(wantedOf('a a A á', { order: 'newest', isPrefix: false }).wanted.length, 1)
})
