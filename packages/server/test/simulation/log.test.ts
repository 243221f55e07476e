import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FailureClass } from '../../src/ports/failure.ts'
import { failureClass } from '../../src/ports/failure.ts'
import type { Log, LogRecord, OwnedPartition, StoredRecord } from '../../src/ports/log.ts'
import { logConformance } from '../conformance/log.ts'
import type { Subject } from '../conformance/subject.ts'
import { memoryEngines } from '../support/adapters.ts'
import { Chance } from './chance.ts'
import { type History, mixture, PARTITIONS, run, Weather } from './log/workload.ts'
import { LOG_EVENTS, LOG_FAULTS, SimulatedLogs } from './log.ts'
import { passTime } from './trial.ts'

for (const partitions of [1, 4]) logConformance('the simulator, without faults', partitions, openSubject)

describe('the log of the simulator, with faults', () => {
  test('[SIM1] the same seed makes the same run, to the last line of the trace; another seed makes another', async () => {
    const hashes = new Set<string>()
    for (let seed = 1; seed <= 10; seed++) {
      const { weather } = await run(seed, mixture(seed))
      assert.equal((await run(seed, mixture(seed))).weather.hash, weather.hash)
      hashes.add(weather.hash)
    }
    assert.equal(hashes.size, 10)
  })

  test('[SIM2] each fault strikes and is counted where the mixture has it, and never where it has not', async () => {
    for (const fault of LOG_FAULTS) {
      // An odd error needs something that has gone wrong.
      const allowed = fault === 'log.append.oddError' ? [fault, 'log.append.lost'] : [fault]
      const odds = (name: string) => (allowed.includes(name) ? 0.2 : 0)
      const counts = await countsUntil((seen) => seen.has(fault), odds, { isCalm: true, retainMs: 5_000 })
      assert.deepEqual(
        LOG_FAULTS.filter((name) => counts.has(name)),
        LOG_FAULTS.filter((name) => allowed.includes(name)),
      )
    }
  })

  test('[SIM2] everything that can come of the faults comes true in some seed', async () => {
    await countsUntil(
      (seen) => LOG_EVENTS.every((event) => seen.has(event) || event === 'log.append.tooLarge'),
      undefined,
      { retainMs: 5_000 },
    )
  })

  test('[SIM3] what is acknowledged stands in its place for ever, once; a certain failure leaves nothing, a doubtful one at most a beginning', async () => {
    const told = new Set<FailureClass | 'offsets'>()
    for (const { appends, logs } of await histories()) {
      const places = placesOf(logs)
      for (const { keys, partition, told: answer } of appends) {
        const offsets = keys.map((key) => places.get(key) ?? [])
        const landed = offsets.filter(({ length }) => length > 0).length
        assert.ok(
          offsets.every(({ length }, i) => length === (i < landed ? 1 : 0)),
          `${keys} lie at ${offsets}`,
        )
        if (typeof answer === 'string') {
          if (answer === 'transient' || answer === 'overload' || answer === 'full') assert.equal(landed, 0)
          if (answer !== 'nothing') told.add(answer)
        } else {
          told.add('offsets')
          assert.deepEqual(
            offsets.flat(),
            answer.map((offset) => `${partition}/${offset}`),
          )
        }
      }
    }
    assert.deepEqual([...told].sort(), ['ambiguous', 'full', 'offsets', 'overload', 'transient', 'unknown'])
  })

  test('[SIM4] what one process sends to a partition keeps its order, however late it lands; offsets rise', async () => {
    for (const { appends, logs } of await histories())
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const records = logs.records('commands', partition)
        assert.ok(records.every(({ offset }, i) => i === 0 || offset > (records[i - 1]?.offset ?? offset)))
        const sent = appends.filter((append) => append.partition === partition)
        for (const process of new Set(sent.map((append) => append.process))) {
          const landed = records.map(({ key }) => key).filter((key) => key.startsWith(`${process}.`))
          const order = sent.filter((append) => append.process === process).flatMap(({ keys }) => keys)
          assert.deepEqual(
            landed,
            order.filter((key) => landed.includes(key)),
          )
        }
      }
  })

  test('[SIM5] a group reads everything: each owner without a hole from its start, and one `run` at a time in a process', async () => {
    for (const { reads, logs, wrong } of await histories()) {
      assert.deepEqual(wrong, [])
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const records = logs.records('commands', partition)
        const seen = new Set<number>()
        for (const read of reads.filter((read) => read.partition === partition)) {
          for (const { offset } of read.records) seen.add(offset)
          const from = records.findIndex(({ offset }) => offset >= read.start)
          const expected = from < 0 ? [] : records.slice(from, from + read.records.length)
          assert.deepEqual(read.records.map(keyOf), expected.map(keyOf))
        }
        assert.equal(seen.size, records.length)
      }
    }
  })

  test('[SIM6] a tail shows everything from its establishment on, in order and once it is durable, until it breaks; then it says so', async () => {
    let broken = 0
    for (const { shown, logs, wrong } of await histories()) {
      assert.deepEqual(wrong, [])
      for (const { records, from, isBroken } of shown) {
        if (isBroken) broken++
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const all = logs.records('commands', partition)
          const mine = records.filter((record) => record.partition === partition)
          const first = all.findIndex(({ offset }) => offset === mine[0]?.offset)
          if (first < 0) continue
          assert.ok(first <= (from[partition] ?? 0), 'a record was missed after the establishment')
          assert.deepEqual(mine.map(keyOf), all.slice(first, first + mine.length).map(keyOf))
        }
      }
    }
    assert.ok(broken > 0)
  })

  test('[SIM7] healed, nothing goes wrong any more: everything lands, is read and shown, and each partition has one owner', async () => {
    for (const { hasDrained, owners, weather } of await histories()) {
      assert.ok(hasDrained, 'it did not drain in time')
      assert.ok(owners.every(({ length }) => length === 1))
      const counts = new Map(weather.counts)
      await weather.clock.pass(60_000)
      for (const fault of LOG_FAULTS) assert.equal(weather.counts.get(fault), counts.get(fault), fault)
    }
  })

  test('[SIM8] a frozen process sends and hears nothing; another takes its partitions; thawed, it works on until it hears, and joins anew', async () => {
    const { weather, logs, group } = await scene({}, ['a', 'b'])
    const mine = group.owned('a', 0)
    const { commands } = logs.connect('c')
    await comes(weather, settled(commands.append(0, [record('one')])), 1_000)
    logs.freeze('a')
    let said: readonly StoredRecord[] | undefined
    void mine.read(LIMIT).then((records) => {
      said = records
    })
    await comes(weather, () => logs.owners('commands', 'g', 0).includes('b'), 20_000)
    assert.deepEqual(logs.owners('commands', 'g', 0), ['a', 'b'])
    assert.deepEqual([mine.signal.aborted, said], [false, undefined])
    logs.thaw('a')
    await comes(weather, () => said !== undefined, 1_000)
    assert.deepEqual([said?.map(keyOf), mine.signal.aborted], [['one'], false])
    await comes(weather, () => mine.signal.aborted, 10_000)
    logs.crash('b')
    await comes(weather, () => group.calls('a') === 2, 20_000)
  })

  test('[SIM9] a killed process does and hears nothing more; what it had sent may still land', async () => {
    const landed = new Set<number>()
    for (let seed = 1; landed.size < 3 && seed < 100; seed++) {
      const { weather, logs, group } = await scene({}, ['a', 'b'], seed)
      const { commands } = group.client('a')
      let said = 0
      for (const key of ['one', 'two']) commands.append(0, [record(key)]).finally(() => said++)
      await weather.clock.pass(seed % 30)
      const heard = said
      const calls = group.calls('a')
      logs.crash('a')
      await comes(weather, () => logs.owners('commands', 'g', 0).join() === 'b', 20_000)
      await weather.clock.pass(10_000)
      assert.deepEqual([said, group.calls('a')], [heard, calls])
      const keys = logs.records('commands', 0).map(keyOf)
      assert.deepEqual(keys, ['one', 'two'].slice(0, keys.length))
      landed.add(keys.length)
    }
    assert.equal(landed.size, 3)
  })

  test('[SIM10] who is cut off cannot append, read or commit; others take over; it hears of that when it is back', async () => {
    const { weather, logs, group } = await scene({}, ['a', 'b'])
    const mine = group.owned('a', 0)
    const { commands } = group.client('a')
    logs.cutOff('a')
    const told: FailureClass[] = []
    const fails = (call: Promise<unknown>) => void call.catch((cause) => told.push(failureClass(cause)))
    fails(commands.append(0, [record('one')]))
    fails(commands.range(0))
    fails(mine.read(LIMIT))
    for (let i = 0; i < 20; i++) fails(mine.commit(1))
    await comes(weather, () => told.length === 23, 10_000)
    assert.ok(told.every((name) => ['transient', 'ambiguous', 'unknown'].includes(name)))
    await comes(weather, () => logs.owners('commands', 'g', 0).includes('b'), 20_000)
    assert.deepEqual([mine.signal.aborted, logs.records('commands', 0).length], [false, 0])
    const committed = logs.connect('c').commands.committed('g', 0)
    await comes(weather, settled(committed), 1_000)
    assert.equal(await committed, undefined)
    logs.mend('a')
    await comes(weather, () => mine.signal.aborted, 10_000)
    logs.crash('b')
    await comes(weather, () => group.calls('a') === 2, 20_000)
  })

  test('[SIM11] the commit of who was taken over counts or is refused, as the seed has it', async () => {
    for (const isAccepted of [true, false]) {
      const { weather, logs, group } = await scene({ 'log.commit.staleAccepted': isAccepted ? 1 : 0 }, ['a', 'b'])
      const mine = group.owned('a', 0)
      const { commands } = logs.connect('c')
      await comes(weather, settled(commands.append(0, [record('one'), record('two')])), 1_000)
      logs.freeze('a')
      await comes(weather, () => logs.owners('commands', 'g', 0).includes('b'), 20_000)
      await comes(weather, settled(group.owned('b', 0).commit(2)), 1_000)
      logs.thaw('a')
      const told = mine.commit(1).then(() => 'counts', failureClass)
      await comes(weather, settled(told), 10_000)
      assert.equal(await told, isAccepted ? 'counts' : 'closed')
      const committed = commands.committed('g', 0)
      await comes(weather, settled(committed), 1_000)
      assert.equal(await committed, isAccepted ? 1 : 2)
    }
  })

  test('[SIM11] a commit whose reply is lost counts; one in doubt may count much later, behind a higher one', async () => {
    for (const fault of ['log.commit.replyLost', 'log.commit.landsLater'] as const) {
      const odds: Record<string, number> = { [fault]: 1 }
      const { weather, group } = await scene(odds, ['a'])
      const { clock } = weather
      const mine = group.owned('a', 0)
      const { commands } = group.client('a')
      const told = mine.commit(1).then(() => 'counts', failureClass)
      await comes(weather, settled(told), 10_000)
      assert.equal(await told, 'ambiguous')
      odds[fault] = 0
      await comes(weather, settled(mine.commit(2)), 1_000)
      await clock.pass(20_000)
      const committed = commands.committed('g', 0)
      await comes(weather, settled(committed), 1_000)
      assert.equal(await committed, fault === 'log.commit.replyLost' ? 2 : 1)
    }
  })

  test('[SIM39] before a restore what the dead had under way lands, or never does; the living go on', async () => {
    let landed = 0
    for (let seed = 1; seed <= 10; seed++) {
      const { weather, logs, group } = await scene({ 'log.append.landsLater': 1 }, ['dead', 'living'], seed)
      const record = (key: string): LogRecord => ({ key, headers: {}, value: new Uint8Array(1) })
      for (const process of ['dead', 'living'])
        group
          .client(process)
          .commands.append(0, [record(process)])
          .catch(() => {})
      await weather.clock.pass(1)
      logs.crash('dead')
      logs.settleCrashed()
      assert.equal(logs.inFlight, 1)
      landed += logs.records('commands', 0).length
    }
    assert.ok(landed > 0)
  })

  test('[SIM12] only what every group has passed, and is old, is trimmed; a tail that had not seen it yet is broken', async () => {
    const { weather, logs, group } = await scene({ 'log.trimmed': 1 }, ['a'])
    const { clock } = weather
    const { commands } = group.client('a')
    let broken = 0
    let established = 0
    logs.connect('slow').commands.tail({
      established: () => established++,
      records: () => {},
      broken: () => broken++,
    })
    await comes(weather, () => established === 1, 1_000)
    logs.freeze('slow')
    await comes(weather, settled(commands.append(0, [record('one'), record('two'), record('three')])), 1_000)
    const mine = group.owned('a', 0)
    await comes(weather, settled(mine.commit(2)), 1_000)
    assert.equal(logs.records('commands', 0).length, 3)
    await clock.pass(RETAIN_MS)
    await comes(weather, settled(mine.commit(2)), 1_000)
    const range = commands.range(0)
    await comes(weather, settled(range), 1_000)
    assert.deepEqual([logs.records('commands', 0).map(keyOf), await range], [['three'], { begin: 2, end: 3 }])
    logs.thaw('slow')
    await comes(weather, () => broken === 1 && established === 2, 10_000)
  })

  test('[SIM13] a record that is too large is refused for ever, with the whole append it is in', async () => {
    const { weather, logs, group } = await scene({}, ['a'])
    const { commands } = group.client('a')
    const large = { ...record('large'), value: new Uint8Array(RECORD_BYTES_MAX + 1) }
    const told = commands.append(0, [record('one'), large]).then(() => 'appended', failureClass)
    await comes(weather, settled(told), 1_000)
    assert.equal(await told, 'poison')
    assert.deepEqual(logs.records('commands', 0), [])
    assert.equal(weather.counts.get('log.append.tooLarge'), 1)
  })
})

const RETAIN_MS = 30_000
const RECORD_BYTES_MAX = 100
const LIMIT = { recordsMax: 10, bytesMax: 1_000, waitMs: 60_000 }

let shared: Promise<readonly History[]> | undefined

/** The same runs for all who judge runs. */
function histories(): Promise<readonly History[]> {
  shared ??= Promise.all(Array.from({ length: 60 }, (_, i) => i + 1).map((seed) => run(seed, mixture(seed))))
  return shared
}

/** Runs seeds until the condition holds of what was counted; fails where it never does. */
async function countsUntil(
  holds: (seen: ReadonlyMap<string, number>) => boolean,
  odds?: (fault: string) => number,
  options: Parameters<typeof run>[2] = {},
): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>()
  for (let seed = 1; seed <= 100; seed++) {
    const { weather } = await run(seed, odds ?? mixture(seed), options)
    for (const [name, count] of weather.counts) seen.set(name, (seen.get(name) ?? 0) + count)
    if (holds(seen)) return seen
  }
  throw new Error(`in 100 seeds only these came true: ${[...seen.keys()].sort().join(', ')}`)
}

/** Members of a group on one partition, who do nothing but own what they are given; the first one has it in the end. */
async function scene(odds: Readonly<Record<string, number>>, processes: readonly string[], seed = 1) {
  const weather = new Weather(seed, (fault) => odds[fault] ?? 0)
  const logs = new SimulatedLogs(weather, { partitions: 1, retainMs: RETAIN_MS, recordBytesMax: RECORD_BYTES_MAX })
  const clients = new Map<string, { readonly commands: Log }>()
  const owned = new Map<string, OwnedPartition[]>()
  for (const process of processes) {
    const client = logs.connect(process)
    clients.set(process, client)
    client.commands.work('g', (partition) => {
      owned.set(process, [...(owned.get(process) ?? []), partition])
      return aborted(partition)
    })
    const isFirst = process === processes[0]
    if (isFirst) await comes(weather, () => logs.owners('commands', 'g', 0).length === 1, 10_000)
  }
  await weather.clock.pass(1_000)
  const known = <T>(value: T | undefined): T => {
    assert.ok(value !== undefined)
    return value
  }
  const group = {
    client: (process: string) => known(clients.get(process)),
    owned: (process: string, partition: number) => known(owned.get(process)?.findLast(({ id }) => id === partition)),
    calls: (process: string) => owned.get(process)?.length ?? 0,
  }
  return { weather, logs, group }
}

/** Lets time pass until the condition holds; fails where it does not in time. */
async function comes({ clock }: Weather, holds: () => boolean, msMax: number): Promise<void> {
  assert.ok(await clock.until(holds, msMax), `it did not come true in ${msMax} ms: ${holds}`)
}

/** A condition that comes to hold when the promise is settled. */
function settled(promise: Promise<unknown>): () => boolean {
  let isSettled = false
  const settle = () => {
    isSettled = true
  }
  promise.then(settle, settle)
  return () => isSettled
}

function aborted({ signal }: OwnedPartition): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
}

function record(key: string): LogRecord {
  return { key, headers: {}, value: new Uint8Array(key.length) }
}

function keyOf({ key }: LogRecord): string {
  return key
}

/** Where each key lies: partition and offset. */
function placesOf(logs: SimulatedLogs): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, string[]>()
  for (let partition = 0; partition < PARTITIONS; partition++)
    for (const { key, offset } of logs.records('commands', partition))
      places.set(key, [...(places.get(key) ?? []), `${partition}/${offset}`])
  return places
}

/**
 * The suite waits in real time, so simulated time passes beside it as fast as it can. Commits of members that left count here:
 * whether they do is no fault, but a mixture's choice.
 */
async function openSubject(partitions: number): Promise<Subject> {
  const armed = new Set(['log.commit.staleAccepted'])
  const weather = new Weather(new Chance(partitions).below(1_000), (fault) => (armed.delete(fault) ? 1 : 0))
  const { clock } = weather
  const logs = new SimulatedLogs(weather, { partitions })
  const engines = memoryEngines({ partitions, clock })
  let client = logs.connect('subject')
  const time = passTime(clock)
  return {
    get logs() {
      return client
    },
    store: engines.store,
    search: engines.search,
    capabilities: { durability: 'replicated', survivesReopen: true, canTimeOut: true, visibleAtOnce: true },
    failAppend: (fault) => {
      armed.add(fault === 'before' ? 'log.append.refused' : 'log.append.replyLost')
    },
    failWrite: () => {
      throw new Error('there is no simulated store here')
    },
    reopen: async () => {
      await client.close()
      client = logs.connect('subject')
    },
    close: async () => {
      await client.close()
      await engines.close()
      await time.stop()
    },
  }
}
