import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailpointName } from '../../src/ports/system.ts'
import { Conversation, portOf } from '../crash/conversation.ts'
import { engineForTests } from '../support/engines.ts'
import { type ServerProcess, until } from '../support/server.ts'
import { Cluster } from './installation.ts'

const kafka = await engineForTests('kafka')
const mongodb = await engineForTests('ferretdb')

/*
 * Where each crash point of the design (5.3) is tested on real engines:
 *
 * | point                          | test                                                                                      |
 * |--------------------------------|-------------------------------------------------------------------------------------------|
 * | after fetch                    | CLU3 worker:fetched, worker:loaded                                                        |
 * | in the middle of the bulk      | CLU3, CLU4 store:mid-write: on MongoDB it stands in front of the bulk                     |
 * | bulk applied but reply lost    | CLU3 store:committed                                                                      |
 * | stored but not projected       | CLU3, CLU4 store:written                                                                  |
 * | projected but no feed          | CLU3, CLU4 worker:stored                                                                  |
 * | part of the feed               | CLU3, CLU4 feed:partial                                                                   |
 * | feed but no commit             | CLU3, CLU4 feed:after                                                                     |
 * | claimed but no dead letter     | CLU20 store:written, killed and frozen                                                    |
 * | dead letter but no commit      | CLU20 dead-letter:before, dead-letter:after, feed:partial                                 |
 * | replay half done               | CLU21                                                                                     |
 * | frozen while another took over | CLU4, CLU20: until it has, instead of for minutes                                         |
 * | two rebalances in a row        | CLU5                                                                                      |
 * | client resend after minutes    | CLU22: after a take-over and what others said meanwhile                                   |
 * | adopted, then rolled back      | on no real engine: a failover takes a replica set, and none is here. SIM25 to SIM27 do it |
 */

/** Where a worker may end in the middle of a batch, each at a visit in the middle of the conversation. */
const POINTS: readonly Point[] = [
  { point: 'worker:fetched', visit: 4, what: 'after fetch' },
  { point: 'worker:loaded', visit: 3, what: 'loaded but nothing decided' },
  { point: 'store:mid-write', visit: 3, what: 'in the middle of the bulk' },
  { point: 'store:written', visit: 3, what: 'stored but not projected' },
  { point: 'store:committed', visit: 3, what: 'bulk applied but the reply is lost' },
  { point: 'worker:stored', visit: 3, what: 'projected but no feed' },
  { point: 'feed:partial', visit: 3, what: 'part of the feed', env: { HOLDFAST_WORKER_FEED_RECORDS_MAX: '1' } },
  { point: 'feed:after', visit: 3, what: 'feed but no commit' },
  { point: 'worker:settled', visit: 3, what: 'committed' },
]
interface Point {
  readonly point: FailpointName
  readonly visit: number
  readonly what: string
  readonly env?: Readonly<Record<string, string>>
}

/** The most delicate ones: whoever goes on from there later finds that another worker has been there. */
const FREEZING = new Set<FailpointName>([
  'store:mid-write',
  'store:written',
  'worker:stored',
  'feed:partial',
  'feed:after',
])

if (kafka !== undefined && mongodb !== undefined) {
  const engines = { kafka: kafka.url, mongodb: mongodb.url }

  for (const { point, visit, what, env } of POINTS)
    test(`[CLU3] a worker killed at ${point} (${what}): another takes over, and nothing is lost, doubled or reordered`, {
      timeout: 180_000,
    }, async () => {
      await using cluster = await Cluster.open(engines, { partitions: 1 })
      const gateway = await cluster.start('gateway')
      const first = await cluster.start('worker', { env: { HFTEST_FAILPOINT: `${point}=kill@${visit}`, ...env } })
      const conversation = await Conversation.begin(gateway.url)
      try {
        await talkUntil(conversation, 'it is killed', () => !first.isAlive())
        assert.equal(await first.ended, 'SIGKILL', first.output())
        await cluster.start('worker,indexer')
        await conversation.heard()
        conversation.talk(2)
        await conversation.check()
        await cluster.isQuiet()
      } finally {
        conversation.end()
      }
    })

  for (const { point, visit, what, env } of POINTS.filter(({ point }) => FREEZING.has(point)))
    test(`[CLU4] a worker frozen at ${point} (${what}) until another has taken over and done its work, then continued: nothing is lost, doubled or reordered`, {
      timeout: 180_000,
    }, async () => {
      await using cluster = await Cluster.open(engines, { partitions: 1 })
      const gateway = await cluster.start('gateway')
      const zombie = await cluster.start('worker', { env: { HFTEST_FAILPOINT: `${point}=stop@${visit}`, ...env } })
      const conversation = await Conversation.begin(gateway.url)
      try {
        await talkUntil(conversation, 'it is frozen', () => zombie.isFrozen())
        await cluster.start('worker,indexer')
        conversation.talk(2)
        await conversation.heard()
        zombie.signal('SIGCONT')
        conversation.talk(2)
        await conversation.check()
        await cluster.isQuiet()
        assert.equal(await zombie.stop(), 0, zombie.output())
        conversation.talk(2)
        await conversation.check()
        await cluster.isQuiet()
      } finally {
        conversation.end()
      }
    })

  for (const point of ['append:before', 'append:after'] as const)
    test(`[CLU3] a gateway killed at ${point}: its people come back, and nothing is lost, doubled or reordered`, {
      timeout: 180_000,
    }, async () => {
      await using cluster = await Cluster.open(engines, { partitions: 1 })
      const gateway = await cluster.start('gateway', { env: { HFTEST_FAILPOINT: `${point}=kill@6` } })
      const other = await cluster.start('gateway')
      await cluster.start('worker,indexer')
      const conversation = await Conversation.begin([gateway.url, other.url])
      try {
        await talkUntil(conversation, 'it is killed', () => !gateway.isAlive())
        await cluster.start('gateway', { port: portOf(gateway) })
        conversation.talk(2)
        await conversation.check()
        await cluster.isQuiet()
      } finally {
        conversation.end()
      }
    })

  test('[CLU5] workers that come and go one after the other, killed and stopped, while people talk: nothing is lost, doubled or reordered', {
    timeout: 240_000,
  }, async () => {
    await using cluster = await Cluster.open(engines, { partitions: 4 })
    const gateway = await cluster.start('gateway')
    let workers: ServerProcess[] = [await cluster.start('worker,indexer')]
    const conversation = await Conversation.begin(gateway.url)
    try {
      // Each round is two rebalances in a row: one comes, and before that has settled another goes.
      for (const how of ['stop', 'kill', 'stop', 'stop'] as const) {
        conversation.talk(3)
        workers.push(await cluster.start('worker'))
        conversation.talk(3)
        const [oldest, ...others] = workers
        assert.ok(oldest !== undefined)
        workers = others
        if (how === 'stop') assert.equal(await oldest.stop(), 0, oldest.output())
        else oldest.signal('SIGKILL')
        conversation.talk(3)
      }
      await cluster.start('indexer')
      await conversation.check()
      await cluster.isQuiet()
    } finally {
      conversation.end()
    }
  })
}

/** Goes on talking until this holds, or enough has been said for it. */
async function talkUntil(conversation: Conversation, what: string, holds: () => boolean): Promise<void> {
  for (let round = 0; round < 40 && !holds(); round++) {
    conversation.talk(2)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  await until(what, holds)
}
