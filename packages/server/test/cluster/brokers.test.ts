import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '@holdfast/client'
import { Conversation } from '../crash/conversation.ts'
import { engineForTests } from '../support/engines.ts'
import { signIn } from '../support/server.ts'
import { Cluster } from './installation.ts'

const kafka = await engineForTests('kafka3')
const mongodb = await engineForTests('ferretdb')

if (kafka?.own !== undefined && mongodb !== undefined) {
  const { own } = kafka
  const engines = { kafka: kafka.url, mongodb: mongodb.url }

  test('[CLU8, CLU9] of three brokers one is killed under load, comes back, and another one is killed: every send ends well, and nothing is lost, doubled or reordered', {
    timeout: 240_000,
  }, async () => {
    await using cluster = await Cluster.open(engines, { partitions: 4, replication: 3, minInSync: 2 })
    const [gateway] = await Promise.all(['gateway', 'worker', 'worker', 'indexer'].map((role) => cluster.start(role)))
    assert.ok(gateway !== undefined)
    assert.equal(await durabilityAt(gateway.url), 'replicated')
    const conversation = await Conversation.begin(gateway.url)
    try {
      await talk(conversation)
      // Each of three brokers leads at least one of four partitions.
      await own.signal('SIGKILL', 'broker-1')
      await talk(conversation)
      await conversation.heard()
      await Promise.all([own.startAgain(), talk(conversation)])
      // It leads what was the first one's, too.
      await own.signal('SIGKILL', 'broker-2')
      await talk(conversation)
      await conversation.check()
      await cluster.isQuiet()
    } finally {
      conversation.end()
    }
  })
}

/** A while of it, so that something is always on its way. */
async function talk(conversation: Conversation): Promise<void> {
  for (let round = 0; round < 20; round++) {
    conversation.talk(1)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** What the greeting says that `accepted` means. */
async function durabilityAt(url: string): Promise<string | undefined> {
  const client = connect({ url, getToken: () => signIn(url, 'dora') })
  try {
    await client.ready()
    return client.durability
  } finally {
    client.close()
  }
}
