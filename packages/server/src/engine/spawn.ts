import { Worker } from 'node:worker_threads'
import type { Thread } from './link.ts'
import type { Event } from './wire.ts'

const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/** Starts the engine thread with what it needs to know: plain data, cloned into it. */
export function spawnEngine(data: object): Thread {
  return spawn('engine', './thread', data)
}

/** Starts the search thread, from within the engine thread. */
export function spawnSearch(file: string): Thread {
  return spawn('search', './search/thread', file)
}

function spawn(name: string, module: string, data: object | string): Thread {
  const worker = new Worker(new URL(`${module}.${EXTENSION}`, import.meta.url), { workerData: data, name })
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
