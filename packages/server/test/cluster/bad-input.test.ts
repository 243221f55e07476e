import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engineForTests } from '../support/engines.ts'
import { until } from '../support/server.ts'
import { Cluster } from './installation.ts'

const kafka = await engineForTests('kafka')
const mongodb = await engineForTests('ferretdb')
const NOWHERE = '127.0.0.1:1'

interface Wrong {
  readonly what: string
  readonly env: Readonly<Record<string, string>>
  readonly says: RegExp
}

const WRONGS: readonly Wrong[] = [
  {
    what: 'no broker answers',
    env: { HOLDFAST_LOG: `kafka://${NOWHERE}/x` },
    says: /127\.0\.0\.1:1.*HOLDFAST_LOG/,
  },
  { what: 'no address of a broker', env: { HOLDFAST_LOG: 'kafka://a:99999999/x' }, says: /a:99999999.*is no broker/ },
  {
    what: 'brokers that take no credentials',
    env: { HOLDFAST_KAFKA_USERNAME: 'a', HOLDFAST_KAFKA_PASSWORD: 'b' },
    says: /SASL/,
  },
  {
    what: 'another number of partitions',
    env: { HOLDFAST_PARTITIONS: '5' },
    says: /has 4 partitions, but the settings say 5/,
  },
  {
    what: 'no database answers',
    env: { HOLDFAST_STORE: `mongodb://${NOWHERE}/x` },
    says: /127\.0\.0\.1:1.*HOLDFAST_STORE/,
  },
  { what: 'a session shorter than brokers allow', env: { HOLDFAST_KAFKA_SESSION_MS: '500' }, says: /session timeout/i },
]

if (kafka !== undefined && mongodb !== undefined) {
  const engines = { kafka: kafka.url, mongodb: mongodb.url }

  test('[CLU11] what is wrong with the engines is said in one sentence by /readyz and the log; the process waits, answers, and stops at once', {
    timeout: 240_000,
  }, async (context) => {
    await using cluster = await Cluster.open(engines)
    for (const { what, env, says } of WRONGS)
      await context.test(what, async () => {
        await using process = await cluster.spawn('worker', { env })
        const ready = async () => {
          const response = await fetch(`${process.url}/readyz`).catch(() => undefined)
          return response === undefined ? '' : response.text()
        }
        await until(`it says that there is ${what}`, async () => says.test(await ready()))
        assert.equal((await fetch(`${process.url}/healthz`)).status, 200)
        await until('the log says it too', () => says.test(process.output()))
        assert.equal(await process.stop(), 0, process.output())
      })
  })

  test('[CLU11] topics and indexes that are not there yet are waited for, and set-up is all that is needed then', {
    timeout: 120_000,
  }, async () => {
    await using cluster = await Cluster.open(engines, { isSetUp: false })
    await using process = await cluster.spawn('gateway,worker,indexer')
    await until('it asks for the set-up', () => /holdfast setup/.test(process.output()))
    await cluster.setUp()
    await until('it is at work', () => /is listening/.test(process.output()))
  })

  test('[CLU12] set-up is repeatable, and refuses topics that are weaker or of other partitions than asked for', async () => {
    await using cluster = await Cluster.open(engines)
    const again = await cluster.run(['setup', '--partitions', '4', '--json'])
    assert.equal(again.exit, 0, again.err)
    assert.doesNotMatch(again.out, /created/)
    for (const [args, says] of [
      [['--partitions', '5'], /has 4 partitions, not 5/],
      [['--partitions', '4', '--kafka-replication', '3', '--kafka-min-in-sync', '2'], /has 1 copies, not 3/],
    ] as const) {
      const { exit, err } = await cluster.run(['setup', ...args])
      assert.equal(exit, 1, err)
      assert.match(err, says)
    }
    const nowhere = await cluster.run(['setup', '--partitions', '4', '--store', `mongodb://${NOWHERE}/x`])
    assert.equal(nowhere.exit, 3)
    assert.match(nowhere.err, /127\.0\.0\.1:1.*Does it run/)
    const embedded = await cluster.run(['setup', '--log', 'sqlite:', '--store', 'sqlite:'])
    assert.equal(embedded.exit, 2)
    assert.match(embedded.err, /needs no setup/)
  })
}
