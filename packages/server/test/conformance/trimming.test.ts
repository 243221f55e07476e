import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { LogFile, type LogFileOptions } from '../../src/adapters/sqlite/log-file.ts'
import type { Log, Offset } from '../../src/ports/log.ts'
import { temporaryFolder } from '../support/adapters.ts'
import { FakeClock } from '../worker/fake-clock.ts'
import { seeded } from '../worker/scene.ts'
import { ALL, JUMP, killedCopy, records } from './sqlite-folder.ts'

const KEPT = 1_000
/** By then what was committed is written, and what it leaves to nobody is gone. */
const WRITTEN_MS = 1_000

const clock = new FakeClock()
const written = () => clock.advance(WRITTEN_MS)
const begin = async (log: Log) => (await log.range(0)).begin
const everything = async (log: Log) => (await log.read(0, 0, ALL)).records
const offsets = async (log: Log) => (await everything(log)).map(({ offset }) => offset)

describe('trimming on SQLite', () => {
  test('[SQL5] rows go once every group has passed them and so many behind them, and these stay', async (context) => {
    const groups = { commands: ['worker', 'audit'], feed: [] }
    const { commands } = logFile(context, temporaryFolder(context), { groups })
    await commands.append(0, records(1_500))
    for (const group of groups.commands) await commit(commands, group, 1_500)
    await written()
    await commands.append(0, records(1_500))
    await commit(commands, 'worker', 3_000)
    await commit(commands, 'audit', 1_500 + KEPT - 1)
    await written()
    assert.equal(await begin(commands), 0)

    await commit(commands, 'audit', 1_500 + KEPT)
    await written()

    assert.deepEqual(await commands.range(0), { begin: 1_500, end: 3_000 })
    assert.deepEqual(await offsets(commands), numbers(1_500, 3_000))
    assert.equal((await commands.lag('late'))[0]?.records, 1_500)
  })

  test('[SQL5] a group that lags keeps everything; when it has caught up, all of that goes', async (context) => {
    const groups = { commands: ['worker', 'slow'], feed: [] }
    const { commands } = logFile(context, temporaryFolder(context), { groups })
    for (let end = KEPT; end <= 10 * KEPT; end += KEPT) {
      await commands.append(0, records(KEPT))
      await commit(commands, 'worker', end)
      await commit(commands, 'slow', KEPT / 2)
      await written()
    }
    assert.deepEqual(await offsets(commands), numbers(0, 10 * KEPT))

    await commit(commands, 'slow', 10 * KEPT)
    await written()
    await commands.append(0, records(KEPT))
    for (const group of groups.commands) await commit(commands, group, 11 * KEPT)
    await written()

    assert.deepEqual(await offsets(commands), numbers(10 * KEPT, 11 * KEPT))
  })

  test('[SQL5] a log whose groups have not committed, or that has none, keeps everything', async (context) => {
    const groups = { commands: ['worker', 'never'], feed: [] }
    const { commands, feed, deadLetters } = logFile(context, temporaryFolder(context), {
      groups,
      retainedRecordsMin: 0,
    })
    const logs = [commands, feed, deadLetters]
    for (let end = 500; end <= 2_000; end += 500)
      for (const log of logs) {
        await log.append(0, records(500))
        await commit(log, 'worker', end)
        await written()
      }
    for (const log of logs) assert.deepEqual(await offsets(log), numbers(0, 2_000))
  })

  test('[SQL5] offsets go on after tables were emptied, also after closing and after a jump', async (context) => {
    const folder = temporaryFolder(context)
    const first = logFile(context, folder)
    await pass(first.feed, KEPT, 3)
    assert.deepEqual(await first.feed.range(0), { begin: 2 * KEPT, end: 3 * KEPT })
    await first.close()

    const second = logFile(context, folder)
    assert.deepEqual(await second.feed.range(0), { begin: 2 * KEPT, end: 3 * KEPT })
    const killed = logFile(context, killedCopy(context, folder))

    await pass(killed.feed, KEPT, 3)
    const end = 6 * KEPT + JUMP
    assert.deepEqual(await offsets(killed.feed), numbers(end - KEPT, end))
    assert.equal((await killed.feed.lag('late'))[0]?.records, KEPT)
  })

  test('[SQL5] records kept are counted as records, not as offsets, across a jump', async (context) => {
    const folder = temporaryFolder(context)
    const before = logFile(context, folder)
    await pass(before.feed, KEPT, 1)
    await before.feed.append(0, records(300))
    const { feed } = logFile(context, killedCopy(context, folder))

    await pass(feed, KEPT - 300 - 1, 1)
    assert.equal(await begin(feed), 0)
    await pass(feed, 1, 1)

    assert.equal(await begin(feed), KEPT)
    assert.equal((await everything(feed)).length, KEPT)
  })

  test('[SQL5] an emptying that fails takes nothing, and is made up for', async (context) => {
    const { commands } = logFile(context, temporaryFolder(context))
    await pass(commands, KEPT, 1)
    const failing = afterStatements(context, (statement) => {
      if (EMPTYING.test(statement)) throw new Error('a disk that takes nothing')
    })
    await pass(commands, KEPT, 1)
    assert.deepEqual(await offsets(commands), numbers(0, 2 * KEPT))

    failing.restore()
    await pass(commands, 1, 1)

    assert.deepEqual(await offsets(commands), numbers(KEPT, 2 * KEPT + 1))
  })

  test('[SQL8] a reader beside a server that empties its tables finds what is there, in order', async (context) => {
    const folder = temporaryFolder(context)
    const server = logFile(context, folder)
    const reader = logFile(context, folder, { readOnly: true })
    for (let round = 1; round <= 5; round++) {
      await pass(server.feed, KEPT, 1)
      const range = await server.feed.range(0)
      assert.deepEqual(await reader.feed.range(0), range)
      assert.deepEqual(await offsets(reader.feed), numbers(range.begin, range.end))
      assert.equal((await reader.feed.lag('late'))[0]?.records, range.end - range.begin)
    }
  })

  test('[SQL7] killed after any statement of an emptying, a log is whole, was passed by everybody, and is trimmed again', async (context) => {
    const folder = temporaryFolder(context)
    const { commands } = logFile(context, folder)
    const copies: { readonly after: string; readonly folder: string; readonly begin: Offset; readonly end: Offset }[] =
      []
    await commands.append(0, records(3 * KEPT))
    await commit(commands, 'worker', KEPT)
    await written()
    await commands.append(0, records(KEPT))
    await commit(commands, 'worker', 4 * KEPT)
    const watching = afterStatements(context, (after) => {
      const begin = copies.length > 0 && after === 'COMMIT' ? 3 * KEPT : 0
      copies.push({ after, folder: killedCopy(context, folder), begin, end: 4 * KEPT })
    })
    await written()
    watching.restore()
    await commands.append(0, records(1))
    copies.push({ after: 'the next append', folder: killedCopy(context, folder), begin: 3 * KEPT, end: 4 * KEPT + 1 })
    const statements = copies.map(({ after }) => after).join('; ')
    assert.match(statements, /^BEGIN.*; INSERT .* INTO positions.*; DELETE FROM commands_0.*; COMMIT; the next append$/)

    for (const { after, folder, begin, end } of copies) {
      const { commands } = logFile(context, folder)
      assert.deepEqual(await offsets(commands), numbers(begin, end), after)
      assert.ok(((await commands.committed('worker', 0)) ?? 0) >= begin, after)
      await pass(commands, KEPT, 4)
      assert.deepEqual(await offsets(commands), numbers(end + 3 * KEPT, end + 4 * KEPT), after)
    }
  })

  for (let seed = 1; seed <= 8; seed++)
    test(`[SQL5] whatever is appended, committed, read, closed and killed, a log is an array without its beginning (seed ${seed})`, (context) =>
      play(context, seed))
})

describe('what trimming on SQLite costs', () => {
  test('[SQL15] emptying a table of 32,768 rows writes a few pages, whatever it held', async (context) => {
    const ROWS = 32_768
    const folder = temporaryFolder(context)
    const { commands } = logFile(context, folder, { retainedRecordsMin: ROWS })
    await pass(commands, ROWS, 1, 200)
    await commands.append(0, records(ROWS, 200))
    const database = new DatabaseSync(join(folder, 'log.db'))
    context.after(() => database.close())
    const pragma = (name: string) => Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')

    await commit(commands, 'worker', 2 * ROWS)
    await written()

    assert.equal(await begin(commands), ROWS)
    const frames = Math.floor(statSync(join(folder, 'log.db-wal')).size / pragma('page_size'))
    const freed = pragma('freelist_count')
    context.diagnostic(`${frames} pages written to free ${freed}`)
    assert.ok(freed > 1_500, `${freed} pages were freed`)
    // The table's root, the commits, the file's first page, and the list of free pages, of which one page holds a thousand.
    assert.ok(frames <= 4 + freed / 1_000, `${frames} pages were written to free ${freed}`)
  })
})

const GROUPS = { commands: ['worker'], feed: ['worker'] }

function logFile(context: TestContext, folder: string, options: Partial<LogFileOptions> = {}): LogFile {
  const file = new LogFile({
    file: join(folder, 'log.db'),
    partitions: 1,
    clock,
    failpoint: () => {},
    readOnly: false,
    groups: GROUPS,
    retainedRecordsMin: KEPT,
    recentBytesMax: 1 << 16,
    ...options,
  })
  context.after(() => file.close())
  return file
}

/** So many times, so many records are appended, and everybody passes them. */
async function pass(log: Log, count: number, times: number, valueBytes = 10): Promise<void> {
  for (let i = 0; i < times; i++) {
    const appended = await log.append(0, records(count, valueBytes))
    await commit(log, 'worker', (appended.at(-1) ?? 0) + 1)
    await written()
  }
}

/** Commits for a group, as a member that comes and goes. */
async function commit(log: Log, group: string, next: Offset): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const membership = log.work(group, (owned) => owned.commit(next).then(resolve, reject))
  await promise
  await membership.stop()
}

const EMPTYING = /^DELETE FROM (commands|feed)_0/

/** Calls this after each statement that changes something, within its transaction. */
function afterStatements(context: TestContext, call: (sql: string) => void): { restore(): void } {
  const { run } = StatementSync.prototype
  const restore = () => Object.assign(StatementSync.prototype, { run })
  context.after(restore)
  Object.assign(StatementSync.prototype, {
    run(this: StatementSync, ...args: Parameters<typeof run>) {
      const result = Reflect.apply(run, this, args)
      call(this.sourceSQL)
      return result
    },
  })
  return { restore }
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

/** Does by chance what a server does to its logs, and holds each against an array of all that was ever appended. */
async function play(context: TestContext, seed: number): Promise<void> {
  const random = seeded(seed)
  const below = (count: number) => Math.floor(random.next() * count)
  const groups = { commands: ['worker', 'audit'], feed: ['indexer'] }
  const options = { groups, retainedRecordsMin: 5, recentBytesMax: 2_000 }
  let isFailing = false
  afterStatements(context, (statement) => {
    if (isFailing && EMPTYING.test(statement)) throw new Error('a disk that takes nothing')
  })
  let folder = temporaryFolder(context)
  let file = logFile(context, folder, options)
  const ever = { commands: [] as Offset[], feed: [] as Offset[] }
  const said = new Map<string, Offset[]>()
  const begins = { commands: [0], feed: [0] }

  const check = async (name: 'commands' | 'feed') => {
    const log = file[name]
    const range = await log.range(0)
    const from = range.begin + below(range.end - range.begin)
    const recordsMax = 1 + below(20)
    const kept = ever[name].filter((offset) => offset >= range.begin)
    assert.deepEqual(await offsets(log), kept)
    const { records } = await log.read(0, from, { recordsMax, bytesMax: 1 << 20 })
    assert.deepEqual(
      records.map(({ offset }) => offset),
      kept.filter((offset) => offset >= from).slice(0, recordsMax),
    )
    for (const group of groups[name]) {
      const committed = (await log.committed(group, 0)) ?? 0
      const passed = (offset: Offset) => offset < committed
      assert.ok(kept.filter(passed).length >= Math.min(5, ever[name].filter(passed).length))
      assert.equal((await log.lag(group))[0]?.records, kept.filter((offset) => !passed(offset)).length)
      assert.ok(committed === 0 || said.get(`${name}/${group}`)?.includes(committed))
    }
    if (range.begin > (begins[name].at(-1) ?? 0)) begins[name].push(range.begin)
  }
  const commitSome = async (name: 'commands' | 'feed', group: string) => {
    const last = (await file[name].committed(group, 0)) ?? 0
    const ahead = ever[name].filter((offset) => offset >= last)
    const to = ahead[below(3) === 0 ? below(ahead.length) : ahead.length - 1]
    if (to === undefined) return
    said.set(`${name}/${group}`, [...(said.get(`${name}/${group}`) ?? []), to + 1])
    await commit(file[name], group, to + 1)
  }

  for (let step = 0; step < 400; step++) {
    const name = below(2) === 0 ? 'commands' : 'feed'
    const what = below(100)
    if (what < 40) {
      const appended = await file[name].append(0, records(1 + below(8)))
      assert.ok((appended[0] ?? 0) > (ever[name].at(-1) ?? -1))
      ever[name].push(...appended)
    } else if (what < 65) for (const group of groups[name]) await commitSome(name, group)
    else if (what < 85) await written()
    else if (what < 90) isFailing = !isFailing
    else if (what < 93) {
      const killed = killedCopy(context, folder)
      await file.close()
      folder = killed
      file = logFile(context, folder, options)
    } else if (what < 96) {
      await file.close()
      file = logFile(context, folder, options)
    }
    await check(name)
  }
  for (const { length } of Object.values(begins)) assert.ok(length > 5, 'the beginning went on only now and then')
}
