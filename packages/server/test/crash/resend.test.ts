import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from '../../../../bench/load/client.ts'
import { Messages } from '../../../../bench/load/messages.ts'
import { createRoom } from '../../../../bench/load/rooms.ts'
import { sendInClosedLoop } from '../../../../bench/load/sender.ts'
import type { FailpointName } from '../../src/ports/system.ts'
import { startServer, temporaryFolder, until } from '../support/server.ts'
import { portOf } from './conversation.ts'
import { isDuplicateOfSeq2, ONCE, ROOM, roomOf } from './once.ts'

/** Between the append of a command and its commit; the room's own command has passed each of them before. */
const POINTS: readonly { readonly point: FailpointName; readonly what: string }[] = [
  { point: 'append:after', what: 'in the log, and nobody knows' },
  { point: 'worker:loaded', what: 'nothing decided' },
  { point: 'store:written', what: 'not committed' },
  { point: 'store:committed', what: 'stored, and nobody knows' },
  { point: 'feed:before', what: 'stored, but no feed' },
  { point: 'feed:after', what: 'in the feed, but no commit' },
  { point: 'worker:settled', what: 'committed' },
]

for (const { point, what } of POINTS)
  test(`[OPS32] killed at ${point} (${what}): sent again long after the restart, a command is told its first place, as a duplicate`, {
    timeout: 120_000,
  }, async () => {
    using folder = temporaryFolder()
    await using first = await startServer({ data: folder.path, env: { HFTEST_FAILPOINT: `${point}=kill@2` } })
    const operator = await roomOf(first)

    // An answer may just have got out; its sender must not be told anything else later.
    const told = await operator.say(ROOM, 'anna', ONCE.clientId, ONCE.text).catch(() => undefined)
    assert.equal(await first.ended, 'SIGKILL', first.output())
    await using second = await startServer({ data: folder.path, port: portOf(first) })
    await until('the server has finished it alone', async () => (await operator.texts(ROOM)).length > 0)
    for (const i of [1, 2, 3]) assert.equal((await operator.say(ROOM, 'ben', `ben ${i}`, 'meanwhile')).status, 201)

    await isDuplicateOfSeq2(second, operator)
    if (told !== undefined) assert.deepEqual([told.status, told.body.seq], [201, 2])
    assert.deepEqual(await operator.texts(ROOM), [ONCE.text, 'meanwhile', 'meanwhile', 'meanwhile'])
    await operator.verify()
    assert.equal(await second.stop(), 0)
    await operator.verify()
  })

test('[OPS32] killed before the append: sent again, a command is stored then, and is no duplicate', {
  timeout: 120_000,
}, async () => {
  using folder = temporaryFolder()
  await using first = await startServer({ data: folder.path, env: { HFTEST_FAILPOINT: 'append:before=kill@2' } })
  const operator = await roomOf(first)

  await assert.rejects(operator.say(ROOM, 'anna', ONCE.clientId, ONCE.text))
  assert.equal(await first.ended, 'SIGKILL', first.output())
  await using second = await startServer({ data: folder.path, port: portOf(first) })
  const { status, body } = await operator.say(ROOM, 'anna', ONCE.clientId, ONCE.text)

  assert.deepEqual([status, body.seq, body.duplicate], [201, 2, false])
  await isDuplicateOfSeq2(second, operator)
  assert.deepEqual(await operator.texts(ROOM), [ONCE.text])
  await operator.verify()
})

test('[OPS32] sent again when the log has forgotten it and the process was killed since, a command is told its first place, as a duplicate', {
  timeout: 120_000,
}, async () => {
  using folder = temporaryFolder()
  await using first = await startServer({ data: folder.path })
  const operator = await roomOf(first)
  const { status, body } = await operator.say(ROOM, 'anna', ONCE.clientId, ONCE.text)
  assert.deepEqual([status, body.seq, body.duplicate], [201, 2, false])
  const crowd = await Client.signIn(first.url, await operator.token('crowd', 'administrator'))
  const head = await createRoom(crowd, 'elsewhere', [])
  // A partition has two tables of 10,000 records: the first is emptied when the second is as full.
  await sendInClosedLoop(crowd, new Messages('elsewhere'), 64, head, { messages: 22_000 })
  await until('the log has forgotten it', async () => (await operator.commandsRange()).begin > 2)
  crowd.close()

  first.signal('SIGKILL')
  await first.ended
  await using second = await startServer({ data: folder.path, port: portOf(first) })

  await isDuplicateOfSeq2(second, operator)
  assert.deepEqual(await operator.texts(ROOM), [ONCE.text])
  await operator.verify()
})
