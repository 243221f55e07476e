import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { sendTo } from '../../src/engine/outgoing.ts'

const failed = (message: string) => ({ event: 'broken', message }) as const

test('[OPS62] what is not urgent crosses with the next that is, in order, and at the end of its turn at the latest', async () => {
  const { port1, port2 } = new MessageChannel()
  const crossings: string[][] = []
  port2.on('message', (events: readonly { message: string }[]) => crossings.push(events.map(({ message }) => message)))
  const send = sendTo(port1)
  const arrived = async (count: number) => {
    while (crossings.length < count) await new Promise((resolve) => setImmediate(resolve))
    return crossings
  }

  send(failed('lone'), false)
  assert.deepEqual(await arrived(1), [['lone']])

  send(failed('accepted'), false)
  await Promise.resolve()
  send(failed('stored'))
  send(failed('told'), false)
  assert.deepEqual(await arrived(2), [['lone'], ['accepted', 'stored', 'told']])

  send(failed('first'))
  await Promise.resolve()
  send(failed('second'))
  assert.deepEqual((await arrived(4)).slice(2), [['first'], ['second']])
  port1.close()
})
