import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { addressOf } from '../../src/adapters/mongodb/address.ts'
import { type MongodbOptions, openMongodb } from '../../src/adapters/mongodb/mongodb.ts'
import { decodeText, encodeText } from '../../src/adapters/mongodb/text.ts'
import { failureClass } from '../../src/ports/failure.ts'
import { entries, entry, projection, view, write } from './documents.ts'
import { cursor, REPLICA_SET, type Script, scriptedMongodb } from './mongodb-scripted.ts'
import { mongodbOptions } from './mongodb-subject.ts'
import type { Reply } from './mongodb-wire.ts'
import { until } from './subject.ts'

/**
 * What no server that can be started here does: to be a replica set, to be old, to refuse a password. Its answers are those that MongoDB
 * documents, on the wire.
 */
describe('the adapter for MongoDB, with a server that answers as it is told', () => {
  async function open(context: TestContext, script: Script, options: Partial<MongodbOptions> = {}) {
    const server = await scriptedMongodb(script)
    context.after(() => server[Symbol.asyncDispose]())
    const url = `${server.url}/?directConnection=true&w=1&readConcernLevel=local&journal=false&retryWrites=true`
    const mongodb = await openMongodb(mongodbOptions(url, options))
    context.after(() => mongodb.close())
    server.heard.length = 0
    return { ...mongodb, heard: server.heard }
  }

  const refusal = async (script: Script, options: Partial<MongodbOptions> = {}): Promise<unknown> => {
    await using server = await scriptedMongodb(script)
    return await openMongodb(mongodbOptions(`${server.url}/?directConnection=true`, options)).then(
      () => assert.fail('it was opened'),
      (error: unknown) => error,
    )
  }

  test('[MDB11] a replica set of several replicates, one of one does not; the line for the log tells them apart', async (context) => {
    const several = await open(context, { hello: REPLICA_SET })
    assert.deepEqual([several.durability, /8\.0\.4, a replica set of 3$/.test(several.about)], ['replicated', true])
    const alone = await open(context, { hello: { ...REPLICA_SET, hosts: ['one:27017'] } })
    assert.deepEqual([alone.durability, /replica set of one$/.test(alone.about)], ['fsync', true])
    const arbiter = await open(context, {
      hello: { ...REPLICA_SET, hosts: ['one:1'], passives: ['two:1'], arbiters: ['three:1'] },
    })
    assert.deepEqual([arbiter.durability, /replica set of 2$/.test(arbiter.about)], ['replicated', true])
    const node = await open(context, {})
    assert.deepEqual([node.durability, /one node$/.test(node.about)], ['fsync', true])
  })

  test('[MDB11] whatever the URL says, everything is read by majority and written by majority and to the journal, but what is only tidied', async (context) => {
    const { store, heard } = await open(context, { hello: REPLICA_SET })
    await write(store.timeline, entries('r', 1, 3), {
      projections: [projection('r', 3)],
      settled: { partition: 0, next: 3, feed: 3 },
    })
    await store.history.view(view('r', { user: 'bob' }))
    await store.timeline.lease(0, 'w')
    await store.users.put('bob', 'Bob', 1)
    const asked = (command: string) => heard.filter((one) => one.command === command).map(({ document }) => document)
    for (const { readConcern } of asked('find')) assert.equal(levelOf(readConcern), 'majority')
    for (const { writeConcern } of [...asked('insert'), ...asked('update')])
      assert.deepEqual(writeConcern, { w: 'majority', j: true })
    assert.deepEqual(
      asked('delete').map(({ writeConcern }) => writeConcern),
      [{ w: 1 }],
    )
    assert.ok(
      heard.every(({ document }) => document.txnNumber === undefined),
      'the driver tries nothing twice',
    )
  })

  test('[MDB11] on a replica set the worker reads behind all it was told, and each reader behind its own call’s first read', async (context) => {
    const { store, heard } = await open(context, { hello: REPLICA_SET })
    const seconds = () => heard.map(({ document }) => afterOf(document.readConcern))
    await write(store.timeline, entries('r', 1, 3))
    await store.timeline.find([entry('r', 1)])
    await store.timeline.term(0)
    const [written, found, term] = seconds()
    assert.equal(written, undefined)
    assert.ok(found !== undefined && term !== undefined && term === found + 1, 'each is behind the reply before it')
    heard.length = 0
    await store.history.view(view('r', { user: 'bob' }))
    const [first, ...others] = seconds()
    assert.equal(first, undefined)
    assert.ok(others.length >= 3 && others.every((after, i) => i === 0 || (after ?? 0) > (others[i - 1] ?? 0)))
    assert.equal(new Set(heard.map(({ document }) => JSON.stringify(document.lsid))).size, 1)
  })

  test('[MDB11] on one node no session is asked for what it does not keep', async (context) => {
    const { store, heard } = await open(context, {})
    await write(store.timeline, entries('r', 1, 3))
    await store.timeline.find([entry('r', 1)])
    assert.ok(heard.every(({ document }) => afterOf(document.readConcern) === undefined))
  })

  test('[MDB12] what a replica set says in doubt is unknown, and what it refuses for certain is not', async (context) => {
    const duplicate = { index: 1, code: 11000, errmsg: 'E11000 duplicate key' }
    const refused = (code: number, errmsg = 'no') => ({ ok: 0, code, errmsg })
    const cases: readonly [string, Reply, string][] = [
      ['its primary stepped down', refused(10107), 'unknown ambiguous'],
      ['it is shutting down', refused(91), 'unknown ambiguous'],
      ['it was interrupted', refused(11602), 'unknown ambiguous'],
      ['time was up', refused(50), 'unknown ambiguous'],
      [
        'its majority did not answer',
        { ok: 1, n: 3, writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } },
        'unknown ambiguous',
      ],
      [
        'a duplicate, and no majority',
        { ok: 1, n: 1, writeErrors: [duplicate], writeConcernError: { code: 91, errmsg: 'shutdown' } },
        'unknown ambiguous',
      ],
      ['a duplicate that no majority shows yet', { ok: 1, n: 1, writeErrors: [duplicate] }, 'unknown ambiguous'],
      [
        'an error of one document that nobody knows',
        { ok: 1, n: 1, writeErrors: [{ ...duplicate, code: 4711 }] },
        'unknown ambiguous',
      ],
      ['it may be tried again', { ...refused(4711), errorLabels: ['RetryableWriteError'] }, 'unknown ambiguous'],
      ['nobody knows this error', refused(4711), 'unknown unknown'],
      ['its disk is full', refused(14031), 'rejected full'],
      ['the user may not write', refused(13), 'rejected operator'],
      ['the request was too large', refused(10334), 'poison poison'],
      ['it has too much to do', refused(462), 'rejected overload'],
    ]
    for (const [what, reply, expected] of cases) {
      const { store } = await open(context, {
        hello: REPLICA_SET,
        answer: (command) => (command === 'insert' ? reply : undefined),
      })
      const told = await write(store.timeline, entries('r', 1, 3)).then(
        (written) => `${written.result} ${'cause' in written ? failureClass(written.cause) : ''}`,
        (error: unknown) => `rejected ${failureClass(error)}`,
      )
      assert.equal(told, expected, what)
    }
  })

  test('[MDB12] what follows the documents fails as unknown, also where that itself is certain', async (context) => {
    const failing = (collection: string) => (command: string, document: Reply) =>
      document[command] === collection && command !== 'find' && command !== 'listIndexes'
        ? { ok: 0, code: 13, errmsg: 'not authorized' }
        : undefined
    for (const collection of ['rooms', 'settled']) {
      const { store } = await open(context, { answer: failing(collection) })
      const following = { projections: [projection('r', 3)], settled: { partition: 0, next: 3, feed: 3 } }
      const written = await write(store.timeline, entries('r', 1, 3), following)
      assert.equal(written.result, 'unknown', collection)
    }
  })

  test('[MDB12] a second insert that certainly failed leaves the write unknown: the first is in', async (context) => {
    let inserts = 0
    const answer = (command: string) =>
      command === 'insert' && ++inserts > 1 ? { ok: 0, code: 14031, errmsg: 'no space' } : undefined
    const { store } = await open(context, { answer, buildInfo: { ferretdbVersion: 'v1' } })
    assert.equal((await write(store.timeline, entries('r', 1, 150))).result, 'unknown')
  })

  test('[MDB12] a duplicate counts only when a majority shows both what stands in the way and all that is before it', async (context) => {
    const row = (seq: number, id = `r/${seq}`) => ({
      ...{ _id: id, room: 'r', seq, kind: 'message', text: 'x', sender: 'alice', at: 1, digest: 'd', origin: 1 },
    })
    const cases: readonly [readonly Reply[], string][] = [
      [[row(1), row(2, 'another')], 'duplicate'],
      [[row(1), row(9, 'r/2')], 'duplicate'],
      [[row(1)], 'unknown'],
      [[row(2, 'another')], 'unknown'],
      [[row(1, 'another'), row(2, 'another')], 'unknown'],
      [[row(3, 'r/1'), row(2, 'another')], 'unknown'],
    ]
    for (const [shown, expected] of cases) {
      const answer = (command: string, document: Reply) => {
        if (command === 'find' && document.find === 'entries') return cursor(shown)
        return command === 'insert'
          ? { ok: 1, n: 1, writeErrors: [{ index: 1, code: 11000, errmsg: 'E11000' }] }
          : undefined
      }
      const { store } = await open(context, { hello: REPLICA_SET, answer })
      assert.equal((await write(store.timeline, entries('r', 1, 3))).result, expected, JSON.stringify(shown))
    }
  })

  test('[MDB12] an addition that a room is not projected through yet is not shown yet', async (context) => {
    const rows: Readonly<Record<string, readonly Reply[]>> = {
      rooms: [
        { _id: 'h', room: 'r', what: 'head', version: 7 },
        { _id: 'd', room: 'r', what: 'room', version: 1, kind: 'group', owner: 'alice', createdAt: 1, memberCount: 2 },
      ],
      members: [
        { _id: 'm', room: 'r', user: 'bob', version: 8, role: 'member' },
        { _id: 'n', room: 'r', user: 'carol', version: 7, role: 'member' },
      ],
    }
    const answer = (command: string, document: Reply) =>
      command === 'find' && Object.hasOwn(rows, String(document.find))
        ? cursor(rows[String(document.find)] ?? [])
        : undefined
    const { store } = await open(context, { answer })
    const { rooms } = await store.history.survey(['bob', 'carol'], [])
    assert.deepEqual([rooms.get('bob')?.length, rooms.get('carol')?.length], [0, 1])
  })

  test('[MDB12] the epoch is read again until it is the same before and after', async (context) => {
    let epochs = 0
    const answer = (command: string, document: Reply) =>
      command === 'find' && document.find === 'epochs'
        ? cursor([{ _id: 'x', partition: 0, epoch: Math.min(3, ++epochs) }])
        : undefined
    const { store } = await open(context, { answer })
    assert.equal((await store.history.view(view('r'))).epoch, 3)
    epochs = 0
    assert.deepEqual((await store.history.survey([], [])).epochs, [3])
  })

  test('[MDB12] membership is read last, so that nobody is shown what came after their removal', async (context) => {
    let isRemoved = false
    const rows: Readonly<Record<string, () => readonly Reply[]>> = {
      rooms: () => [
        { _id: 'h', room: 'r', what: 'head', version: 7 },
        { _id: 'd', room: 'r', what: 'room', version: 1, kind: 'group', owner: 'alice', createdAt: 1, memberCount: 2 },
      ],
      members: () => [
        { _id: 'm', room: 'r', user: 'bob', version: isRemoved ? 6 : 2, ...(isRemoved ? {} : { role: 'member' }) },
      ],
    }
    const answer = (command: string, document: Reply) => {
      const found = command === 'find' ? rows[String(document.find)]?.() : undefined
      if (document.find === 'rooms') isRemoved = true
      return found && cursor(found)
    }
    const { store, heard } = await open(context, { answer })
    assert.deepEqual((await store.history.survey(['bob'], [])).rooms.get('bob'), [])
    isRemoved = false
    heard.length = 0
    const { member } = await store.history.view(view('r', { user: 'bob' }))
    assert.deepEqual(member, { user: 'bob', role: undefined, seq: 6 })
    assert.deepEqual(
      heard.map(({ document }) => document.find),
      ['epochs', 'rooms', 'entries', 'members', 'epochs'],
    )
  })

  test('[MDB12] a room is loaded head first, and what stands above the head last', async (context) => {
    const { store, heard } = await open(context, {})
    await store.timeline.load([{ room: 'r', users: ['bob'] }], [])
    assert.deepEqual(
      heard.map(({ document }) => document.find),
      ['rooms', 'members', 'entries'],
    )
    assert.deepEqual(heard[0]?.document.sort, { room: 1, what: 1, version: 1 })
  })

  test('[MDB7] wrong credentials are the operator’s, with what to look at', async () => {
    const answer = (command: string) =>
      command === 'saslStart' ? { ok: 0, code: 18, errmsg: 'Authentication failed.' } : undefined
    const error = await refusal({ answer }, { username: 'holdfast', password: 'wrong' })
    assert.equal(failureClass(error), 'operator')
    assert.match(String(error), /MongoDB at 127.*Authentication failed.*check the user, the password.*authSource/)
    assert.ok(!String(error).includes('wrong'))
  })

  test('[MDB7] a server that is too old is the operator’s, also one that is too old for the driver', async () => {
    const old = await refusal({ buildInfo: { version: '4.4.29' } })
    assert.equal(failureClass(old), 'operator')
    assert.match(String(old), /version 4\.4\.29.*needs 5\.0 or newer/)
    const ancient = await refusal({ hello: { maxWireVersion: 6 } })
    assert.equal(failureClass(ancient), 'operator', String(ancient))
  })

  test('[MDB7] a file of authorities that is not there is the operator’s', async () => {
    const error = await refusal({}, { tlsCaFile: '/nowhere/authorities.pem' })
    assert.equal(failureClass(error), 'operator')
    assert.match(String(error), /authorities\.pem/)
  })

  test('[MDB6] whatever an opening fails of, no connection is left', async () => {
    const scripts: Script[] = [
      { buildInfo: { version: '4.4.0' } },
      { answer: (command) => (command === 'listIndexes' ? cursor([]) : undefined) },
      { answer: (command) => (command === 'buildInfo' ? { ok: 0, code: 13, errmsg: 'not authorized' } : undefined) },
    ]
    for (const script of scripts) {
      await using server = await scriptedMongodb(script)
      const opening = openMongodb(mongodbOptions(`${server.url}/?directConnection=true`))
      await assert.rejects(opening, (error) => failureClass(error) === 'operator')
      await until(() => server.connections() === 0, 'no connection is left')
    }
  })

  test('[MDB7] a URL that is none is refused with how to write one, and no password in it is shown', async () => {
    for (const url of [
      '',
      'http://localhost/x',
      'mongodb://',
      'mongodb:///x',
      'localhost:27017',
      'mongodb://h/a.b',
      'mongodb://h/?nonsense=1',
      'mongodb://h:x/',
    ]) {
      const error = await openMongodb(mongodbOptions(url)).catch((error: unknown) => error)
      assert.equal(failureClass(error), 'operator', url)
    }
    const leaking = [
      'mongodb://me:secret@h:x/',
      'mongodb://me:sec/secret@h/',
      'mongodb://me:sec@secret@h/',
      'mongodb://me:sec:secret@h/',
      'mongodb://me:secret%zz@h/',
      'mongodb://me:secret@h/?authMechanism=NONE',
      'mongodb://me:secret@h/?tls=maybe',
      'mongodb://me:secret@/x',
    ]
    for (const url of leaking) {
      const error = await openMongodb(mongodbOptions(url)).catch((error: unknown) => error)
      assert.equal(failureClass(error), 'operator', url)
      for (let said = error; said instanceof Error; said = said.cause)
        assert.ok(!/secret/.test(said.message), said.message)
    }
    assert.deepEqual(addressOf('mongodb://a:1,b:2/chat?tls=true'), { hosts: 'a:1,b:2', database: 'chat' })
    assert.deepEqual(addressOf('mongodb+srv://me:pa%40ss@name.example'), {
      hosts: 'name.example',
      database: 'holdfast',
    })
  })

  test('[MDB10] texts are written so that every engine takes them, each in one way, and in their order', () => {
    const units = ['', '\0', '\u0001', '\u0002', '1', '2', '3', 'a', 'd83d', '\ud83d', '\ude00', '\u{1f600}', '\uffff']
    const texts = units.flatMap((one) => units.flatMap((other) => units.map((third) => one + other + third)))
    for (const text of texts) {
      const encoded = encodeText(text)
      assert.ok(encoded.isWellFormed() && !encoded.includes('\0'))
      assert.equal(decodeText(encoded), text)
    }
    assert.equal(new Set(texts.map(encodeText)).size, new Set(texts).size)
    const formed = texts.filter((text) => text.isWellFormed()).sort(byteOrder)
    assert.deepEqual(formed.map(encodeText), formed.map(encodeText).sort(byteOrder))
    for (const alien of ['\u0001', '\u00014', '\u00013', '\u00013zzzz', '\u000130041'])
      assert.equal(decodeText(alien), undefined)
  })
})

function levelOf(readConcern: unknown): unknown {
  return typeof readConcern === 'object' && readConcern !== null && 'level' in readConcern
    ? readConcern.level
    : undefined
}

/** The second that a read has to be behind. */
function afterOf(readConcern: unknown): number | undefined {
  if (typeof readConcern !== 'object' || readConcern === null || !('afterClusterTime' in readConcern)) return undefined
  const { afterClusterTime } = readConcern
  return typeof afterClusterTime === 'object' && afterClusterTime !== null && 't' in afterClusterTime
    ? Number(afterClusterTime.t)
    : undefined
}

function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
