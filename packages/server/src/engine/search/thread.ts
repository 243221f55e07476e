import { parentPort, workerData } from 'node:worker_threads'
import { SearchFile } from '../../adapters/sqlite/search-file.ts'
import { sendTo } from '../outgoing.ts'
import { type Call, describe } from '../wire.ts'
import { type PackedWrite, unpackWrite } from './wire.ts'

// What runs in the search thread: the index, and nothing else. What it takes to keep it, and to search it, holds up nobody who stores.

const port = parentPort
if (port === null) throw new Error('engine/search/thread.ts runs only as a thread of the engine')

const send = sendTo(port)

try {
  const search = new SearchFile({ file: String(workerData), readOnly: false })
  port.on('message', (calls: readonly Call[]) => {
    for (const { call, method, args } of calls)
      answer(search, method, args).then(
        (value) => send({ event: 'result', call, value }),
        (error) => send({ event: 'error', call, ...describe(error) }),
      )
  })
  send({ event: 'ready', about: undefined })
} catch (error) {
  send({ event: 'failed', ...describe(error) })
  // Why it could not be opened has been sent: the thread has nothing left to do.
  port.close()
}

async function answer(search: SearchFile, method: string, args: readonly unknown[]): Promise<unknown> {
  if (method === 'write') {
    const request = unpackWrite(args[0] as PackedWrite)
    const refused = await search.write(request)
    return refused.map((document) => request.documents.indexOf(document))
  }
  const called: unknown = Reflect.get(search, method)
  if (typeof called !== 'function') throw new Error(`the search thread has no ${method}`)
  return Reflect.apply(called, search, args)
}
