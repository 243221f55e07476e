import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { failureClass } from '../../src/ports/failure.ts'
import type { SearchDocument, SearchDrafts, SearchIndex } from '../../src/ports/search.ts'
import { message, phrase } from './search.ts'

export interface DraftSubject {
  readonly search: SearchIndex & SearchDrafts
  /** The same index, as another process sees it; in memory there is none. */
  readonly elsewhere: SearchIndex & SearchDrafts
  close(): Promise<void>
}

const LOST = (error: unknown) => failureClass(error) === 'lost'

/** What every index keeps that can be made anew beside the one that is searched. */
export function draftConformance(name: string, open: () => Promise<DraftSubject>): void {
  describe(`drafts in the search index of ${name}`, () => {
    let subject: DraftSubject
    let search: DraftSubject['search']
    let before: string

    beforeEach(async () => {
      subject = await open()
      search = subject.search
      before = await search.open()
      await write(before, [message('r', 1, 'old'), message('r', 2, 'both')], 2, 7)
    })
    afterEach(() => subject.close())

    async function write(into: string, documents: readonly SearchDocument[], head: number, next: number) {
      const told = { heads: new Map([['r', head]]), through: { partition: 0, next } }
      assert.deepEqual(await search.write({ into, documents, ...told }), [])
      await search.refresh(into)
    }

    async function find(word: string, of?: string, index = search): Promise<readonly number[]> {
      const { hits } = await index.query({ of, wanted: [phrase([word])], preferred: [], rooms: ['r'], ...REST })
      return hits.map(({ seq }) => seq)
    }

    test('[SEA8] a draft is written and known by its own name, and found by nobody', async () => {
      const draft = await search.draft()
      assert.notEqual(draft, before)
      await write(draft, [message('r', 9, 'both')], 9, 3)
      assert.deepEqual([...(await search.heads(['r'], draft))], [['r', 9]])
      assert.deepEqual([...(await search.heads(['r']))], [['r', 2]])
      assert.deepEqual([await find('both'), await find('both', before)], [[2], [2]])
      assert.deepEqual(await search.seqs('r', 0, 10), [1, 2])
      assert.deepEqual([await search.progress(0), await search.current(), await search.open()], [7, before, before])
    })

    test('[SEA8] whoever comes back, or comes too, finds the draft that was begun', async () => {
      const { elsewhere } = subject
      const draft = await search.draft()
      await write(draft, [message('r', 1, 'new')], 1, 1)
      assert.deepEqual([await search.draft(), await elsewhere.draft()], [draft, draft])
      assert.deepEqual([...(await elsewhere.heads(['r'], draft))], [['r', 1]])
    })

    test('[SEA8] two who write one index, the same messages again too, leave none of them out', async () => {
      const { elsewhere } = subject
      const draft = await search.draft()
      const some = (from: number, to: number) =>
        Array.from({ length: to - from + 1 }, (_, i) => message('r', from + i, 'word', 1_795_715_279_000))
      const writers = [search, elsewhere, search, elsewhere, search]
      const parts = [some(1, 3), some(4, 6), some(4, 7), some(1, 5), some(1, 9)]
      for (const [i, documents] of parts.entries())
        await writers[i]?.write({ into: draft, documents, heads: new Map(), through: undefined })
      // Nothing else was told: neither heads nor a position.
      await search.publish(draft)
      assert.deepEqual(await find('word'), [9, 8, 7, 6, 5, 4, 3, 2, 1])
      assert.deepEqual(await search.seqs('r', 0, 10), [1, 2, 3, 4, 5, 6, 7, 8, 9])
    })

    test('[SEA8] published it is what is searched, everywhere, and what was there is gone with its name', async () => {
      const { elsewhere } = subject
      assert.deepEqual([await elsewhere.current(), await find('both', before, elsewhere)], [before, [2]])
      const draft = await search.draft()
      await write(draft, [message('r', 2, 'both new'), message('r', 3, 'new')], 3, 5)
      await search.publish(draft)
      for (const index of [search, elsewhere]) {
        assert.deepEqual([await find('new', undefined, index), await find('old', undefined, index)], [[3, 2], []])
        await assert.rejects(find('both', before, index), LOST)
        await assert.rejects(index.heads(['r'], before), LOST)
        await assert.rejects(
          index.write({ into: before, documents: [], heads: new Map(), through: { partition: 0, next: 9 } }),
          LOST,
        )
        assert.deepEqual([await index.current(), await index.open(), await index.progress(0)], [draft, draft, 5])
        assert.deepEqual([await find('both', draft, index), [...(await index.heads(['r'], draft))]], [[2], [['r', 3]]])
      }
      await write(draft, [message('r', 4, 'new')], 4, 6)
      assert.deepEqual(await find('new'), [4, 3, 2])
    })

    test('[SEA8] what was published may be published again; what is no draft is lost, and nothing changes', async () => {
      const draft = await search.draft()
      await search.publish(draft)
      await search.publish(draft)
      await assert.rejects(search.publish(before), LOST)
      const next = await subject.elsewhere.draft()
      assert.ok(![draft, before].includes(next))
      await assert.rejects(search.publish(`${next}-another`), LOST)
      assert.equal(await search.open(), draft)
      await write(next, [message('r', 1, 'next')], 1, 1)
      assert.deepEqual([await find('next'), await find('old')], [[], []])
      await search.publish(next)
      assert.deepEqual(await find('next'), [1])
    })
  })
}

const REST = { sender: undefined, after: undefined, hitsMax: 100 }
