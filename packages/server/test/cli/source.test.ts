import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openSource, type SourceLine } from '../../src/cli/importing/source.ts'
import { temporaryFolder } from '../support/adapters.ts'

async function linesOf(context: TestContext, content: Buffer | string, name = 'file.jsonl'): Promise<SourceLine[]> {
  const path = join(temporaryFolder(context), name)
  writeFileSync(path, content)
  const lines: SourceLine[] = []
  for await (const line of openSource(path).lines) lines.push(line)
  return lines
}

test('[CLI6] lines keep their numbers over blank ones, both line ends, a byte order mark and a missing last end', async (context) => {
  const lines = await linesOf(context, '\ufeffone\r\n\n  \ntwo\nthree')
  assert.deepEqual(
    lines.map((line) => [line.number, 'text' in line ? line.text.trim() : line.problem]),
    [
      [1, 'one'],
      [4, 'two'],
      [5, 'three'],
    ],
  )
})

test('[CLI6] a gzipped file reads like a plain one, however long', async (context) => {
  const text = Array.from({ length: 50_000 }, (_, i) => `line ${i + 1} ${'日'.repeat(i % 30)}`).join('\n')
  const [plain, zipped] = [await linesOf(context, text), await linesOf(context, gzipSync(text), 'file.jsonl.gz')]
  assert.equal(plain.length, 50_000)
  assert.deepEqual(zipped, plain)
})

test('[CLI9] a line that is too long or not UTF-8 is named, and the next one is read', async (context) => {
  const content = Buffer.concat([
    Buffer.from(`first\n${'x'.repeat((1 << 20) + 1)}\n`),
    Buffer.from([0xff, 0xfe, 0x0a]),
    Buffer.from('last\n'),
  ])
  const lines = await linesOf(context, content)
  assert.deepEqual(
    lines.map((line) => ('text' in line ? line.text : line.problem)),
    ['first', 'is longer than 1048576 bytes', 'is not valid UTF-8', 'last'],
  )
})

test('[CLI9] a damaged file is a broken line after the last one that could be read', async (context) => {
  const zipped = gzipSync(Array.from({ length: 1_000 }, (_, i) => `${i} ${Math.sin(i)}`).join('\n'))
  const lines = await linesOf(context, zipped.subarray(0, zipped.length / 2), 'file.jsonl.gz')
  const last = lines.at(-1)
  assert.ok(last !== undefined && 'problem' in last && /cannot be read/.test(last.problem))
  assert.equal(last.number, lines.length)
})
