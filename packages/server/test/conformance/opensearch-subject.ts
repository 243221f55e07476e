import { type OpenedSearch, openSearch } from '../../src/adapters/opensearch/opensearch.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { memoryEngines } from '../support/adapters.ts'
import type { Subject } from './subject.ts'

let prefixes = 0

/** The URL with a prefix of its own in its path, which is nobody else's. */
export function ownPrefix(url: string): { readonly url: string; readonly prefix: string } {
  const prefix = `holdfast-test-${process.pid}-${++prefixes}`
  return { url: `${new URL(url).origin}/${prefix}`, prefix }
}

/** Removes what stands under a prefix. */
export async function dropIndexes(url: string): Promise<void> {
  const { origin, pathname } = new URL(url)
  const found = await fetch(`${origin}/_cat/indices${pathname}-*?format=json&h=index`)
  for (const { index } of (await found.json()) as { index: string }[])
    await fetch(`${origin}/${index}`, { method: 'DELETE' })
}

/** An index of its own, and logs and store in memory beside it. */
export async function openSearchSubject(serverUrl: string): Promise<Subject> {
  const { url } = ownPrefix(serverUrl)
  const beside = memoryEngines()
  let opened: OpenedSearch = openSearch({ url }, systemClock)
  return {
    logs: beside.logs,
    store: beside.store,
    get search() {
      return opened.search
    },
    capabilities: { durability: 'memory', survivesReopen: true, canTimeOut: true, visibleAtOnce: false },
    failAppend() {},
    failWrite() {},
    reopen: async () => {
      await opened.close()
      opened = openSearch({ url }, systemClock)
    },
    close: async () => {
      await opened.close()
      await beside.close()
      await dropIndexes(url)
    },
  }
}
