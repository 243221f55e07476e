import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { failureClass } from '../../src/ports/failure.ts'
import type { SearchDocument, SearchIndex, SearchWrite } from '../../src/ports/search.ts'
import { searchConformance } from '../conformance/search.ts'
import type { Subject } from '../conformance/subject.ts'
import { memoryEngines } from '../support/adapters.ts'
import { looking } from '../support/search.ts'
import { SEARCH_EVENTS, SEARCH_FAULTS, SimulatedSearch } from './search.ts'
import { passTime, Trial } from './trial.ts'

const SEEDS = 150
const PROBABILITIES = [0, 0, 0.02, 0.1, 0.4]

function message(seq: number, tokens = 'hello'): SearchDocument {
  return { room: 'r', seq, id: `r/${seq}`, sender: 'alice', at: seq, version: 1, tokens, exact: '' }
}

/** Messages, with the head and the position that they bring the index to. */
function batch(from: number, to: number): SearchWrite {
  const documents = Array.from({ length: to - from + 1 }, (_, i) => message(from + i))
  return { documents, heads: new Map([['r', to]]), through: { partition: 0, next: to + 1 } }
}

/** A cluster of one kind: at once visible, or after a refresh. */
function open(visibleAtOnce: boolean): { readonly trial: Trial; readonly search: SimulatedSearch } {
  for (let seed = 1; ; seed++) {
    const trial = new Trial(seed)
    const search = new SimulatedSearch(trial)
    if (search.connect('probe').visibleAtOnce === visibleAtOnce) return { trial, search }
  }
}

async function hits(trial: Trial, index: SearchIndex): Promise<readonly number[]> {
  const { hits } = await trial.outcome(index.query({ ...looking('hello'), rooms: ['r'], hitsMax: 1_000 }))
  return hits.map(({ seq }) => seq).sort((a, b) => a - b)
}

async function headOf(trial: Trial, index: SearchIndex): Promise<number> {
  return (await trial.outcome(index.heads(['r']))).get('r') ?? 0
}

// ---- what it keeps -----------------------------------------------------------------------------------------------------

describe('[SIM35] while nothing goes wrong, the simulated index keeps what every index keeps', () => {
  for (const visibleAtOnce of [true, false])
    searchConformance(`the simulation, ${visibleAtOnce ? 'at once' : 'after a refresh'}`, () =>
      openSubject(visibleAtOnce),
    )
})

async function openSubject(visibleAtOnce: boolean): Promise<Subject> {
  const { trial, search } = open(visibleAtOnce)
  const others = memoryEngines()
  const time = passTime(trial.clock)
  let index = search.connect('i')
  return {
    logs: others.logs,
    store: others.store,
    get search() {
      return index
    },
    capabilities: { durability: 'memory', survivesReopen: true, canTimeOut: true, visibleAtOnce },
    failAppend: () => {},
    failWrite: () => {},
    reopen: async () => {
      search.close('i')
      index = search.connect('i')
    },
    close: async () => {
      search.close('i')
      await time.stop()
      await others.close()
    },
  }
}

/** Two that write the same messages while the index fails, as a rebalance has it, and one who asks. Resolves when all is in. */
async function workload(trial: Trial): Promise<void> {
  const search = new SimulatedSearch(trial)
  const chance = trial.chance.fork()
  const last = 40
  const running = ['one', 'two'].map((name) => write(name))
  const asking = ask()
  for (let i = 0; i < 30; i++) {
    await trial.clock.pass(chance.between(1, 3_000))
    const name = chance.pick(['one', 'two'])
    if (!chance.happens(0.1)) continue
    search.freeze(name)
    trial.clock.after(chance.between(1, 20_000), () => search.thaw(name))
  }
  trial.heal()
  search.heal()
  search.thaw('one')
  search.thaw('two')
  const isOver = trial.settled(Promise.all([asking, ...running]))
  assert.ok(await trial.clock.until(isOver, 200_000), 'not everybody was answered after healing')
  await Promise.all([asking, ...running])
  const index = search.connect('judge')
  await trial.outcome(index.refresh())
  const expected = batch(1, last).documents.filter(({ id }) => !search.poisoned.has(id))
  assert.deepEqual(
    await hits(trial, index),
    expected.map(({ seq }) => seq),
  )

  async function write(name: string): Promise<void> {
    const index = search.connect(name)
    for (let from = 1; from <= last; ) {
      await trial.clock.sleep(chance.between(1, 500))
      const to = Math.min(last, from + chance.below(8))
      const documents = batch(from, to).documents.filter(({ id }) => !search.poisoned.has(id))
      const refused = await index.write({ ...batch(from, to), documents }).catch(() => undefined)
      if (refused === undefined) continue
      assert.ok(refused.every(({ id }) => search.poisoned.has(id)))
      from = to + 1
    }
  }

  /** Head and position never tell of what is not in. */
  async function ask(): Promise<void> {
    const index = search.connect('asking')
    for (let head = 0; head < last; ) {
      await trial.clock.sleep(chance.between(1, 2_000))
      try {
        const next = (await index.progress(0)) ?? 0
        if (!index.visibleAtOnce) await index.refresh()
        const told = (await index.heads(['r'])).get('r') ?? 0
        assert.ok(told >= head, 'a head was lowered')
        assert.ok(next <= told + 1, 'the position is above what is in')
        head = told
        const { hits, partial } = await index.query({ ...looking('hello'), rooms: ['r'], hitsMax: 100 })
        const found = new Set(hits.map(({ seq }) => seq))
        for (let seq = 1; seq <= head && !partial; seq++)
          assert.ok(found.has(seq) || search.poisoned.has(`r/${seq}`), `${seq} is not in, below the head`)
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
      }
    }
  }
}

test('[SIM21, SIM38] whatever fails, heads and position never tell of what is not in, and every failure happens and is counted', async () => {
  const counted = new Set<string>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const trial = new Trial(seed, PROBABILITIES)
    try {
      await workload(trial)
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause })
    }
    for (const name of trial.counts.keys()) counted.add(name)
  }
  const listed = [...SEARCH_FAULTS, ...SEARCH_EVENTS]
  assert.deepEqual(
    listed.filter((name) => !counted.has(name)),
    [],
    'never happened',
  )
  assert.deepEqual(
    [...counted].filter((name) => !listed.includes(name)),
    [],
    'happened, but is in no list',
  )
})

test('[SIM21] the same seed gives the same run of the index, line by line', async () => {
  const hashes = new Set<string>()
  for (let seed = 1; seed <= 10; seed++) {
    const [one, other] = [new Trial(seed, PROBABILITIES), new Trial(seed, PROBABILITIES)]
    await workload(one)
    await workload(other)
    assert.equal(one.hash, other.hash)
    hashes.add(one.hash)
  }
  assert.equal(hashes.size, 10)
})

// ---- what may go wrong -------------------------------------------------------------------------------------------------

test('[SIM36] what is in may be found only after a refresh, and heads tell of nothing that is not found, while the position is told at once', async () => {
  const { trial, search } = open(false)
  const index = search.connect('i')
  await trial.outcome(index.write(batch(1, 2)))
  assert.deepEqual(await hits(trial, index), [])
  assert.equal(await headOf(trial, index), 0)
  assert.equal(await trial.outcome(index.progress(0)), 3)
  await trial.outcome(index.refresh())
  assert.equal(await headOf(trial, index), 2)
  assert.deepEqual(await hits(trial, index), [1, 2])
})

test('[SIM36] some clusters refresh by themselves, others never', async () => {
  const kinds = new Set<number>()
  for (let seed = 1; seed <= 20; seed++) {
    const trial = new Trial(seed)
    const index = new SimulatedSearch(trial).connect('i')
    if (index.visibleAtOnce) continue
    await trial.outcome(index.write(batch(1, 1)))
    await trial.clock.pass(2_000)
    kinds.add((await hits(trial, index)).length)
  }
  assert.deepEqual([...kinds].sort(), [0, 1])
})

test('[SIM37] a write may be refused, land without a reply, land in parts, or land minutes later', async () => {
  const { trial, search } = open(true)
  const index = search.connect('i')
  const classOf = (request: SearchWrite) => trial.outcome(index.write(request).then(() => 'in', failureClass))
  trial.arm('search.write.refused')
  assert.equal(await classOf(batch(1, 1)), 'transient')
  assert.deepEqual(await hits(trial, index), [])
  trial.arm('search.write.unwilling')
  assert.ok(['overload', 'full', 'operator'].includes(await classOf(batch(1, 1))))
  trial.arm('search.write.replyLost')
  assert.equal(await classOf(batch(1, 1)), 'ambiguous')
  assert.deepEqual(await hits(trial, index), [1])
  trial.arm('search.write.broken')
  assert.equal(await classOf(batch(2, 41)), 'ambiguous')
  const { length } = await hits(trial, index)
  assert.ok(length > 1 && length < 41)
  assert.equal(await headOf(trial, index), 1)
  trial.arm('search.write.late')
  assert.equal(await classOf(batch(2, 41)), 'ambiguous')
  assert.ok(await trial.clock.until(() => trial.counts.get('search.landedLate') === 1, 400_000))
  assert.equal((await hits(trial, index)).length, 41)
  assert.equal(await headOf(trial, index), 41)
})

test('[SIM37] the index may be slow for seconds, or down for minutes', async () => {
  const { trial, search } = open(true)
  const index = search.connect('i')
  trial.always('search.write.slow')
  let slowest = 0
  for (let i = 1; i <= 20; i++) {
    const begunAt = trial.clock.elapsed()
    await trial.outcome(index.write(batch(i, i)))
    slowest = Math.max(slowest, trial.clock.elapsed() - begunAt)
  }
  assert.ok(slowest > 5_000)
  trial.never('search.write.slow')
  search.down(60_000)
  for (let passed = 0; passed < 40_000; passed += 10_000) {
    assert.equal(await trial.outcome(index.progress(0).catch(failureClass)), 'transient')
    await trial.clock.pass(7_000)
  }
  await trial.clock.pass(60_000)
  assert.equal(await trial.outcome(index.progress(0)), 21)
})

test('[SIM37] a query says when a part of the index did not answer', async () => {
  const { trial, search } = open(true)
  const index = search.connect('i')
  await trial.outcome(index.write(batch(1, 1)))
  const counts = new Set<number>()
  trial.always('search.partial')
  for (let i = 0; i < 20; i++) {
    const { hits, partial } = await trial.outcome(index.query({ ...looking('hello'), rooms: ['r'], hitsMax: 9 }))
    assert.equal(partial, true)
    counts.add(hits.length)
  }
  assert.deepEqual([...counts].sort(), [0, 1])
})

test('[SIM37] some messages the index can never take: it returns them, or fails without saying which', async () => {
  const { trial, search } = open(true)
  const index = search.connect('i')
  trial.arm('search.poison')
  const { documents } = batch(1, 2)
  assert.deepEqual(await trial.outcome(index.write(batch(1, 2))), [documents[0]])
  trial.arm('search.write.poisonNameless')
  assert.equal(await trial.outcome(index.write(batch(1, 2)).then(() => 'in', failureClass)), 'poison')
  assert.deepEqual(await trial.outcome(index.write(batch(1, 2))), [documents[0]])
  assert.deepEqual(await hits(trial, index), [2])
})
