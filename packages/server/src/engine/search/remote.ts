import type { OwnedIndex } from '../../adapters/sqlite/sqlite.ts'
import type { SearchIndex, SearchWrite } from '../../ports/search.ts'
import { Link, type LinkOptions } from '../link.ts'
import { packWrite } from './wire.ts'

/** A thread that does not close its file within this is left: the file is as sound as after a kill. */
const CLOSE_MS_MAX = 1_000

/**
 * The search index in a thread of its own. Nobody waits for it to be ready, and it is started again for ever: without it search is
 * unavailable, and nothing else (I10).
 */
export function connectSearch(options: Omit<LinkOptions, 'name' | 'isStartedAlways'>): OwnedIndex {
  const { clock, logger } = options
  const link = new Link({ ...options, name: 'search', isStartedAlways: true }, { news() {}, ended() {} })
  link.begin().catch((cause) => logger.error({ cause }, 'the search index cannot be opened; everything else goes on'))
  const calls = link.proxy<Omit<SearchIndex, 'visibleAtOnce' | 'write'>>('search', {
    open: true,
    current: true,
    progress: true,
    heads: true,
    refresh: true,
    seqs: true,
    query: true,
  })
  return Object.assign(calls, {
    visibleAtOnce: true,
    async write(request: SearchWrite) {
      const refused = await link.call<readonly number[]>('search', 'write', [packWrite(request)])
      return request.documents.filter((_, i) => refused.includes(i))
    },
    async close() {
      const late = new AbortController()
      const closed = link.call('search', 'close', []).catch(() => {})
      await Promise.race([closed, clock.sleep(CLOSE_MS_MAX, late.signal)])
      late.abort()
      await link.stop()
    },
  })
}
