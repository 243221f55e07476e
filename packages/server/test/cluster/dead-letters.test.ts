import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailpointName } from '../../src/ports/system.ts'
import { portOf } from '../crash/conversation.ts'
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
} from '../crash/ghost.ts'
import type { Operator } from '../crash/operator.ts'
import { engineForTests } from '../support/engines.ts'
import { until } from '../support/server.ts'
import { Cluster } from './installation.ts'

const kafka = await engineForTests('kafka')
const mongodb = await engineForTests('ferretdb')

/**
 * The crash points between a death and its commit. On MongoDB claim and letter are no transaction, so a claim without a letter really
 * stays behind. The room is made by a command before, which passes the points of every write.
 */
const DEATHS: readonly Death[] = [
  { point: 'store:mid-write', visit: 2, what: 'not claimed', leaves: 'nothing' },
  { point: 'store:written', visit: 2, what: 'claimed, but no letter', leaves: 'claims' },
  { point: 'dead-letter:before', visit: 1, what: 'claimed, but not in the dead-letter log', leaves: 'letters' },
  { point: 'dead-letter:after', visit: 1, what: 'in the dead-letter log, but nobody was told', leaves: 'records' },
  { point: 'feed:partial', visit: 1, what: 'half of the feed', leaves: 'records' },
]

interface Death {
  readonly point: FailpointName
  readonly visit: number
  readonly what: string
  /** What is durable when the worker is gone: each of them means the ones before it too. */
  readonly leaves: (typeof LEFT)[number]
}
const LEFT = ['nothing', 'claims', 'letters', 'records'] as const

/** Where a replay can be half done: every such place is before the letter is marked. */
const REPLAYS: readonly { readonly point: FailpointName; readonly what: string; readonly isAppended: boolean }[] = [
  { point: 'append:before', what: 'not in the log', isAppended: false },
  { point: 'append:after', what: 'in the log, but the reply is lost', isAppended: true },
  { point: 'replay:appended', what: 'in the log, and the letter still open', isAppended: true },
]

if (kafka !== undefined && mongodb !== undefined) {
  const engines = { kafka: kafka.url, mongodb: mongodb.url }
  const open = () =>
    Cluster.open(engines, { partitions: 1, env: { ...SETTINGS, HOLDFAST_WORKER_FEED_RECORDS_MAX: '1' } })

  for (const { point, visit, what, leaves } of DEATHS)
    test(`[CLU20] a worker killed at ${point} (${what}): another gives each command one death, one letter and one answer`, {
      timeout: 120_000,
    }, async () => {
      await using cluster = await open()
      const env = { HFTEST_FAILPOINT: `${point}=kill@${visit}` }
      const [gateway, worker] = await Promise.all([cluster.start('gateway'), cluster.start('worker', { env })])
      const operator = await roomWithGhost(gateway, cluster)
      using ghost = await Ghost.of(gateway, operator)

      const told = ghost.say()
      assert.equal(await worker.ended, 'SIGKILL', worker.output())
      await holds(operator, leaves)
      await cluster.start('worker,indexer')

      await holdsOneDeathEach(operator, ghost, await told)
      await operator.verify()
    })

  test('[CLU20] a worker frozen between claims and letters until another has done both, then continued: each command has one death, one letter and one answer', {
    timeout: 120_000,
  }, async () => {
    await using cluster = await open()
    const env = { HFTEST_FAILPOINT: 'store:written=stop@2' }
    const [gateway, zombie] = await Promise.all([cluster.start('gateway'), cluster.start('worker', { env })])
    const operator = await roomWithGhost(gateway, cluster)
    using ghost = await Ghost.of(gateway, operator)

    const told = ghost.say()
    await until('it is frozen', () => zombie.isFrozen())
    await cluster.start('worker,indexer')
    await told
    zombie.signal('SIGCONT')

    await holdsOneDeathEach(operator, ghost, await told)
    await operator.verify()
    assert.equal(await zombie.stop(), 0, zombie.output())
    await operator.verify()
  })

  for (const { point, what, isAppended } of REPLAYS)
    test(`[CLU21] a gateway killed at ${point} of a replay (${what}), twice: repeated, it gives exactly one entry`, {
      timeout: 120_000,
    }, async () => {
      await using cluster = await open()
      const [dying] = await Promise.all([cluster.start('gateway'), cluster.start('worker,indexer')])
      const operator = await roomWithGhost(dying, cluster)
      using ghost = await Ghost.of(dying, operator)
      const told = await ghost.say()
      await operator.register(GHOST)
      const [letter] = await lettersOf(operator)
      assert.ok(letter !== undefined)
      assert.equal(await dying.stop(), 0, dying.output())
      const port = portOf(dying)

      const { end } = await operator.commandsRange()
      for (let kills = 0; kills < 2; kills++) {
        const gateway = await cluster.start('gateway', { port, env: { HFTEST_FAILPOINT: `${point}=kill` } })
        await assert.rejects(operator.replay(letter.id))
        assert.equal(await gateway.ended, 'SIGKILL', gateway.output())
      }
      assert.equal((await operator.commandsRange()).end, isAppended ? end + 2 : end)
      await cluster.start('gateway', { port })
      const isAnEntry = () => until('the replay is an entry', async () => (await operator.texts(ROOM)).length > 0)
      // Appended first, marked second: what is in the log needs nobody to ask for it again.
      if (isAppended) await isAnEntry()
      const replayed = await operator.replay(letter.id)
      assert.equal(replayed.status, 202, JSON.stringify(replayed.body))
      await isAnEntry()
      assert.deepEqual(await operator.texts(ROOM), [SAID[0]])

      await isReplayedOnce(operator, ghost, told, replayed)
      await cluster.isQuiet()
    })
}

/** What a worker that was killed left behind of the first thing said, and nothing beyond it. */
async function holds(operator: Operator, leaves: Death['leaves']): Promise<void> {
  const id = idOf(0)
  const hasClaim = (await operator.ends(ROOM, id)).includes('dead')
  const hasLetter = (await operator.letters()).some((letter) => letter.id === id)
  const hasRecord = (await operator.deadLetterRecords()).has(id)
  assert.deepEqual(
    { hasClaim, hasLetter, hasRecord },
    {
      hasClaim: LEFT.indexOf(leaves) >= LEFT.indexOf('claims'),
      hasLetter: LEFT.indexOf(leaves) >= LEFT.indexOf('letters'),
      hasRecord: LEFT.indexOf(leaves) >= LEFT.indexOf('records'),
    },
  )
}
