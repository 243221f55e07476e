import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS, utf8Length } from '@holdfast/protocol'
import { ImportIds, type ImportLine, nameOf, parseLine } from '../../src/cli/importing/line.ts'

function parsed(value: unknown) {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return parseLine({ number: 7, text, bytes: text.length })
}

const GOOD = { room: 'lobby', sender: 'al ice ', at: '2004-12-25T09:14Z', text: 'hi\u0003there' }

test('[CLI6] a line is taken as it stands: blanks, control characters in the text, and its time to the millisecond', () => {
  assert.deepEqual(parsed(GOOD), {
    number: 7,
    ...GOOD,
    at: Date.UTC(2004, 11, 25, 9, 14),
    bytes: JSON.stringify(GOOD).length,
  })
  const at = (value: unknown) => (parsed({ ...GOOD, at: value }) as ImportLine).at
  assert.equal(at(1_103_966_040_000), 1_103_966_040_000)
  assert.equal(at('2004-12-25T10:14:30.25+01:00'), Date.UTC(2004, 11, 25, 9, 14, 30, 250))
  assert.equal((parsed({ room: 'r', sender: 's', text: 't' }) as ImportLine).at, undefined)
})

test('[CLI9] each way in which a line can be broken has a sentence of its own', () => {
  const problem = (value: unknown) => {
    const line = parsed(value)
    return 'problem' in line ? line.problem : 'none'
  }
  assert.match(problem('{"room":'), /not JSON/)
  assert.match(problem([]), /not an object/)
  assert.match(problem({ ...GOOD, room: undefined }), /room: is missing/)
  assert.match(problem({ ...GOOD, sender: 5 }), /sender: must be a string/)
  assert.match(problem({ ...GOOD, time: 1 }), /unknown field "time"/)
  assert.match(problem('{"room":"r","sender":"s","text":"t","__proto__":1}'), /unknown field "__proto__"/)
  assert.match(problem({ ...GOOD, text: '' }), /text: is empty/)
  assert.match(problem({ ...GOOD, text: 'x'.repeat(LIMITS.textBytesMax + 1) }), /text: is over 8192 bytes/)
  assert.match(problem('{"room":"r","sender":"s","text":"\\ud800"}'), /text: holds a lone surrogate/)
  assert.match(problem({ ...GOOD, room: '!dead' }), /room: must/)
  assert.match(problem({ ...GOOD, sender: 'a\u0000b' }), /sender: must/)
  assert.match(problem({ ...GOOD, sender: 'x'.repeat(129) }), /sender: must/)
  assert.match(problem({ ...GOOD, at: '2004-12-25T09:14' }), /at: .* has no time zone/)
  assert.match(problem({ ...GOOD, at: '2004-02-30T09:14Z' }), /at: .* does not exist/)
  assert.match(problem({ ...GOOD, at: '1969-12-31T23:59Z' }), /at: .* before 1970/)
  assert.match(problem({ ...GOOD, at: 'yesterday' }), /at: must be like 2004-12-25T09:14Z/)
  assert.match(problem({ ...GOOD, at: 1.5 }), /at: must be whole milliseconds/)
  assert.match(problem({ ...GOOD, at: null }), /at: must be an ISO 8601 instant/)
})

test('[CLI7] ids come from the name and the line alone, and always fit', () => {
  const line = parsed(GOOD) as ImportLine
  const ids = new ImportIds(nameOf('/some/where/irc.jsonl.gz'))
  assert.equal(ids.message(line), 'import:irc:7')
  assert.equal(ids.room(line), 'import:irc:7:room')
  assert.equal(ids.member(line), 'import:irc:7:member')
  assert.equal(nameOf('chat.jsonl'), 'chat')
  const long = { ...line, number: 999_999_999_999 }
  const names = ['x'.repeat(500), 'x'.repeat(499), '日本'.repeat(60), 'new\nline', '\ud800']
  const made = names.map((name) => new ImportIds(name).member(long))
  for (const id of made) assert.ok(utf8Length(id) <= LIMITS.idBytesMax && id.isWellFormed() && !/\p{Cc}/u.test(id), id)
  assert.equal(new Set(made).size, names.length)
})
