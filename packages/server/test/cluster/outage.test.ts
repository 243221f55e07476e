import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conversation } from '../crash/conversation.ts'
import { engineForTests } from '../support/engines.ts'
import { until } from '../support/server.ts'
import { Cluster } from './installation.ts'
import { outage, waiting } from './outage.ts'

const kafka = await engineForTests('kafka')
const mongodb = await engineForTests('ferretdb')

interface Outage {
  readonly engine: 'kafka' | 'mongodb'
  readonly how: 'killed' | 'frozen'
  /** What the worker's `/readyz` says that it waits for. */
  readonly worker: RegExp
}

const OUTAGES: readonly Outage[] = [
  { engine: 'kafka', how: 'killed', worker: /kafka|broker|commands|feed|log/i },
  { engine: 'kafka', how: 'frozen', worker: /kafka|broker|commands|feed|log/i },
  { engine: 'mongodb', how: 'killed', worker: /MongoDB|store/ },
  { engine: 'mongodb', how: 'frozen', worker: /MongoDB|store/ },
]

if (kafka?.own !== undefined && mongodb?.own !== undefined) {
  const engines = { kafka: kafka.url, mongodb: mongodb.url }
  const own = { kafka: kafka.own, mongodb: mongodb.own }

  for (const { engine, how, worker: says } of OUTAGES)
    test(`[CLU10] ${engine} ${how} under load: it is said who waits for what; once back, all that was sent is stored once, in order, no letter is written, nobody restarts anything`, {
      timeout: 240_000,
    }, async () => {
      await using cluster = await Cluster.open(engines)
      const [gateway, worker, indexer] = await Promise.all(
        ['gateway', 'worker', 'indexer'].map((role) => cluster.start(role)),
      )
      assert.ok(gateway !== undefined && worker !== undefined && indexer !== undefined)
      const conversation = await Conversation.begin(gateway.url)
      try {
        conversation.talk(3)
        await conversation.heard()
        await using _back = await outage(own[engine], how)
        conversation.talk(3)
        await until('the worker says what it waits for', async () => says.test((await waiting(worker)).join()), 60_000)
        conversation.talk(3)
        await _back.end()
        await conversation.check()
        await cluster.isQuiet()
        for (const process of [gateway, worker, indexer])
          await until('nobody waits any more', async () => (await waiting(process)).length === 0)
      } finally {
        conversation.end()
      }
      for (const process of [gateway, worker, indexer]) assert.equal(await process.stop(), 0, process.output())
    })
}
