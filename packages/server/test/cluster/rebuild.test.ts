import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { type Ran, type Running, start } from '../cli/holdfast.ts'
import { Conversation } from '../crash/conversation.ts'
import { engineForTests } from '../support/engines.ts'
import { signIn, startServer, temporaryFolder, until } from '../support/server.ts'
import { SlowProxy } from '../support/slow-proxy.ts'
import { Cluster } from './installation.ts'

/*
 * `holdfast search rebuild` beside servers at work: killed once in the middle, run again, while people talk and search.
 */

const kafka = await engineForTests('kafka')
const mongodb = await engineForTests('ferretdb')
const TEST = { timeout: 120_000 }

for (const name of ['opensearch', 'elasticsearch'] as const) {
  const engine = (await engineForTests(name))?.own
  if (engine === undefined || kafka === undefined || mongodb === undefined) continue

  test(
    `[CLU52] the index in ${name} is made anew under load, after a kill too: no search fails or lacks anything, and only the new one is left`,
    TEST,
    async () => {
      await using proxy = await SlowProxy.inFrontOf(engine.url)
      await using cluster = await Cluster.open({ kafka: kafka.url, mongodb: mongodb.url }, { search: engine.url })
      const [gateway] = await Promise.all(['gateway', 'worker', 'indexer'].map((role) => cluster.start(role)))
      const prefix = new URL(cluster.search).pathname
      const indexes = async () => {
        const listed = await fetch(`${engine.url}/_cat/indices${prefix}-*?format=json&h=index`)
        return ((await listed.json()) as { index: string }[]).map(({ index }) => index.slice(prefix.length - 1)).sort()
      }
      await rebuiltUnderLoad(gateway?.url ?? '', {
        // Through a slow line there is time to kill it.
        begin: () => cluster.begin(['search', 'rebuild', '--json', '--search', `${proxy.url}${prefix}`]),
        isBegun: async () => (await indexes()).length === 2,
        slow: (ms) => {
          proxy.delayMs = ms
        },
        isQuiet: () => cluster.isQuiet(),
      })
      assert.deepEqual(await indexes(), ['-2'])
    },
  )
}

test(
  '[IDX21] the index of one process is made anew under load, after a kill too: no search fails or lacks anything',
  TEST,
  async () => {
    using folder = temporaryFolder()
    await using server = await startServer({ data: folder.path })
    const run = (...args: string[]) => start([...args, '--data', folder.path])
    await rebuiltUnderLoad(server.url, {
      begin: () => run('search', 'rebuild', '--json'),
      isBegun: async () => true,
      slow() {},
      isQuiet: () => until('nothing waits any more', async () => (await run('verify', '--strict').ended).exit === 0),
    })
    assert.equal(await server.stop(), 0)
  },
)

interface Rebuilding {
  begin(): Running
  /** The new index is there. */
  isBegun(): Promise<boolean>
  slow(ms: number): void
  isQuiet(): Promise<void>
}

async function rebuiltUnderLoad(url: string, { begin, isBegun, slow, isQuiet }: Rebuilding): Promise<void> {
  const conversation = await Conversation.begin(url)
  try {
    for (let i = 0; i < 10; i++) conversation.talk(5)
    await conversation.heard()
    const token = await signIn(url, 'anna')
    const find = async () => {
      const answer = await fetch(`${url}/v1/search?q=chao&room=lobby&limit=100`, {
        headers: { authorization: `Bearer ${token}` },
      })
      assert.equal(answer.status, 200, await answer.clone().text())
      return (await answer.json()) as { hits: readonly { seq: number }[]; partial: boolean; behind: number }
    }
    await until('the index has it', async () => (await find()).behind === 0, 60_000)
    let isOver = false
    let searches = 0
    const searching = (async () => {
      for (; !isOver; searches++) {
        const { hits, partial } = await find()
        assert.deepEqual([hits.length, partial], [100, false])
        assert.ok(hits.every(({ seq }, i) => i === 0 || seq < (hits[i - 1]?.seq ?? 0)))
      }
    })()
    const work = async () => {
      slow(100)
      const killed = begin()
      await until('a new index is begun', isBegun)
      conversation.talk(1)
      killed.child.kill('SIGKILL')
      await once(killed.child, 'close')
      slow(10)
      const again = begin()
      const talking = setInterval(() => conversation.talk(1), 100)
      let ran: Ran
      try {
        ran = await again.ended
      } finally {
        clearInterval(talking)
      }
      assert.equal(ran.exit, 0, ran.err)
      const made = JSON.parse(ran.out) as { rooms: number; passes: number }
      assert.ok(made.rooms > 0 && made.passes > 0)
      await conversation.check()
    }
    await Promise.race([searching, work()])
    isOver = true
    await searching
    assert.ok(searches > 10)
    await until('the index has everything', async () => (await find()).behind === 0, 60_000)
    await isQuiet()
  } finally {
    conversation.end()
  }
}
