import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/adapters/system/logger.ts'
import { RETENTION_DEFAULTS, RetentionGuard } from '../../src/core/retention.ts'
import { Failure, failureClass } from '../../src/ports/failure.ts'
import type { SharedLog } from '../../src/ports/log.ts'
import { memoryEngines } from '../support/adapters.ts'
import { FakeClock } from '../worker/fake-clock.ts'

const DAY_MS = 86_400_000
const RECORD = { key: 'lobby', headers: {}, value: new Uint8Array(1) }
const GROUP = 'worker'
const { lagLookMs } = RETENTION_DEFAULTS

/** A log of seven days, one reader of which is behind as the test says, and its guard. */
async function scene({ retentionMs }: Pick<SharedLog, 'retentionMs'> = { retentionMs: 7 * DAY_MS }) {
  const clock = new FakeClock()
  const { commands } = memoryEngines({ clock }).logs
  let isReadable = true
  const log: SharedLog = {
    name: commands.name,
    partitions: commands.partitions,
    durability: commands.durability,
    retentionMs,
    append: (...args) => commands.append(...args),
    read: (...args) => commands.read(...args),
    range: (partition) => commands.range(partition),
    tail: (reader) => commands.tail(reader),
    lag: async (group) => {
      if (!isReadable) throw new Failure('transient', 'away')
      return commands.lag(group)
    },
    committed: (...args) => commands.committed(...args),
  }
  const logger = createLogger({ level: 'silent', to: 'stdout', fields: {} })
  const guard = new RetentionGuard({ log, group: GROUP, clock, logger, settings: RETENTION_DEFAULTS })
  await guard.start()
  return {
    clock,
    commands,
    guard,
    append: () => guard.log.append(0, [RECORD]),
    readable: (is: boolean) => {
      isReadable = is
    },
    /** The reader has read everything. */
    async catchUp() {
      const { end } = await commands.range(0)
      await new Promise<void>((resolve) => {
        commands.work(GROUP, (owned) => owned.commit(end).then(resolve))
      })
    },
  }
}

test('[CLU2] a worker that is behind by three quarters of the retention stops sends, and they go on when it has caught up', async () => {
  const { clock, append, catchUp, guard } = await scene()
  await append()
  await clock.advance(5.2 * DAY_MS)
  await append()
  assert.equal(guard.refusal, undefined)
  await clock.advance(0.1 * DAY_MS)

  await assert.rejects(append(), (error) => failureClass(error) === 'overload')
  assert.match(guard.refusal ?? '', /the worker is 76\d\d minutes behind, and commands keeps records for 10080 minutes/)

  await catchUp()
  await clock.advance(lagLookMs)
  assert.equal(guard.refusal, undefined)
  await append()
  await guard.stop()
})

test('[CLU2] a log that cannot be asked is judged by what was known last', async () => {
  const { clock, append, catchUp, readable, guard } = await scene()
  await append()
  await clock.advance(6 * DAY_MS)
  readable(false)
  await catchUp()
  await clock.advance(10 * lagLookMs)
  await assert.rejects(append(), (error) => failureClass(error) === 'overload')
  readable(true)
  await clock.advance(lagLookMs)
  await append()
  await guard.stop()
})

test('[CLU2] a log that keeps what was not read is never closed', async () => {
  const { clock, append, guard } = await scene({})
  await append()
  await clock.advance(400 * DAY_MS)
  await append()
  assert.equal(guard.refusal, undefined)
})
