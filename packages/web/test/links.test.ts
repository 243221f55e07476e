import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pieces } from '../src/links.ts'

test('[WEB8] the pieces of a text are the text, and only web addresses become links', () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('https://', 'http://a.b/', 'javascript:', '(', ')', '.', ' '),
  )
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const text = parts.join('')
      const found = pieces(text)
      assert.equal(found.map((piece) => piece.text).join(''), text)
      for (const { href } of found) if (href !== undefined) assert.match(new URL(href).protocol, /^https?:$/)
    }),
  )
})

test('[WEB8] an address ends where the sentence goes on', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['see https://example.org/a?b=c&d=e#f.', ['https://example.org/a?b=c&d=e#f']],
    ['(https://example.org/x), or http://localhost:8080/!', ['https://example.org/x', 'http://localhost:8080/']],
    ['https://en.wikipedia.org/wiki/Kelp_(alga) is long', ['https://en.wikipedia.org/wiki/Kelp_(alga)']],
    ['https://example.org/海。と', ['https://example.org/海']],
    ['javascript:alert(1) ftp://x https:// http://', []],
  ]
  for (const [text, expected] of cases) {
    assert.deepEqual(
      pieces(text).flatMap(({ href }) => href ?? []),
      expected,
      text,
    )
  }
})
