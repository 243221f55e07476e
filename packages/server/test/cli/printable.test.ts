import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { styleText } from 'node:util'
import fc from 'fast-check'
import { systemClock } from '../../src/adapters/system/clock.ts'
import type { Io, Output } from '../../src/cli/command.ts'
import { columnsOf, fitted, printable } from '../../src/cli/printable.ts'
import { command as search } from '../../src/cli/search.ts'
import { Table } from '../../src/cli/table.ts'

function paper(hasColours = false): Output & { text: string } {
  return {
    text: '',
    isTerminal: hasColours,
    hasColours,
    write(text) {
      this.text += text
      return Promise.resolve()
    },
  }
}

test('[CLI3] what would drive a terminal is shown instead of obeyed', () => {
  assert.equal(printable('a\x1b[2Jb'), 'a\\x1b[2Jb')
  assert.equal(printable('one\r\ntwo\tthree'), 'one\\r\\ntwo\\tthree')
  assert.equal(printable('\x07\x7f\x9b31m'), '\\x07\\x7f\\x9b31m')
  assert.equal(printable('user\u202etxt.exe'), 'user\\u202etxt.exe')
  assert.equal(printable('xin chào 你好 👩‍💻'), 'xin chào 你好 👩‍💻')
})

test('[CLI3] no text whatever leaves a control character behind', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(printable(text), /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/)
    }),
  )
})

test('[CLI3] columns line up under wide, combined and cut text', async () => {
  assert.equal(columnsOf('abc'), 3)
  assert.equal(columnsOf('日本'), 4)
  assert.equal(columnsOf('e\u0301'), 1)
  assert.equal(columnsOf('👩‍💻'), 2)
  assert.equal(fitted('日本語', 5), '日本…')
  assert.equal(fitted('7', 3, 'right'), '  7')

  const out = paper()
  await new Table(out, [{ title: 'WHO', columnsMax: 6 }, { title: 'N', align: 'right' }, { title: 'TEXT' }]).print([
    ['日本', '1', 'x'],
    ['a much longer name', '22', '\x1b[0m'],
  ])
  assert.equal(out.text, 'WHO      N  TEXT\n日本     1  x\na muc…  22  \\x1b[0m\n')
})

test('[CLI3] colours are for terminals that want them', async () => {
  const [plain, coloured] = [paper(false), paper(true)]
  for (const out of [plain, coloured]) await new Table(out, [{ title: 'A' }]).print([[{ text: 'x', style: 'red' }]])
  assert.equal(plain.text, 'A\nx\n')
  assert.match(coloured.text, /\x1b\[31mx\x1b\[39m/)
})

test('[CLI3] pieces of a last cell keep their styles, and what would drive a terminal is shown in each', async () => {
  const out = paper(true)
  const pieces = [{ text: 'a\x1b' }, { text: 'b\n', style: 'bold' as const }, { text: 'c' }]
  await new Table(out, [{ title: 'A' }, { title: 'B' }]).print([[pieces, pieces]])
  assert.equal(out.text.split('\n')[1], 'a\\x1bb\\nc  a\\x1b\x1b[1mb\\n\x1b[22mc')
})

test('[CLI14] what was looked for is marked on a terminal', async () => {
  const hit = {
    room: 'r',
    seq: 1,
    id: 'i',
    kind: 'message',
    sender: 'al',
    at: 0,
    text: 'xin chào!',
    highlights: [[4, 8]],
  }
  const server = createServer((_, answer) => answer.end(JSON.stringify({ hits: [hit], next: null, partial: false })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const out = paper(true)
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const io = { out, err: paper(), environment: {}, clock: systemClock } as unknown as Io
  assert.equal(await search.run(['chao', '--url', url, '--token', 't'], io), 0)
  assert.ok(out.text.includes(`xin ${styleText(['bold', 'yellow'], 'chào', { validateStream: false })}!`), out.text)
  server.close()
})
