import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { indexable, locate, phrases, tokens } from '../../src/core/tokens.ts'

/** One character of these ranges of code points. */
function within(...ranges: readonly (readonly [from: number, to: number])[]) {
  const units = ranges.map(([min, max]) => fc.integer({ min, max }).map((code) => String.fromCodePoint(code)))
  return fc.oneof(...units)
}

/** Words of alphabets that have cases, with accents on top: Latin, Greek, Cyrillic, Armenian, Deseret. */
const WORD = fc.string({
  unit: within(
    [0x30, 0x39],
    [0x41, 0x5a],
    [0xc0, 0xd6],
    [0xd8, 0xf6],
    [0xf8, 0x17f],
    [0x300, 0x308],
    [0x391, 0x3a1],
    [0x3a3, 0x3cb],
    [0x400, 0x45f],
    [0x561, 0x586],
    [0x1ea0, 0x1ef9],
    [0x10400, 0x1044f],
  ),
  minLength: 1,
  maxLength: 12,
})
/** Other ways to write the same. */
const WAY = fc.constantFrom(
  (text: string) => text.toUpperCase(),
  (text: string) => text.toLowerCase(),
  (text: string) => text.normalize('NFD'),
  (text: string) => text.normalize('NFKC'),
  (text: string) => text.replace(/[0-9A-Za-z_]/g, (unit) => String.fromCharCode(unit.charCodeAt(0) + 0xfee0)),
)
/** Texts of anything, more often of characters that stand for several, for none, or change in folding. */
const ANYTHING = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    within([0x80, 0x3ff], [0x1e00, 0x33ff], [0xf900, 0xffef], [0x1d400, 0x1f9ff]),
  ),
  maxLength: 20,
})
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/v

test('[TOK1] words are found without case, accents and width', () => {
  assert.deepEqual(tokens('Xin chào, Đường phố!'), ['xin', 'chao', 'duong', 'pho'])
  assert.deepEqual(tokens('xin chao'), tokens('XIN CHÀO'))
  assert.deepEqual(tokens('Straße Ærø Łódź ısı ŒUVRE'), ['strasse', 'aero', 'lodz', 'isi', 'oeuvre'])
  assert.deepEqual(tokens('Ｆｕｌｌ　ｗｉｄｔｈ ﬁne'), ['full', 'width', 'fine'])
  assert.deepEqual(tokens('chào'.normalize('NFD')), ['chao'])
})

test('[TOK1] however a word is written, in whichever case, width or normal form, it has one token', () => {
  fc.assert(
    fc.property(fc.array(WORD, { minLength: 1, maxLength: 5 }), fc.array(WAY, { maxLength: 4 }), (words, ways) => {
      const said = words.join(' ')
      const written = ways.reduce((text, way) => way(text), said)
      assert.deepEqual(tokens(written), tokens(said), written)
      assert.deepEqual(phrases(written).flat(), tokens(said), written)
    }),
    { numRuns: 500 },
  )
})

test('[TOK2] Chinese, Japanese and Korean are found by any part: one character, one token', () => {
  assert.deepEqual(tokens('検索エンジン'), ['検', '索', 'エ', 'ン', 'ジ', 'ン'])
  assert.deepEqual(tokens('한국어'), ['한', '국', '어'])
  assert.deepEqual(tokens('人々 スーパー'), ['人', '々', 'ス', 'ー', 'パ', 'ー'])
})

test('[TOK2] a sound mark belongs to its kana and is kept: が is not か', () => {
  assert.deepEqual(tokens('が'), ['が'])
  assert.deepEqual(tokens('か\u3099'), ['が'])
  assert.deepEqual(tokens('ｶﾞ'), ['ガ'])
  assert.notDeepEqual(tokens('が'), tokens('か'))
})

test('[TOK3] numbers, underscores, other scripts and pictographs are tokens, punctuation is none', () => {
  assert.deepEqual(tokens('foo_bar 42-7 a.b'), ['foo_bar', '42', '7', 'a', 'b'])
  assert.deepEqual(tokens('Привет ой Ёлка'), ['привет', 'ои', 'елка'])
  assert.deepEqual(tokens('ok 👍🏽!'), ['ok', '👍'])
  assert.deepEqual(tokens('—…!? \t'), [])
  assert.deepEqual(tokens('½ ⑴ ❤️ ‼ ﷺ'), ['1', '2', '1', '❤', ...tokens('صلى الله عليه وسلم')])
  assert.deepEqual(tokens(''), [])
})

test('[TOK4] a token is cut at 64 units, never through a character', () => {
  assert.deepEqual(tokens('a'.repeat(100)), ['a'.repeat(64)])
  const [cut = ''] = tokens(`a${'𝒳𐐨'.repeat(60)}`)
  assert.ok(cut.length <= 64 && cut.isWellFormed())
})

test('[TOK5] a query is phrases: adjacent characters stand together, other words alone', () => {
  assert.deepEqual(phrases('検索 tokyo'), [['検', '索'], ['tokyo']])
  assert.deepEqual(phrases('検 索'), [['検'], ['索']])
  assert.deepEqual(phrases('東京tower塔'), [['東', '京'], ['tower'], ['塔']])
  assert.deepEqual(phrases('Hello, World'), [['hello'], ['world']])
})

test('[TOK6] the fast way for ASCII gives what the long way gives', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', maxLength: 200 }), (text) => {
      // With one character beyond ASCII the long way is taken.
      assert.deepEqual(tokens(`${text} é`), [...tokens(text), 'e'])
      assert.deepEqual(phrases(`${text} é`), [...phrases(text), ['e']])
    }),
  )
})

test('[TOK6] characters taken as they are would have been folded to themselves', () => {
  for (let code = 0x3041; code <= 0xd7a3; code++) {
    const character = String.fromCharCode(code)
    if (!UNSPACED.test(character)) continue
    if (tokens(character)[0] !== character) continue
    const bare = character
      .normalize('NFKC')
      .toLowerCase()
      .normalize('NFD')
      .replace(/[\u0300-\u036f]/g, '')
    assert.equal(character, bare.normalize('NFC'), code.toString(16))
  }
})

test('[TOK7] a query for a text finds each of its tokens, and each is found by itself', () => {
  fc.assert(
    fc.property(ANYTHING, (text) => {
      const all = tokens(text)
      assert.deepEqual(phrases(text).flat(), all)
      assert.deepEqual(tokens(all.join(' ')), all)
      for (const token of all) assert.deepEqual(phrases(token), [[token]])
    }),
    { numRuns: 1_000 },
  )
})

test("[TOK8] a token is 1 to 64 units without a blank or ASCII's punctuation, at which an engine would part it", () => {
  fc.assert(
    fc.property(ANYTHING, (text) => {
      for (const token of tokens(text)) {
        assert.doesNotMatch(token, /[\p{Z}\p{Cc}!-/:-@[-^`{-~]/u)
        assert.ok(token.length > 0 && token.length <= 64 && token.isWellFormed())
      }
    }),
    { numRuns: 1_000 },
  )
})

test('[TOK9] what folding took away is kept beside it: the exact forms of these tokens, and no others', () => {
  assert.deepEqual(indexable('Xin CHÀO chào Đường duong').exact, ['chào', 'đường'])
  assert.deepEqual(indexable('chào'.normalize('NFD')).exact, ['chào'])
  assert.deepEqual(indexable('plain ASCII, 検索 が ½ ﷺ 👍').exact, [])
  fc.assert(
    fc.property(ANYTHING, (text) => {
      const located = locate(text)
      assert.deepEqual(indexable(text).tokens, tokens(text))
      assert.deepEqual(indexable(text).exact, [...new Set(located.flatMap(({ exact }) => exact ?? []))])
      for (const { folded, exact } of located) if (exact !== undefined) assert.deepEqual(tokens(exact), [folded])
    }),
    { numRuns: 1_000 },
  )
})

test('[TOK10] each token is found where it stands, in a text of any normal form', () => {
  const text = 'Xin chào'.normalize('NFD')
  assert.deepEqual(
    locate(text).map(({ start, end }) => text.slice(start, end)),
    ['Xin', 'chào'.normalize('NFD')],
  )
  fc.assert(
    fc.property(ANYTHING, fc.constantFrom('NFC', 'NFD'), (said, form) => {
      const text = said.normalize(form)
      const located = locate(text)
      assert.deepEqual(
        located.map(({ folded }) => folded),
        tokens(text),
      )
      let last = 0
      for (const { folded, start, end } of located) {
        assert.ok(start >= last && end > start && end <= text.length)
        assert.ok(tokens(text.slice(start, end)).includes(folded), JSON.stringify([text, start, end, folded]))
        last = start
      }
    }),
    { numRuns: 1_000 },
  )
})
