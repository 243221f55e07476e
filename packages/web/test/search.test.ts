import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SearchHit, SearchOptions, SearchResult } from '@holdfast/client'
import { until } from '../../server/test/support/server.ts'
import { excerpt, MessageSearch } from '../src/search.ts'

function hit(seq: number): SearchHit {
  return {
    room: 'den',
    seq,
    id: `e${seq}`,
    kind: 'message',
    sender: 'bob',
    at: seq,
    text: 'hello',
    highlights: [[0, 5]],
  }
}

function result(seqs: readonly number[], next?: string): SearchResult {
  return { hits: seqs.map(hit), next, indexedThrough: 0, behind: 0, partial: false }
}

/** A server that answers when the test says so. */
class Asked {
  readonly questions: {
    readonly words: string
    readonly options: SearchOptions
    readonly answer: (result: SearchResult) => void
    readonly fail: (error: Error) => void
  }[] = []
  readonly search = new MessageSearch({
    delayMs: 1,
    find: (words, options) =>
      new Promise((answer, fail) => {
        this.questions.push({ words, options, answer, fail })
      }),
  })

  async question(count: number) {
    await until(`question ${count}`, () => this.questions.length >= count)
    const question = this.questions[count - 1]
    assert.ok(question)
    return question
  }

  async seqs(): Promise<readonly number[] | undefined> {
    await until('the answer', () => !this.search.state.isAsking)
    return this.search.state.hits?.map(({ seq }) => seq)
  }
}

test('[WEB19] only the answer to what stands there now is shown, and what was shown stays until it comes', async () => {
  const asked = new Asked()
  const { search } = asked
  search.change({ words: 'hel' })
  const first = await asked.question(1)
  assert.deepEqual([first.words, first.options.prefix, search.state.hits], ['hel', true, undefined])
  search.change({ words: 'hello' })
  assert.equal(first.options.signal?.aborted, true)
  const second = await asked.question(2)
  second.answer(result([2]))
  assert.deepEqual(await asked.seqs(), [2])
  first.answer(result([1]))
  search.change({ words: 'hello ', sender: ' bob ', room: 'den' })
  assert.deepEqual(search.state.hits?.length, 1)
  const third = await asked.question(3)
  const { signal, ...options } = third.options
  assert.deepEqual(
    [third.words, options, signal?.aborted],
    ['hello', { prefix: false, sender: 'bob', room: 'den' }, false],
  )
  third.answer(result([3, 4]))
  assert.deepEqual(await asked.seqs(), [3, 4])
})

test('[WEB19] whoever types on is not asked for in between, and an empty field asks nothing', async () => {
  const asked = new Asked()
  for (const words of ['h', 'he', 'hel', 'hell', 'hello']) asked.search.change({ words })
  const { words, answer } = await asked.question(1)
  assert.equal(words, 'hello')
  asked.search.change({ words: '  ' })
  answer(result([1]))
  assert.deepEqual([await asked.seqs(), asked.search.state.isAsking, asked.questions.length], [undefined, false, 1])
  assert.equal(asked.search.isOpen, true)
  asked.search.clear()
  assert.equal(asked.search.isOpen, false)
})

test('[WEB19] more is behind what is there; a problem is told, and tried again', async () => {
  const asked = new Asked()
  const { search } = asked
  search.change({ words: 'hello' })
  ;(await asked.question(1)).answer(result([9, 8], 'c1'))
  assert.deepEqual([await asked.seqs(), search.state.hasMore], [[9, 8], true])
  search.more()
  search.more()
  const more = await asked.question(2)
  assert.equal(more.options.cursor, 'c1')
  more.answer(result([7]))
  assert.deepEqual([await asked.seqs(), search.state.hasMore, asked.questions.length], [[9, 8, 7], false, 2])
  search.change({ words: 'other' })
  ;(await asked.question(3)).fail(new Error('Search cannot answer now.'))
  assert.deepEqual([await asked.seqs(), search.state.problem], [[9, 8, 7], 'Search cannot answer now.'])
  search.again()
  ;(await asked.question(4)).answer(result([]))
  assert.deepEqual([await asked.seqs(), search.state.problem], [[], undefined])
})

test('[WEB20] an excerpt shows the first match with some words before it, and never parts a character', () => {
  const marked = (text: string, ...highlights: [number, number][]) =>
    excerpt({ text, highlights })
      .map(({ text, isMatch }) => (isMatch ? `[${text}]` : text))
      .join('')
  assert.equal(marked('xin chào bạn', [4, 8]), 'xin [chào] bạn')
  assert.equal(marked('aa', [0, 1], [1, 2]), '[a][a]')
  const long = `${'far away '.repeat(30)}here ${'it goes on '.repeat(40)}`
  const at = long.indexOf('here')
  const short = marked(long, [at, at + 4], [long.length - 3, long.length - 1])
  assert.match(short, /^…(?:far )?(?:away far )+away \[here\] it goes on .*…$/)
  assert.ok(short.length < 260)
  const faces = '😀'.repeat(300)
  for (const place of [100, 102, 398]) {
    const shown = excerpt({ text: faces, highlights: [[place, place + 2]] })
    assert.ok(shown.every(({ text }) => text.isWellFormed()))
    assert.deepEqual(
      shown.filter(({ isMatch }) => isMatch).map(({ text }) => text),
      ['😀'],
    )
  }
  assert.equal(marked('nothing is marked'), 'nothing is marked')
})
