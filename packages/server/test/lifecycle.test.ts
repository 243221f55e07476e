import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StopSignals } from '../src/lifecycle.ts'
import { FakeClock } from './worker/fake-clock.ts'

const GRACE_MS = 25_000

/** A server that never finishes stopping, and what it was asked to do. */
function hangs() {
  const clock = new FakeClock()
  const listeners = new Map<string, () => void>()
  const asked: string[] = []
  const signals = new StopSignals({ on: (signal, listener) => listeners.set(signal, listener) })
  const listen = () =>
    signals.listen({
      clock,
      stopMsMax: GRACE_MS,
      stop: (signal) => asked.push(`stop: ${signal}`),
      abandon: (why) => asked.push(`abandon: ${why}`),
    })
  return { clock, asked, listen, send: (signal: string) => listeners.get(signal)?.() }
}

test('[OPS60] a stop that is not done when the grace ends is abandoned', async () => {
  const { clock, asked, listen, send } = hangs()
  listen()
  send('SIGTERM')

  await clock.advance(GRACE_MS - 1)
  assert.deepEqual(asked, ['stop: SIGTERM'])

  await clock.advance(1)
  assert.deepEqual(asked, ['stop: SIGTERM', `abandon: stopping took longer than ${GRACE_MS} ms`])
})

test('[OPS60] a signal that came before anybody listened is a wish too, and its grace begins when somebody does', async () => {
  const { clock, asked, listen, send } = hangs()
  send('SIGINT')
  await clock.advance(GRACE_MS)
  assert.deepEqual(asked, [])

  listen()
  await clock.advance(GRACE_MS)

  assert.deepEqual(asked, ['stop: SIGINT', `abandon: stopping took longer than ${GRACE_MS} ms`])
})

test('[OPS60] signals of the same second are one wish; one that comes later abandons the stop at once', async () => {
  const { clock, asked, listen, send } = hangs()
  listen()
  send('SIGINT')
  send('SIGINT')
  await clock.advance(999)
  send('SIGTERM')
  assert.deepEqual(asked, ['stop: SIGINT'])

  await clock.advance(1)
  send('SIGTERM')

  assert.deepEqual(asked, ['stop: SIGINT', 'abandon: SIGTERM came again'])
})
