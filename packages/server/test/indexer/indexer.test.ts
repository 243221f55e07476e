import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Faults, openMemory } from '../../src/adapters/memory/memory.ts'
import { epochRecord, storedRecord } from '../../src/core/feed.ts'
import { indexHead } from '../../src/core/indexed.ts'
import { Life } from '../../src/core/life.ts'
import { Behind, type Done } from '../../src/indexer/behind.ts'
import { createIndexer, type Indexer } from '../../src/indexer/indexer.ts'
import { type Made, rebuild } from '../../src/indexer/rebuild.ts'
import { Refresher } from '../../src/indexer/refresher.ts'
import { INDEXER_DEFAULTS, type IndexerSettings, SILENT_INDEXER } from '../../src/indexer/settings.ts'
import { Writer } from '../../src/indexer/writer.ts'
import { Failure, failureClass } from '../../src/ports/failure.ts'
import type { Log } from '../../src/ports/log.ts'
import type { SearchIndex } from '../../src/ports/search.ts'
import type { EntryDocument } from '../../src/ports/store.ts'
import { looking } from '../support/search.ts'
import { FakeClock } from '../worker/fake-clock.ts'
import { SILENT_LOGGER, seeded } from '../worker/scene.ts'

const STRAY = { id: 'x', sender: 'al', at: 1, version: 2 ** 40, tokens: 'stray', exact: '' }

class Scene {
  readonly clock = new FakeClock()
  faults: Faults = {}
  readonly counts = { indexed: 0, filled: 0, dropped: 0, failed: 0 }
  readonly memory = openMemory({
    partitions: 1,
    clock: this.clock,
    faults: { before: (call) => this.faults.before?.(call), after: (call) => this.faults.after?.(call) },
  })
  readonly #indexers: Indexer[] = []
  #epoch = 1

  /** As the worker leaves it: durable and projected in the store, then published. */
  async say(texts: readonly string[], { room = 'r', publish = true } = {}): Promise<void> {
    const { entries } = await this.memory.store.history.view({
      room,
      user: undefined,
      after: 0,
      before: undefined,
      entriesMax: 100_000,
    })
    const documents = texts.map((text, i): EntryDocument => {
      const seq = entries.length + i + 1
      return {
        end: 'stored',
        id: `${room}-${seq}`,
        room,
        seq,
        sender: 'al',
        at: this.clock.now(),
        digest: 'd',
        origin: seq,
        content: { kind: 'message', text },
      }
    })
    const head = entries.length + texts.length
    await this.memory.store.timeline.write({
      documents,
      letters: [],
      projections: [{ room, document: undefined, members: [], head }],
      settled: undefined,
    })
    if (publish)
      await this.memory.logs.feed.append(
        0,
        documents.map((entry) => storedRecord(entry, this.#epoch)),
      )
  }

  async raiseEpoch(): Promise<void> {
    await this.memory.store.timeline.raiseEpoch(0, ++this.#epoch)
    await this.memory.logs.feed.append(0, [epochRecord(this.#epoch)])
  }

  async start(
    settings: Partial<IndexerSettings> = {},
    search: SearchIndex = this.memory.search,
    feed: Log = this.memory.logs.feed,
  ): Promise<Indexer> {
    const { counts } = this
    const indexer = createIndexer({
      logs: { feed },
      history: this.memory.store.history,
      search,
      clock: this.clock,
      random: seeded(1),
      logger: SILENT_LOGGER,
      settings: { ...INDEXER_DEFAULTS, lingerMsMax: 0, ...settings },
      observer: {
        indexed: (n) => (counts.indexed += n),
        filled: (n) => (counts.filled += n),
        dropped: (n) => (counts.dropped += n),
        failed: () => counts.failed++,
      },
    })
    this.#indexers.push(indexer)
    await indexer.start()
    await this.clock.settle()
    return indexer
  }

  async stop(): Promise<void> {
    let done = false
    void Promise.all(this.#indexers.map((indexer) => indexer.stop())).then(() => {
      done = true
    })
    await this.clock.until(() => done, 'the indexers stop')
  }

  async hits(query: string, room = 'r'): Promise<readonly number[]> {
    const { hits } = await this.memory.search.query({ ...looking(query), rooms: [room], hitsMax: 1_000 })
    return hits.map(({ seq }) => seq).sort((a, b) => a - b)
  }
}

test('[IDX1] what is published is found, under heads and a position written in the same call, and then committed', async () => {
  const scene = new Scene()
  await scene.say(['Xin chào', 'hello'])
  await scene.start()

  assert.deepEqual(await scene.hits('chao'), [1])
  assert.equal(await scene.memory.search.progress(0), 2)
  assert.equal(await scene.memory.logs.feed.committed('indexer', 0), 2)
  assert.deepEqual([...(await scene.memory.search.heads(['r']))], [['r', indexHead(1, 2)]])
  await scene.stop()
})

test('[IDX12] what comes within a moment is indexed by one write, and within the moment promised', async () => {
  const scene = new Scene()
  let writes = 0
  scene.faults = {
    before({ call }) {
      if (call === 'index') writes++
    },
  }
  await scene.start({ lingerMsMax: 50 })
  for (let i = 0; i < 10; i++) {
    await scene.say([`word${i}`])
    await scene.clock.advance(4)
  }
  assert.deepEqual([writes, await scene.hits('word0')], [0, []])
  await scene.clock.advance(10)

  assert.equal(writes, 1)
  assert.deepEqual(await scene.hits('word9'), [10])
  await scene.stop()
})

test('[IDX16] who is idle says again how far it is, now and then: a late commit that set it back looks like lag', async () => {
  const scene = new Scene()
  await scene.say(['a'])
  await scene.start()
  const commits: number[] = []
  scene.faults = {
    before(call) {
      if (call.call === 'commit' && call.group === 'indexer') commits.push(call.next)
    },
  }
  await scene.clock.advance(3 * INDEXER_DEFAULTS.sweepMs)

  assert.ok(commits.length >= 2 && commits.length <= 3, `${commits.length} commits`)
  assert.deepEqual(new Set(commits), new Set([1]))
  await scene.stop()
})

test('[IDX16] so does whoever took the partition over and had nothing to read there yet', async () => {
  const scene = new Scene()
  await scene.say(['a'])
  const first = await scene.start()
  await first.stop()
  const commits: number[] = []
  scene.faults = {
    before(call) {
      if (call.call === 'commit' && call.group === 'indexer') commits.push(call.next)
    },
  }
  await scene.start()
  await scene.clock.advance(3 * INDEXER_DEFAULTS.sweepMs)

  assert.deepEqual(new Set(commits), new Set([1]))
  await scene.stop()
})

test('[IDX2] indexedThrough follows the feed, and says nothing before it knows', async () => {
  const scene = new Scene()
  scene.faults = {
    before({ call }) {
      if (call === 'index') throw new Failure('transient', 'down')
    },
  }
  await scene.say(['a'])
  const published = scene.clock.now()
  const indexer = await scene.start()
  await scene.clock.advance(60_000)
  assert.equal(indexer.indexedThrough(), 0)

  scene.faults = {}
  await scene.clock.until(() => indexer.indexedThrough() > published, 'the index catches up')
  await scene.clock.advance(10_000)
  assert.ok(scene.clock.now() - indexer.indexedThrough() <= 2_000)
  await scene.stop()
})

test('[IDX3] a dead index only delays: nothing is lost, nothing is committed meanwhile, and it catches up without help', async () => {
  const scene = new Scene()
  for (const calls of [['index'], ['index', 'indexed']]) {
    for (const failure of ['transient', 'overload', 'ambiguous', 'operator', 'unknown'] as const) {
      scene.faults = {
        before({ call }) {
          if (calls.includes(call)) throw new Failure(failure, 'down')
        },
      }
      const committed = await scene.memory.logs.feed.committed('indexer', 0)
      const indexer = await scene.start()
      await scene.say([`word ${failure} ${calls.length}`])
      await scene.clock.advance(600_000)
      assert.equal(await scene.memory.logs.feed.committed('indexer', 0), committed)
      scene.faults = {}
      await scene.clock.until(() => indexer.indexedThrough() > scene.clock.now() - 2_000, 'the index catches up')
      assert.equal((await scene.hits(`${failure} ${calls.length}`)).length, 1)
      await scene.stop()
    }
  }
  assert.equal(scene.counts.dropped, 0)
})

test('[IDX4] a document the index can never take is left out and counted; the heads go on', async () => {
  const scene = new Scene()
  scene.faults = {
    before(call) {
      if (call.call === 'index' && call.request.documents.some(({ tokens }) => tokens.split(' ').includes('bad')))
        throw new Failure('poison', '400')
    },
  }
  await scene.say(['one', 'bad', 'three', 'four'])
  await scene.start()
  await scene.clock.settle()

  assert.deepEqual(await scene.hits('one'), [1])
  assert.deepEqual(await scene.hits('four'), [4])
  assert.deepEqual(await scene.hits('bad'), [])
  assert.equal(scene.counts.dropped, 1)
  assert.deepEqual([...(await scene.memory.search.heads(['r']))], [['r', indexHead(1, 4)]])
  await scene.stop()
})

test('[IDX4] a document the index refuses by itself is counted and not tried again', async () => {
  const scene = new Scene()
  const { search } = scene.memory
  const picky = new Proxy(search, {
    get(target, name) {
      if (name !== 'write')
        return typeof Reflect.get(target, name) === 'function'
          ? Reflect.get(target, name).bind(target)
          : Reflect.get(target, name)
      return async (request: Parameters<SearchIndex['write']>[0]) => {
        await target.write({ ...request, documents: request.documents.filter(({ seq }) => seq !== 2) })
        return request.documents.filter(({ seq }) => seq === 2)
      }
    },
  })
  await scene.say(['a', 'b', 'c'])
  await scene.start({}, picky)
  await scene.clock.advance(10_000)

  assert.equal(scene.counts.dropped, 1)
  assert.deepEqual(await scene.hits('c'), [3])
  await scene.stop()
})

test('[IDX5] a hole in the feed is filled from the store before anything behind it counts as indexed', async () => {
  const scene = new Scene()
  await scene.start()
  await scene.say(['one'])
  await scene.say(
    Array.from({ length: 450 }, (_, i) => `unpublished ${i}`),
    { publish: false },
  )
  await scene.say(['last'])
  await scene.clock.settle()

  assert.equal((await scene.hits('unpublished')).length, 450)
  assert.deepEqual(await scene.hits('last'), [452])
  assert.deepEqual([...(await scene.memory.search.heads(['r']))], [['r', indexHead(1, 452)]])
  await scene.stop()
})

test("[IDX6] a feed that no longer reaches back to the index's position: the store fills in, and until then nothing is promised", async () => {
  const scene = new Scene()
  await scene.say(['old'], { publish: false })
  await scene.say(['older room'], { room: 's', publish: false })
  // The index was ahead of this feed: the feed was lost.
  await scene.memory.search.write({ documents: [], heads: new Map(), through: { partition: 0, next: 99 } })
  const { feed } = scene.memory.logs
  Object.assign(feed, { committed: async () => 99 })
  const indexer = await scene.start()
  await scene.clock.until(() => indexer.indexedThrough() > 0, 'the sweep has ended')

  assert.deepEqual(await scene.hits('old'), [1])
  assert.deepEqual(await scene.hits('older', 's'), [1])
  await scene.stop()
})

test('[IDX7] the sweep finds what the feed never brought, and leaves to the feed what it is about to bring', async () => {
  const scene = new Scene()
  await scene.start({ sweepMs: 10_000 })
  await scene.say(['never published'], { publish: false })
  await scene.clock.advance(10_000)
  assert.deepEqual(await scene.hits('never'), [])
  await scene.clock.advance(10_000)
  assert.deepEqual(await scene.hits('never'), [1])
  assert.equal(scene.counts.filled, 1)
  await scene.stop()
})

test('[IDX7] the sweep goes through any number of rooms, page by page', async () => {
  const scene = new Scene()
  for (let i = 0; i < 25; i++) await scene.say(['lost'], { room: `room ${i}`, publish: false })
  await scene.start({ sweepMs: 10_000, sweepRoomsMax: 4, suspectRoomsMax: 10 })
  await scene.clock.advance(30_000)
  for (let i = 0; i < 25; i++) assert.deepEqual(await scene.hits('lost', `room ${i}`), [1])
  await scene.stop()
})

test('[IDX8] after a restore, entries of the new epoch replace what stood at their places, and old ones count no more', async () => {
  const scene = new Scene()
  await scene.say(['one'])
  const entry = { end: 'stored', id: 'new', room: 'r', seq: 2, sender: 'al', at: 5, digest: 'd', origin: 9 } as const
  await scene.memory.logs.feed.append(0, [storedRecord({ ...entry, content: { kind: 'message', text: 'two' } }, 1)])
  await scene.start()
  assert.deepEqual(await scene.hits('two'), [2])
  // The restored store has only the first; its second is another.
  await scene.raiseEpoch()
  await scene.memory.logs.feed.append(0, [storedRecord({ ...entry, content: { kind: 'message', text: 'zwei' } }, 2)])
  await scene.memory.logs.feed.append(0, [
    storedRecord({ ...entry, id: 'late', content: { kind: 'message', text: 'zombie' } }, 1),
  ])
  await scene.clock.settle()

  assert.deepEqual(await scene.hits('zwei'), [2])
  assert.deepEqual(await scene.hits('two'), [])
  assert.deepEqual(await scene.hits('zombie'), [])
  await scene.stop()
})

/** The same index, of which nobody may believe that it shows what was written. */
function shownLater(search: SearchIndex, refreshed: () => void = () => {}): SearchIndex {
  return new Proxy(search, {
    get(target, name) {
      if (name === 'visibleAtOnce') return false
      const value = Reflect.get(target, name)
      if (name === 'refresh') refreshed()
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

test('[IDX9] an index that has to be refreshed promises only what a refresh has made visible, at most twice a second, for all partitions', async () => {
  const scene = new Scene()
  let refreshes = 0
  const indexer = await scene.start(
    {},
    shownLater(scene.memory.search, () => refreshes++),
  )
  for (let i = 0; i < 100; i++) {
    await scene.say([`m${i}`])
    await scene.clock.advance(50)
  }
  assert.ok(refreshes > 5 && refreshes <= 11, `${refreshes} refreshes`)
  await scene.clock.advance(3_000)
  assert.ok(indexer.indexedThrough() > scene.clock.now() - 3_000)
  await scene.stop()
})

test('[IDX9] one refresh serves all who have written before it began, and whoever wrote later waits for another', async () => {
  const clock = new FakeClock()
  const refreshes: PromiseWithResolvers<void>[] = []
  const search = {
    refresh() {
      const refresh = Promise.withResolvers<void>()
      refreshes.push(refresh)
      return refresh.promise
    },
  } as Partial<SearchIndex> as SearchIndex
  const settings = INDEXER_DEFAULTS
  const life = new Life(clock)
  const parts = { search, settings, clock, random: seeded(1), logger: SILENT_LOGGER, observer: SILENT_INDEXER }
  const refresher = new Refresher({ ...parts, writer: new Writer({ ...parts, life }) })
  const early = [refresher.shows('index', clock.elapsed()), refresher.shows('index', clock.elapsed())]
  await clock.advance(10)
  assert.equal(refreshes.length, 1)
  const writtenAt = clock.elapsed()
  const late = refresher.shows('index', writtenAt)
  refreshes[0]?.resolve()
  assert.deepEqual(await Promise.all(early), [true, true])
  assert.equal(await late, false)
  await clock.advance(settings.refreshMsMin)
  const later = refresher.shows('index', writtenAt)
  await clock.advance(1)
  refreshes[1]?.resolve()
  assert.deepEqual([await later, await refresher.shows('index', writtenAt), refreshes.length], [true, true, 2])
})

test('[IDX9] a refresh of an index whose place another has taken shows nothing of that one', async () => {
  const clock = new FakeClock()
  const refreshed: string[] = []
  const gate = Promise.withResolvers<void>()
  const search = {
    refresh(of: string) {
      refreshed.push(of)
      return gate.promise
    },
  } as Partial<SearchIndex> as SearchIndex
  const settings = INDEXER_DEFAULTS
  const life = new Life(clock)
  const parts = { search, settings, clock, random: seeded(1), logger: SILENT_LOGGER, observer: SILENT_INDEXER }
  const refresher = new Refresher({ ...parts, writer: new Writer({ ...parts, life }) })
  const old = refresher.shows('old', clock.elapsed())
  const next = refresher.shows('next', clock.elapsed())
  gate.resolve()
  await clock.settle()
  assert.equal(await next, false)
  await clock.advance(settings.refreshMsMin)
  assert.deepEqual([await refresher.shows('next', clock.elapsed()), refreshed], [true, ['old', 'next']])
  void old
})

test('[IDX10] stop may be called twice, before start, and while the index hangs', async () => {
  const scene = new Scene()
  scene.faults = {
    before({ call }) {
      if (call === 'index') return new Promise(() => {})
    },
  }
  await scene.say(['a'])
  const indexer = await scene.start()
  void indexer.stop()
  await scene.stop()
  assert.equal(await scene.memory.logs.feed.committed('indexer', 0), undefined)
})

test('[IDX17] who lost a partition does not commit there any more, however often that was refused', async () => {
  const scene = new Scene()
  const lost = new AbortController()
  let commits = 0
  const { feed } = scene.memory.logs
  const fenced: Log = {
    name: feed.name,
    partitions: feed.partitions,
    durability: feed.durability,
    append: (...args) => feed.append(...args),
    read: (...args) => feed.read(...args),
    range: (...args) => feed.range(...args),
    tail: (...args) => feed.tail(...args),
    lag: (...args) => feed.lag(...args),
    committed: (...args) => feed.committed(...args),
    work: (group, run) =>
      feed.work(group, (owned) => {
        const commit = async () => {
          commits++
          throw new Failure('closed', 'the partition is somebody else’s')
        }
        const { id, position } = owned
        const [seek, read] = [owned.seek.bind(owned), owned.read.bind(owned)]
        return run({ id, position, signal: lost.signal, seek, read, commit })
      }),
  }
  await scene.say(['hello'])
  await scene.start({}, scene.memory.search, fenced)
  await scene.clock.until(() => commits === 3, 'the commit is repeated while the partition seems to be ours')
  lost.abort()
  await scene.clock.advance(60_000)

  assert.equal(commits, 3)
  await scene.stop()
})

/** The feed, of which so much has been let go. */
function trimmedFeed(feed: Log, begin: () => number): Log {
  return {
    name: feed.name,
    partitions: feed.partitions,
    durability: feed.durability,
    append: (...args) => feed.append(...args),
    read: (...args) => feed.read(...args),
    range: async (partition) => ({ ...(await feed.range(partition)), begin: begin() }),
    tail: (...args) => feed.tail(...args),
    lag: (...args) => feed.lag(...args),
    committed: (...args) => feed.committed(...args),
    work: (group, run) =>
      feed.work(group, (owned) => {
        const { id, position, signal } = owned
        let at = position
        const read: typeof owned.read = async (limit) => {
          const records = await owned.read(limit)
          if (at < begin()) throw new Failure('operator', 'records were lost before they were read')
          at = (records.at(-1)?.offset ?? at - 1) + 1
          return records
        }
        const seek = (offset: number) => {
          at = offset
          owned.seek(offset)
        }
        return run({ id, position, signal, seek, read, commit: (next) => owned.commit(next) })
      }),
  }
}

test('[IDX18] a feed that let go what was still to be read is followed from where it begins, and the store fills in, without a restart', async () => {
  const scene = new Scene()
  let begin = 0
  const trimmed = trimmedFeed(scene.memory.logs.feed, () => begin)
  await scene.say(['one'])
  await scene.start({}, scene.memory.search, trimmed)
  await scene.clock.until(() => scene.counts.indexed === 1, 'the first is indexed')
  begin = 3
  await scene.say(['two', 'three', 'four'])
  await scene.clock.advance(INDEXER_DEFAULTS.sweepMs)

  assert.deepEqual(await scene.hits('two'), [2])
  assert.deepEqual(await scene.hits('three'), [3])
  assert.deepEqual(await scene.hits('four'), [4])
  await scene.stop()
})

test('[IDX19] an index that another has taken the place of is left: the new one is filled, and heads of the old one count no more', async () => {
  const scene = new Scene()
  const { search } = scene.memory
  await scene.say(['one', 'two'])
  await scene.say(['elsewhere'], { room: 's' })
  await scene.start()
  assert.deepEqual(await scene.hits('two'), [2])
  await search.publish(await search.draft())
  assert.deepEqual(await scene.hits('two'), [])
  await scene.say(['three'])
  await scene.clock.advance(INDEXER_DEFAULTS.sweepMs)

  const all = async (room: string) => (await search.seqs(room, 0, 10)).join()
  assert.deepEqual([await all('r'), await all('s')], ['1,2,3', '1'])
  await scene.stop()
})

test('[IDX19] the new one is filled from the store where the feed does not reach back: it never claims what only the old one had', async () => {
  const scene = new Scene()
  const { search } = scene.memory
  let begin = 0
  await scene.say(['one', 'two'])
  await scene.start(
    {},
    search,
    trimmedFeed(scene.memory.logs.feed, () => begin),
  )
  // The feed is faster than the comparison with the store.
  scene.faults = { before: ({ call }) => (call === 'survey' ? scene.clock.sleep(5_000) : undefined) }
  await search.publish(await search.draft())
  begin = 2
  await scene.say(['three'])
  await scene.clock.advance(3 * INDEXER_DEFAULTS.sweepMs)
  assert.deepEqual(await search.seqs('r', 0, 10), [1, 2, 3])
  await scene.stop()
})

for (const visibleAtOnce of [true, false])
  test(`[IDX19] the new one is filled also where nothing is said any more, and until then nothing is promised${visibleAtOnce ? '' : ', also by an engine that shows things later'}`, async () => {
    const scene = new Scene()
    const { search } = scene.memory
    await scene.say(['one', 'two'])
    const indexer = await scene.start({}, visibleAtOnce ? search : shownLater(search))
    await scene.clock.advance(3 * INDEXER_DEFAULTS.idleMsMax)
    assert.ok(indexer.indexedThrough() > 0)

    await search.publish(await search.draft())
    const published = scene.clock.now()
    for (let waited = 0; (await search.seqs('r', 0, 10)).length < 2; waited += 100) {
      assert.ok(waited < 3 * INDEXER_DEFAULTS.idleMsMax, 'it is noticed without a sweep')
      assert.ok(indexer.indexedThrough() <= published, 'nothing is promised of what the new one lacks')
      await scene.clock.advance(100)
    }
    await scene.clock.until(() => indexer.indexedThrough() > published, 'it is promised again')
    await scene.stop()
  })

/** Runs a rebuild of the scene's index to its end, or to what breaks it off. */
async function rebuildOf(scene: Scene, progress: (made: Made) => void = () => {}): Promise<Made> {
  const { history } = scene.memory.store
  const { search } = scene.memory
  const settings = { ...INDEXER_DEFAULTS, fillEntriesMax: 7, sweepRoomsMax: 2 }
  const { clock } = scene
  const parts = { search, settings, clock, random: seeded(1), logger: SILENT_LOGGER, observer: SILENT_INDEXER }
  const writer = new Writer({ ...parts, life: new Life(clock) })
  return rebuild({ history, search, writer, partitions: 1, settings, progress })
}

test('[IDX20] the index is made anew from the store, and takes the place of the old one where the feed is', async () => {
  const scene = new Scene()
  const { search } = scene.memory
  const rooms = ['a', 'b', 'c', 'd', 'e']
  for (const room of rooms)
    await scene.say(
      Array.from({ length: 20 }, (_, i) => `word ${i}`),
      { room },
    )
  await scene.start()
  const before = await search.open()
  // What no indexer would ever notice.
  await search.write({ documents: [{ ...STRAY, room: 'a', seq: 3 }], heads: new Map(), through: undefined })
  assert.deepEqual(await scene.hits('stray', 'a'), [3])

  const made = await rebuildOf(scene)
  assert.deepEqual(made, { passes: 2, entries: 100, all: 100, rooms: 5 })
  assert.notEqual(await search.open(), before)
  for (const room of rooms) assert.equal((await scene.hits('word', room)).length, 20)
  assert.deepEqual(await scene.hits('stray', 'a'), [])
  assert.equal(await search.progress(0), 100)
  await scene.say(['after'], { room: 'a' })
  await scene.clock.advance(2_000)
  assert.deepEqual(await scene.hits('after', 'a'), [21])
  await scene.stop()
})

test('[IDX20] what is said meanwhile is brought by another pass, or by the indexer after it', async () => {
  const scene = new Scene()
  const { search } = scene.memory
  await scene.say(Array.from({ length: 30 }, (_, i) => `word ${i}`))
  await scene.start()
  let told = 0
  // One more at each step: there is no end to it.
  const made = await rebuildOf(scene, () => {
    told++
    void scene.say([`meanwhile ${told}`])
  })
  assert.ok(made.passes > 1 && told > 2)
  await scene.clock.advance(2_000)
  assert.deepEqual(
    (await search.seqs('r', 0, 1_000)).length,
    30 + told,
    'the indexer went on in the new index, without a sweep',
  )
  assert.equal((await scene.hits('meanwhile')).length, told)
  await scene.stop()
})

test('[IDX20] broken off and begun again it goes on where it was; what another has published meanwhile is told', async () => {
  const scene = new Scene()
  const { search } = scene.memory
  await scene.say(Array.from({ length: 3_000 }, (_, i) => `word ${i}`))
  const broken = new Error('broken off')
  await assert.rejects(
    rebuildOf(scene, ({ entries }) => {
      if (entries >= 1_000) throw broken
    }),
    broken,
  )
  const begun = await search.draft()
  const done = indexHead(1, 0)
  assert.ok(((await search.heads(['r'], begun)).get('r') ?? 0) >= done + 1_000)
  const made = await rebuildOf(scene)
  assert.ok(made.entries <= 2_000, `${made.entries} once more`)
  assert.deepEqual([await search.open(), (await scene.hits('word')).length], [begun, 1_000])

  await assert.rejects(
    rebuildOf(scene, async () => search.publish(await search.draft())),
    (error) => failureClass(error) === 'lost',
  )
})

test('[IDX22] while a batch is written the next one is read, and no more; writes never overlap, and each is told once it is in', async () => {
  const scene = new Scene()
  const events: string[] = []
  let held = Promise.withResolvers<void>()
  scene.faults = {
    before(call) {
      if (call.call === 'index') {
        events.push(`write ${call.request.documents.map(({ seq }) => seq).join()}`)
        return held.promise
      }
      const read = call.call === 'read' && call.log === 'feed' ? `read ${call.from}` : undefined
      if (read !== undefined && events.length > 0 && events.at(-1) !== read) events.push(read)
      if (call.call === 'commit' && call.group === 'indexer') events.push(`commit ${call.next}`)
      return undefined
    },
    after: ({ call }) => {
      if (call === 'index') events.push('in')
    },
  }
  await scene.say(['one', 'two', 'three'])
  await scene.start({ batchRecordsMax: 1, gatherRecords: 1 })
  await scene.clock.advance(10_000)
  assert.deepEqual(events, ['write 1', 'read 1'])
  const first = held
  held = Promise.withResolvers<void>()
  first.resolve()
  await scene.clock.advance(10)
  assert.deepEqual(events.slice(2).toSorted(), ['commit 1', 'in', 'read 2', 'write 2'])
  held.resolve()
  await scene.clock.advance(10)
  const writes = events.filter((event) => /^(?:write|in)/.test(event))
  assert.deepEqual(writes, ['write 1', 'in', 'write 2', 'in', 'write 3', 'in'])
  const commits = events.filter((event) => /^(?:in|commit)/.test(event))
  for (const [i, next] of [1, 2, 3].entries()) {
    const at = commits.indexOf(`commit ${next}`)
    assert.ok(at > i && commits.slice(0, at).filter((event) => event === 'in').length >= next, commits.join())
  }
  assert.deepEqual(await scene.hits('three'), [3])
  await scene.stop()
})

test('[IDX20] a restore in the middle makes it begin anew: nothing of the history before is promised', async () => {
  const scene = new Scene()
  const { search } = scene.memory
  await scene.say(Array.from({ length: 60 }, (_, i) => `word ${i}`))
  const draft = await search.draft()
  // What an earlier run has brought in, of a history that is no more.
  await search.write({ into: draft, documents: [], heads: new Map([['r', indexHead(1, 50)]]), through: undefined })
  let isSurveyed = false
  scene.faults = {
    after: ({ call }) => {
      if (call !== 'survey' || isSurveyed) return undefined
      isSurveyed = true
      return scene.raiseEpoch()
    },
  }
  const made = await rebuildOf(scene)
  assert.deepEqual([made.entries, (await scene.hits('word')).length, isSurveyed], [60, 60, true])
  assert.equal((await search.heads(['r'])).get('r'), indexHead(2, 60))
})

test('[IDX22] what several writes have made true is told at its highest', async () => {
  const told: Done[] = []
  const held = Promise.withResolvers<void>()
  const behind = new Behind((done) => {
    told.push(done)
    return held.promise
  })
  const done = (next: number, head: number): Done => ({ heads: new Map([['r', head]]), next, timestamp: next })
  for (const [next, head] of [
    [1, 1],
    [2, 10],
    [3, 5],
  ] as const)
    await behind.write(async () => {}, done(next, head))
  await behind.written()
  held.resolve()
  await behind.all()
  assert.deepEqual(
    told.map(({ heads, next }) => [next, heads.get('r')]),
    [
      [1, 1],
      [3, 10],
    ],
  )
})

test('[IDX11] broken off between the write and the commit, the same records come again and change nothing', async () => {
  const scene = new Scene()
  let isFirst = true
  scene.faults = {
    before(call) {
      if (call.call === 'commit' && isFirst) {
        isFirst = false
        throw new Failure('transient', 'no coordinator')
      }
    },
  }
  await scene.say(['a', 'b'])
  await scene.start()
  await scene.clock.advance(1_000)
  await scene.stop()
  await scene.start()
  assert.deepEqual(await scene.hits('a'), [1])
  assert.equal(await scene.memory.logs.feed.committed('indexer', 0), 2)
  await scene.stop()
})
