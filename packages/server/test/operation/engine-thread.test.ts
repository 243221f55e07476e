import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { createLogger } from '../../src/adapters/system/logger.ts'
import type { Thread } from '../../src/engine/link.ts'
import { connectEngine } from '../../src/engine/remote.ts'
import type { Call, Event } from '../../src/engine/wire.ts'
import { failureClass } from '../../src/ports/failure.ts'
import type { FailpointName } from '../../src/ports/system.ts'
import { Conversation } from '../crash/conversation.ts'
import { type ServerProcess, startServer, temporaryFolder, until } from '../support/server.ts'
import { type AlertReceiver, receiveAlerts } from './alert-receiver.ts'
import { verify } from './folder.ts'
import { Ledger, Speaker } from './ledger.ts'
import { Talk } from './talk.ts'

/** Where the thread ends: in the middle of an append, of a write, and between two durable steps. Each life of it gets so far. */
const ENDS: readonly { readonly point: FailpointName; readonly visit: number }[] = [
  { point: 'append:before', visit: 40 },
  { point: 'append:after', visit: 40 },
  { point: 'worker:fetched', visit: 30 },
  { point: 'store:mid-write', visit: 30 },
  { point: 'store:committed', visit: 30 },
  { point: 'feed:before', visit: 30 },
  { point: 'worker:settled', visit: 30 },
]
/** So often it has ended before all is held against history. */
const LIVES = 3

for (const { point, visit } of ENDS)
  test(`[OPS28] its engine thread ends at ${point}, again and again: nothing is lost, doubled or reordered`, {
    timeout: 120_000,
  }, async () => {
    using folder = temporaryFolder()
    await using operator = await receiveAlerts()
    await using server = await mortal(folder.path, operator, `${point}=exit@${visit}`)
    const conversation = await Conversation.begin(server.url)
    try {
      await until(`it ended ${LIVES} times`, () => {
        conversation.talk(1)
        return faults(operator) >= LIVES
      })

      await conversation.check()
      await verify(folder.path)
      assert.equal(await server.stop(), 0, server.output())
      await verify(folder.path)
    } finally {
      conversation.end()
    }
  })

test('[OPS28] without an SDK: a send in flight is told unknown or stored, and pushes go on on the same socket', {
  timeout: 120_000,
}, async () => {
  using folder = temporaryFolder()
  await using operator = await receiveAlerts()
  await using server = await mortal(folder.path, operator, 'append:after=exit@60')
  const ledger = await Ledger.open(server, ['anna', 'ben'])
  const [anna, ben] = [await Speaker.connect(server, ledger, 'anna'), await Speaker.connect(server, ledger, 'ben')]
  const talk = new Talk([() => anna.say(), () => anna.say(), () => ledger.post(server, 'ben')])
  talk.begin()

  await until(`it ended ${LIVES} times`, () => faults(operator) >= LIVES)
  await talk.quiet()
  await until('it is there again', async () => (await fetch(`${server.url}/readyz`)).ok)

  await ledger.check(server)
  const errors = ledger.told.flatMap(({ error }) => error ?? [])
  assert.ok(errors.some(({ code, appended }) => code === 'OUTCOME_UNKNOWN' && appended))
  assert.deepEqual(
    errors.filter(({ retryable }) => !retryable),
    [],
  )
  assert.deepEqual(
    ledger.told.filter(({ isLost }) => isLost),
    [],
    'a connection ended',
  )
  const head = (await ledger.history(server)).length
  for (const speaker of [anna, ben]) {
    await until(`${speaker.user} is shown everything`, () => speaker.place === head)
    assert.deepEqual(speaker.strayed, [])
    speaker.close()
  }
})

test('[OPS25] an engine thread that ends before it is ready fails the start, and is not started again', async () => {
  const started: FakeThread[] = []
  const told: string[] = []
  const engine = connectEngine({
    start: () => {
      const thread = new FakeThread()
      started.push(thread)
      return thread
    },
    clock: systemClock,
    logger: createLogger({ level: 'silent', to: 'stdout' }),
    alert: (kind) => told.push(kind),
    restartMs: 1,
  })

  started[0]?.end('out of memory')

  await assert.rejects(engine, (error) => failureClass(error) === 'ambiguous' && /out of memory/.test(String(error)))
  await systemClock.sleep(20)
  assert.equal(started.length, 1)
  assert.deepEqual(told, [])
})

function mortal(data: string, { url }: AlertReceiver, failpoint: string): Promise<ServerProcess> {
  const env = { HFTEST_FAILPOINT: failpoint, HOLDFAST_ENGINE_RESTART_MS: '100', HOLDFAST_ALERT_URL: url }
  return startServer({ data, env })
}

function faults({ alerts }: AlertReceiver): number {
  return alerts.filter(({ kind, part }) => kind === 'fault' && part === 'engine').length
}

class FakeThread implements Thread {
  #end: (cause: unknown) => void = () => {}

  post(_: readonly Call[]): void {}

  onMessage(_: (events: readonly Event[]) => void): void {}

  onEnd(listener: (cause: unknown) => void): void {
    this.#end = listener
  }

  end(cause: unknown): void {
    this.#end(cause)
  }

  async terminate(): Promise<void> {}
}
