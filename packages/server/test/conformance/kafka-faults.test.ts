import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EngineError, type OwnEngine } from '../../../../engines/index.ts'
import { failureClass } from '../../src/ports/failure.ts'
import type { Log, OwnedPartition } from '../../src/ports/log.ts'
import { engineForTests } from '../support/engines.ts'
import { all, openedKafka, record, until } from './kafka-scene.ts'

const engine = await engineForTests('kafka')
const broker = engine?.own

const isCertain = (error: unknown) => !['ambiguous', 'unknown'].includes(failureClass(error))

if (broker !== undefined)
  describe('faults of Kafka', () => {
    const url = broker.url

    test('[KFK3] a broker killed under load: what was acknowledged is there once and in order, what failed for certain is not, and all goes on by itself', async (context) => {
      const { kafka } = await openedKafka(context, url, 2)
      const load = new Load(kafka.logs.commands)
      const work = new Work(kafka.logs.commands)
      const tail = new Followed(kafka.logs.commands)
      await until(() => tail.isEstablished, 'the tail is established')
      const running = load.run()
      for (let kills = 0; kills < 3; kills++) {
        await until(() => load.acknowledged.size >= 100 * (kills + 1), 'records are acknowledged')
        await broker.signal('SIGKILL')
        await until(() => kafka.waiting().length > 0, 'it says what it waits for')
        await startAgain(broker)
      }
      await until(() => load.acknowledged.size >= 500, 'records are acknowledged again')
      load.stop()
      await running
      await load.check()
      await until(
        async () => (await kafka.logs.commands.lag('g')).every(({ records }) => records === 0),
        'all was worked off',
      )
      for (const key of load.acknowledged) assert.ok(work.seen.has(key), `${key} was never given to the group`)
      assert.deepEqual(kafka.waiting(), [])
      tail.check(load)
    })

    for (const [kind, appendMs] of [
      ['tries go on, and make no double', 20_000],
      ['appends are given up, and nothing of them appears behind what came later', 1_000],
    ] as const)
      test(`[KFK4] a broker frozen for longer than a request waits: ${kind}`, async (context) => {
        const { kafka } = await openedKafka(context, url, 4, { appendMs })
        const load = new Load(kafka.logs.commands)
        // One that is frozen does not end when it is asked to.
        context.after(() => broker.signal('SIGCONT'))
        const running = load.run()
        for (let freezes = 0; freezes < 3; freezes++) {
          const before = load.acknowledged.size
          await until(() => load.acknowledged.size >= before + 100, 'records are acknowledged')
          await broker.signal('SIGSTOP')
          const failed = load.failed
          await until(() => kafka.waiting().length === 4, 'every partition waits')
          if (appendMs === 1_000) await until(() => load.failed >= failed + 4, 'appends fail')
          await broker.signal('SIGCONT')
        }
        const before = load.acknowledged.size
        await until(() => load.acknowledged.size >= before + 100, 'records are acknowledged again')
        load.stop()
        await running
        await load.check()
      })
  })

/** A broker that was killed a moment ago may hold its port a little longer. */
async function startAgain(broker: OwnEngine): Promise<void> {
  await until(async () => {
    try {
      await broker.startAgain()
      return true
    } catch (error) {
      if (error instanceof EngineError && error.code === 'port_taken') return false
      throw error
    }
  }, 'the broker has its port again')
}

/** Appends to every partition, one call after the other, and remembers what became of each. */
class Load {
  readonly acknowledged = new Set<string>()
  /** Records that may be there. */
  readonly unknown = new Set<string>()
  failed = 0
  readonly #log: Log
  #isStopped = false

  constructor(log: Log) {
    this.#log = log
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#log.partitions }, (_, partition) => this.#append(partition)))
  }

  stop(): void {
    this.#isStopped = true
  }

  async #append(partition: number): Promise<void> {
    for (let n = 0; !this.#isStopped; n++) {
      const keys = [`${partition}:${2 * n}`, `${partition}:${2 * n + 1}`]
      try {
        await this.#log.append(partition, keys.map(record))
        for (const key of keys) this.acknowledged.add(key)
      } catch (error) {
        if (failureClass(error) === 'closed') return
        this.failed++
        if (!isCertain(error)) for (const key of keys) this.unknown.add(key)
      }
    }
  }

  async check(): Promise<void> {
    for (let partition = 0; partition < this.#log.partitions; partition++) {
      const keys = (await all(this.#log, partition)).map(({ key }) => key)
      const numbers = keys.map((key) => Number(key.split(':')[1]))
      assert.deepEqual(
        numbers,
        [...new Set(numbers)].sort((a, b) => a - b),
        'each once, in the order of the calls',
      )
      for (const key of keys)
        assert.ok(this.acknowledged.has(key) || this.unknown.has(key), `${key} failed for certain`)
      const there = new Set(keys)
      for (const key of this.acknowledged)
        if (key.startsWith(`${partition}:`)) assert.ok(there.has(key), `${key} was acknowledged and is lost`)
    }
  }
}

class Work {
  readonly seen = new Set<string>()

  constructor(log: Log) {
    log.work('g', async (owned: OwnedPartition) => {
      while (!owned.signal.aborted) {
        const records = await owned.read({ recordsMax: 500, bytesMax: 1 << 20, waitMs: 500 })
        for (const { key } of records) this.seen.add(key)
        const last = records.at(-1)
        if (last !== undefined) await owned.commit(last.offset + 1)
      }
    })
  }
}

/** A reader without a group, with what it was shown between the interruptions it was told of. */
class Followed {
  isEstablished = false
  interruptions = 0
  readonly shown: string[] = []

  constructor(log: Log) {
    log.tail({
      established: () => {
        this.isEstablished = true
      },
      records: (records) => this.shown.push(...records.map(({ key }) => key)),
      broken: () => {
        this.isEstablished = false
        this.interruptions++
      },
    })
  }

  check(load: Load): void {
    assert.equal(new Set(this.shown).size, this.shown.length, 'nothing is shown twice')
    if (this.interruptions > 0) return
    const shown = new Set(this.shown)
    for (const key of load.acknowledged) assert.ok(shown.has(key), `${key} was never shown`)
  }
}
