import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { phrases, tokens } from '../../src/core/tokens.ts'

const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/v

test('[TOK1] words are found without case, accents and width', () => {
  assert.deepEqual(tokens('Xin chào, Đường phố!'), ['xin', 'chao', 'duong', 'pho'])
  assert.deepEqual(tokens('xin chao'), tokens('XIN CHÀO'))
  assert.deepEqual(tokens('Straße Ærø Łódź ısı ŒUVRE'), ['strasse', 'aero', 'lodz', 'isi', 'oeuvre'])
  assert.deepEqual(tokens('Ｆｕｌｌ　ｗｉｄｔｈ ﬁne'), ['full', 'width', 'fine'])
  assert.deepEqual(tokens('chào'.normalize('NFD')), ['chao'])
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
    const bare = character
      .normalize('NFKC')
      .toLowerCase()
      .normalize('NFD')
      .replace(/[\u0300-\u036f]/g, '')
    for (const token of tokens(character)) assert.equal(token, bare.normalize('NFC'), code.toString(16))
  }
})

test('[TOK7] every token of a text is found by a query for it, and tokens are their own tokens', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
      const all = tokens(text)
      assert.deepEqual(phrases(text).flat(), all)
      for (const token of all) assert.ok(token.length <= 64 && token !== '')
    }),
  )
})
