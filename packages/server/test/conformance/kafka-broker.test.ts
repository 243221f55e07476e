import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Admin, Consumer, ProduceAcks, Producer } from '@platformatic/kafka'
import { shares } from '../../src/adapters/kafka/assigner.ts'
import { type KafkaOptions, openKafka, setUpKafka } from '../../src/adapters/kafka/kafka.ts'
import { failureClass } from '../../src/ports/failure.ts'
import type { Log, OwnedPartition } from '../../src/ports/log.ts'
import { engineForTests } from '../support/engines.ts'
import { all, openedKafka, prefixOf, record, until } from './kafka-scene.ts'
import { kafkaOptions, SHORT } from './kafka-subject.ts'

const engine = await engineForTests('kafka')

if (engine !== undefined) {
  const { url } = engine
  const ONE_COPY = { replication: 1, minInSync: 1 }

  describe('opening Kafka', () => {
    test('[KFK1] where nobody answers, that is transient, and it opens once somebody does', async () => {
      const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1')
      await once(silent, 'listening')
      const address = silent.address()
      const port = typeof address === 'object' ? address?.port : 0
      const timeouts = { ...SHORT, askMs: 1_000, requestMs: 500 }
      await assert.rejects(openKafka(kafkaOptions(`127.0.0.1:${port}`, { timeouts })), isA('transient', /127\.0\.0\.1/))
      silent.close()
      await assert.rejects(openKafka(kafkaOptions('127.0.0.1:9', { timeouts })), isA('transient', /ECONNREFUSED/))
    })

    test('[KFK1] one broker of several that is gone or silent stands in nobody’s way', async (context) => {
      const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1')
      await once(silent, 'listening')
      context.after(() => silent.close())
      const address = silent.address()
      const port = typeof address === 'object' ? address?.port : 0
      const options = kafkaOptions(url, { timeouts: { ...SHORT, requestMs: 600 } })
      await setUpKafka({ ...options, partitions: 1, ...ONE_COPY })
      const several = options.url.replace('kafka://', `kafka://127.0.0.1:9,127.0.0.1:${port},`)
      const kafka = await openKafka({ ...options, url: several })
      assert.equal((await kafka.logs.commands.append(0, [record('a')])).length, 1)
      await kafka.close()
    })

    test('[KFK1] missing topics, another number of partitions, and topics that disagree are for the operator, with what to do', async () => {
      const options = kafkaOptions(url)
      await assert.rejects(
        openKafka(options),
        isA('operator', /no topic .*commands.*feed.*dead-letters.*holdfast setup/),
      )
      await createTopic(`${prefixOf(options)}.feed`, 3, {})
      await assert.rejects(openKafka(options), isA('operator', /no topic [^ ]*commands, [^ ]*dead-letters:/))
      await createTopic(`${prefixOf(options)}.commands`, 2, {})
      await createTopic(`${prefixOf(options)}.dead-letters`, 2, {})
      await assert.rejects(openKafka(options), isA('operator', /same number of partitions.*commands has 2.*feed has 3/))

      const other = kafkaOptions(url)
      await setUpKafka({ ...other, partitions: 2, ...ONE_COPY })
      await assert.rejects(
        openKafka({ ...other, partitions: 3 }),
        isA('operator', /2 partitions, but the settings say 3/),
      )
      const kafka = await openKafka({ ...other, partitions: undefined })
      assert.equal(kafka.logs.feed.partitions, 2)
      assert.equal(kafka.logs.commands.retentionMs, 7 * 24 * 60 * 60_000)
      assert.match(kafka.about, /brokers: 1,.*partitions: 2, copies: 1, in sync for a write: 1, each batch flushed/)
      await kafka.close()
    })

    test('[KFK1] a topic that loses records by key or by size, or takes its senders’ word for the time, is refused', async () => {
      for (const [name, value, expected] of [
        ['cleanup.policy', 'compact', /cleanup.policy=compact.*set it to delete/],
        ['message.timestamp.type', 'CreateTime', /message.timestamp.type=CreateTime.*set it to LogAppendTime/],
        ['retention.bytes', '1000000', /retention.bytes=1000000.*set it to -1/],
      ] as const) {
        const options = kafkaOptions(url)
        await setUpKafka({ ...options, partitions: 1, ...ONE_COPY })
        await alterTopic(`${prefixOf(options)}.feed`, name, value)
        await assert.rejects(openKafka(options), isA('operator', expected))
      }
    })

    test('[KFK1] an address that is none is named', async () => {
      for (const wrong of ['kafka://', 'http://a:1', 'kafka://a:99999', 'kafka://a b', 'kafka://a/b c'])
        await assert.rejects(openKafka({ ...kafkaOptions(url), url: wrong }), isA('operator', /no address of Kafka/))
    })

    test('[KFK1] certificates that cannot be read, and TLS where none is spoken, are told apart', async () => {
      const tls = { caFile: '/nowhere/ca.pem' }
      await assert.rejects(openKafka(kafkaOptions(url, { tls })), isA('operator', /certificates in \/nowhere/))
      const timeouts = { ...SHORT, askMs: 500 }
      await assert.rejects(
        openKafka(kafkaOptions(url, { tls: {}, timeouts })),
        isA('transient', /TLS|closed|reset|hang/i),
      )
    })
  })

  describe('setting Kafka up', () => {
    test('[KFK2] it creates what is missing, and does nothing the second time', async () => {
      const options = { ...kafkaOptions(url), partitions: 3, ...ONE_COPY }
      await createTopic(`${prefixOf(options)}.feed`, 3, {
        'message.timestamp.type': 'LogAppendTime',
        'flush.messages': '1',
      })
      assert.deepEqual(
        (await setUpKafka(options)).map(({ done }) => done),
        ['created', 'was there', 'created'],
      )
      assert.deepEqual(
        (await setUpKafka(options)).map(({ done }) => done),
        ['was there', 'was there', 'was there'],
      )
      const prefix = prefixOf(options)
      assert.deepEqual(await configsOf(`${prefix}.commands`, ['retention.ms', 'retention.bytes', 'flush.messages']), [
        '604800000',
        '-1',
        '1',
      ])
      assert.deepEqual(await configsOf(`${prefix}.dead-letters`, ['retention.ms']), ['-1'])
    })

    test('[KFK2] many at once create each topic once', async () => {
      const options = { ...kafkaOptions(url), partitions: 2, ...ONE_COPY }
      const done = (await Promise.all([1, 2, 3].map(() => setUpKafka(options)))).flat()
      assert.equal(done.filter((step) => step.done === 'created').length, 3)
    })

    test('[KFK2] what exists and is weaker than asked for is refused before anything is created', async () => {
      const options = { ...kafkaOptions(url), partitions: 2, ...ONE_COPY }
      const feed = `${prefixOf(options)}.feed`
      await createTopic(feed, 2, { 'message.timestamp.type': 'LogAppendTime' })
      await assert.rejects(setUpKafka(options), isA('operator', /one copy.*flush.messages to 1/))
      await alterTopic(feed, 'flush.messages', '1')
      await assert.rejects(setUpKafka({ ...options, partitions: 4 }), isA('operator', /has 2 partitions, not 4/))
      await assert.rejects(
        setUpKafka({ ...options, replication: 3, minInSync: 2 }),
        isA('operator', /has 1 copies, not 3/),
      )
      await alterTopic(feed, 'unclean.leader.election.enable', 'true')
      await assert.rejects(setUpKafka(options), isA('operator', /unclean.leader.election.enable to false/))
      await assert.rejects(openKafka(options), isA('operator', /no topic .*commands/))
    })

    test('[KFK2] more copies than brokers, and more in sync than copies, are refused', async () => {
      const options = { ...kafkaOptions(url), partitions: 2 }
      await assert.rejects(setUpKafka({ ...options, replication: 3, minInSync: 2 }), isA('operator', /[Rr]eplication/))
      await assert.rejects(setUpKafka({ ...options, replication: 1, minInSync: 2 }), isA('operator', /in sync/))
    })
  })

  describe('records on Kafka', () => {
    test('[KFK5] each batch has an epoch of its own: tried again it is in once, and a straggler is refused once a later one is in', async (context) => {
      const { kafka, options } = await openedKafka(context, url, 1)
      for (const key of ['first', 'second', 'third']) await kafka.logs.commands.append(0, [record(key)])
      const topic = `${prefixOf(options)}.commands`
      const [first, second, third] = await batchesOf(topic)
      assert.ok(first !== undefined && second !== undefined && third !== undefined)
      assert.deepEqual(
        [second, third].map(({ producerEpoch }) => producerEpoch - first.producerEpoch),
        [1, 2],
      )
      await using raw = client(new Producer(BASE))
      const again = ({ producerId, producerEpoch }: typeof first) =>
        raw.it.send({
          messages: [{ topic, partition: 0, key: Buffer.from('again'), value: Buffer.alloc(100) }],
          acks: ProduceAcks.ALL,
          producerId,
          producerEpoch,
        })
      assert.equal((await again(third)).offsets?.[0]?.offset, third.firstOffset)
      await assert.rejects(again(second), (error) => String(error).includes('old epoch'))
      assert.deepEqual(await keys(kafka.logs.commands), ['first', 'second', 'third'])
    })

    test('[KFK6] a record too long for the topic is poison, alone or among others, and leaves nothing behind', async (context) => {
      const { kafka, options } = await openedKafka(context, url, 1)
      const { commands } = kafka.logs
      const long = { ...record('long'), value: new Uint8Array(5 << 20) }
      await assert.rejects(commands.append(0, [record('a'), long]), isA('poison', /longer than/))
      await commands.append(0, [{ ...record('b'), value: new Uint8Array(3 << 20) }])
      // The limit may be lowered while we run: then the broker says it.
      await alterTopic(`${prefixOf(options)}.commands`, 'max.message.bytes', '10000')
      await assert.rejects(
        commands.append(0, [{ ...record('c'), value: new Uint8Array(20_000) }]),
        isA('poison', /MESSAGE_TOO_LARGE/),
      )
      await commands.append(0, [record('d')])
      assert.deepEqual(await keys(commands), ['b', 'd'])
    })

    test('[KFK6] an append longer than one batch is in as a whole, in order', async (context) => {
      const { kafka } = await openedKafka(context, url, 1)
      const { commands } = kafka.logs
      const records = Array.from({ length: 10 }, (_, i) => ({
        ...record(`${i}`),
        value: new Uint8Array(1 << 20).fill(i),
      }))
      const offsets = await commands.append(0, records)
      assert.deepEqual(
        offsets,
        records.map((_, i) => i),
      )
      const read = await all(commands, 0)
      assert.ok(read.every(({ value }, i) => value.length === 1 << 20 && value.every((byte) => byte === i)))
    })

    test('[KFK7] whatever others put into a topic is shown as a record, and stands in nobody’s way', async (context) => {
      const { kafka, options } = await openedKafka(context, url, 1)
      const { commands } = kafka.logs
      const topic = `${prefixOf(options)}.commands`
      await commands.append(0, [record('ours')])
      await using raw = client(new Producer({ ...BASE, idempotent: true, transactionalId: topic }))
      const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x80])
      const send = (message: object, compression: 'none' | 'gzip' = 'none') =>
        raw.it.send({ messages: [{ topic, partition: 0, ...message }], compression })
      await send({ value: Buffer.from('no key') })
      await send({ key: Buffer.from('tombstone') })
      await send({ key: bytes, value: bytes, headers: new Map([[bytes, bytes]]) })
      await send({ key: Buffer.from('gzip'), value: Buffer.alloc(10_000) }, 'gzip')
      const aborted = await raw.it.beginTransaction()
      await aborted.send({ messages: [{ topic, partition: 0, key: Buffer.from('aborted'), value: bytes }] })
      await aborted.abort()

      const read = await all(commands, 0)
      assert.deepEqual(
        read.map(({ key, value }) => [key, value.length]),
        [
          ['ours', 100],
          ['', 6],
          ['tombstone', 0],
          ['\ufffd\ufffd\u0000\ufffd', 4],
          ['gzip', 10_000],
          ['aborted', 4],
        ],
      )
      assert.deepEqual(Object.values(read[3]?.headers ?? {}), ['\ufffd\ufffd\u0000\ufffd'])
      const seen: string[] = []
      commands.work('g', async (owned) => {
        for (;;) {
          const records = await owned.read({ recordsMax: 1, bytesMax: 1, waitMs: 1_000 })
          if (owned.signal.aborted) return
          for (const { key, offset } of records) {
            seen.push(key)
            await owned.commit(offset + 1)
          }
        }
      })
      await until(() => seen.length === read.length, 'the group was given all of them')
      await until(async () => (await commands.lag('g'))[0]?.records === 0, 'marks of transactions count for no lag')
      await commands.append(0, [record('behind')])
      await until(() => seen.at(-1) === 'behind', 'what is behind marks of transactions is read')
    })
  })

  describe('groups on Kafka', () => {
    test('[KFK8] a member that stops hands over at once, and is not waited for', async (context) => {
      // Nobody would be missed before this test is given up.
      const { kafka, options } = await openedKafka(context, url, 4, { sessionMs: 60_000, rebalanceMs: 61_000 })
      const other = await openKafka(options)
      context.after(() => other.close())
      const first = owners(kafka.logs.commands)
      await until(() => first.owned.size === 4, 'the first owns all')
      const second = owners(other.logs.commands)
      await until(() => first.owned.size === 2 && second.owned.size === 2, 'they share')
      assert.deepEqual([...first.owned.keys(), ...second.owned.keys()].sort(), [0, 1, 2, 3])
      await other.close()
      await until(() => first.owned.size === 4, 'the first owns all again')
    })

    test('[KFK8] a partition that stays with its member is worked on without a break', async (context) => {
      const { kafka, options } = await openedKafka(context, url, 4)
      const first = owners(kafka.logs.commands)
      await until(() => first.owned.size === 4, 'the first owns all')
      const runs = first.runs
      const other = await openKafka(options)
      context.after(() => other.close())
      const second = owners(other.logs.commands)
      await until(() => first.owned.size === 2 && second.owned.size === 2, 'they share')
      assert.equal(first.runs, runs)
      await other.close()
      await until(() => first.owned.size === 4, 'the first owns all again')
      assert.equal(first.runs, runs + 2)
    })

    test('[KFK14] whoever joins is given no more than its share, and nothing else moves', async (context) => {
      const { kafka, options } = await openedKafka(context, url, 4)
      const members = [owners(kafka.logs.commands)]
      const all = () => members.flatMap(({ owned }) => [...owned.keys()])
      for (const share of [4, 2, 1, 1]) {
        await until(
          () => all().length === 4 && members.every(({ owned }) => owned.size >= share),
          'all have their share',
        )
        assert.deepEqual(all().sort(), [0, 1, 2, 3])
        if (members.length === 4) break
        const other = await openKafka(options)
        context.after(() => other.close())
        members.push(owners(other.logs.commands))
      }
      assert.deepEqual(
        members.map(({ runs }) => runs),
        [4, 2, 1, 1],
      )
    })

    test('[KFK14] partitions are shared out evenly, each once, and stay where they are as far as that is even', () => {
      for (let seed = 0; seed < 2_000; seed++) {
        const random = (n: number) => Math.floor(Math.abs(Math.sin(seed * 7.13 + n) * 1e6)) % n
        const [count, size] = [1 + random(13), 1 + random(5)]
        const claims = new Map(
          Array.from({ length: size }, (_, i) => [
            `m${i}`,
            Array.from({ length: count }, (_, p) => p).filter((p) => (p * 7 + seed) % (size + 1) === i),
          ]),
        )
        const shared = shares(count, claims)
        const sizes = [...shared.values()].map(({ length }) => length)
        assert.deepEqual(
          [...shared.values()].flat().sort((a, b) => a - b),
          [...Array(count).keys()],
        )
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
        const least = Math.floor(count / size)
        for (const [member, claim] of claims) {
          const kept = shared.get(member)?.filter((partition) => claim.includes(partition)) ?? []
          assert.ok(kept.length >= Math.min(claim.length, least), `${member} kept ${kept} of ${claim}`)
        }
        assert.deepEqual(shares(count, shared), shared)
      }
    })

    test('[KFK15] whose position the log does not hold any more is told so, and is not given what comes later instead', async (context) => {
      const { kafka, options } = await openedKafka(context, url, 1)
      const { commands } = kafka.logs
      await commands.append(0, ['a', 'b', 'c', 'd'].map(record))
      const { promise, resolve } = Promise.withResolvers<OwnedPartition>()
      commands.work('g', async (owned) => {
        resolve(owned)
        await aborted(owned)
      })
      const owned = await promise
      const read = () => owned.read({ recordsMax: 1, bytesMax: 1, waitMs: 100 })
      owned.seek(100)
      await assert.rejects(read(), isA('operator', /at 100, but the log holds 0 to 4: records were lost/))
      await commands.append(0, [record('e')])
      await assert.rejects(read(), isA('operator', /records were lost/))
      owned.seek(0)
      await using admin = client(new Admin(BASE))
      const name = `${prefixOf(options)}.commands`
      await admin.it.deleteRecords({ topics: [{ name, partitions: [{ partition: 0, offset: 2n }] }] })
      await assert.rejects(read(), isA('operator', /at 0, but the log holds 2 to 5: records were lost/))
      owned.seek(2)
      assert.deepEqual(
        (await read()).map(({ key }) => key),
        ['c'],
      )
    })

    test('[KFK8] a batch in flight when others join is committed before they begin', async (context) => {
      const { kafka, options } = await openedKafka(context, url, 2, { drainMs: 5_000 })
      const { commands } = kafka.logs
      for (const partition of [0, 1]) await commands.append(partition, ['a', 'b'].map(record))
      const inFlight = new Set<OwnedPartition>()
      const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
      const first = commands.work('g', async (owned) => {
        const [one] = await owned.read({ recordsMax: 1, bytesMax: 1, waitMs: 1_000 })
        inFlight.add(owned)
        await finished
        await owned.commit((one?.offset ?? -1) + 1)
        // What is read now is for the next owner, where it is another.
        await owned.read({ recordsMax: 1, bytesMax: 1, waitMs: 60_000 })
        await aborted(owned)
      })
      context.after(() => first.stop())
      await until(() => inFlight.size === 2, 'the first works on both')
      const other = await openKafka(options)
      context.after(() => other.close())
      const given: string[] = []
      other.logs.commands.work('g', async (owned) => {
        for (const { key } of await owned.read({ recordsMax: 10, bytesMax: 1_000, waitMs: 1_000 })) given.push(key)
        await aborted(owned)
      })
      await until(() => kafka.waiting().some((what) => /shared out anew/.test(what)), 'the first knows of the other')
      assert.deepEqual(given, [])
      finish()
      await until(() => given.length > 0, 'the other works')
      assert.deepEqual(given, ['b'])
    })

    test('[KFK9] a killed member is taken over where it committed', async (context) => {
      const { kafka, options } = await openedKafka(context, url, 2)
      const { commands } = kafka.logs
      for (const partition of [0, 1]) await commands.append(partition, ['a', 'b', 'c'].map(record))
      await using member = await Child.start(options)
      await until(() => member.said.filter((line) => line === 'read').length === 2, 'it works on both')
      member.tell('commit 1')
      await until(() => member.said.includes('committed'), 'it committed')
      const seen: string[] = []
      const mine = commands.work('g', async (owned) => {
        const records = await owned.read({ recordsMax: 10, bytesMax: 1_000, waitMs: 1_000 })
        seen.push(`${owned.id}: ${records.map(({ key }) => key).join()}`)
        await aborted(owned)
      })
      context.after(() => mine.stop())
      await until(() => seen.length === 1, 'they share')
      member.kill('SIGKILL')
      await until(() => seen.length === 2, 'it is taken over')
      assert.deepEqual(seen.sort(), ['0: b,c', '1: b,c'])
    })

    test('[KFK10] who was frozen and taken over sets nothing back with its late commit, and works again', async (context) => {
      const { kafka, options } = await openedKafka(context, url, 1)
      const { commands } = kafka.logs
      await commands.append(0, ['a', 'b', 'c'].map(record))
      await using member = await Child.start(options)
      await until(() => member.said.includes('read'), 'it works')
      member.kill('SIGSTOP')
      const mine = commands.work('g', async (owned) => {
        const records = await owned.read({ recordsMax: 10, bytesMax: 1_000, waitMs: 1_000 })
        const last = records.at(-1)
        if (last !== undefined) await owned.commit(last.offset + 1)
        await aborted(owned)
      })
      context.after(() => mine.stop())
      await until(async () => (await commands.committed('g', 0)) === 3, 'it is taken over')
      member.tell('commit 1')
      member.kill('SIGCONT')
      await until(() => member.said.some((line) => line === 'committed' || line === 'refused'), 'it came back')
      assert.equal(await commands.committed('g', 0), 3)
      await mine.stop()
      await until(() => member.said.filter((line) => line.startsWith('owns')).length === 2, 'it works again')
      assert.equal(await commands.committed('g', 0), 3)
    })
  })

  describe('the connections to Kafka', () => {
    test('[KFK11] a thousand appends, reads and commits open none', async (context) => {
      const { kafka } = await openedKafka(context, url, 2)
      const { commands } = kafka.logs
      let done = 0
      commands.work('g', async (owned) => {
        while (!owned.signal.aborted) {
          const records = await owned.read({ recordsMax: 1, bytesMax: 1, waitMs: 500 })
          for (const { offset } of records) await owned.commit(offset + 1)
          done += records.length
        }
      })
      const send = (i: number) => commands.append(i % 2, [record(`${i}`)])
      for (let i = 0; i < 10; i++) await send(i)
      await until(() => done === 10, 'all is warm')
      await all(commands, 0)
      const before = sockets()
      for (let i = 0; i < 1_000; i++) await send(i)
      await until(() => done === 1_010, 'all was worked off')
      await all(commands, 0)
      await commands.lag('g')
      assert.equal(sockets(), before)
    })

    test('[KFK12] a process that closed everything ends by itself, whatever it had open', async (context) => {
      const { options } = await openedKafka(context, url, 2)
      await using member = await Child.start(options)
      await until(() => member.said.includes('read') || member.said.includes('owns 0'), 'it works')
      member.tell('close')
      assert.equal(await member.ended, 0)
    })
  })
}

const BASE = { clientId: 'raw', bootstrapBrokers: [engine?.url ?? ''] }

function isA(expected: string, message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.equal(failureClass(error), expected, String(error))
    assert.match(String(error), message)
    return true
  }
}

/** A client of the library itself, closed with its scope. */
function client<C extends { close(): Promise<void> }>(it: C): { readonly it: C } & AsyncDisposable {
  return { it, [Symbol.asyncDispose]: () => it.close() }
}

async function createTopic(topic: string, partitions: number, configs: Readonly<Record<string, string>>) {
  await using admin = client(new Admin(BASE))
  const all = Object.entries(configs).map(([name, value]) => ({ name, value }))
  await admin.it.createTopics({ topics: [topic], partitions, replicas: 1, configs: all })
}

async function alterTopic(resourceName: string, name: string, value: string): Promise<void> {
  await using admin = client(new Admin(BASE))
  const configs = [{ name, value, configOperation: 0 as const }]
  await admin.it.incrementalAlterConfigs({ resources: [{ resourceType: 2, resourceName, configs }] })
  await until(async () => (await configsOf(resourceName, [name]))[0] === value, 'the broker knows the new setting')
}

async function configsOf(resourceName: string, configurationKeys: string[]): Promise<readonly unknown[]> {
  await using admin = client(new Admin(BASE))
  const [described] = await admin.it.describeConfigs({
    resources: [{ resourceType: 2, resourceName, configurationKeys }],
  })
  return configurationKeys.map((key) => described?.configs.find(({ name }) => name === key)?.value)
}

/** The record batches at the beginning of a topic's first partition, as they lie there. */
async function batchesOf(topic: string) {
  await using consumer = client(new Consumer({ ...BASE, groupId: 'unused' }))
  consumer.it.topics.track(topic)
  const found = (await consumer.it.metadata({ topics: [topic] })).topics.get(topic)
  const { responses } = await consumer.it.fetch({
    node: found?.partitions[0]?.leader ?? -1,
    topics: [
      {
        topicId: found?.id ?? '',
        partitions: [
          { partition: 0, fetchOffset: 0n, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: 1 << 20 },
        ],
      },
    ],
    maxWaitTime: 1_000,
  })
  return responses.flatMap(({ partitions }) => partitions.flatMap(({ records }) => records ?? []))
}

async function keys(log: Log): Promise<readonly string[]> {
  return (await all(log, 0)).map(({ key }) => key)
}

/** A member that does nothing but own. */
function owners(log: Log): { readonly owned: ReadonlyMap<number, OwnedPartition>; readonly runs: number } {
  const owned = new Map<number, OwnedPartition>()
  const state = { owned, runs: 0 }
  log.work('g', async (partition) => {
    state.runs++
    owned.set(partition.id, partition)
    await aborted(partition)
    owned.delete(partition.id)
  })
  return state
}

async function aborted({ signal }: OwnedPartition): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
}

function sockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
}

/** A member of the group in a process of its own: it says what it owns and has read, and does what it is told. */
class Child implements AsyncDisposable {
  readonly said: string[] = []
  readonly ended: Promise<number | null>
  readonly #process: ChildProcessWithoutNullStreams

  static async start({ url }: KafkaOptions): Promise<Child> {
    const child = new Child(url)
    await until(() => child.said.some((line) => line.startsWith('owns')), 'it owns something')
    return child
  }

  private constructor(url: string) {
    const from = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)))
    const script = `
      import { createInterface } from 'node:readline'
      import { openKafka } from ${from('../../src/adapters/kafka/kafka.ts')}
      import { kafkaOptions, SHORT } from ${from('./kafka-subject.ts')}
      const kafka = await openKafka({ ...kafkaOptions('x:1'), url: ${JSON.stringify(url)}, timeouts: SHORT })
      const partitions = new Set()
      kafka.logs.feed.tail({ established() {}, records() {}, broken() {} })
      kafka.logs.commands.work('g', async (owned) => {
        console.log('owns ' + owned.id)
        partitions.add(owned)
        const records = await owned.read({ recordsMax: 10, bytesMax: 1000, waitMs: 1000 })
        if (records.length > 0) console.log('read')
        if (!owned.signal.aborted) await new Promise((resolve) => owned.signal.addEventListener('abort', resolve))
      })
      for await (const line of createInterface(process.stdin)) {
        const [verb, next] = line.split(' ')
        if (verb === 'close') {
          await kafka.close()
          break
        }
        await Promise.all([...partitions].map((owned) => owned.commit(Number(next)))).then(
          () => console.log('committed'),
          () => console.log('refused'),
        )
      }
      process.stdin.destroy()
    `
    const flags = process.execArgv.filter((flag) => flag.startsWith('--conditions'))
    this.#process = spawn(process.execPath, [...flags, '--input-type=module', '--eval', script])
    createInterface(this.#process.stdout).on('line', (line) => this.said.push(line))
    this.#process.stderr.pipe(process.stderr)
    this.ended = new Promise((resolve) => this.#process.on('exit', resolve))
  }

  tell(line: string): void {
    this.#process.stdin.write(`${line}\n`)
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL')
    await this.ended
  }
}
