import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conversation } from '../crash/conversation.ts'
import { engineForTests } from '../support/engines.ts'
import { until } from '../support/server.ts'
import { Cluster } from './installation.ts'

const kafka = await engineForTests('kafka')
const mongodb = await engineForTests('ferretdb')

if (kafka !== undefined && mongodb !== undefined) {
  const engines = { kafka: kafka.url, mongodb: mongodb.url }

  test('[CLU1] two gateways, two workers and an indexer are one server: who talks on one is heard on the other, and found by search', {
    timeout: 180_000,
  }, async () => {
    await using cluster = await Cluster.open(engines)
    const [here, there, ...others] = await Promise.all(
      ['gateway', 'gateway', 'worker', 'worker', 'indexer'].map((role) => cluster.start(role)),
    )
    assert.ok(here !== undefined && there !== undefined)
    const conversation = await Conversation.begin([here.url, there.url])
    try {
      conversation.talk(5)
      await conversation.check()
      await until('search finds it', async () => (await found(cluster, 'xin chao')) > 0)
      await cluster.isQuiet()
    } finally {
      conversation.end()
    }
    for (const process of [here, there, ...others]) assert.equal(await process.stop(), 0, process.output())
    await cluster.isQuiet()
  })
}

/** How many hits an administrator gets. */
async function found(cluster: Cluster, words: string): Promise<number> {
  const { exit, out, err } = await cluster.run(['search', words, '--room', 'lobby', '--json'])
  assert.equal(exit, 0, err)
  return out.split('\n').filter((line) => line.includes('"seq"')).length
}
