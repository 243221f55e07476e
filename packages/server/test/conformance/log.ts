import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { failureClass } from '../../src/ports/failure.ts'
import type { Log, LogRecord, Membership, OwnedPartition, StoredRecord } from '../../src/ports/log.ts'
import { ODD_IDS, type OpenSubject, type Subject, until } from './subject.ts'

const ALL = { recordsMax: 1_000_000, bytesMax: 1 << 30 }
const encoder = new TextEncoder()

function record(key: string, value = key, headers: Record<string, string> = {}): LogRecord {
  return { key, headers, value: encoder.encode(value) }
}

function numbered(count: number, from = 0): LogRecord[] {
  return Array.from({ length: count }, (_, i) => record(`k${from + i}`))
}

async function all(log: Log, partition: number): Promise<readonly StoredRecord[]> {
  const records: StoredRecord[] = []
  for (let from = (await log.range(partition)).begin; ; ) {
    const read = await log.read(partition, from, ALL)
    if (read.records.length === 0) return records
    records.push(...read.records)
    from = read.next
  }
}

async function keys(log: Log, partition: number): Promise<string[]> {
  return (await all(log, partition)).map(({ key }) => key)
}

/** What every log has to keep, whatever engine it stands on. */
export function logConformance(name: string, partitions: number, open: OpenSubject): void {
  describe(`the log of ${name}, ${partitions} partitions`, () => {
    let subject: Subject
    let log: Log
    const memberships: Membership[] = []
    const last = partitions - 1

    beforeEach(async () => {
      subject = await open(partitions)
      log = subject.logs.commands
    })
    afterEach(async () => {
      await Promise.all(memberships.splice(0).map((membership) => membership.stop()))
      await subject.close()
    })

    function work(group: string, run: (owned: OwnedPartition) => Promise<void>): Membership {
      const membership = log.work(group, run)
      memberships.push(membership)
      return membership
    }

    /** Works one partition of a group until the test ends, and hands it out. */
    function own(group: string, partition: number): Promise<OwnedPartition> {
      return new Promise((resolve) => {
        work(group, async (owned) => {
          if (owned.id === partition) resolve(owned)
          await aborted(owned)
        })
      })
    }

    test('[LOG1] what was appended is read back in its order, with rising offsets and every byte', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      const records = [
        ...ODD_IDS.map((id) => record(id, id, { [id]: id, 'hf-x': '😀\n"' })),
        { key: 'bytes', headers: {}, value: bytes },
        { key: 'empty', headers: {}, value: new Uint8Array(0) },
      ]
      const offsets = await log.append(last, records)
      const read = await all(log, last)
      assert.deepEqual(
        read.map(({ key, headers, value }) => ({ key, headers: { ...headers }, value: [...value] })),
        records.map(({ key, headers, value }) => ({ key, headers, value: [...value] })),
      )
      assert.deepEqual(
        read.map(({ offset }) => offset),
        offsets,
      )
      assert.ok(offsets.every((offset, i) => i === 0 || offset > (offsets[i - 1] ?? offset)))
      assert.ok(read.every(({ partition, timestamp }) => partition === last && Number.isSafeInteger(timestamp)))
      assert.equal(log.durability, subject.capabilities.durability)
      assert.equal(log.partitions, partitions)
    })

    test('[LOG1] many appends at once keep the order of the calls, in each partition', async () => {
      const calls = Array.from({ length: 40 }, (_, i) => log.append(i % partitions, numbered(3, 3 * i)))
      const offsets = await Promise.all(calls)
      for (let partition = 0; partition < partitions; partition++) {
        const mine = offsets.map((_, i) => i).filter((i) => i % partitions === partition)
        assert.deepEqual(
          await keys(log, partition),
          mine.flatMap((i) => numbered(3, 3 * i).map(({ key }) => key)),
        )
        assert.deepEqual(
          (await all(log, partition)).map(({ offset }) => offset),
          mine.flatMap((i) => offsets[i] ?? []),
        )
      }
    })

    test('[LOG1] an empty append does nothing', async () => {
      assert.deepEqual(await log.append(0, []), [])
      assert.deepEqual(await all(log, 0), [])
    })

    test('[LOG1] the three logs of an installation do not mix', async () => {
      const { commands, feed, deadLetters } = subject.logs
      await commands.append(0, [record('c')])
      await feed.append(0, [record('f', 'f', { end: 'x' })])
      await deadLetters.append(0, [record('d')])
      assert.deepEqual(
        [await keys(commands, 0), await keys(feed, 0), await keys(deadLetters, 0)],
        [['c'], ['f'], ['d']],
      )
      assert.deepEqual([commands.name, feed.name, deadLetters.name], ['commands', 'feed', 'dead-letters'])
    })

    test('[LOG2] a failure that is certain leaves nothing behind', async () => {
      await log.append(0, [record('a')])
      subject.failAppend('before')
      await assert.rejects(log.append(0, [record('b')]), (error) => failureClass(error) === 'transient')
      await log.append(0, [record('c')])
      assert.deepEqual(await keys(log, 0), ['a', 'c'])
    })

    test('[LOG2] a lost reply is ambiguous: the records may be there, in their order, and the log goes on', async () => {
      subject.failAppend('after')
      await assert.rejects(log.append(0, numbered(3)), (error) => failureClass(error) === 'ambiguous')
      await log.append(0, [record('next')])
      const found = await keys(log, 0)
      assert.equal(found.pop(), 'next')
      assert.deepEqual(found, ['k0', 'k1', 'k2'].slice(0, found.length))
    })

    test('[LOG3] a read keeps its limits, gives at least one record, and says where to go on', async () => {
      const offsets = await log.append(0, [record('a', 'x'.repeat(100)), record('b', 'y'.repeat(100)), record('c')])
      const [first = 0, second = 0, third = 0] = offsets
      const two = await log.read(0, first, { recordsMax: 2, bytesMax: 1_000 })
      assert.deepEqual([two.records.map(({ key }) => key), two.next > second && two.next <= third], [['a', 'b'], true])
      const small = await log.read(0, first, { recordsMax: 10, bytesMax: 1 })
      assert.deepEqual(
        small.records.map(({ key }) => key),
        ['a'],
      )
      const bytes = await log.read(0, first, { recordsMax: 10, bytesMax: 200 })
      assert.deepEqual(
        bytes.records.map(({ key }) => key),
        ['a', 'b'],
      )
      const rest = await log.read(0, second, ALL)
      assert.deepEqual(
        rest.records.map(({ key }) => key),
        ['b', 'c'],
      )
    })

    test('[LOG3] a read at the end finds nothing and stays where it is', async () => {
      await log.append(0, [record('a')])
      const { end } = await log.range(0)
      assert.deepEqual(await log.read(0, end, ALL), { records: [], next: end })
    })

    test('[LOG4] the range of a new partition is empty, and then spans its records', async () => {
      const empty = await log.range(last)
      assert.equal(empty.begin, empty.end)
      const offsets = await log.append(last, numbered(3))
      const { begin, end } = await log.range(last)
      assert.equal(begin <= (offsets[0] ?? -1), true)
      assert.equal(end > (offsets[2] ?? end), true)
    })

    test('[LOG4] a partition that does not exist is the operator’s fault', async () => {
      await assert.rejects(log.range(partitions), (error) => failureClass(error) === 'operator')
      await assert.rejects(log.append(partitions, numbered(1)), (error) => failureClass(error) === 'operator')
    })

    test('[LOG5] a member works every partition, from its beginning, and stops when told', async () => {
      for (let partition = 0; partition < partitions; partition++)
        await log.append(partition, [record(`p${partition}`)])
      const seen = new Map<number, string>()
      let running = 0
      const membership = work('g', async (owned) => {
        running++
        const records = await owned.read({ ...ALL, waitMs: 1_000 })
        seen.set(owned.id, records.map(({ key }) => key).join())
        await aborted(owned)
        running--
      })
      await until(() => seen.size === partitions, 'every partition was read')
      assert.deepEqual(
        [...seen].sort(),
        Array.from({ length: partitions }, (_, i) => [i, `p${i}`]),
      )
      await membership.stop()
      assert.equal(running, 0)
      await membership.stop()
    })

    test('[LOG5] whoever returns or throws while the partition is still theirs is called again', async () => {
      let calls = 0
      work('g', async (owned) => {
        if (owned.id !== 0) return aborted(owned)
        calls++
        if (calls === 1) return
        if (calls === 2) throw new Error('once')
        return aborted(owned)
      })
      await until(() => calls === 3, 'it was called a third time')
    })

    test('[LOG5] a second member takes over where the first one committed, and never beside it', async () => {
      await log.append(0, numbered(4))
      const running = new Set<string>()
      const overlaps: string[] = []
      const read: string[][] = []
      const member = (who: string) => async (owned: OwnedPartition) => {
        if (owned.id !== 0) return aborted(owned)
        if (running.size > 0) overlaps.push(who)
        running.add(who)
        const records = await owned.read({ recordsMax: 2, bytesMax: 1_000, waitMs: 1_000 })
        const done = records.at(-1)
        if (done !== undefined) await owned.commit(done.offset + 1)
        read.push([who, ...records.map(({ key }) => key)])
        await aborted(owned)
        running.delete(who)
      }
      const first = work('g', member('first'))
      await until(() => read.length === 1, 'the first member committed')
      work('g', member('second'))
      await first.stop()
      await until(() => read.length === 2, 'the second member read')
      assert.deepEqual(read, [
        ['first', 'k0', 'k1'],
        ['second', 'k2', 'k3'],
      ])
      assert.deepEqual(overlaps, [])
    })

    test('[LOG5] two members share the partitions', async () => {
      const owners = new Map<number, string>()
      const member = (who: string) => async (owned: OwnedPartition) => {
        owners.set(owned.id, who)
        await aborted(owned)
      }
      work('g', member('first'))
      work('g', member('second'))
      const expected = partitions === 1 ? 1 : 2
      await until(
        () => owners.size === partitions && new Set(owners.values()).size === expected,
        'both have their share',
      )
    })

    test('[LOG5] groups do not know of each other', async () => {
      await log.append(0, [record('a')])
      const [one, other] = [await own('one', 0), await own('other', 0)]
      const wait = { ...ALL, waitMs: 1_000 }
      const [mine = record('none')] = await one.read(wait)
      await one.commit((mine as StoredRecord).offset + 1)
      assert.deepEqual(
        (await other.read(wait)).map(({ key }) => key),
        ['a'],
      )
      assert.equal(await log.committed('other', 0), undefined)
    })

    test('[LOG5] a read waits for the first record, for its time, or for the abort', async () => {
      const owned = await own('g', 0)
      const waiting = owned.read({ ...ALL, waitMs: 60_000 })
      await log.append(0, [record('a')])
      assert.deepEqual(
        (await waiting).map(({ key }) => key),
        ['a'],
      )
      assert.deepEqual(await owned.read({ ...ALL, waitMs: 1 }), [])
      const cut = owned.read({ ...ALL, waitMs: 60_000 })
      await Promise.all(memberships.map((membership) => membership.stop()))
      assert.deepEqual(await cut, [])
      assert.equal(owned.signal.aborted, true)
    })

    test('[LOG10] a read that gathers waits behind the first record for so many, so long at most, and takes all there is then', async () => {
      const owned = await own('g', 0)
      const gathering = owned.read({ ...ALL, waitMs: 60_000, gather: { records: 3, ms: 60_000 } })
      for (const key of ['a', 'b', 'c']) await log.append(0, [record(key)])
      assert.deepEqual(
        (await gathering).map(({ key }) => key),
        ['a', 'b', 'c'],
      )
      await log.append(0, [record('d')])
      const late = owned.read({ ...ALL, waitMs: 60_000, gather: { records: 2, ms: 1 } })
      assert.deepEqual(
        (await late).map(({ key }) => key),
        ['d'],
      )
      assert.deepEqual(await owned.read({ ...ALL, waitMs: 1, gather: { records: 2, ms: 60_000 } }), [])
      await log.append(0, [record('e')])
      const cut = owned.read({ ...ALL, waitMs: 60_000, gather: { records: 2, ms: 60_000 } })
      await Promise.all(memberships.map((membership) => membership.stop()))
      assert.deepEqual(await cut, [])
    })

    test('[LOG11] who works off a long lag, and never waits, leaves others in the process their turns', async () => {
      await log.append(0, numbered(50))
      const owned = await own('g', 0)
      let turns = 0
      const count = () => {
        turns++
        if (!owned.signal.aborted) setImmediate(count)
      }
      setImmediate(count)
      for (let left = 50; left > 0; left--)
        assert.equal((await owned.read({ recordsMax: 1, bytesMax: 1_000, waitMs: 0 })).length, 1)
      assert.ok(turns >= 40, `${turns} turns of the event loop in 50 reads`)
    })

    test('[LOG5] reads go on where the last one ended, or from where they are told', async () => {
      const offsets = await log.append(0, numbered(3))
      const owned = await own('g', 0)
      const limit = { recordsMax: 2, bytesMax: 1_000, waitMs: 1_000 }
      const texts = async () => (await owned.read(limit)).map(({ key }) => key)
      assert.ok(owned.position <= (offsets[0] ?? -1))
      assert.deepEqual(await texts(), ['k0', 'k1'])
      assert.deepEqual(await texts(), ['k2'])
      owned.seek(offsets[1] ?? 0)
      assert.equal(owned.position, offsets[1])
      assert.deepEqual(await texts(), ['k1', 'k2'])
    })

    test('[LOG6] a tail is established, and then shows every record appended from then on, in order', async () => {
      await log.append(0, [record('before')])
      const shown: StoredRecord[] = []
      let established = 0
      const membership = log.tail({
        established: () => {
          established++
        },
        records: (records) => shown.push(...records),
        broken: () => {},
      })
      memberships.push(membership)
      await until(() => established === 1, 'the tail was established')
      const headers = { end: 'stored', room: '😀' }
      for (let i = 0; i < 20; i++) await log.append(i % partitions, [record(`t${i}`, `v${i}`, headers)])
      await until(() => shown.length === 20, 'all records were shown')
      for (let partition = 0; partition < partitions; partition++) {
        const mine = shown.filter((record) => record.partition === partition)
        const kept = (await all(log, partition)).filter(({ key }) => key !== 'before')
        const plain = ({ key, headers, value, offset, timestamp }: StoredRecord) => ({
          key,
          headers: { ...headers },
          value: [...value],
          offset,
          timestamp,
        })
        assert.deepEqual(mine.map(plain), kept.map(plain))
      }
      await membership.stop()
      await log.append(0, [record('after')])
      await log.range(0)
      assert.equal(shown.length, 20)
    })

    test('[LOG6] a reader that throws harms neither the append nor the other readers, and is told to look afresh', async () => {
      const events: string[] = []
      const shown: string[] = []
      memberships.push(
        log.tail({
          established: () => events.push('established'),
          records: () => {
            throw new Error('a fault of the reader')
          },
          broken: () => events.push('broken'),
        }),
        log.tail({
          established: () => events.push('other'),
          records: (records) => shown.push(...records.map(({ key }) => key)),
          broken: () => {},
        }),
      )
      await until(() => events.length === 2, 'both are established')
      await log.append(0, [record('a')])
      await until(() => shown.length === 1 && events.length === 4, 'one was shown it, the other established again')
      assert.deepEqual(events.slice(2), ['broken', 'established'])
    })

    test('[LOG7] the lag counts what is not committed, and names the oldest', async () => {
      const none = Array.from({ length: partitions }, (_, partition) => ({ partition, records: 0, oldest: undefined }))
      assert.deepEqual(await log.lag('g'), none)
      const offsets = await log.append(last, numbered(5))
      const [oldest] = await all(log, last)
      assert.deepEqual((await log.lag('g'))[last], { partition: last, records: 5, oldest: oldest?.timestamp })
      const owned = await own('g', last)
      await owned.commit((offsets[2] ?? 0) + 1)
      assert.equal((await log.lag('g'))[last]?.records, 2)
      await owned.commit((offsets[4] ?? 0) + 1)
      assert.deepEqual(await log.lag('g'), none)
    })

    test('[LOG8, LOG9] a group’s position is what it committed last, also late, again, or backwards', async () => {
      const offsets = await log.append(0, numbered(3))
      assert.equal(await log.committed('g', 0), undefined)
      const owned = await own('g', 0)
      for (const next of [offsets[2], offsets[2], offsets[1]]) {
        await owned.commit(next ?? 0)
        assert.equal(await log.committed('g', 0), next)
      }
      await Promise.all(memberships.map((membership) => membership.stop()))
      await owned.commit(offsets[2] ?? 0)
      await log.append(0, [record('still works')])
    })

    test('[LOG1, LOG8] closing and opening again finds everything, as far as the engine says so', async () => {
      const records = ODD_IDS.map((id) => record(id))
      const offsets = await log.append(last, records)
      const next = (offsets[3] ?? 0) + 1
      await (await own('g', last)).commit(next)
      await Promise.all(memberships.splice(0).map((membership) => membership.stop()))
      await subject.reopen()
      log = subject.logs.commands
      const { survivesReopen } = subject.capabilities
      assert.deepEqual(await keys(log, last), survivesReopen ? ODD_IDS : [])
      assert.equal(await log.committed('g', last), survivesReopen ? next : undefined)
      const [first = 0] = await log.append(last, [record('new')])
      assert.equal(first > (survivesReopen ? (offsets.at(-1) ?? 0) : -1), true)
    })

    test('[LOG2] after closing, every call is refused as closed', async () => {
      await subject.close()
      const closed = (error: unknown) => failureClass(error) === 'closed'
      await assert.rejects(log.append(0, numbered(1)), closed)
      await assert.rejects(log.read(0, 0, ALL), closed)
      await assert.rejects(log.lag('g'), closed)
    })
  })
}

function aborted({ signal }: OwnedPartition): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
}
