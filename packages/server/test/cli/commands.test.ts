import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ServerProcess, startServer, temporaryFolder, until } from '../support/server.ts'
import { holdfast, linesOf, start } from './holdfast.ts'

const LINES = [
  { room: 'lobby', sender: 'anna', at: '2024-05-01T10:00Z', text: 'good morning' },
  { room: 'lobby', sender: 'ben', at: '2024-05-01T10:01Z', text: 'a bell \u0007 and a \u001b[2J wipe' },
  { room: 'office', sender: 'ben', at: '2024-05-01T10:02Z', text: 'xin chào, good people' },
  { room: 'lobby', sender: 'anna', at: '2024-05-01T10:03Z', text: 'good night' },
]

suite('commands without a server', () => {
  test('[CLI1] alone and with help it lists the commands; each explains itself with exit codes and examples', async () => {
    const [alone, help, unknown] = await Promise.all([holdfast([]), holdfast(['help']), holdfast(['imprt'])])
    assert.equal(alone.exit, 0)
    assert.equal(alone.out, help.out)
    for (const name of ['serve', 'token', 'import', 'rooms', 'history', 'tail', 'search', 'dlq', 'verify'])
      assert.match(help.out, new RegExp(`^  ${name} `, 'm'))
    assert.equal(unknown.exit, 2)
    assert.match(unknown.err, /no command "imprt"\. Did you mean `holdfast import`/)
    const one = await holdfast(['import', '--help'])
    assert.equal(one.exit, 0)
    for (const part of [
      /^Usage: holdfast import FILE/m,
      /^Options:$/m,
      /^Exit codes:$/m,
      /^Examples:$/m,
      /--on-error stop\|skip/,
    ])
      assert.match(one.out, part)
  })

  test('[CLI2] a wrong call is exit code 2 and a sentence, with nothing on standard output', async () => {
    const { exit, out, err } = await holdfast(['history', 'lobby', '--limt', '5'])
    assert.deepEqual([exit, out], [2, ''])
    assert.match(err, /^holdfast: there is no option --limt\. Did you mean --limit\?/)
  })

  test('[CLI20] it says which build it is', async () => {
    const manifest = fileURLToPath(new URL('../../package.json', import.meta.url))
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
    const { exit, out } = await holdfast(['--version'])
    assert.deepEqual([exit, out], [0, `holdfast ${version} on Node ${process.versions.node}\n`])
  })

  test('[CLI5] where no server is, it says so with exit code 3', async () => {
    using folder = temporaryFolder()
    const [none, verify, refused] = await Promise.all([
      holdfast(['history', 'lobby', '--data', folder.path]),
      holdfast(['verify', '--data', folder.path]),
      holdfast(['history', 'lobby', '--url', 'http://127.0.0.1:1', '--token', 'x']),
    ])
    assert.deepEqual([none.exit, verify.exit, refused.exit], [3, 3, 3])
    assert.match(none.err, /no server has left its address .*holdfast serve --data/s)
    assert.match(verify.err, /there is no installation in/)
    assert.match(refused.err, /no answer from http:\/\/127\.0\.0\.1:1 .*ECONNREFUSED/)
  })

  test('[CLI4] the local secret is not shown to a server that somebody else names', async () => {
    const { exit, err } = await holdfast(['history', 'lobby', '--url', 'http://127.0.0.1:1'], {
      env: { HOLDFAST_DATA: '' },
    })
    assert.equal(exit, 2)
    assert.match(err, /--url needs --token/)
  })
})

suite('commands beside a server', () => {
  let folder: ReturnType<typeof temporaryFolder>
  let server: ServerProcess

  before(async () => {
    folder = temporaryFolder()
    server = await startServer({
      data: folder.path,
      env: {
        HOLDFAST_USERS: 'registered',
        HOLDFAST_WORKER_LANE_WAIT_MS_MAX: '200',
        HOLDFAST_API_ROOMS_PER_PAGE_MAX: '1',
      },
    })
    writeFileSync(join(folder.path, 'chat.jsonl'), LINES.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const imported = await here('import', join(folder.path, 'chat.jsonl'))
    assert.equal(imported.exit, 0, imported.err)
  })

  after(async () => {
    await server.stop()
    folder[Symbol.dispose]()
  })

  function here(...args: string[]) {
    return holdfast([...args, '--data', folder.path])
  }

  async function as(token: string, method: string, path: string, body?: object): Promise<Response> {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    return fetch(`${server.url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  async function token(user: string, ...more: string[]): Promise<string> {
    return (await here('token', '--user', user, ...more)).out.trim()
  }

  test('[CLI4] a token is one line, and whoever holds it is that user, for as long and with the rights asked for', async () => {
    const { exit, out } = await here('token', '--user', 'anna')
    assert.equal(exit, 0)
    assert.match(out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    const mine = (await (await as(out.trim(), 'GET', '/v1/rooms')).json()) as { rooms: { room: string }[] }
    assert.deepEqual(
      mine.rooms.map(({ room }) => room),
      ['lobby'],
    )
    assert.equal((await as(out.trim(), 'GET', '/v1/dead-letters')).status, 403)
    assert.equal((await as(await token('boss', '--admin'), 'GET', '/v1/dead-letters')).status, 200)

    const [json] = linesOf((await here('token', '--user', 'anna', '--hours', '2', '--json')).out)
    const hours = (Number(json?.expires) - Date.now()) / 3_600_000
    assert.ok(hours > 1.9 && hours < 2.1, String(hours))
  })

  test('[CLI5] what the server refuses is exit code 4, with its reason', async () => {
    const [unknown, stranger, member] = await Promise.all([
      here('history', 'nowhere'),
      here('history', 'office', '--token', await token('anna')),
      here('dlq', 'list', '--token', await token('anna')),
    ])
    assert.deepEqual([unknown.exit, stranger.exit, member.exit], [4, 4, 4])
    assert.equal(unknown.err, stranger.err)
    assert.match(unknown.err, /\(NOT_FOUND\)\. `holdfast rooms` lists the rooms of a user\.$/m)
    assert.match(member.err, /the server refused: .*\(FORBIDDEN\)/)
  })

  test('[CLI12] history shows a timeline, aligned and harmless, and any piece of it', async () => {
    const { out } = await here('history', 'lobby')
    assert.doesNotMatch(out, /[\u0007\u001b]/)
    assert.deepEqual(out.split('\n'), [
      'SEQ  AT (UTC)             SENDER        TEXT',
      '  1  2024-05-01 10:00:00  anna          * created the group room "lobby"',
      '  2  2024-05-01 10:00:00  anna          good morning',
      ...out.split('\n').slice(3, 4),
      '  4  2024-05-01 10:01:00  ben           a bell \\x07 and a \\x1b[2J wipe',
      '  5  2024-05-01 10:03:00  anna          good night',
      '',
    ])
    assert.match(out.split('\n')[3] ?? '', /^ {2}3 {2}.* {2}holdfast-cli {2}\* added ben$/)
    const seqs = async (...args: string[]) =>
      linesOf((await here('history', 'lobby', '--json', ...args)).out).map(({ seq }) => seq)
    const pieces = await Promise.all([
      seqs('--limit', '2'),
      seqs('--after', '1', '--limit', '2'),
      seqs('--before', '4', '--limit', '2'),
      seqs('--after', '2', '--before', '5'),
      seqs('--all'),
      seqs('--after', '99'),
      seqs('--before', '1'),
    ])
    assert.deepEqual(pieces, [[4, 5], [2, 3], [2, 3], [3, 4], [1, 2, 3, 4, 5], [], []])
  })

  test('[CLI19] rooms lists those of the token, page by page; the local administrator, who is in none, is told whom to ask as', async () => {
    const [anna, ben] = [await token('anna'), await token('ben')]
    const listed = linesOf((await here('rooms', '--json', '--token', ben)).out)
    assert.deepEqual(
      listed.map(({ room, kind, memberCount }) => [room, kind, memberCount]),
      [
        ['lobby', 'group', 2],
        ['office', 'group', 1],
      ],
    )
    const table = await here('rooms', '--token', anna)
    const { head } = listed[0] ?? {}
    assert.match(table.out, new RegExp(`^ROOM .*NAME\\nlobby +group +2 +${head} +lobby\\n$`))
    const local = await here('rooms')
    assert.deepEqual([local.exit, local.out], [0, ''])
    assert.match(local.err, /^no rooms: you ask as the local administrator, who is in no room; .*--token/)
  })

  test('[CLI17] a reader that has seen enough is no error', async () => {
    const writer = start(['history', 'lobby', '--all', '--data', folder.path])
    writer.child.stdout?.destroy()
    const { exit, err } = await writer.ended
    assert.deepEqual([exit, err], [0, ''])
  })

  test('[CLI14] search finds what the token may read, and says by its exit code whether it found something', async () => {
    const anna = await token('anna')
    const found = async (...args: string[]) => {
      const { exit, out } = await here('search', '--json', ...args)
      return { exit, found: linesOf(out).map(({ room, seq }) => `${room} ${seq}`) }
    }
    await until('the index is there', async () => (await found('chao', '--room', 'office')).exit === 0)
    assert.deepEqual(await found('good', '--token', anna), { exit: 0, found: ['lobby 5', 'lobby 2'] })
    assert.deepEqual(await found('good', '--room', 'office'), { exit: 0, found: ['office 2'] })
    assert.deepEqual(await found('unsaid', '--token', anna), { exit: 1, found: [] })
    assert.deepEqual(await found('goo', '--prefix', '--token', anna, '--sender', 'anna', '--order', 'relevance'), {
      exit: 0,
      found: (await found('good', '--token', anna, '--sender', 'anna')).found,
    })
    assert.deepEqual((await found('good', '--token', anna, '--sender', 'nobody')).found, [])
    assert.match((await here('search', 'good', '--token', anna, '--limit', '1')).err, /^there are more; --limit/)
    const around = await here('search', 'good', '--token', anna, '--context', '1')
    const seqs = around.out.split('\n').map((line) => /^(?:lobby)? +(\d)/.exec(line)?.[1] ?? '')
    assert.deepEqual(seqs, ['', '4', '5', '', '1', '2', '3', ''], around.out)
    const [first] = linesOf((await here('search', 'good', '--token', anna, '--context', '1', '--json')).out)
    const seqOf = (entries: unknown) => (entries as { seq: number }[]).map(({ seq }) => seq)
    assert.deepEqual([seqOf(first?.before), first?.seq, seqOf(first?.after)], [[4], 5, []])
    const { exit, err } = await here('search', 'good', '--order', 'oldest')
    assert.deepEqual([exit, err.split('.')[0]], [2, 'holdfast: --order must be newest or relevance, not "oldest"'])
    const [local, named, asAnna] = await Promise.all([
      here('search', 'good'),
      here('search', 'unsaid', '--room', 'lobby'),
      here('search', 'unsaid', '--token', anna),
    ])
    assert.match(
      local.err,
      /^nothing found: you ask as the local administrator, who is in no room; name one with --room/,
    )
    assert.equal(named.err, 'nothing found\n')
    assert.match(asAnna.err, /^nothing found in the rooms that the token's user is in/)
  })

  test('[CLI15] a dead letter is listed, shown, replayed and discarded', async () => {
    const boss = await token('boss', '--admin')
    await as(boss, 'PUT', '/v1/users/boss')
    await as(boss, 'PUT', '/v1/rooms/lobby/members/ghost')
    const sent = await as(boss, 'POST', '/v1/rooms/lobby/messages?wait=stored', {
      clientId: 'g1',
      sender: 'ghost',
      text: 'boo',
    })
    assert.equal(sent.status, 422, await sent.clone().text())

    const list = await here('dlq', 'list')
    assert.match(list.out, /^ID .*REASON\n\w+ .* open .* lobby .* ghost .* SENDER_UNKNOWN /)
    const [letter] = linesOf((await here('dlq', 'list', '--json')).out)
    const id = String(letter?.id)
    const shown = await here('dlq', 'show', id)
    assert.match(shown.out, /^sender +ghost$/m)
    assert.match(shown.out, /^value +.*"boo"/m)

    await as(boss, 'PUT', '/v1/users/ghost')
    const replayed = await here('dlq', 'replay', id)
    assert.deepEqual([replayed.exit, replayed.out], [0, `${id}  replayed\n`])
    await until('the replay is stored', async () => /ghost +boo$/m.test((await here('history', 'lobby')).out))
    assert.equal((await here('dlq', 'replay', id)).exit, 0)
    assert.equal((await here('history', 'lobby')).out.match(/ghost +boo$/gm)?.length, 1)

    assert.equal((await here('dlq', 'discard', id)).exit, 0)
    assert.match((await here('dlq', 'list', '--state', 'discarded')).out, new RegExp(`${id} .* discarded `))
    assert.match((await here('dlq', 'list')).err, /no dead letters that are open/)
    const some = await here('dlq', 'discard', id, 'unknown')
    assert.equal(some.exit, 1)
    assert.match(some.err, /^unknown: .*NOT_FOUND/)
    assert.equal((await here('dlq', 'show', 'unknown')).exit, 4)
  })

  for (const [who, member] of [
    ['a member', true],
    ['an administrator outside the room', false],
  ] as const) {
    test(`[CLI13] tail follows a room as ${who}, over a kill -9 of the server, without a hole or a repeat`, async (context) => {
      const room = member ? 'lobby' : 'office'
      const boss = await token('boss', '--admin')
      const send = async (text: string) => {
        const response = await as(boss, 'POST', `/v1/rooms/${room}/messages?wait=stored`, {
          clientId: text,
          sender: 'ben',
          text,
        })
        assert.equal(response.status, 201, await response.text())
      }
      const tail = start([
        'tail',
        room,
        '--lines',
        '0',
        '--json',
        '--data',
        folder.path,
        ...(member ? ['--token', await token('anna')] : []),
      ])
      context.after(() => tail.child.kill('SIGKILL'))
      const texts = () => linesOf(tail.out()).map(({ text }) => text)
      await until('tail hears', async () => {
        await send(`${who} ${Math.random()}`)
        return texts().length > 0
      })
      const heard = texts().length

      server.signal('SIGKILL')
      await server.ended
      const port = Number(new URL(server.url).port)
      server = await startServer({
        data: folder.path,
        port,
        env: { HOLDFAST_USERS: 'registered', HOLDFAST_WORKER_LANE_WAIT_MS_MAX: '200' },
      })
      const wanted = ['one', 'two', 'three'].map((text) => `${who} ${text}`)
      for (const text of wanted) await send(text)

      await until('tail has heard everything', () => texts().includes(wanted.at(-1)))
      const lines = linesOf(tail.out())
      assert.deepEqual(texts().slice(-3), wanted)
      assert.ok(lines.length >= heard + 3)
      for (const [i, { seq }] of lines.entries()) assert.equal(seq, Number(lines[0]?.seq) + i)
    })
  }

  test('[CLI16] verify reads a running installation and a stopped one; what is wrong is exit code 1 and named', async () => {
    const running = await here('verify', '--strict')
    assert.equal(running.exit, 0, running.out + running.err)
    assert.match(running.out, /: clean\n$/)
    await server.stop()
    const stopped = await here('verify', '--json')
    assert.equal(stopped.exit, 0, stopped.out + stopped.err)
    assert.equal(linesOf(stopped.out).at(-1)?.verdict, 'clean')

    const database = new DatabaseSync(join(folder.path, 'store.db'))
    database.exec(`DELETE FROM documents WHERE room = 'lobby' AND seq = 2`)
    database.close()
    const broken = await here('verify')
    assert.equal(broken.exit, 1)
    assert.match(broken.out, /^gapped +wrong +room lobby seq 2 +is missing$/m)
    assert.match(broken.out, /^lost +wrong +room lobby .*is neither stored nor claimed$/m)
    assert.match(broken.out, /SOMETHING IS WRONG/)
  })
})
