import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { failureClass } from '../../src/ports/failure.ts'
import type { SearchDocument, SearchIndex, SearchWrite } from '../../src/ports/search.ts'
import { ODD_IDS, type OpenSubject, type Subject } from './subject.ts'

/** What every search index has to keep, whatever engine it stands on. */
export function searchConformance(name: string, open: OpenSubject): void {
  describe(`the search index of ${name}`, () => {
    let subject: Subject
    let search: SearchIndex

    beforeEach(async () => {
      subject = await open(1)
      search = subject.search
    })
    afterEach(() => subject.close())

    async function write(documents: readonly SearchDocument[], changes: Partial<SearchWrite> = {}): Promise<void> {
      const refused = await search.write({ documents, heads: new Map(), through: undefined, ...changes })
      assert.deepEqual(refused, [])
      if (!search.visibleAtOnce) await search.refresh()
    }

    async function find(phrases: readonly (readonly string[])[], rooms: readonly string[] = ['r'], hitsMax = 100) {
      const { hits, partial } = await search.query({ phrases, rooms, hitsMax })
      assert.equal(partial, false)
      return hits.map(({ room, seq }) => `${room}#${seq}`)
    }

    test('[SEA1] a word finds the messages that have it, whole words only', async () => {
      await write([message('r', 1, 'xin chao moi nguoi'), message('r', 2, 'chaos'), message('r', 3, 'tam biet')])
      assert.deepEqual(await find([['chao']]), ['r#1'])
      assert.deepEqual(await find([['cha']]), [])
    })

    test('[SEA4] every phrase must be there, its tokens next to each other and in order', async () => {
      await write([
        message('r', 1, 'a b c'),
        message('r', 2, 'b a c'),
        message('r', 3, 'a x b'),
        message('r', 4, 'a a b'),
      ])
      assert.deepEqual(await find([['a', 'b']]), ['r#4', 'r#1'])
      assert.deepEqual(await find([['a'], ['b']]), ['r#4', 'r#3', 'r#2', 'r#1'])
      assert.deepEqual(await find([['a', 'b'], ['c']]), ['r#1'])
      assert.deepEqual(await find([['a', 'b'], ['none']]), [])
    })

    test('[SEA4] tokens of any script are found, and nothing in them is a query', async () => {
      const texts = [
        '検 索 で す',
        'toi di hoc',
        'ニ ュ ー ス',
        '👩‍👩‍👧 😀',
        'snake_case x',
        'or and not near',
        'é 0 9',
        '한 국 어',
      ]
      await write(texts.map((text, i) => message('r', i + 1, text)))
      for (const [i, text] of texts.entries()) {
        const tokens = text.split(' ')
        assert.deepEqual(await find([tokens]), [`r#${i + 1}`], text)
        for (const token of tokens) assert.ok((await find([[token]])).includes(`r#${i + 1}`), token)
      }
      assert.deepEqual(await find([['snake']]), [])
      assert.deepEqual(await find([['"']]), [])
      assert.deepEqual(await find([['x" OR "or']]), [])
    })

    test('[SEA4] only the rooms asked for are looked at, whatever they are called', async () => {
      await write(ODD_IDS.map((room) => message(room, 1, 'hello')))
      for (const room of ODD_IDS) assert.deepEqual(await find([['hello']], [room]), [`${room}#1`])
      assert.deepEqual(await find([['hello']], []), [])
      assert.equal((await find([['hello']], [...ODD_IDS, ...ODD_IDS])).length, ODD_IDS.length)
    })

    test('[SEA4] hits come newest first by their time, not by when they were indexed, and no more than asked for', async () => {
      const times = [50, 10, 40, 8_640_000_000_000_000, 0, 1_700_000_000_000, 1_700_000_000_001]
      await write(times.map((at, i) => message('r', i + 1, 'word', at)))
      const { hits } = await search.query({ phrases: [['word']], rooms: ['r'], hitsMax: 100 })
      assert.deepEqual(
        hits.map(({ at }) => at),
        [...times].sort((a, b) => b - a),
      )
      assert.deepEqual(await find([['word']], ['r'], 2), ['r#4', 'r#7'])
    })

    test('[SEA4] messages of one moment are all found, the later in the room first', async () => {
      const documents = Array.from({ length: 300 }, (_, i) => message('r', i + 1, 'word', 1_700_000_000_000))
      await write(documents)
      const hits = await find([['word']], ['r'], 1_000)
      assert.deepEqual(hits, documents.map(({ seq }) => `r#${seq}`).reverse())
    })

    test('[SEA4] no phrase finds nothing', async () => {
      await write([message('r', 1, 'a')])
      assert.deepEqual(await find([]), [])
      assert.deepEqual(await find([[]]), [])
    })

    test('[SEA1] the same place again replaces itself, in any later write or the same one', async () => {
      await write([message('r', 1, 'old', 5), message('r', 2, 'old', 6)])
      await write([message('r', 1, 'new', 5)])
      await write([message('r', 2, 'newer', 9), message('r', 2, 'newest', 7)])
      assert.deepEqual(await find([['old']]), [])
      assert.deepEqual(await find([['newer']]), [])
      assert.deepEqual(await find([['new']]), ['r#1'])
      assert.deepEqual(await find([['newest']]), ['r#2'])
    })

    test('[SEA1] a message without a token takes its place and is found by nothing', async () => {
      await write([message('r', 1, '')])
      assert.deepEqual(await search.seqs('r', 0, 10), [1])
    })

    test('[SEA2] the progress is unknown at first, and then what was written last', async () => {
      assert.equal(await search.progress(0), undefined)
      for (const next of [7, 2 ** 21 + 5, 9]) {
        await write([], { through: { partition: 0, next } })
        assert.equal(await search.progress(0), next)
      }
      assert.equal(await search.progress(1), undefined)
    })

    test('[SEA3] heads rise and are never lowered; rooms it does not know are left out', async () => {
      await write([], { heads: new Map([['r', 5]].concat([['__proto__', 2]]) as [string, number][]) })
      await write([], { heads: new Map([['r', 3]]) })
      await write([], { heads: new Map([['R', 1]]) })
      const heads = await search.heads(['r', 'R', 'none', '__proto__'])
      assert.deepEqual([...heads].sort(), [
        ['R', 1],
        ['__proto__', 2],
        ['r', 5],
      ])
    })

    test('[SEA5] the seqs of a room are listed ascending, from the first one above, a page at a time', async () => {
      await write([message('r', 9, 'a'), message('r', 2, 'b'), message('s', 3, 'c'), message('r', 4, 'd')])
      assert.deepEqual(await search.seqs('r', 0, 10), [2, 4, 9])
      assert.deepEqual(await search.seqs('r', 2, 1), [4])
      assert.deepEqual(await search.seqs('r', 9, 10), [])
      assert.deepEqual(await search.seqs('none', 0, 10), [])
    })

    test('[SEA1, SEA2] closing and opening again finds everything, as far as the engine says so', async () => {
      await write([message('r', 1, 'hello')], { heads: new Map([['r', 1]]), through: { partition: 0, next: 4 } })
      await subject.reopen()
      search = subject.search
      const { survivesReopen, visibleAtOnce } = subject.capabilities
      assert.equal(search.visibleAtOnce, visibleAtOnce)
      assert.deepEqual(await find([['hello']]), survivesReopen ? ['r#1'] : [])
      assert.equal(await search.progress(0), survivesReopen ? 4 : undefined)
      assert.deepEqual([...(await search.heads(['r']))], survivesReopen ? [['r', 1]] : [])
    })

    test('[SEA1] after closing, every call is refused as closed', async () => {
      await subject.close()
      const closed = (error: unknown) => failureClass(error) === 'closed'
      await assert.rejects(write([message('r', 1, 'a')]), closed)
      await assert.rejects(find([['a']]), closed)
    })
  })
}

function message(room: string, seq: number, text: string, at = seq): SearchDocument {
  return { room, seq, id: `${room}/${seq}`, sender: 'alice', at, tokens: text }
}
