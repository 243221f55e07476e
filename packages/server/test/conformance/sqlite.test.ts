import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { failureClass } from '../../src/ports/failure.ts'
import type { LogRecord } from '../../src/ports/log.ts'
import type { FailpointName } from '../../src/ports/system.ts'
import { sqliteEngines, temporaryFolder } from '../support/adapters.ts'
import { entries, entry, projection, room, view, write } from './documents.ts'
import { ALL, engines, JUMP, killedCopy, own, records } from './sqlite-folder.ts'
import { until } from './subject.ts'

const isOperator = (error: unknown) => failureClass(error) === 'operator'

describe('a folder on SQLite', () => {
  test('[SQL1] belongs to one server at a time, until that one closes it', async (context) => {
    const folder = temporaryFolder(context)
    const first = sqliteEngines(folder)
    assert.throws(
      () => sqliteEngines(folder),
      (error) => isOperator(error) && /in use/.test(String(error)),
    )
    await first.close()
    await first.close()
    await sqliteEngines(folder).close()
  })

  test('[SQL1] is free again when its server was killed', async (context) => {
    const folder = temporaryFolder(context)
    const { signal } = await run(
      folder,
      `await engines.logs.commands.append(0, records(3)); process.kill(process.pid, 'SIGKILL')`,
    )
    assert.equal(signal, 'SIGKILL')
    const { logs } = engines(context, folder)
    assert.equal((await logs.commands.read(0, 0, ALL)).records.length, 3)
  })

  test('[SQL2] keeps the number of partitions it was made with', async (context) => {
    const folder = temporaryFolder(context)
    await sqliteEngines(folder, { partitions: 4 }).close()
    assert.throws(
      () => sqliteEngines(folder, { partitions: 2 }),
      (error) => isOperator(error) && /4 partitions.*with 2/.test(String(error)),
    )
    await sqliteEngines(folder, { partitions: 4 }).close()
  })

  test('[SQL3] written by a newer build is refused with a sentence, and left as it is', async (context) => {
    for (const file of ['log.db', 'store.db', 'search.db']) {
      const folder = temporaryFolder(context)
      await sqliteEngines(folder).close()
      const database = new DatabaseSync(join(folder, file))
      database.exec('PRAGMA user_version = 99')
      database.close()
      assert.throws(
        () => sqliteEngines(folder),
        (error) =>
          isOperator(error) && String(error).includes(file) && /newer Holdfast \(schema 99/.test(String(error)),
      )
    }
  })

  test('[SQL3] that holds something else is refused, and says which file', async (context) => {
    const folder = temporaryFolder(context)
    writeFileSync(join(folder, 'store.db'), 'this is no database, but long enough to look like one'.repeat(100))
    assert.throws(
      () => sqliteEngines(folder),
      (error) => isOperator(error) && /store\.db/.test(String(error)),
    )
  })

  test('[SQL8] is read beside a running server, without its lock, and what happens meanwhile is seen', async (context) => {
    const folder = temporaryFolder(context)
    const server = engines(context, folder)
    await server.logs.commands.append(0, records(3))
    const reader = engines(context, folder, { readOnly: true })
    assert.equal((await reader.logs.commands.lag('worker'))[0]?.records, 3)
    await server.logs.commands.append(0, records(2))
    await (await own(server.logs.commands, 'worker')).commit(1)
    await write(server.store.timeline, entries('r', 1, 2), { projections: [projection('r', 2)] })
    await until(async () => (await reader.logs.commands.committed('worker', 0)) === 1, 'the commit is in the file')
    assert.equal((await reader.logs.commands.lag('worker'))[0]?.records, 4)
    assert.equal((await reader.logs.commands.read(0, 0, ALL)).records.length, 5)
    assert.equal((await reader.store.history.view(view('r'))).head, 2)
    await assert.rejects(reader.logs.commands.append(0, records(1)), isOperator)
    await assert.rejects(write(reader.store.timeline, [entry('r', 3)]), isOperator)
    await assert.rejects(reader.store.users.put('alice', undefined, 1), isOperator)
    assert.throws(() => reader.logs.commands.work('worker', async () => {}), isOperator)
  })

  test('[SQL8] is read when stopped, also after a kill, and a new one is not made by reading', async (context) => {
    const folder = temporaryFolder(context)
    assert.throws(() => sqliteEngines(folder, { readOnly: true }), isOperator)
    const server = engines(context, folder)
    await server.logs.commands.append(0, records(3))
    const killed = killedCopy(context, folder)
    await server.close()
    for (const stopped of [folder, killed]) {
      const reader = sqliteEngines(stopped, { readOnly: true })
      assert.equal((await reader.logs.commands.read(0, 0, ALL)).records.length, 3)
      await reader.close()
    }
  })

  test('[SQL3] of the first schema, with one table for each partition, is taken over with its records, offsets and commits', async (context) => {
    const folder = temporaryFolder(context)
    const old = sqliteEngines(folder, { partitions: 2 })
    await old.logs.feed.append(1, records(3))
    await (await own(old.logs.feed, 'indexer', 1)).commit(2)
    await old.close()
    const database = new DatabaseSync(join(folder, 'log.db'))
    for (const log of ['commands', 'feed', 'dead_letters'])
      for (const partition of [0, 1]) database.exec(`DROP TABLE ${log}_${partition}_b`)
    database.exec(`
      CREATE TABLE floors (log TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (log, partition)) WITHOUT ROWID;
      PRAGMA user_version = 1;
    `)
    database.close()

    assert.throws(() => sqliteEngines(folder, { partitions: 2, readOnly: true }), /older schema 1/)
    assert.throws(() => sqliteEngines(folder, { partitions: 4 }), /2 partitions.*with 4/)
    const { feed } = engines(context, folder, { partitions: 2 }).logs

    assert.deepEqual(await feed.append(1, records(1)), [3])
    assert.equal((await feed.read(1, 0, ALL)).records.length, 4)
    assert.equal((await feed.lag('indexer'))[1]?.records, 2)
  })
})

describe('offsets on SQLite', () => {
  test('[SQL4] after an unclean end no offset of the feed comes again, also where a power cut took what readers saw', async (context) => {
    const folder = temporaryFolder(context)
    const server = engines(context, folder)
    await server.logs.feed.append(0, records(3))
    const killed = killedCopy(context, folder)
    const [seen = 0] = await server.logs.feed.append(0, records(1))

    const after = engines(context, killed)
    const [again = 0] = await after.logs.feed.append(0, records(2))
    assert.ok(again > seen)
    assert.ok(again >= JUMP)
    assert.equal((await after.logs.feed.lag('indexer'))[0]?.records, 5)
    assert.equal((await after.logs.feed.read(0, 0, ALL)).records.length, 5)
    const owned = await own(after.logs.feed, 'indexer')
    await owned.commit(3)
    assert.equal((await after.logs.feed.lag('indexer'))[0]?.records, 2)
    await owned.commit(again + 1)
    assert.equal((await after.logs.feed.lag('indexer'))[0]?.records, 1)
  })

  test('[LOG5] where numbers were left out and nothing lies behind them, a read waits all the same', async (context) => {
    const folder = temporaryFolder(context)
    const server = engines(context, folder)
    await server.logs.feed.append(0, records(3))
    const killed = killedCopy(context, folder)
    const { feed } = engines(context, killed).logs
    const owned = await own(feed, 'indexer')
    owned.seek(3)
    let isOver = false
    const gather = { records: 2, ms: 60_000 }
    const waiting = owned.read({ ...ALL, waitMs: 60_000, gather }).finally(() => {
      isOver = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(isOver, false)
    await feed.append(0, records(1))
    assert.equal((await waiting).length, 1)
  })

  test('[SQL4] two unclean ends without an append between them jump twice', async (context) => {
    const folder = temporaryFolder(context)
    const first = engines(context, folder)
    await first.logs.feed.append(0, records(3))
    const once = killedCopy(context, folder)
    const second = sqliteEngines(once)
    const [seen = 0] = await second.logs.feed.append(0, records(1))
    await second.close()
    const lost = sqliteEngines(once)
    const twice = killedCopy(context, once)
    await lost.close()
    const third = engines(context, twice)
    const { end } = await third.logs.feed.range(0)
    assert.ok(end > seen + JUMP / 2)
    assert.equal((await third.logs.feed.lag('indexer'))[0]?.records, 4)
  })

  test('[SQL4] a clean end leaves no number out, and the command log never does', async (context) => {
    const folder = temporaryFolder(context)
    for (let i = 0; i < 3; i++) {
      const server = sqliteEngines(folder)
      assert.deepEqual(await server.logs.feed.append(0, records(2)), [2 * i, 2 * i + 1])
      await server.close()
    }
    const server = engines(context, folder)
    await server.logs.commands.append(0, records(2))
    const killed = killedCopy(context, folder)
    assert.deepEqual(await engines(context, killed).logs.commands.append(0, records(1)), [2])
  })
})

describe('faults on SQLite', () => {
  const MOUNT_BYTES = 2 << 20

  test('[SQL6] a full disk refuses as full, loses nothing, and is forgotten once there is room', async (context) => {
    const folder = temporaryFolder(context)
    const data = join(folder, 'small')
    mkdirSync(data)
    if (!mounts(context, data, MOUNT_BYTES)) return
    const server = sqliteEngines(data)
    try {
      const ballast = join(data, 'ballast')
      writeFileSync(ballast, new Uint8Array(MOUNT_BYTES / 4))
      const appended = await fill(() => server.logs.commands.append(0, records(20, 1_000)))
      const seqs = await fill((i) =>
        write(server.store.timeline, [entry('r', i + 1, { content: { kind: 'message', text: 'x'.repeat(8_000) } })]),
      )
      await fill(() => server.logs.feed.append(0, records(20, 1_000)))
      await fill((i) =>
        server.search.write({
          documents: [
            {
              room: 'r',
              seq: i + 1,
              id: `${i}`,
              sender: 'a',
              at: i,
              version: 1,
              tokens: `t${i} `.repeat(500),
              exact: '',
            },
          ],
          heads: new Map(),
          through: undefined,
        }),
      )
      assert.equal((await server.logs.commands.read(0, 0, ALL)).records.length, 20 * appended)
      rmSync(ballast)
      await server.logs.commands.append(0, records(20, 1_000))
      assert.deepEqual(await write(server.store.timeline, [entry('r', seqs + 1)]), { result: 'all' })
      await server.logs.feed.append(0, records(1))
      assert.equal((await server.logs.commands.read(0, 0, ALL)).records.length, 20 * (appended + 1))
      assert.equal((await server.store.audit.documents(undefined, 1_000)).length, seqs + 1)
    } finally {
      await server.close()
      execFileSync('umount', [data])
    }
  })

  for (const [at, kept] of Object.entries({
    'append:before': { commands: 0, documents: 0, feed: 0 },
    'append:after': { commands: 4, documents: 0, feed: 0 },
    'store:mid-write': { commands: 4, documents: 0, feed: 0 },
    'store:written': { commands: 4, documents: 0, feed: 0 },
    'store:committed': { commands: 4, documents: 4, feed: 0 },
    'feed:partial': { commands: 4, documents: 4, feed: 0 },
  } satisfies Partial<Record<FailpointName, object>>))
    test(`[SQL7] killed at ${at}, each file holds all of a transaction or nothing of it`, async (context) => {
      const folder = temporaryFolder(context)
      const { signal } = await run(
        folder,
        `await engines.logs.commands.append(0, records(4))
         await write(engines.store.timeline, entries('r', 1, 4), { projections: [projection('r', 4)], settled: { partition: 0, next: 4, feed: 0 } })
         await engines.logs.feed.append(0, records(4))`,
        `${at}=kill`,
      )
      assert.equal(signal, 'SIGKILL')
      const { logs, store } = engines(context, folder)
      const documents = await store.audit.documents(undefined, 100)
      assert.deepEqual(
        {
          commands: (await logs.commands.read(0, 0, ALL)).records.length,
          documents: documents.length,
          feed: (await logs.feed.read(0, 0, ALL)).records.length,
        },
        kept,
      )
      assert.equal((await store.timeline.settled(0))?.next, kept.documents === 4 ? 4 : undefined)
      assert.equal((await store.history.view(view('r'))).head, kept.documents)
    })

  test('[SQL9] a record that no column takes is poison, and its neighbours of the same turn are in', async (context) => {
    const { logs, store } = engines(context, temporaryFolder(context))
    const broken = { key: 'k', headers: {}, value: undefined } as unknown as LogRecord
    const isPoison = (error: unknown) => failureClass(error) === 'poison'
    const [one, poison, other] = await Promise.allSettled([
      logs.commands.append(0, records(2)),
      logs.commands.append(0, [...records(1), broken]),
      logs.commands.append(0, records(1)),
    ])
    assert.deepEqual([one.status, poison.status, other.status], ['fulfilled', 'rejected', 'fulfilled'])
    assert.ok(poison.status === 'rejected' && isPoison(poison.reason))
    const read = (await logs.commands.read(0, 0, ALL)).records
    assert.deepEqual(
      read.map(({ offset, key }) => [offset, key]),
      [
        [0, 'k0'],
        [1, 'k1'],
        [2, 'k0'],
      ],
    )
    const document = entry('r', 2, { digest: undefined as unknown as string })
    const written = await write(store.timeline, [entry('r', 1), document, entry('r', 3)])
    assert.deepEqual([written.result, 'at' in written && written.at], ['poison', 1])
    assert.equal((await store.audit.documents(undefined, 10)).length, 1)
  })
})

describe('counts on SQLite', () => {
  test('[SQL10] ten thousand messages compile no statement and open no connection, also where the log is trimmed', async (context) => {
    const server = engines(context, temporaryFolder(context), { retainedRecordsMin: 100 })
    // A connection is of no use without a statement, so that whoever opens one is counted too.
    const { prepare, exec, open } = DatabaseSync.prototype
    let made = 0
    const counting = <Call extends (...args: never[]) => unknown>(call: Call) =>
      function (this: DatabaseSync, ...args: Parameters<Call>) {
        made++
        return Reflect.apply(call, this, args)
      }
    context.after(() => Object.assign(DatabaseSync.prototype, { prepare, exec, open }))
    Object.assign(DatabaseSync.prototype, { prepare: counting(prepare), exec: counting(exec), open: counting(open) })
    const owned = await own(server.logs.commands, 'worker')
    for (let i = 0; i < 10_000; i += 100) {
      await server.logs.commands.append(0, records(100))
      const read = await owned.read({ ...ALL, waitMs: 0 })
      const documents = entries('r', i + 1, i + 100)
      await server.store.timeline.find(documents)
      const projections = [projection('r', i + 100, { document: room('r', i + 1) })]
      const settled = { partition: 0, next: i + 100, feed: i }
      assert.equal((await write(server.store.timeline, documents, { projections, settled })).result, 'all')
      await server.logs.feed.append(0, records(100))
      await owned.commit((read.at(-1)?.offset ?? 0) + 1)
      await server.store.history.view(view('r', { user: 'alice' }))
      // So that timers are heard of.
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(made, 0)
    assert.ok((await server.logs.commands.range(0)).begin > 0)
  })

  test('[SQL12] what one turn of the event loop appends, to whatever partitions, is one transaction', async (context) => {
    const { logs } = engines(context, temporaryFolder(context), { partitions: 4 })
    const { run } = StatementSync.prototype
    let commits = 0
    context.after(() => Object.assign(StatementSync.prototype, { run }))
    Object.assign(StatementSync.prototype, {
      run(this: StatementSync, ...args: Parameters<typeof run>) {
        if (this.sourceSQL === 'COMMIT') commits++
        return Reflect.apply(run, this, args)
      },
    })

    await Promise.all([0, 1, 2, 3].map((partition) => logs.commands.append(partition, records(5))))

    assert.equal(commits, 1)
  })

  test('[SQL16] a commit that goes back survives a kill in the very next moment', async (context) => {
    const folder = temporaryFolder(context)
    const { logs } = engines(context, folder)
    await logs.commands.append(0, records(3))
    const owned = await own(logs.commands, 'worker')
    await owned.commit(3)
    await logs.commands.append(0, records(1))

    await owned.commit(1)
    const after = engines(context, killedCopy(context, folder))

    assert.equal(await after.logs.commands.committed('worker', 0), 1)
  })

  test('[SQL13] what was committed in the last moment before a clean close is committed at the next opening', async (context) => {
    const folder = temporaryFolder(context)
    const first = sqliteEngines(folder)
    await first.logs.commands.append(0, records(3))
    const owned = await own(first.logs.commands, 'worker')
    await owned.commit(3)
    await first.close()

    const { logs } = engines(context, folder)

    assert.equal(await logs.commands.committed('worker', 0), 3)
  })
})

/** How often this worked until the engine said it was full. */
async function fill(step: (i: number) => Promise<unknown>): Promise<number> {
  for (let i = 0; i < 10_000; i++) {
    try {
      await step(i)
    } catch (error) {
      assert.equal(failureClass(error), 'full', String(error))
      return i
    }
  }
  throw new Error('it never got full')
}

/** A small file system of its own; without the right to mount one there is nothing to test on. */
function mounts(context: TestContext, folder: string, bytes: number): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'ignore' })
    return true
  } catch (cause) {
    if (process.env.CI === 'true') throw cause
    context.skip('needs the right to mount a tmpfs: run it as root, or in a container that may')
    return false
  }
}

/** Runs code in a process of its own with the engines of this folder open; resolves with the signal that ended it. */
function run(folder: string, code: string, failpoints = ''): Promise<{ signal: string | undefined }> {
  const from = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)))
  const script = `
    import { sqliteEngines } from ${from('../support/adapters.ts')}
    import { failpointsFrom } from ${from('../../src/adapters/system/failpoint.ts')}
    import { entries, projection, write } from ${from('./documents.ts')}
    const records = (count) => Array.from({ length: count }, (_, i) => ({ key: 'k' + i, headers: {}, value: new Uint8Array(10) }))
    const engines = sqliteEngines(${JSON.stringify(folder)}, { failpoint: failpointsFrom(${JSON.stringify(failpoints)}) })
    ${code}
    await engines.close()
  `
  const node = [
    ...process.execArgv.filter((flag) => flag.startsWith('--conditions')),
    '--input-type=module',
    '--eval',
    script,
  ]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, node, (error, _, said) => {
      if (error !== null && error.signal == null) reject(new Error(said))
      else resolve({ signal: error?.signal ?? undefined })
    })
  })
}
