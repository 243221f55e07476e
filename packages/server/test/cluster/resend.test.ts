import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailpointName } from '../../src/ports/system.ts'
import { isDuplicateOfSeq2, ONCE, ROOM, roomOf } from '../crash/once.ts'
import { engineForTests } from '../support/engines.ts'
import { until } from '../support/server.ts'
import { Cluster } from './installation.ts'

const kafka = await engineForTests('kafka')
const mongodb = await engineForTests('ferretdb')

/** Between the append of a command and its commit; the room's own command has passed each of them before. */
const POINTS: readonly { readonly point: FailpointName; readonly role: 'gateway' | 'worker'; readonly what: string }[] =
  [
    { point: 'append:after', role: 'gateway', what: 'in the log, and nobody knows' },
    { point: 'store:written', role: 'worker', what: 'stored, but not projected' },
    { point: 'store:committed', role: 'worker', what: 'stored, and nobody knows' },
    { point: 'feed:after', role: 'worker', what: 'in the feed, but no commit' },
  ]

if (kafka !== undefined && mongodb !== undefined) {
  const engines = { kafka: kafka.url, mongodb: mongodb.url }

  for (const { point, role, what } of POINTS)
    test(`[CLU22] a ${role} killed at ${point} (${what}), and taken over: sent again over another gateway, a command is told its first place, as a duplicate`, {
      timeout: 120_000,
    }, async () => {
      await using cluster = await Cluster.open(engines, { partitions: 1 })
      const env = { HFTEST_FAILPOINT: `${point}=kill@2` }
      const [here, there, worker] = await Promise.all([
        cluster.start('gateway', role === 'gateway' ? { env } : {}),
        cluster.start('gateway'),
        cluster.start('worker', role === 'worker' ? { env } : {}),
      ])
      const operator = await roomOf(here, cluster)

      // An answer may have got out all the same; its sender must not be told anything else later.
      const telling = operator.say(ROOM, 'anna', ONCE.clientId, ONCE.text).catch(() => undefined)
      const killed = role === 'gateway' ? here : worker
      assert.equal(await killed.ended, 'SIGKILL', killed.output())
      await cluster.start('worker,indexer')
      const elsewhere = operator.at(there)
      await until('the others have finished it', async () => (await elsewhere.texts(ROOM)).length > 0)
      for (const i of [1, 2, 3]) assert.equal((await elsewhere.say(ROOM, 'ben', `ben ${i}`, 'meanwhile')).status, 201)

      await isDuplicateOfSeq2(there, elsewhere)
      const told = await telling
      if (told?.status === 201) assert.equal(told.body.seq, 2)
      assert.deepEqual(await elsewhere.texts(ROOM), [ONCE.text, 'meanwhile', 'meanwhile', 'meanwhile'])
      await cluster.isQuiet()
    })
}
