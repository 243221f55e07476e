import { parentPort, workerData } from 'node:worker_threads'
import { type EngineData, openEngine } from './host.ts'
import type { Call, Event } from './wire.ts'

// What runs in the engine thread: it opens the engines, answers calls, and shows the feed.

const port = parentPort
if (port === null) throw new Error('engine/thread.ts runs only as a thread of the server')

let outgoing: Event[] = []

/** Everything one microtask turn made ready crosses as one message. */
function send(event: Event): void {
  if (outgoing.length === 0) {
    queueMicrotask(() => {
      const events = outgoing
      outgoing = []
      port?.postMessage(events)
    })
  }
  outgoing.push(event)
}

const engine = openEngine(workerData as EngineData, send)
port.on('message', (calls: readonly Call[]) => engine.then((host) => host.answer(calls)))
engine.catch(() => {
  // Why it could not be opened has been sent: the thread has nothing left to do.
  port.close()
})
