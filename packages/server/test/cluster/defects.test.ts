import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conversation } from '../crash/conversation.ts'
import { engineForTests } from '../support/engines.ts'
import { type ServerProcess, until } from '../support/server.ts'
import { DefectScene, ROOM, SENDER } from './defects-scene.ts'
import { Cluster } from './installation.ts'
import { outage, waiting } from './outage.ts'
import { connectionsOf } from './sockets.ts'

/*
 * The ten ways in which chat backends of this shape lose messages (README.md), each tried on real engines with real processes. What goes wrong
 * in the middle of a batch is in crash.test.ts and dead-letters.test.ts, point by point; here each defect has the situation that shows it.
 */

const kafka = await engineForTests('kafka')
const MANY = 200
const TEST = { timeout: 120_000 }

for (const store of ['ferretdb', 'mongo-java-server'] as const) {
  const mongodb = await engineForTests(store)
  if (kafka?.own === undefined || mongodb?.own === undefined) continue
  const engines = { kafka: kafka.url, mongodb: mongodb.url }
  const broker = kafka.own
  const database = mongodb.own

  test(
    `[CLU40] defect 1, ${store}: while nothing can be stored no offset moves, and a worker killed then has skipped nothing`,
    TEST,
    async () => {
      await using scene = await DefectScene.open(engines)
      await scene.room()
      const before = await scene.committedAll()
      await using _ = await outage(database, 'frozen')
      const accepted = await scene.say(MANY)
      assert.deepEqual(new Set(accepted), new Set([202]))
      await until('the worker waits for the store', async () =>
        /store|MongoDB/.test((await waiting(scene.worker)).join()),
      )
      assert.equal(await scene.committed(), before)
      scene.worker.signal('SIGKILL')
      await scene.worker.ended
      await _.end()
      await scene.replaceWorker()
      await scene.holds(MANY)
      // What is stored is committed a moment later.
      assert.ok((await scene.committedAll()) > before)
    },
  )

  test(
    `[CLU40] defect 2, ${store}: what waits in the log is stored in batches: a few writes, not one for each message`,
    TEST,
    async () => {
      await using scene = await DefectScene.open(engines)
      await scene.room()
      assert.equal(await scene.worker.stop(), 0)
      await scene.say(MANY)
      await scene.replaceWorker()
      await scene.holds(MANY)
      const writes = await metric(scene.worker, /engine_call_seconds_count\{[^}]*call="write"[^}]*\} (\d+)/)
      assert.ok(writes > 0 && writes <= MANY / 10, `${writes} writes for ${MANY} messages`)
    },
  )

  test(
    `[CLU40] defect 3, ${store}: an indexer that is frozen holds nobody up, and has everything once it goes on`,
    TEST,
    async () => {
      await using scene = await DefectScene.open(engines)
      await scene.room()
      const indexer = await scene.cluster.start('indexer')
      indexer.signal('SIGSTOP')
      await until('it is frozen', () => indexer.isFrozen())
      await scene.say(MANY)
      await scene.holds(MANY)
      indexer.signal('SIGCONT')
      await scene.cluster.isQuiet()
    },
  )

  test(
    `[CLU40] defect 4, ${store}: batch after batch goes over the connections that were there before`,
    TEST,
    async () => {
      await using scene = await DefectScene.open(engines)
      await scene.room()
      const ports = [kafka.url, mongodb.url].map(portIn)
      const connections = () => [scene.gateway, scene.worker].map(({ pid }) => [...connectionsOf(pid, ports)].sort())
      await scene.say(20)
      await scene.holds(20)
      const before = connections()
      assert.ok(before.every((some) => some.length > 0))
      for (let batches = 1; batches <= 20; batches++) {
        await scene.say(5)
        await scene.holds(20 + 5 * batches)
      }
      assert.deepEqual(connections(), before)
    },
  )

  test(
    `[CLU40] defect 5, ${store}: what can never be processed is a dead letter that an operator sees, and those behind it go on`,
    TEST,
    async () => {
      await using scene = await DefectScene.open(engines)
      await scene.room()
      const all = await scene.cluster.engines()
      try {
        // Of a build, or a producer, that this one does not know.
        await all.logs.commands.append(0, [
          { key: ROOM, headers: { kind: 'foreign' }, value: Buffer.from('{"nonsense":') },
        ])
      } finally {
        await all.close()
      }
      await scene.say(5)
      await scene.holds(5)
      const letters = await scene.operator.letters()
      assert.deepEqual(
        letters.map(({ state }) => state),
        ['open'],
      )
      await until('an alert is logged', () => /dead_letter/.test(scene.worker.output()))
    },
  )

  test(
    `[CLU40] defect 6, ${store}: a sender who is not known yet is waited for, while others go on`,
    TEST,
    async () => {
      await using scene = await DefectScene.open(engines, { env: { HOLDFAST_USERS: 'registered' } })
      await scene.room(['late'])
      const answer = scene.operator.say(ROOM, 'late', 'l1', 'I am new here')
      await scene.say(5)
      await scene.holds(5)
      await scene.operator.register('late')
      assert.equal((await answer).status, 201)
      await scene.holds(6)
      assert.deepEqual(await scene.operator.letters(), [])
    },
  )

  test(
    `[CLU40] defect 7, ${store}: a store that freezes in the middle of batches ends attempts, not messages: all are stored, none is dead`,
    TEST,
    async () => {
      await using scene = await DefectScene.open(engines, { env: { HOLDFAST_WORKER_STORE_ATTEMPT_MS_MAX: '500' } })
      await scene.room()
      for (let round = 1; round <= 3; round++) {
        const said = scene.say(20)
        await using _ = await outage(database, 'frozen')
        await said
        const waits = async () => (await waiting(scene.worker)).length > 0
        await until('the attempt is over', waits)
        await _.end()
        await scene.holds(20 * round)
      }
      assert.deepEqual(await scene.operator.letters(), [])
      await scene.cluster.start('indexer')
      await scene.cluster.isQuiet()
    },
  )

  test(
    `[CLU40] defect 8, ${store}: what the log brings again, and what clients send again, is there once`,
    TEST,
    async () => {
      const env = { HFTEST_FAILPOINT: 'feed:after=kill@3' }
      await using scene = await DefectScene.open(engines, {}, env)
      await scene.room()
      let said = 0
      while (scene.worker.isAlive()) {
        await scene.say(1)
        said++
      }
      await scene.replaceWorker()
      await scene.holds(said)
      for (const [i, text] of (await scene.operator.texts(ROOM)).entries()) {
        const again = await scene.operator.say(ROOM, SENDER, `c${i}`, text)
        assert.deepEqual([again.status, again.body.duplicate], [201, true])
      }
      await scene.holds(said)
    },
  )

  test(
    `[CLU40] defect 9, ${store}: nothing is accepted while the broker cannot take it; what was sent meanwhile is there once`,
    TEST,
    async () => {
      await using scene = await DefectScene.open(engines)
      await scene.room()
      await using _ = await outage(broker, 'frozen')
      let isAnswered = false
      const said = scene.say(5).then((statuses) => {
        isAnswered = true
        return statuses
      })
      await until('the worker waits for the log', async () => (await waiting(scene.worker)).length > 0, 60_000)
      assert.ok(!isAnswered || (await said).every((status) => status === 503 || status === 504), String(await said))
      await _.end()
      const statuses = await said
      // Whoever was told that nobody knows sends the same id again.
      for (const [i, status] of statuses.entries())
        if (status !== 202)
          await until('it is stored', async () => {
            const again = await scene.operator.say(ROOM, SENDER, `c${i}`, `text ${i}`)
            assert.ok(again.status < 300 || again.body.retryable === true, JSON.stringify(again.body))
            return again.status < 300
          })
      await scene.holds(5)
    },
  )

  test(
    `[CLU40] defect 10, ${store}: processes told to stop under load finish what they have and exit with 0; nothing comes again`,
    TEST,
    async () => {
      await using cluster = await Cluster.open(engines)
      const gateways = [await cluster.start('gateway'), await cluster.start('gateway')] as const
      const others = await Promise.all([cluster.start('worker'), cluster.start('indexer')])
      const conversation = await Conversation.begin(gateways[0].url)
      try {
        conversation.talk(20)
        const [worker] = others
        assert.equal(await worker.stop(), 0, worker.output())
        assert.match(worker.output(), /Stopped: what was accepted is stored/)
        assert.equal(await gateways[1].stop(), 0)
        conversation.talk(5)
        await cluster.start('worker')
        await conversation.check()
        await cluster.isQuiet()
      } finally {
        conversation.end()
      }
    },
  )
}

async function metric({ url }: ServerProcess, pattern: RegExp): Promise<number> {
  return Number(pattern.exec(await (await fetch(`${url}/metrics`)).text())?.[1])
}

function portIn(url: string): number {
  return Number(/:(\d+)(?!.*:\d)/.exec(url)?.[1])
}
