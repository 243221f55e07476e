import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { failureClass } from '../../src/ports/failure.ts'
import type { Store } from '../../src/ports/store.ts'
import { claim, entries, entry, letter, projection, room, view, write } from '../conformance/documents.ts'
import { storeConformance } from '../conformance/store.ts'
import type { Subject } from '../conformance/subject.ts'
import { memoryEngines } from '../support/adapters.ts'
import { Workload } from './store/workload.ts'
import { SimulatedStore, STORE_EVENTS, STORE_FAULTS } from './store.ts'
import { passTime, Trial } from './trial.ts'

const SEEDS = 150
const PROBABILITIES = [0, 0, 0, 0.02, 0.1, 0.3]

function open(partitions = 1): { readonly trial: Trial; readonly store: SimulatedStore } {
  const trial = new Trial(1)
  return { trial, store: new SimulatedStore(trial, partitions) }
}

/** Everything a majority has, as somebody new finds it. */
async function everything(trial: Trial, store: SimulatedStore): Promise<readonly string[]> {
  const documents = await trial.outcome(store.connect('auditor').audit.documents(undefined, 1_000))
  return documents.map(({ id }) => id)
}

async function headOf(trial: Trial, store: SimulatedStore): Promise<number> {
  return (await trial.outcome(store.connect('auditor').history.view(view('r')))).head
}

/** Its answer, once it is not refused any more. */
async function insist<T>(trial: Trial, call: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await trial.outcome(call().catch(failureClass))
    if (typeof answer !== 'string') return answer as T
    assert.equal(answer, 'transient')
  }
}

// ---- what it keeps -----------------------------------------------------------------------------------------------------

describe('[SIM20] while nothing goes wrong, the simulated store keeps what every store keeps', () => {
  for (const partitions of [1, 4]) storeConformance('the simulation', partitions, openSubject)
})

async function openSubject(partitions: number): Promise<Subject> {
  const trial = new Trial(partitions)
  const simulated = new SimulatedStore(trial, partitions)
  const others = memoryEngines({ partitions })
  const time = passTime(trial.clock)
  let store: Store = simulated.connect('w')
  return {
    logs: others.logs,
    search: others.search,
    get store() {
      return store
    },
    capabilities: { durability: 'memory', survivesReopen: true, canTimeOut: true, visibleAtOnce: true },
    failAppend: () => {},
    failWrite: (fault) => {
      const faults = { before: 'store.write.refused', midway: 'store.write.broken', after: 'store.write.replyLost' }
      trial.arm(faults[fault])
    },
    reopen: async () => {
      simulated.close('w')
      store = simulated.connect('w')
    },
    close: async () => {
      simulated.close('w')
      await time.stop()
      await others.close()
    },
  }
}

test('[SIM21, SIM26, SIM27, SIM32] whatever fails, the store keeps its promises, and every failure happens and is counted', async () => {
  const counted = new Set<string>()
  let answered = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const trial = new Trial(seed, PROBABILITIES)
    const workload = new Workload(trial)
    try {
      await workload.run()
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause })
    }
    answered += workload.answered
    for (const name of trial.counts.keys()) counted.add(name)
  }
  assert.ok(answered > 20 * SEEDS, `only ${answered} writes were answered`)
  assert.deepEqual(
    [...STORE_FAULTS, ...STORE_EVENTS].filter((name) => !counted.has(name)),
    [],
    'never happened',
  )
  assert.deepEqual(
    [...counted].filter((name) => !STORE_FAULTS.includes(name) && !STORE_EVENTS.includes(name)),
    [],
    'happened, but is in no list',
  )
})

test('[SIM21] the same seed gives the same run, line by line', async () => {
  const run = async (seed: number): Promise<string> => {
    const trial = new Trial(seed, PROBABILITIES)
    await new Workload(trial).run()
    return trial.hash
  }
  const hashes = new Set<string>()
  for (let seed = 1; seed <= 10; seed++) {
    const hash = await run(seed)
    assert.equal(await run(seed), hash)
    hashes.add(hash)
  }
  assert.equal(hashes.size, 10)
})

// ---- what may go wrong in a write --------------------------------------------------------------------------------------

test('[SIM22] two bulks at once come to lie between each other, and each finds what the other has taken', async () => {
  const found = new Set<string>()
  for (let seed = 1; seed <= 40; seed++) {
    const trial = new Trial(seed)
    trial.always('store.write.interleaved')
    const store = new SimulatedStore(trial, 1)
    const bulk = (name: string, rooms: readonly string[]) =>
      write(
        store.connect(name).timeline,
        rooms.map((id) => entry(id, 1, { id: `${name} ${id}` })),
      )
    const both = Promise.all([bulk('a', ['r', 's', 't']), bulk('b', ['t', 's', 'r'])])
    const told = (await trial.outcome(both)).map((written) =>
      written.result === 'duplicate' ? written.at : written.result,
    )
    found.add(told.join())
    assert.equal((await everything(trial, store)).length, 3)
  }
  assert.deepEqual([...found].sort(), ['0,all', '1,2', '2,1', 'all,0'])
})

test('[SIM22] a write that is broken off has done some of its commands, in their order', async () => {
  const done = new Set<string>()
  for (let seed = 1; seed <= 400; seed++) {
    const trial = new Trial(seed, [0, 0.1, 0.3])
    const store = new SimulatedStore(trial, 1)
    const { timeline } = store.connect('w')
    const following = {
      letters: [letter('r/c')],
      projections: [projection('r', 1, { document: room('r', 1) })],
      settled: { partition: 0, next: 9, feed: 0 },
    }
    await trial.outcome(write(timeline, [entry('r', 1), claim('r', 'r/c')], following)).catch(() => undefined)
    trial.heal()
    store.heal()
    await trial.clock.pass(60_000)
    const { history, letters, timeline: later } = store.connect('auditor')
    const { head, document } = await trial.outcome(history.view(view('r')))
    done.add(
      [
        (await everything(trial, store)).length,
        (await trial.outcome(letters.get('r/c'))) === undefined ? '' : 'letter',
        document === undefined ? '' : 'document',
        head === 1 ? 'head' : '',
        (await trial.outcome(later.settled(0))) === undefined ? '' : 'settled',
      ].join(' '),
    )
  }
  const prefixes = ['0    ', '1    ', '2    ', '2 letter   ', '2 letter document  ', '2 letter document head ']
  assert.deepEqual([...done].sort(), [...prefixes, '2 letter document head settled'].sort())
})

test('[SIM23] a reply may be lost although everything is in', async () => {
  const { trial, store } = open()
  trial.arm('store.write.replyLost')
  const written = await trial.outcome(write(store.connect('w').timeline, entries('r', 1, 2)))
  assert.equal(written.result, 'unknown')
  assert.deepEqual(await everything(trial, store), ['r/1', 'r/2'])
})

test('[SIM23] a write of which nothing is there when its caller gives up may land minutes later, whole or not', async () => {
  const latest: number[] = []
  for (let seed = 1; seed <= 20; seed++) {
    const trial = new Trial(seed)
    const store = new SimulatedStore(trial, 1)
    trial.arm('store.write.late')
    const written = await trial.outcome(write(store.connect('w').timeline, [entry('r', 1)]))
    assert.equal(written.result, 'unknown')
    const givenUpAt = trial.clock.elapsed()
    const landed = () => trial.counts.get('store.landedLate') === 1
    assert.ok(await trial.clock.until(landed, 400_000))
    latest.push(trial.clock.elapsed() - givenUpAt)
    await trial.clock.pass(100)
    assert.deepEqual(await everything(trial, store), ['r/1'])
  }
  assert.ok(Math.max(...latest) > 120_000)
})

test('[SIM24] a bulk may go on behind what stopped it, and name fewer than are in', async () => {
  const { trial, store } = open()
  const { timeline } = store.connect('w')
  await trial.outcome(write(timeline, [entry('r', 3)]))
  trial.arm('store.write.goesOn')
  const past = [entry('r', 1), entry('r', 2), entry('r', 3, { id: 'x' }), entry('r', 4)]
  assert.deepEqual(await trial.outcome(write(timeline, past)), { result: 'duplicate', at: 2 })
  assert.deepEqual(await everything(trial, store), ['r/1', 'r/2', 'r/3', 'r/4'])
  trial.arm('store.write.understated')
  const less = [entry('r', 5), entry('r', 6), entry('r', 7), entry('r', 1)]
  const written = await trial.outcome(write(timeline, less))
  assert.ok(written.result === 'duplicate' && written.at < 3)
  assert.equal((await everything(trial, store)).length, 7)
})

test('[SIM24] what is poison stays poison, its claim does not, and an answer may not say which it is', async () => {
  const { trial, store } = open()
  const { timeline } = store.connect('w')
  trial.arm('store.poison')
  const documents = [entry('r', 1, { id: 'bad' }), entry('r', 2)]
  for (const at of [0, 0, undefined]) {
    if (at === undefined) trial.arm('store.write.poisonNameless')
    const written = await trial.outcome(write(timeline, documents))
    assert.ok(written.result === 'poison' && written.at === at)
  }
  assert.deepEqual(await trial.outcome(write(timeline, [claim('r', 'bad')])), { result: 'all' })
  assert.deepEqual([...store.poisoned], ['bad'])
})

// ---- two primaries -----------------------------------------------------------------------------------------------------

test('[SIM25] a unique key sees what no majority read shows yet, and what is gone after a failover', async () => {
  const ends = new Set<string>()
  for (let seed = 1; seed <= 20; seed++) {
    const trial = new Trial(seed)
    const store = new SimulatedStore(trial, 1)
    trial.arm('store.majoritySlow')
    const first = write(store.connect('one').timeline, [entry('r', 1, { id: 'x', sender: 'one' })])
    const two = store.connect('two').timeline
    await trial.clock.pass(10)
    const mine = entry('r', 1, { id: 'x', sender: 'two' })
    assert.deepEqual(await trial.outcome(write(two, [mine])), { result: 'duplicate', at: 0 })
    assert.equal((await trial.outcome(two.find([mine]))).size, 0)
    assert.ok((trial.counts.get('store.duplicate.unseen') ?? 0) > 0)
    store.failover()
    await trial.outcome(first)
    await trial.clock.pass(60_000)
    const again = await insist(trial, () => write(two, [mine]))
    const kept = (await trial.outcome(two.find([mine]))).get('x')
    assert.equal(kept?.sender, again.result === 'all' ? 'two' : 'one')
    ends.add(again.result)
  }
  assert.deepEqual([...ends].sort(), ['all', 'duplicate'])
})

test('[SIM25] who still talks to the old primary writes what never was, and is never told that it is', async () => {
  let writes = 0
  for (let seed = 1; seed <= 40; seed++) {
    const trial = new Trial(seed)
    const store = new SimulatedStore(trial, 1)
    const { timeline } = store.connect('w')
    await trial.outcome(write(timeline, [entry('r', 1)]))
    store.failover()
    const written = await trial.outcome(write(timeline, [entry('r', 2)]).catch(failureClass))
    const isTold = typeof written === 'object' && written.result === 'all'
    if (trial.counts.has('store.twoPrimaries')) writes++
    await trial.clock.pass(60_000)
    assert.deepEqual(await everything(trial, store), isTold ? ['r/1', 'r/2'] : ['r/1'])
  }
  assert.ok(writes > 0)
})

test('[SIM26, SIM27] failovers all the time, in the middle of writes, take nothing back and leave no head above its room', async () => {
  const faults = ['failover', 'majoritySlow', 'write.torn', 'write.interleaved', 'write.late'].map(
    (name) => `store.${name}`,
  )
  for (let seed = 1; seed <= SEEDS; seed++) {
    const trial = new Trial(seed, [0.1, 0.3, 1], (name) => faults.includes(name))
    await new Workload(trial).run().catch((cause) => {
      throw new Error(`seed ${seed}`, { cause })
    })
  }
})

test('[SIM27] who finds a projection done that a failover undoes raises no head above it', async () => {
  const ends = new Set<string>()
  for (let seed = 1; seed <= 100; seed++) {
    const trial = new Trial(seed)
    const store = new SimulatedStore(trial, 1)
    const projections = [projection('r', 1, { document: room('r', 1) })]
    const [one, two] = [store.connect('one').timeline, store.connect('two').timeline]
    await trial.outcome(write(one, [entry('r', 1)]))
    trial.always('store.write.torn')
    trial.arm('store.majoritySlow')
    void write(one, [], { projections }).catch(() => {})
    await trial.clock.pass(5)
    void write(two, [], { projections }).catch(() => {})
    await trial.clock.pass(trial.chance.between(5, 100))
    store.crash('one')
    store.failover()
    await trial.clock.pass(60_000)
    const { head, document } = await trial.outcome(store.connect('auditor').history.view(view('r')))
    assert.ok(head === 0 || document !== undefined, `seed ${seed}`)
    ends.add(`${head} ${document?.seq}`)
  }
  assert.deepEqual([...ends].sort(), ['0 1', '0 undefined', '1 1'])
})

test('[SIM26] nothing is said to be in before a majority has it: with a failover in between nobody knows', async () => {
  const ends = new Set<string>()
  for (let seed = 1; seed <= 40; seed++) {
    const trial = new Trial(seed)
    const store = new SimulatedStore(trial, 1)
    trial.arm('store.majoritySlow')
    const writing = write(store.connect('w').timeline, [entry('r', 1)])
    await trial.clock.pass(20)
    store.failover()
    const { result } = await trial.outcome(writing)
    store.failover()
    await trial.clock.pass(60_000)
    const isThere = (await everything(trial, store)).length === 1
    if (result === 'all') assert.ok(isThere)
    ends.add(`${result}, ${isThere ? 'there' : 'gone'}`)
  }
  assert.ok(ends.has('unknown, there') && ends.has('unknown, gone'), [...ends].join('; '))
})

// ---- reads -------------------------------------------------------------------------------------------------------------

test('[SIM28] a worker may read an earlier moment, but none before the last it was told of', async () => {
  const firsts = new Set<number>()
  for (let seed = 1; seed <= 20; seed++) {
    const trial = new Trial(seed)
    const store = new SimulatedStore(trial, 1)
    const { timeline } = store.connect('w')
    await trial.outcome(write(timeline, [entry('r', 1)]))
    await trial.outcome(write(store.connect('other').timeline, [entry('r', 2)]))
    trial.always('store.read.old')
    let last = 1
    for (let i = 0; i < 10; i++) {
      const { size } = await trial.outcome(timeline.find(entries('r', 1, 2)))
      if (i === 0) firsts.add(size)
      assert.ok(size >= last, 'what it was told is taken back')
      last = size
    }
  }
  assert.deepEqual([...firsts].sort(), [1, 2])
})

test('[SIM28] between the parts of a load others write; heads are read first, so what they tell of is there', async () => {
  const moved = new Set<string>()
  for (let seed = 1; seed <= 150; seed++) {
    const trial = new Trial(seed)
    trial.always('store.read.torn')
    const store = new SimulatedStore(trial, 1)
    const loading = store.connect('w').timeline.load([{ room: 'r', users: ['alice'] }], [])
    const { timeline } = store.connect('other')
    const members = [{ user: 'alice', role: 'owner', seq: 1 } as const]
    const projections = [projection('r', 1, { document: room('r', 1), members })]
    await trial.outcome(write(timeline, [entry('r', 1)], { projections }))
    const snapshot = (await trial.outcome(loading)).rooms.get('r')
    const parts = [
      snapshot?.head === 1 && 'head',
      snapshot?.document !== undefined && 'document',
      snapshot?.members.has('alice') && 'member',
      snapshot?.above.length === 1 && 'above',
    ]
    moved.add(parts.filter((part) => part !== false).join(' '))
  }
  const expected = ['above', 'document member above', 'member above', 'head document member']
  assert.deepEqual(
    [...moved].filter((parts) => !['', ...expected].includes(parts)),
    [],
  )
  assert.ok(moved.has('member above') && moved.has('document member above'), [...moved].join('; '))
})

test('[SIM29] a reader may see any earlier moment, call by call; inside one call it only goes forward, under one epoch', async () => {
  const { trial, store } = open()
  const { timeline, history } = store.connect('g')
  for (let seq = 1; seq <= 5; seq++) {
    await trial.outcome(write(timeline, [entry('r', seq)], { projections: [projection('r', seq)] }))
    await trial.clock.pass(100)
  }
  trial.always('store.history.old')
  const heads: number[] = []
  for (let i = 0; i < 50; i++) {
    const { head, entries: shown } = await trial.outcome(history.view(view('r')))
    heads.push(head)
    assert.equal(shown.length, head)
  }
  assert.ok(
    heads.some((head, i) => head < (heads[i - 1] ?? 0)),
    'it went back',
  )
  trial.never('store.history.old')
  trial.always('store.history.torn')
  for (let raised = 2; raised < 30; raised++) {
    const torn = history.view(view('r'))
    await trial.clock.pass(1)
    await trial.outcome(timeline.raiseEpoch(0, raised))
    const { epoch } = await trial.outcome(torn)
    assert.ok(epoch === raised - 1 || epoch === raised, `${epoch} beside ${raised}`)
  }
  assert.ok(trial.counts.has('store.history.epochChanged'), 'some of them were read again')
})

test('[SIM29] a membership is never older than the entries it is read with (G5)', async () => {
  const { trial, store } = open()
  const { timeline, history } = store.connect('g')
  trial.always('store.history.torn')
  let isSeen = false
  for (let seq = 1; seq <= 40; seq++) {
    // Every second entry takes al out, the others bring al back.
    const role = seq % 2 === 0 ? undefined : 'member'
    const projected = { ...projection('r', seq), members: [{ user: 'al', role, seq } as const] }
    const written = write(timeline, [entry('r', seq)], { projections: [projected] })
    const { head, member } = await trial.outcome(history.view(view('r', { user: 'al' })))
    assert.ok((member?.seq ?? 0) >= head, `${member?.seq} at head ${head}`)
    isSeen ||= (member?.seq ?? 0) > head
    await trial.outcome(written)
  }
  assert.ok(isSeen, 'some changed between the two')
})

// ---- processes ---------------------------------------------------------------------------------------------------------

test('[SIM30] a process that is killed is never answered; what it had sent lands, or does not', async () => {
  const ends = new Set<number>()
  for (let seed = 1; seed <= 20; seed++) {
    const trial = new Trial(seed)
    trial.arm('store.write.slow')
    if (seed % 2 === 0) trial.always('store.landsAfterwards')
    const store = new SimulatedStore(trial, 1)
    const isAnswered = trial.settled(write(store.connect('w').timeline, entries('r', 1, 3)))
    await trial.clock.pass(5)
    store.crash('w')
    await trial.clock.pass(60_000)
    assert.equal(isAnswered(), false)
    ends.add((await everything(trial, store)).length)
    assert.deepEqual(await trial.outcome(write(store.connect('w').timeline, [entry('s', 1)])), { result: 'all' })
  }
  assert.deepEqual([...ends].sort(), [0, 3])
})

test('[SIM30] a bulk whose process is killed meanwhile goes on without it, or is broken off', async () => {
  const [gone, broken] = [new Set<number>(), new Set<number>()]
  for (let seed = 1; seed <= 60; seed++) {
    const trial = new Trial(seed)
    const goesOn = seed % 2 === 0
    trial.always('store.write.interleaved', ...(goesOn ? ['store.landsAfterwards'] : []))
    const store = new SimulatedStore(trial, 1)
    void write(store.connect('w').timeline, entries('r', 1, 6))
    await trial.clock.pass(trial.chance.between(5, 100))
    store.crash('w')
    await trial.clock.pass(60_000)
    const ends = goesOn ? gone : broken
    ends.add((await everything(trial, store)).length)
  }
  assert.ok(gone.has(6))
  // Chunks are even, so an odd number is the middle of one.
  assert.ok([...broken].some((end) => end % 2 === 1))
})

test('[SIM30] a frozen process goes on where it was when it thaws, minutes later, between any two commands', async () => {
  const states = new Set<string>()
  for (let seed = 1; seed <= 60; seed++) {
    const trial = new Trial(seed)
    trial.always('store.write.torn', 'store.write.slow')
    const store = new SimulatedStore(trial, 1)
    const writing = write(store.connect('w').timeline, [entry('r', 1)], { projections: [projection('r', 1)] })
    const isAnswered = trial.settled(writing)
    await trial.clock.pass(trial.chance.below(30_000))
    if (isAnswered()) continue
    store.freeze('w')
    await trial.clock.pass(180_000)
    states.add(`${(await everything(trial, store)).length} in, head ${await headOf(trial, store)}`)
    assert.equal(isAnswered(), false)
    store.thaw('w')
    assert.deepEqual(await trial.outcome(writing), { result: 'all' })
    assert.equal(await headOf(trial, store), 1)
  }
  assert.deepEqual([...states].sort(), ['1 in, head 0', '1 in, head 1'])
})

test('[SIM30] a process that is cut off gets errors and knows nothing of what was on its way, until it is mended', async () => {
  const { trial, store } = open()
  const { timeline } = store.connect('w')
  const written = write(timeline, [entry('r', 1)])
  store.cutOff('w')
  const cutting = await trial.outcome(written.catch(failureClass))
  assert.ok(typeof cutting === 'object' && cutting.result === 'unknown')
  assert.equal(await trial.outcome(write(timeline, [entry('r', 2)]).catch(failureClass)), 'transient')
  assert.deepEqual(await trial.outcome(write(store.connect('other').timeline, [entry('s', 1)])), { result: 'all' })
  store.mend('w')
  assert.deepEqual(await trial.outcome(write(timeline, [entry('t', 1)])), { result: 'all' })
})

// ---- restore, and the end of all faults --------------------------------------------------------------------------------

test('[SIM31] a restore sets history back, breaks off what is under way, and raises the epochs or leaves them', async () => {
  for (const raisesEpochs of [true, false]) {
    const { trial, store } = open(2)
    const { timeline, users } = store.connect('w')
    const more = (seq: number) => ({
      projections: [projection('r', seq, { document: room('r', seq) })],
      letters: [letter(`l${seq}`)],
      settled: { partition: 0, next: seq, feed: seq },
    })
    await trial.outcome(write(timeline, [entry('r', 1)], more(1)))
    await trial.outcome(timeline.raiseEpoch(0, 3))
    await trial.clock.pass(10)
    const backup = store.backup()
    await trial.outcome(write(timeline, [entry('r', 2), claim('r', 'c')], more(2)))
    await trial.outcome(timeline.raiseEpoch(1, 5))
    await trial.outcome(users.put('alice', undefined, 1))
    const underWay = write(timeline, [entry('r', 3)])
    store.restore(backup, { raisesEpochs })
    assert.equal((await trial.outcome(underWay)).result, 'unknown')
    await trial.clock.pass(400_000)
    const { history, letters } = store.connect('g')
    assert.deepEqual(await everything(trial, store), ['r/1'])
    const { head, document, epoch } = await trial.outcome(history.view(view('r')))
    assert.deepEqual([head, document?.seq], [1, 1])
    assert.equal(await trial.outcome(letters.get('l2')), undefined)
    assert.equal((await trial.outcome(letters.get('l1')))?.id, 'l1')
    assert.equal((await trial.outcome(timeline.settled(0)))?.next, 1)
    const { epochs } = await trial.outcome(history.survey([], []))
    assert.deepEqual(epochs, raisesEpochs ? [4, 6] : [3, 1])
    assert.ok(epochs.includes(epoch))
    assert.deepEqual(await trial.outcome(write(timeline, [entry('r', 2, { id: 'other' })])), { result: 'all' })
  }
})

test('[SIM32] once healed nothing is on its way for long', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const trial = new Trial(seed)
    const store = new SimulatedStore(trial, 1)
    trial.always('store.write.late', 'store.majoritySlow')
    const { timeline } = store.connect('w')
    await trial.outcome(write(timeline, [entry('r', 1)]))
    store.cutOff('w')
    store.down(1_000_000)
    trial.heal()
    store.heal()
    await trial.clock.pass(1_000)
    const before = await everything(trial, store)
    await trial.clock.pass(400_000)
    assert.deepEqual(await everything(trial, store), before)
    assert.deepEqual(await trial.outcome(write(timeline, [entry('s', 1)]), 100), { result: 'all' })
  }
})
