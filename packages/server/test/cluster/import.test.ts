import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { engineForTests } from '../support/engines.ts'
import { until } from '../support/server.ts'
import { ClusterImport, excerptOf } from './importing.ts'

const CHAT = fileURLToPath(new URL('../data/irc-5000.jsonl.gz', import.meta.url))
const STORES = ['ferretdb', 'ferretdb-pg', 'mongo-java-server'] as const

const lines = excerptOf(CHAT, { linesMax: 600, linesOfRoomMax: 60 })
const kafka = (await engineForTests('kafka'))?.own

for (const store of STORES) {
  const mongodb = await engineForTests(store)
  if (kafka === undefined || mongodb === undefined) continue

  test(`[CLU6] real chat goes into Kafka and ${store} while workers are killed in turn, and the broker too, and comes out as it was`, {
    timeout: 300_000,
  }, async () => {
    await using importing = await ClusterImport.begin({ kafka, mongodb: mongodb.url, lines })
    for (const kill of ['worker', 'broker', 'worker'] as const) {
      const before = await importing.stored()
      await until('the import goes on', async () => (await importing.stored()) > before + 100, 120_000)
      if (kill === 'worker') await importing.killWorker()
      else await importing.killBroker()
    }
    await importing.done()
    await importing.check()
  })
}
