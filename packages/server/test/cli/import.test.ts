import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { startServer, temporaryFolder, until } from '../support/server.ts'
import { holdfast, linesOf, type Running, start } from './holdfast.ts'

const EXCERPT = fileURLToPath(new URL('../data/irc-5000.jsonl.gz', import.meta.url))

interface Line {
  readonly room: string
  readonly sender: string
  readonly at: string
  readonly text: string
}

/** What history has to give back of a file: the messages of each room, in its order. */
function expected(lines: readonly Line[]): Record<string, unknown[]> {
  const rooms: Record<string, unknown[]> = {}
  for (const { room, sender, at, text } of lines) {
    rooms[room] ??= []
    rooms[room].push({ sender, at: Date.parse(at), text })
  }
  return rooms
}

/** The messages of each room, from the server; and that every seq from 1 to the head is there. */
async function stored(data: string, rooms: readonly string[]): Promise<Record<string, unknown[]>> {
  const found: Record<string, unknown[]> = {}
  for (const room of rooms) {
    const { exit, out, err } = await holdfast(['history', room, '--all', '--json', '--data', data])
    assert.equal(exit, 0, err)
    const entries = linesOf(out)
    assert.deepEqual(
      entries.map(({ seq }) => seq),
      entries.map((_, i) => i + 1),
    )
    found[room] = entries.filter(({ kind }) => kind === 'message').map(({ sender, at, text }) => ({ sender, at, text }))
  }
  return found
}

function summary(out: string): Record<string, unknown> {
  return linesOf(out).at(-1) ?? {}
}

suite('import', () => {
  test('[CLI6, CLI7] what a file holds is what history gives back; once more changes nothing', async () => {
    using folder = temporaryFolder()
    const server = await startServer({ data: folder.path })
    try {
      const lines = Array.from(
        { length: 300 },
        (_, i): Line => ({
          room: `room ${i % 7}`,
          sender: ['.', '..', 'a/b?', 'blank ', 'Ä%41'][i % 5] ?? '',
          at: '2020-02-29T23:59:59.999+05:30',
          text: `${i}\t\u0000\u001b é 日本 👩‍💻 \\ "`,
        }),
      )
      const file = join(folder.path, 'odd.jsonl')
      writeFileSync(file, lines.map((line) => JSON.stringify(line)).join('\n'))

      const first = await holdfast(['import', file, '--json', '--data', folder.path])
      assert.equal(first.exit, 0, first.err)
      const { lines: counted, imported, already, skipped } = summary(first.out)
      assert.deepEqual({ counted, imported, already, skipped }, { counted: 300, imported: 300, already: 0, skipped: 0 })
      const rooms = Object.keys(expected(lines))
      assert.deepEqual(await stored(folder.path, rooms), expected(lines))

      const again = await holdfast(['import', file, '--json', '--data', folder.path])
      assert.equal(again.exit, 0, again.err)
      assert.deepEqual([summary(again.out).imported, summary(again.out).already], [0, 300])
      assert.deepEqual(await stored(folder.path, rooms), expected(lines))
    } finally {
      await server.stop()
    }
  })

  test('[CLI9] a broken line stops it with exit code 1 and its number; told to skip, the rest goes in', async () => {
    using folder = temporaryFolder()
    const server = await startServer({ data: folder.path })
    try {
      const good = (text: string) => JSON.stringify({ room: 'r', sender: 's', at: 1, text })
      const file = join(folder.path, 'broken.jsonl')
      writeFileSync(file, [good('one'), '{"room":"r"}', good('two')].join('\n'))
      const texts = async () =>
        linesOf((await holdfast(['history', 'r', '--all', '--json', '--data', folder.path])).out).flatMap(
          ({ text }) => text ?? [],
        )

      const stopped = await holdfast(['import', file, '--data', folder.path])
      assert.equal(stopped.exit, 1)
      assert.match(stopped.err, /^line 2 sender: is missing$/m)
      assert.match(stopped.err, /^Stopped at line 2/m)
      assert.deepEqual(await texts(), ['one'])

      const skipped = await holdfast(['import', file, '--on-error', 'skip', '--json', '--data', folder.path])
      assert.equal(skipped.exit, 1)
      assert.deepEqual(linesOf(skipped.out)[0], { line: 2, problem: 'sender: is missing', skipped: true })
      assert.deepEqual(await texts(), ['one', 'two'])
    } finally {
      await server.stop()
    }
  })

  test('[CLI5] an import without an administrator’s token, or of a file that is not there, begins nothing', async () => {
    using folder = temporaryFolder()
    const server = await startServer({ data: folder.path })
    try {
      const token = (await holdfast(['token', '--user', 'anna', '--data', folder.path])).out.trim()
      const member = await holdfast(['import', EXCERPT, '--token', token, '--data', folder.path])
      assert.equal(member.exit, 4)
      assert.match(member.err, /needs an administrator's token/)
      const missing = await holdfast(['import', join(folder.path, 'nothing.jsonl'), '--data', folder.path])
      assert.equal(missing.exit, 2)
      assert.match(missing.err, /cannot read .*nothing\.jsonl/)
    } finally {
      await server.stop()
    }
  })

  test('[CLI11] Ctrl-C stops an import, which says how to go on; run again, it does', async () => {
    using folder = temporaryFolder()
    const server = await startServer({ data: folder.path })
    try {
      const importing = importExcerpt(folder.path)
      await progress(folder.path)
      importing.child.kill('SIGINT')
      const { exit, err, out } = await importing.ended
      assert.equal(exit, 130, err)
      assert.match(err, /Run the same command again to go on/)
      const before = Number(summary(out).imported)
      assert.ok(before > 0 && before < 5_000)

      const rest = await importExcerpt(folder.path).ended
      assert.equal(rest.exit, 0, rest.err)
      assert.deepEqual([summary(rest.out).already, summary(rest.out).imported], [before, 5_000 - before])
    } finally {
      await server.stop()
    }
  })

  test('[CLI8] real chat goes in through three kills of the server and one of the importer, and comes out as it was', async () => {
    using folder = temporaryFolder()
    let server = await startServer({ data: folder.path })
    try {
      let importing = importExcerpt(folder.path)
      for (let kills = 1; kills <= 3; kills++) {
        await progress(folder.path)
        server.signal('SIGKILL')
        await server.ended
        if (kills === 2) {
          importing.child.kill('SIGKILL')
          await importing.ended
        }
        // Another port: the importer finds where the server is now.
        server = await startServer({ data: folder.path })
        if (kills === 2) importing = importExcerpt(folder.path)
      }
      const { exit, err, out } = await importing.ended
      assert.equal(exit, 0, err)
      const { lines, imported, already, repeated } = summary(out)
      assert.deepEqual([lines, Number(imported) + Number(already) + Number(repeated)], [5_000, 5_000])

      const wanted = expected(linesOf(gunzipSync(readFileSync(EXCERPT)).toString('utf8')) as unknown as Line[])
      assert.deepEqual(await stored(folder.path, Object.keys(wanted)), wanted)
      assert.match((await holdfast(['dlq', 'list', '--state', 'all', '--data', folder.path])).err, /no dead letters/)
      await until(
        'verify finds nothing wrong, and nothing left to do',
        async () => (await holdfast(['verify', '--strict', '--data', folder.path])).exit === 0,
      )
    } finally {
      await server.stop()
    }
  })
})

function importExcerpt(data: string): Running {
  return start(['import', EXCERPT, '--json', '--data', data])
}

/** Waits until more has been imported than when it was called. */
async function progress(data: string): Promise<void> {
  const head = async () => {
    const { out } = await holdfast(['verify', '--json', '--data', data])
    return Number(linesOf(out).at(-1)?.entries ?? 0)
  }
  const before = await head()
  await until('the import goes on', async () => (await head()) > before + 50)
}
