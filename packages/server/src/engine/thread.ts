import { parentPort, workerData } from 'node:worker_threads'
import { type EngineData, openEngine } from './host.ts'
import { sendTo } from './outgoing.ts'
import type { Call } from './wire.ts'

// What runs in the engine thread: it opens the engines, answers calls, and shows the feed.

const port = parentPort
if (port === null) throw new Error('engine/thread.ts runs only as a thread of the server')

const engine = openEngine(workerData as EngineData, sendTo(port))
port.on('message', (calls: readonly Call[]) => engine.then((host) => host.answer(calls)))
engine.catch(() => {
  // Why it could not be opened has been sent: the thread has nothing left to do.
  port.close()
})
