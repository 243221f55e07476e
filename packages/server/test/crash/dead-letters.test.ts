import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailpointName } from '../../src/ports/system.ts'
import { type ServerProcess, startServer, temporaryFolder, until } from '../support/server.ts'
import { portOf } from './conversation.ts'
import {
  GHOST,
  Ghost,
  holdsOneDeathEach,
  idOf,
  isReplayedOnce,
  lettersOf,
  ROOM,
  roomWithGhost,
  SAID,
  SETTINGS,
} from './ghost.ts'

/**
 * The crash points between a death and its commit. Claim and letter are one transaction on SQLite: "claimed, but no letter" is a place
 * inside it, from which neither comes back, and "claimed, but not in the dead-letter log" is one that really stays.
 * The room is made by a command before, which passes the points of every write.
 */
const DEATHS: readonly Death[] = [
  { point: 'store:mid-write', visit: 2, what: 'claims written, but no letter', leaves: 'nothing' },
  { point: 'store:written', visit: 2, what: 'claims and letters written, but not committed', leaves: 'nothing' },
  { point: 'store:committed', visit: 2, what: 'claims and letters committed, and nobody knows', leaves: 'letters' },
  { point: 'dead-letter:before', visit: 1, what: 'claimed, but not in the dead-letter log', leaves: 'letters' },
  { point: 'dead-letter:after', visit: 1, what: 'in the dead-letter log, but nobody was told', leaves: 'records' },
  { point: 'feed:partial', visit: 2, what: 'half of the feed', leaves: 'records' },
]

interface Death {
  readonly point: FailpointName
  readonly visit: number
  readonly what: string
  /** What is durable when the process is gone: each of them means the ones before it too. */
  readonly leaves: 'nothing' | 'letters' | 'records'
}

for (const { point, visit, what, leaves } of DEATHS)
  test(`[OPS30] killed at ${point} (${what}): each command dies once, with one letter and one answer`, {
    timeout: 120_000,
  }, async () => {
    using folder = temporaryFolder()
    await using first = await start(folder.path, { HFTEST_FAILPOINT: `${point}=kill@${visit}` })
    const operator = await roomWithGhost(first)
    using ghost = await Ghost.of(first, operator)

    const told = ghost.say()
    assert.equal(await first.ended, 'SIGKILL', first.output())
    const id = idOf(0)
    assert.deepEqual(await operator.ends(ROOM, id), leaves === 'nothing' ? [] : ['dead'])
    assert.equal((await operator.deadLetterRecords()).has(id), leaves === 'records')
    await using second = await start(folder.path, { port: portOf(first) })

    await holdsOneDeathEach(operator, ghost, await told)
    await operator.verify()
    assert.equal(await second.stop(), 0)
    await operator.verify()
  })

test('[OPS30] killed as soon as its sender was told: each command dies once, with one letter and one answer', {
  timeout: 120_000,
}, async () => {
  using folder = temporaryFolder()
  await using first = await start(folder.path)
  const operator = await roomWithGhost(first)
  using ghost = await Ghost.of(first, operator)

  const told = await ghost.say()
  first.signal('SIGKILL')
  await first.ended
  await using second = await start(folder.path, { port: portOf(first) })

  await holdsOneDeathEach(operator, ghost, told)
  await operator.verify()
  assert.equal(await second.stop(), 0)
  await operator.verify()
})

/** Where a replay can be half done: every such place is before the letter is marked. */
const REPLAYS: readonly { readonly point: FailpointName; readonly what: string; readonly isAppended: boolean }[] = [
  { point: 'append:before', what: 'not in the log', isAppended: false },
  { point: 'append:after', what: 'in the log, but the reply is lost', isAppended: true },
  { point: 'replay:appended', what: 'in the log, and the letter still open', isAppended: true },
]

for (const { point, what, isAppended } of REPLAYS)
  test(`[OPS31] a replay killed at ${point} (${what}), twice, and repeated gives exactly one entry`, {
    timeout: 120_000,
  }, async () => {
    using folder = temporaryFolder()
    await using dying = await start(folder.path)
    const operator = await roomWithGhost(dying)
    using ghost = await Ghost.of(dying, operator)
    const told = await ghost.say()
    await operator.register(GHOST)
    const [letter] = await lettersOf(operator)
    assert.ok(letter !== undefined)
    assert.equal(await dying.stop(), 0)
    const port = portOf(dying)

    const { end } = await operator.commandsRange()
    for (let kills = 0; kills < 2; kills++) {
      await using server = await start(folder.path, { port, HFTEST_FAILPOINT: `${point}=kill` })
      await assert.rejects(operator.replay(letter.id))
      assert.equal(await server.ended, 'SIGKILL', server.output())
    }
    assert.equal((await operator.commandsRange()).end, isAppended ? end + 2 : end)
    await using last = await start(folder.path, { port })
    const isAnEntry = () => until('the replay is an entry', async () => (await operator.texts(ROOM)).length > 0)
    // Appended first, marked second: what is in the log needs nobody to ask for it again.
    if (isAppended) await isAnEntry()
    const replayed = await operator.replay(letter.id)
    assert.equal(replayed.status, 202, JSON.stringify(replayed.body))
    await isAnEntry()
    assert.deepEqual(await operator.texts(ROOM), [SAID[0]])

    await isReplayedOnce(operator, ghost, told, replayed)
    await operator.verify()
    assert.equal(await last.stop(), 0)
    await operator.verify()
  })

function start(
  data: string,
  { port = 0, ...env }: { readonly port?: number; readonly HFTEST_FAILPOINT?: string } = {},
): Promise<ServerProcess> {
  return startServer({ data, port, env: { ...SETTINGS, ...env } })
}
