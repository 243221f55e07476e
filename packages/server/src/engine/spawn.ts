import { Worker } from 'node:worker_threads'
import type { Thread } from './remote.ts'
import type { Event } from './wire.ts'

/** Starts the engine thread with what it needs to know: plain data, cloned into it. */
export function spawnEngine(data: object): Thread {
  const file = import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js'
  const worker = new Worker(new URL(file, import.meta.url), { workerData: data, name: 'engine' })
  let cause: unknown
  worker.on('error', (error) => {
    cause = error
  })
  return {
    post: (calls) => worker.postMessage(calls),
    onMessage: (listener) => void worker.on('message', (events: readonly Event[]) => listener(events)),
    onEnd: (listener) => void worker.on('exit', (code) => listener(cause ?? `with code ${code}`)),
    terminate: async () => void (await worker.terminate()),
  }
}
