import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { type Document as Bson, MongoClient } from 'mongodb'
import { type Mongodb, type MongodbOptions, openMongodb, setUpMongodb } from '../../src/adapters/mongodb/mongodb.ts'
import { failureClass } from '../../src/ports/failure.ts'
import type { Document, EntryDocument, Store, Written } from '../../src/ports/store.ts'
import type { TestEngine } from '../support/engines.ts'
import { AT, claim, entries, entry, letter, projection, room, view, write } from './documents.ts'
import { dropDatabase, mongodbOptions, ownDatabase, startAgain } from './mongodb-subject.ts'
import { WireProxy } from './mongodb-wire.ts'
import { until } from './subject.ts'

export interface Traits {
  /** Documents in one insert. */
  readonly documentsMax: number
  /** The process behind the server that holds the data, where it is another one. */
  readonly behind?: string
}

/** What the store on MongoDB does beyond its port, on every server that speaks the protocol. */
export function mongodbBehaviour(
  name: string,
  { url: serverUrl, own }: TestEngine,
  { documentsMax, behind }: Traits,
): void {
  describe(`the adapter for MongoDB on ${name}`, () => {
    /** A database that is set up, and gone when the test ends. */
    async function database(context: TestContext, partitions = 1): Promise<string> {
      const { url } = ownDatabase(serverUrl)
      context.after(() => dropDatabase(url))
      await setUpMongodb(mongodbOptions(url, { partitions }))
      return url
    }

    async function open(context: TestContext, url: string, options: Partial<MongodbOptions> = {}): Promise<Mongodb> {
      const mongodb = await openMongodb(mongodbOptions(url, options))
      context.after(() => mongodb.close())
      return mongodb
    }

    /** The database as somebody else's client sees it. */
    async function withDriver<T>(url: string, use: (client: MongoClient) => Promise<T>): Promise<T> {
      const client = new MongoClient(url)
      try {
        return await use(client)
      } finally {
        await client.close()
      }
    }

    const everything = (store: Store) => store.audit.documents(undefined, 5_000)

    // ---- writing ---------------------------------------------------------------------------------------------------

    test('[MDB1] what stands in the way of one of many documents stops the whole write there, however many inserts it takes', async (context) => {
      const { store } = await open(context, await database(context))
      for (const [i, at] of [0, 5, 99, 100, 150, 299].entries()) {
        const id = `r${i}`
        await write(store.timeline, [entry(id, at + 1, { id: `taken ${i}` })])
        const before = (await everything(store)).length
        assert.deepEqual(await write(store.timeline, entries(id, 1, 300)), { result: 'duplicate', at })
        assert.equal((await everything(store)).length, before + at)
        const { rooms } = await store.timeline.load([{ room: id, users: [] }], [])
        assert.deepEqual(
          rooms.get(id)?.above.map(({ seq }) => seq),
          Array.from({ length: at + 1 }, (_, seq) => seq + 1),
        )
      }
    })

    test('[MDB1] a document that no server takes is named, and those before it are in', async (context) => {
      const { store } = await open(context, await database(context))
      const huge = entry('r', 3, { content: { kind: 'message', text: 'x'.repeat(17 << 20) } })
      const written = await write(store.timeline, [...entries('r', 1, 2), huge, entry('r', 4)])
      assert.deepEqual([written.result, written.result === 'poison' && written.at], ['poison', 2])
      assert.deepEqual(
        (await everything(store)).map(({ seq }) => seq),
        [1, 2],
      )
    })

    test('[MDB1] documents that together are more than one command takes go in as several', async (context) => {
      const { store } = await open(context, await database(context))
      const large = Array.from({ length: 5 }, (_, i) =>
        entry('r', i + 1, { content: { kind: 'message', text: 'x'.repeat(5 << 20) } }),
      )
      assert.deepEqual(await write(store.timeline, large), { result: 'all' })
      assert.equal((await store.timeline.find(large)).size, 5)
    })

    test('[MDB2] a batch costs the same number of commands, however many documents and rooms it has', async (context) => {
      const url = await database(context)
      await using proxy = await WireProxy.before(url)
      const { store } = await open(context, proxy.instead(url))
      const counts = new Map<string, number[]>()
      for (const [documents, rooms] of [
        [1, 1],
        [10, 1],
        [10, 10],
        [100, 1],
        [100, 50],
        [500, 1],
        [500, 50],
      ] as const) {
        const before = proxy.commands.length
        await batch(store, `${documents}-${rooms}`, documents, rooms)
        const made = proxy.commands.slice(before).filter((command) => !PERIODIC.has(command))
        const inserts = Math.ceil(documents / documentsMax)
        counts.set(`${documents} in ${rooms}`, [made.length - inserts])
      }
      // Find; rooms, members, entries and users of the load; letters, members, documents and heads; what they supersede, twice; the offset.
      assert.deepEqual([...new Set([...counts.values()].flat())], [12], JSON.stringify([...counts]))
    })

    test('[MDB2] messages alone cost nothing for members, letters and rooms', async (context) => {
      const url = await database(context)
      await using proxy = await WireProxy.before(url)
      const { store } = await open(context, proxy.instead(url))
      const before = proxy.commands.length
      const projections = [projection('r', 50)]
      await write(store.timeline, entries('r', 1, 50), { projections, settled: { partition: 0, next: 50, feed: 50 } })
      const made = proxy.commands.slice(before).filter((command) => !PERIODIC.has(command))
      assert.deepEqual([...made].sort(), ['delete', 'insert', 'insert', 'update'])
    })

    test('[MDB3] of eight writers of the same ids and places each one has one winner, and no room has a gap', async (context) => {
      const url = await database(context)
      const writers = await Promise.all(Array.from({ length: 8 }, () => open(context, url)))
      for (let round = 0; round < 5; round++) {
        const id = `r${round}`
        const written = await Promise.all(
          writers.map(({ store }, i) =>
            write(
              store.timeline,
              Array.from({ length: 120 }, (_, seq) => entry(id, seq + 1, { id: `${id}/${seq + 1}/${i % 4}` })),
            ),
          ),
        )
        const [first = assert.fail()] = writers
        const { rooms } = await first.store.timeline.load([{ room: id, users: [] }], [])
        const above = rooms.get(id)?.above ?? []
        assert.deepEqual(
          above.map(({ seq }) => seq),
          Array.from({ length: above.length }, (_, seq) => seq + 1),
        )
        checkTold(written, id, above)
      }
    })

    test('[MDB3] of many who take leases at once each gets a term of its own', async (context) => {
      const url = await database(context)
      const workers = await Promise.all(Array.from({ length: 8 }, () => open(context, url)))
      const terms = await Promise.all(
        Array.from({ length: 40 }, (_, i) => workers[i % 8]?.store.timeline.lease(0, `w${i}`)),
      )
      assert.deepEqual(
        terms.map((lease) => lease?.term).sort((a, b) => Number(a) - Number(b)),
        Array.from({ length: 40 }, (_, i) => i + 1),
      )
    })

    test('[MDB3] an epoch that many raise at once is the highest of them for each', async (context) => {
      const url = await database(context)
      const workers = await Promise.all(Array.from({ length: 8 }, () => open(context, url)))
      const raised = await Promise.all(workers.map(({ store }, i) => store.timeline.raiseEpoch(0, 2 + i)))
      for (const [i, epoch] of raised.entries()) assert.ok(epoch >= 2 + i)
      for (const { store } of workers) assert.equal(await store.timeline.epoch(0), 9)
    })

    test('[MDB3] a worker that lags behind its successor takes nothing back: no reader ever sees a head or a membership go down', async (context) => {
      const url = await database(context)
      const workers = await Promise.all(Array.from({ length: 4 }, () => open(context, url)))
      const { store: reader } = await open(context, url)
      const [first = assert.fail()] = workers
      const last = 40
      await write(first.store.timeline, entries('r', 1, last), { projections: [atHead(1)] })
      let done = false
      const seen = { head: 1, since: 1, listed: 1 }
      const reading = (async () => {
        while (!done) {
          const { head, document, member } = await reader.history.view(view('r', { user: 'bob', entriesMax: 0 }))
          assert.ok(head >= seen.head, `head ${head} after ${seen.head}`)
          assert.ok((document?.seq ?? 0) >= head, `document ${document?.seq} at head ${head}`)
          assert.ok((member?.seq ?? 0) >= Math.max(head, seen.since), `member ${member?.seq} at head ${head}`)
          const [listed] = await reader.history.rooms(undefined, 1)
          assert.ok((listed?.head ?? 0) >= Math.max(seen.listed, head), `listed ${listed?.head} after ${head}`)
          Object.assign(seen, { head, since: member?.seq, listed: listed?.head })
        }
      })()
      // Everybody projects every step, some of them late.
      const projecting = workers.map(async ({ store }, i) => {
        for (let step = 2; step <= last; step++) {
          const head = Math.max(2, step - i)
          assert.deepEqual(await write(store.timeline, [], { projections: [atHead(head)] }), { result: 'all' })
        }
      })
      await Promise.all(projecting).finally(() => {
        done = true
      })
      await reading
      const { head, document, member } = await reader.history.view(view('r', { user: 'bob' }))
      assert.deepEqual([head, document?.seq, member?.seq], [last, last, last])
      assert.deepEqual(
        (await reader.history.members('r', undefined, 10)).map(({ user, seq }) => [user, seq]),
        [['bob', last]],
      )
    })

    test('[MDB3] what a newer row supersedes is removed, so that a busy room does not grow', async (context) => {
      const url = await database(context)
      const { store } = await open(context, url)
      for (let head = 1; head <= 20; head++) await write(store.timeline, [], { projections: [atHead(head)] })
      const left = await withDriver(url, async (client) => [
        await client.db().collection('rooms').find().toArray(),
        await client.db().collection('members').find().toArray(),
      ])
      assert.deepEqual(
        left.map((rows) => rows.length),
        [2, 1],
      )
    })

    // ---- replies that do not come --------------------------------------------------------------------------------------

    test('[MDB4] a write whose reply is lost is unknown, whichever of its commands it was, and may be written again', async (context) => {
      const url = await database(context)
      await using proxy = await WireProxy.before(url)
      const { store } = await open(context, proxy.instead(url))
      for (const [i, command] of ['insert', 'update'].entries()) {
        const documents = entries(`r${i}`, 1, 3)
        const following = {
          letters: [letter(`l${i}`)],
          projections: [projection(`r${i}`, 3, { document: room(`r${i}`, 1) })],
          settled: { partition: 0, next: i, feed: i },
        }
        proxy.loseReplyOf(command)
        const written = await write(store.timeline, documents, following)
        assert.equal(written.result, 'unknown')
        assert.equal(written.result === 'unknown' && failureClass(written.cause), 'ambiguous')
        const found = await store.timeline.find(documents)
        assert.deepEqual(
          [...found.keys()],
          documents.slice(0, found.size).map(({ id }) => id),
        )
        assert.deepEqual(await write(store.timeline, documents.slice(found.size), following), { result: 'all' })
        assert.equal((await store.history.view(view(`r${i}`))).entries.length, 3)
      }
    })

    test('[MDB4] a read whose reply is lost is transient, and the next one works', async (context) => {
      const url = await database(context)
      await using proxy = await WireProxy.before(url)
      const { store } = await open(context, proxy.instead(url))
      proxy.loseReplyOf('find')
      await assert.rejects(store.timeline.term(0), (error) => failureClass(error) === 'transient')
      assert.equal(await store.timeline.term(0), 0)
    })

    test('[MDB4] a call that is never answered, by a server that answers others, comes to an end', async (context) => {
      const url = await database(context)
      await using proxy = await WireProxy.before(url)
      const { store } = await open(context, proxy.instead(url), { timeouts: { socketMsMax: 200 } })
      proxy.withholdReplyOf('insert')
      const written = await write(store.timeline, [entry('r', 1)])
      assert.equal(written.result === 'unknown' && failureClass(written.cause), 'ambiguous')
      proxy.withholdReplyOf('find')
      await assert.rejects(store.timeline.term(0), (error) => failureClass(error) === 'transient')
      assert.equal((await everything(store)).length, 1)
    })

    if (own !== undefined) {
      test('[MDB5] after a kill in the midst of writes all that was told to be in is there, and the adapter goes on by itself', async (context) => {
        const url = await database(context)
        const mongodb = await open(context, url)
        const { store } = mongodb
        const told: Document[] = []
        let killed = false
        const writing = Promise.all(
          Array.from({ length: 4 }, async (_, i) => {
            for (let seq = 1; ; seq += 10) {
              const documents = entries(`r${i}`, seq, seq + 9)
              const written = await write(store.timeline, documents).catch((error: unknown) => error)
              if (!isAll(written)) {
                const failed = written instanceof Error ? failureClass(written) : (written as Written).result
                return assert.ok(killed && ['transient', 'unknown'].includes(failed), String(failed))
              }
              told.push(...documents)
            }
          }),
        )
        await until(() => told.length > 200, 'enough is written')
        killed = true
        await own.signal('SIGKILL')
        await writing
        assert.equal(mongodb.waiting().length, 1)
        await startAgain(own)
        await until(() => mongodb.waiting().length === 0, 'it noticed by itself that the server is back')
        const found = await store.timeline.find(told)
        assert.deepEqual(
          told.filter(({ id }) => !found.has(id)),
          [],
        )
        for (let i = 0; i < 4; i++) {
          const { rooms } = await store.timeline.load([{ room: `r${i}`, users: [] }], [])
          const above = rooms.get(`r${i}`)?.above ?? []
          assert.deepEqual(
            above.map(({ seq }) => seq),
            above.map((_, at) => at + 1),
          )
          assert.deepEqual(await write(store.timeline, [entry(`r${i}`, above.length + 1)]), { result: 'all' })
        }
      })

      test('[MDB5] while the server is frozen writes are unknown and reads transient; thawed, it goes on', async (context) => {
        const url = await database(context)
        const mongodb = await open(context, url, {
          timeouts: { socketMsMax: 500, selectMsMax: 500, connectMsMax: 500 },
        })
        const { store } = mongodb
        await write(store.timeline, [entry('r', 1)])
        await own.signal('SIGSTOP')
        try {
          assert.equal((await write(store.timeline, [entry('r', 2)])).result, 'unknown')
          await assert.rejects(store.timeline.find([entry('r', 1)]), (error) => failureClass(error) === 'transient')
          assert.match(mongodb.waiting().join(), /MongoDB at 127/)
        } finally {
          await own.signal('SIGCONT')
        }
        await until(() => mongodb.waiting().length === 0, 'it noticed by itself that the server goes on')
        await until(
          async () =>
            (await store.timeline.find([entry('r', 2)])).size === 1 ||
            isAll(await write(store.timeline, [entry('r', 2)])),
          'it is in',
        )
        assert.equal((await everything(store)).length, 2)
      })

      test('[MDB5] writes that are larger than what the machine takes, to a server that is frozen, are unknown; thawed, the adapter goes on', async (context) => {
        const url = await database(context)
        const mongodb = await open(context, url, {
          timeouts: { socketMsMax: 500, selectMsMax: 500, connectMsMax: 500, hangMs: 2_000, connectionsMax: 2 },
        })
        const { store } = mongodb
        const large = { kind: 'message', text: 'x'.repeat(1_000_000) } as const
        await own.signal('SIGSTOP')
        try {
          const writing = ['a', 'b'].map((id) =>
            write(
              store.timeline,
              entries(id, 1, 12).map((one) => ({ ...one, content: large })),
            ),
          )
          for (const { result } of await Promise.all(writing)) assert.equal(result, 'unknown')
        } finally {
          await own.signal('SIGCONT')
        }
        await until(() => mongodb.waiting().length === 0, 'it noticed by itself that the server goes on')
        assert.ok(isAll(await write(store.timeline, [entry('r', 1)])))
      })

      test('[MDB5] a server whose check by the driver never ends is found again', async (context) => {
        const url = await database(context)
        const { sockets, stop } = watchSockets()
        const often = `${url}${url.includes('?') ? '&' : '?'}heartbeatFrequencyMS=500`
        const mongodb = await open(context, often, {
          timeouts: { selectMsMax: 500, hangMs: 2_000 },
        })
        stop()
        const { store } = mongodb
        // As when a socket is closed between the driver's look at it and its write.
        const lost = new Promise<void>((resolve) => {
          for (const socket of sockets) {
            const write = socket.write.bind(socket)
            socket.write = (data: Uint8Array | string) => {
              if (!/hello|ismaster/i.test(Buffer.from(data).toString('latin1'))) return write(data)
              socket.destroy()
              resolve()
              return false
            }
          }
        })
        await lost
        // Only what is lost with a call under way makes the driver wait for such a check.
        await own.signal('SIGSTOP')
        const asked = assert.rejects(store.timeline.term(0), (error) => failureClass(error) === 'transient')
        await own.signal('SIGKILL')
        await asked
        await startAgain(own)
        await until(() => mongodb.waiting().length === 0, 'it noticed by itself that the server is back')
        assert.ok(isAll(await write(store.timeline, [entry('r', 1)])))
      })

      if (behind !== undefined)
        test('[MDB5] while the database behind the server is gone, writes are unknown and reads transient, and no record is blamed', async (context) => {
          const url = await database(context)
          const { store } = await open(context, url)
          await write(store.timeline, [entry('r', 1)])
          await own.signal('SIGKILL', behind)
          for (let tries = 0; tries < 3; tries++) {
            const written = await write(store.timeline, [entry('r', 2)])
            assert.equal(written.result === 'unknown' && failureClass(written.cause), 'ambiguous')
            await assert.rejects(store.timeline.term(0), (error) => failureClass(error) === 'transient')
          }
          await startAgain(own)
          await until(
            async () => (await store.timeline.find([entry('r', 1)]).catch(() => new Map())).size === 1,
            'what was in is there again',
          )
          assert.deepEqual(await write(store.timeline, [entry('r', 2)]), { result: 'all' })
        })

      test('[MDB6] who begins while the server is down fails as transient, leaves nothing, and succeeds once it is up', async (context) => {
        const url = await database(context)
        await own.signal('SIGKILL')
        const options = mongodbOptions(url, { timeouts: { selectMsMax: 100 } })
        for (const call of [openMongodb, setUpMongodb])
          await assert.rejects(
            call(options),
            (error) => failureClass(error) === 'transient' && /MongoDB at 127/.test(String(error)),
          )
        await startAgain(own)
        const { store } = await open(context, url)
        assert.deepEqual(await write(store.timeline, [entry('r', 1)]), { result: 'all' })
      })
    }

    test('[MDB6] closing closes every connection, may be repeated, and leaves a write under way unknown', async (context) => {
      const url = await database(context)
      await using proxy = await WireProxy.before(url)
      const mongodb = await open(context, proxy.instead(url))
      await Promise.all(Array.from({ length: 30 }, (_, i) => mongodb.store.timeline.find([entry('r', i)])))
      assert.ok(proxy.connections > 2)
      const writing = write(mongodb.store.timeline, entries('r', 1, 50)).catch((error: unknown) => error)
      await mongodb.close()
      await mongodb.close()
      const written = await writing
      assert.ok(
        isAll(written) || (written as Written).result === 'unknown' || failureClass(written) === 'closed',
        String(written),
      )
      await until(() => proxy.connections === 0, 'no connection is left')
    })

    test('[MDB6] many calls at once open no more connections than it may, and later ones none', async (context) => {
      const url = await database(context)
      await using proxy = await WireProxy.before(url)
      const { store } = await open(context, proxy.instead(url), {
        timeouts: { connectionsMax: 5, selectMsMax: 30_000 },
      })
      for (let round = 0; round < 3; round++)
        await Promise.all(Array.from({ length: 60 }, (_, i) => store.timeline.find([entry('r', i)])))
      // Two more watch the server.
      assert.ok(proxy.connections <= 7, String(proxy.connections))
    })

    // ---- setting up ------------------------------------------------------------------------------------------------------

    test('[MDB7] a database that is not set up, or for another number of partitions, is refused with what to do', async (context) => {
      const { url } = ownDatabase(serverUrl)
      context.after(() => dropDatabase(url))
      await assert.rejects(openMongodb(mongodbOptions(url)), isOperator(/not set up.*holdfast setup/))
      await setUpMongodb(mongodbOptions(url, { partitions: 4 }))
      for (const call of [openMongodb, setUpMongodb])
        await assert.rejects(call(mongodbOptions(url, { partitions: 2 })), isOperator(/with 4 partitions.*with 2/))
      await withDriver(url, (client) =>
        client
          .db()
          .collection<{ _id: string }>('installation')
          .updateOne({ _id: 'installation' }, { $set: { format: 9 } }),
      )
      await assert.rejects(openMongodb(mongodbOptions(url, { partitions: 4 })), isOperator(/newer Holdfast \(format 9/))
    })

    test('[MDB7] without an index, or with one that is not unique, nothing is opened', async (context) => {
      const url = await database(context)
      await withDriver(url, (client) => client.db().collection('entries').dropIndex('room_1_seq_1'))
      await assert.rejects(
        openMongodb(mongodbOptions(url)),
        isOperator(/lacks the index entries\(room, seq\), unique.*setup/),
      )
      await withDriver(url, (client) => client.db().collection('entries').createIndex({ room: 1, seq: 1 }))
      await assert.rejects(openMongodb(mongodbOptions(url)), isOperator(/is there and not unique/))
    })

    test('[MDB8] setting up may be repeated, also by several at once, and says what it did', async (context) => {
      const { url } = ownDatabase(serverUrl)
      context.after(() => dropDatabase(url))
      await Promise.all(Array.from({ length: 3 }, () => setUpMongodb(mongodbOptions(url, { partitions: 4 }))))
      const again = await setUpMongodb(mongodbOptions(url, { partitions: 4 }))
      assert.deepEqual(new Set(again.map(({ done }) => done)), new Set(['was there']))
      assert.ok(again.some(({ what }) => what === 'index entries(room, seq), unique'))
      await withDriver(url, (client) => client.db().collection('members').dropIndex('user_1'))
      const mended = await setUpMongodb(mongodbOptions(url, { partitions: 4 }))
      assert.deepEqual(
        mended.filter(({ done }) => done === 'created'),
        [{ what: 'index members(user)', done: 'created' }],
      )
    })

    // ---- what others wrote -------------------------------------------------------------------------------------------------

    test('[MDB9] a document that somebody changed into nonsense is named, and nothing is made of it', async (context) => {
      const url = await database(context)
      const { store } = await open(context, url)
      await write(store.timeline, [entry('r', 1), claim('r', 'c')], {
        letters: [letter('l')],
        projections: [
          projection('r', 1, { document: room('r', 1), members: [{ user: 'bob', role: 'member', seq: 1 }] }),
        ],
      })
      await store.users.put('bob', 'Bob', AT)
      const load = () => store.timeline.load([{ room: 'r', users: ['bob'] }], ['bob'])
      const changes: readonly [string, string, Bson, () => Promise<unknown>][] = [
        ['entries', 'r/1', { seq: 'one' }, () => everything(store)],
        ['entries', 'r/1', { seq: 1.5 }, () => everything(store)],
        ['entries', 'r/1', { kind: '__proto__' }, () => store.timeline.find([entry('r', 1)])],
        ['entries', 'r/1', { text: null }, () => store.history.view(view('r'))],
        ['entries', 'r/1', { digest: 7 }, () => store.history.survey([], [entry('r', 1)])],
        ['entries', 'c', { code: 'NONE' }, () => everything(store)],
        ['rooms', '["r","head",1]', { version: null }, load],
        ['rooms', '["r","room",1]', { kind: 'pub' }, load],
        ['rooms', '["r","room",1]', { pair: ['one'] }, load],
        ['members', '["r","bob",1]', { role: 'king' }, load],
        ['letters', 'l', { value: 'text' }, () => store.letters.get('l')],
        ['letters', 'l', { headers: { a: 'b' } }, () => store.letters.list(undefined, undefined, 9)],
        ['letters', 'l', { origin: 7 }, () => store.letters.get('l')],
        ['users', 'bob', { createdAt: 'today' }, () => store.users.get('bob')],
      ]
      await withDriver(url, async (client) => {
        for (const [name, _id, change, read] of changes) {
          const collection = client.db().collection<{ _id: string }>(name)
          const good = (await collection.findOne({ _id })) ?? assert.fail(`${name} ${_id}`)
          await collection.replaceOne({ _id }, { ...good, ...change })
          const [field = ''] = Object.keys(change)
          const said = (text: string) => [name, JSON.stringify(_id), field].every((part) => text.includes(part))
          await assert.rejects(
            read(),
            (error) => failureClass(error) === 'operator' && said(String(error)),
            `${name} ${field}`,
          )
          await collection.replaceOne({ _id }, good)
          await read()
        }
      })
    })

    test('[MDB10] texts that some engine refuses come back as they are, everywhere', async (context) => {
      const { store } = await open(context, await database(context))
      const odd = ['\0', '\u0001', '\u00011', 'a\0b', '\u00013d83d', '\ud83d', 'x\udc00y', '$set', 'a.b', '']
      const documents = odd.flatMap((text, i) => [
        entry(`r${text}`, 1, { id: `e${text}`, sender: text, content: { kind: 'message', text } }),
        entry(`r${text}`, 2, {
          id: `f${text}`,
          content: { kind: 'room_created', roomKind: 'group', name: text, members: [text] },
        }),
        claim(`r${text}`, `c${text}`, { message: text, digest: `${i}${text}` }),
      ])
      const letters = odd.map((text) =>
        letter(`l${text}`, { room: text, key: text, reason: text, headers: { [text]: text, ['__proto__']: text } }),
      )
      const projections = odd.map((text) =>
        projection(`r${text}`, 2, {
          document: room(`r${text}`, 2, { name: text, owner: text, pair: [text, 'x'] }),
          members: [{ user: text, role: 'member', seq: 2 }],
        }),
      )
      assert.deepEqual(await write(store.timeline, documents, { letters, projections }), { result: 'all' })
      const found = await store.timeline.find(documents)
      for (const document of documents) assert.deepEqual(found.get(document.id), document)
      for (const one of letters) assert.deepEqual(await store.letters.get(one.id), one)
      for (const text of odd) {
        const { rooms } = await store.timeline.load([{ room: `r${text}`, users: [text] }], [])
        assert.equal(rooms.get(`r${text}`)?.document?.name, text)
        assert.equal(rooms.get(`r${text}`)?.members.get(text)?.role, 'member')
        await store.users.put(text, text, AT)
        assert.deepEqual(await store.users.get(text), { user: text, name: text, createdAt: AT })
      }
      // Texts that are any keep their order; what is none has no order, and stands somewhere.
      const listed = (await store.history.rooms(undefined, 100)).map(({ room }) => room)
      const rooms = odd.map((text) => `r${text}`)
      assert.deepEqual(new Set(listed), new Set(rooms))
      assert.deepEqual(
        listed.filter((room) => room.isWellFormed()),
        rooms.filter((room) => room.isWellFormed()).sort(),
      )
    })
  })
}

/** What the driver asks on its own. */
const PERIODIC = new Set(['hello', 'isMaster', 'ismaster', 'ping', 'endSessions'])

/** What a worker asks of the store for one batch. */
async function batch(store: Store, name: string, documents: number, rooms: number): Promise<void> {
  const ids = Array.from({ length: rooms }, (_, i) => `${name}/${i}`)
  const said: EntryDocument[] = Array.from({ length: documents }, (_, i) =>
    entry(ids[i % rooms] ?? '', 1 + Math.floor(i / rooms)),
  )
  await store.timeline.find(said)
  await store.timeline.load(
    ids.map((id) => ({ room: id, users: ['alice', 'bob'] })),
    ['alice', 'bob'],
  )
  const written = await write(store.timeline, said, {
    letters: [letter(name)],
    projections: ids.map((id) =>
      projection(id, documents / rooms, { document: room(id, 1), members: [{ user: 'bob', role: 'member', seq: 1 }] }),
    ),
    settled: { partition: 0, next: documents, feed: documents },
  })
  assert.deepEqual(written, { result: 'all' })
}

/** The room r, in which each entry says what bob is. */
function atHead(head: number) {
  return projection('r', head, { document: room('r', head), members: [{ user: 'bob', role: 'member', seq: head }] })
}

function isAll(written: unknown): boolean {
  return typeof written === 'object' && written !== null && 'result' in written && written.result === 'all'
}

/** What writers were told is so: all of theirs is in, or what was before the one that stands in the way. */
function checkTold(written: readonly Written[], id: string, above: readonly EntryDocument[]): void {
  for (const [i, told] of written.entries()) {
    if (told.result !== 'all' && told.result !== 'duplicate') continue
    const count = told.result === 'all' ? above.length : told.at
    for (const { seq, id: stored } of above.slice(0, count)) assert.equal(stored, `${id}/${seq}/${i % 4}`)
  }
}

/** The sockets that are opened to servers until `stop`. */
function watchSockets() {
  const sockets: Socket[] = []
  const see = (message: unknown) => sockets.push((message as { readonly socket: Socket }).socket)
  subscribe('net.client.socket', see)
  return { sockets, stop: () => unsubscribe('net.client.socket', see) }
}

function isOperator(sentence: RegExp): (error: unknown) => boolean {
  return (error) => failureClass(error) === 'operator' && sentence.test(String(error))
}
