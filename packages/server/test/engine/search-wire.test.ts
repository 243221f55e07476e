import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { packWrite, unpackWrite } from '../../src/engine/search/wire.ts'

const word = fc.stringMatching(/^[a-zđ検😀_]{0,6}$/u)
const words = fc.array(word, { maxLength: 4 }).map((tokens) => tokens.join(' '))
const document = fc.record(
  {
    room: word,
    seq: fc.nat(),
    id: word,
    sender: word,
    at: fc.maxSafeNat(),
    version: fc.nat(),
    tokens: words,
    exact: words,
  },
  { noNullPrototype: true },
)

test('[IDX15] what is written to the index arrives in its thread as it was, whatever it is', () => {
  fc.assert(
    fc.property(fc.array(document, { maxLength: 5 }), fc.option(fc.nat(), { nil: undefined }), (documents, next) => {
      const request = {
        into: next === undefined ? undefined : 'index',
        documents,
        heads: new Map(documents.map(({ room, seq }) => [room, seq])),
        through: next === undefined ? undefined : { partition: 0, next },
      }
      const crossed = unpackWrite(structuredClone(packWrite(request)))
      assert.deepEqual({ ...crossed, heads: [...crossed.heads] }, { ...request, heads: [...request.heads] })
    }),
  )
})
