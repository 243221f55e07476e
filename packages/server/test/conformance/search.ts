import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { documentsOf } from '../../src/core/indexed.ts'
import { wantedOf } from '../../src/core/wanted.ts'
import { failureClass } from '../../src/ports/failure.ts'
import {
  compareHits,
  judge,
  type SearchDocument,
  type SearchHit,
  type SearchIndex,
  type SearchPhrase,
  type SearchQuery,
  type SearchWrite,
} from '../../src/ports/search.ts'
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

    async function ask(changes: Partial<SearchQuery>): Promise<readonly SearchHit[]> {
      const all = { wanted: [], preferred: [], rooms: ['r'], sender: undefined, after: undefined, hitsMax: 100 }
      const { hits, partial } = await search.query({ ...all, ...changes })
      assert.equal(partial, false)
      return hits
    }

    async function find(phrases: readonly (readonly string[])[], rooms: readonly string[] = ['r'], hitsMax = 100) {
      const hits = await ask({ wanted: phrases.map((tokens) => phrase(tokens)), rooms, hitsMax })
      return hits.map(placeOf)
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
      const hits = await ask({ wanted: [phrase(['word'])] })
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
    })

    test('[SEA1] of two writes of one place the higher version wins, whichever comes first, in one write or in several', async () => {
      const versions = (room: string, all: readonly number[]) =>
        all.map((version) => ({ ...message(room, 1, `version${version}`, version), version }))
      await write(versions('one', [1, 3, 2]))
      for (const document of versions('several', [2, 3, 1, 3])) await write([document])
      for (const room of ['one', 'several']) {
        assert.deepEqual(await find([['version3']], [room]), [`${room}#1`])
        for (const old of ['version1', 'version2']) assert.deepEqual(await find([[old]], [room]), [])
        assert.deepEqual(await search.seqs(room, 0, 10), [1])
      }
    })

    test('[SEA1] what was deleted stays deleted: a later version has no tokens, and an earlier one that comes late is nothing', async () => {
      await write([{ ...message('r', 1, 'secret'), version: 1 }])
      await write([{ ...message('r', 1, ''), version: 2 }])
      await write([{ ...message('r', 1, 'secret'), version: 1 }])
      assert.deepEqual(await find([['secret']]), [])
    })

    test('[SEA1] a message without a token takes its place and is found by nothing', async () => {
      await write([message('r', 1, '')])
      assert.deepEqual(await search.seqs('r', 0, 10), [1])
    })

    test('[SEA4] of a word that is being typed the beginning is enough, of none before it', async () => {
      await write([
        message('r', 1, 'xin chao'),
        message('r', 2, 'xin ch'),
        message('r', 3, 'xinh chao'),
        message('r', 4, 'x'),
      ])
      const typing = async (...tokens: string[]) => (await ask({ wanted: [phrase(tokens, true)] })).map(placeOf)
      assert.deepEqual(await typing('ch'), ['r#3', 'r#2', 'r#1'])
      assert.deepEqual(await typing('xin', 'ch'), ['r#2', 'r#1'])
      assert.deepEqual(await typing('chaos'), [])
    })

    test('[SEA4] one sender’s messages can be asked for', async () => {
      await write(ODD_IDS.map((sender, i) => ({ ...message('r', i + 1, 'hello'), sender })))
      for (const [i, sender] of ODD_IDS.entries())
        assert.deepEqual((await ask({ wanted: [phrase(['hello'])], sender })).map(placeOf), [`r#${i + 1}`])
      assert.deepEqual(await ask({ wanted: [phrase(['hello'])], sender: 'nobody' }), [])
    })

    test('[SEA4] what has more of what is preferred ranks higher, the newest first where it is as much', async () => {
      await write([
        { ...message('r', 1, 'xin chao duong'), exact: 'chào đường' },
        { ...message('r', 2, 'xin chao'), exact: 'chào' },
        message('r', 3, 'xin chao'),
        message('r', 4, 'chao xin'),
        { ...message('r', 5, 'chao xin'), exact: 'chảo' },
      ])
      const preferred = [phrase(['xin', 'chao']), exact('chào'), exact('đường')]
      const hits = await ask({ wanted: [phrase(['chao']), phrase(['xin'])], preferred })
      assert.deepEqual(
        hits.map((hit) => `${placeOf(hit)}=${hit.rank}`),
        ['r#1=3', 'r#2=2', 'r#3=1', 'r#5=0', 'r#4=0'],
      )
      const begun = await ask({ wanted: [phrase(['chao'])], preferred: [exact('ch', true)] })
      assert.deepEqual(
        begun.map(({ rank }) => rank),
        [1, 1, 1, 0, 0],
      )
    })

    test('[SEA4] page after page gives every hit once, in one order, whatever they have in common', async () => {
      const documents = Array.from({ length: 120 }, (_, i): SearchDocument => {
        const room = ['a', 'b', 'c'][i % 3] ?? ''
        const at = 1_700_000_000_000 + Math.floor(i / 17)
        return {
          ...message(room, 1 + (i % 40), i % 4 === 0 ? 'other' : 'word of many', at),
          id: `${i}`,
          exact: i % 5 === 0 ? 'wörd' : '',
        }
      })
      await write(documents)
      for (const preferred of [[], [exact('wörd'), phrase(['of', 'many'])]]) {
        const query = { wanted: [phrase(['wo'], true)], preferred, rooms: ['a', 'b', 'c'], sender: undefined }
        const expected = documents
          .flatMap((document) => judge(document, { ...query, after: undefined }) ?? [])
          .sort(compareHits)
        for (const hitsMax of [1, 7, 1_000]) {
          const found: SearchHit[] = []
          for (let page = await ask({ ...query, hitsMax }); page.length > 0; ) {
            found.push(...page)
            page = await ask({ ...query, hitsMax, after: found.at(-1) })
          }
          assert.deepEqual(found, expected)
        }
      }
    })

    test('[SEA4] of one moment, rooms come by the bytes of their names', async () => {
      const rooms = ['b', 'a', 'ab', '\u{1d4b3}', '\uffee', 'é', 'B']
      await write(rooms.map((room) => message(room, 1, 'word', 5)))
      const expected = [...rooms].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      assert.deepEqual(
        await find([['word']], rooms),
        expected.map((room) => `${room}#1`),
      )
    })

    test('[SEA4] a page begins behind a hit that is no more', async () => {
      await write([message('r', 1, 'word'), message('r', 5, 'word')])
      const after = { room: 'r', seq: 3, at: 3, rank: 0 }
      assert.deepEqual((await ask({ wanted: [phrase(['word'])], after })).map(placeOf), ['r#1'])
      const rank = { ...after, rank: 1 }
      const preferred = [exact('wörd')]
      assert.deepEqual((await ask({ wanted: [phrase(['word'])], preferred, after: rank })).map(placeOf), ['r#5', 'r#1'])
    })

    test('[SEA9] hostile texts are indexed, and found by themselves, their beginnings and their marks: nothing in them is a query', async () => {
      const marks = '\u0301'.repeat(10_000)
      const texts = [
        'a\0b c',
        `e${marks}`,
        marks,
        '\ud800 lone \udc00',
        '"; DROP TABLE words;--',
        'room:r AND (x OR NOT y) NEAR/3 z* ^a {"match_all":{}}',
        '.* [a-z]+ \\ (?:x)* $ ^ | ~2 <IDs> @@',
        'x'.repeat(8_000),
        'ab '.repeat(2_500),
        '😀👩‍👩‍👧'.repeat(500),
        '検索'.repeat(1_200),
        '\u202e reversed \u2028 lines \u00a0 \u3000',
        '__proto__ constructor toString',
      ]
      const content = (text: string) => ({ kind: 'message', text })
      await write(
        texts.flatMap((text, i) =>
          documentsOf({ room: 'r', seq: i + 1, id: `${i}`, sender: 'al', at: i + 1, content: content(text) }, 1),
        ),
      )
      for (const [i, text] of texts.entries())
        for (const order of ['newest', 'relevance'] as const)
          for (const isPrefix of [false, true]) {
            const wanted = wantedOf(text.slice(0, 999), { order, isPrefix })
            const hits = await ask(wanted)
            if (wanted.wanted.length > 0)
              assert.ok(
                hits.some(({ seq }) => seq === i + 1),
                JSON.stringify(text.slice(0, 50)),
              )
            else assert.deepEqual(hits, [])
          }
      assert.deepEqual(
        await search.seqs('r', 0, 100),
        texts.map((_, i) => i + 1),
      )
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

    test('[SEA7] what is meant for another index than there is goes nowhere', async () => {
      const into = await search.open()
      assert.equal(await search.open(), into)
      await write([message('r', 1, 'hello')], { into, heads: new Map([['r', 1]]) })
      const elsewhere = { into: `${into}-another`, through: { partition: 0, next: 9 } }
      await assert.rejects(write([message('r', 2, 'hello')], elsewhere), (error) => failureClass(error) === 'lost')
      if (!search.visibleAtOnce) await search.refresh()
      assert.deepEqual(await find([['hello']]), ['r#1'])
      assert.equal(await search.progress(0), undefined)
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

export function message(room: string, seq: number, text: string, at = seq): SearchDocument {
  return { room, seq, id: `${room}/${seq}`, sender: 'alice', at, version: 1, tokens: text, exact: '' }
}

export function phrase(tokens: readonly string[], isPrefix = false): SearchPhrase {
  return { in: 'tokens', tokens, isPrefix }
}

function exact(token: string, isPrefix = false): SearchPhrase {
  return { in: 'exact', tokens: [token], isPrefix }
}

function placeOf({ room, seq }: SearchHit): string {
  return `${room}#${seq}`
}
