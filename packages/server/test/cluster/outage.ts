import type { OwnEngine } from '../../../../engines/index.ts'
import type { ServerProcess } from '../support/server.ts'

/** Takes an engine away, until `end` or the end of the test. */
export async function outage(engine: OwnEngine, how: 'killed' | 'frozen') {
  let isOver = false
  const end = async () => {
    if (isOver) return
    isOver = true
    if (how === 'killed') await engine.startAgain()
    else await engine.signal('SIGCONT')
  }
  await engine.signal(how === 'killed' ? 'SIGKILL' : 'SIGSTOP')
  return { end, [Symbol.asyncDispose]: end }
}

/** What a process says that it waits for. */
export async function waiting({ url }: ServerProcess): Promise<readonly string[]> {
  const response = await fetch(`${url}/readyz`)
  return ((await response.json()) as { waiting: readonly string[] }).waiting
}
