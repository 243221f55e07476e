import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailpointName } from '../../src/ports/system.ts'
import { startServer, temporaryFolder } from '../support/server.ts'
import { Conversation, portOf } from './conversation.ts'
import { verify } from './operator.ts'

/** The crash points a batch of messages passes, each at a visit in the middle of the conversation. */
const POINTS: readonly { readonly point: FailpointName; readonly visit: number; readonly what: string }[] = [
  { point: 'append:before', visit: 4, what: 'before an append' },
  { point: 'append:after', visit: 4, what: 'appended but the reply is lost' },
  { point: 'worker:fetched', visit: 4, what: 'after fetch' },
  { point: 'worker:loaded', visit: 3, what: 'loaded but nothing decided' },
  { point: 'store:mid-write', visit: 3, what: 'in the middle of the bulk' },
  { point: 'store:written', visit: 3, what: 'written but not committed' },
  { point: 'store:committed', visit: 3, what: 'bulk applied but the reply is lost' },
  { point: 'worker:stored', visit: 3, what: 'stored but no feed' },
  { point: 'feed:before', visit: 3, what: 'projected but no feed' },
  { point: 'feed:partial', visit: 3, what: 'part of the feed' },
  { point: 'feed:after', visit: 3, what: 'feed but no commit' },
  { point: 'worker:settled', visit: 3, what: 'committed' },
]

for (const { point, visit, what } of POINTS) {
  test(`[OPS10] killed at ${point} (${what}): nothing is lost, doubled or reordered`, {
    timeout: 120_000,
  }, async () => {
    using folder = temporaryFolder()
    await using first = await startServer({ data: folder.path, env: { HFTEST_FAILPOINT: `${point}=kill@${visit}` } })
    const conversation = await Conversation.begin(first.url)
    try {
      const ended = first.ended.then((how) => ({ how }))
      for (let round = 0; round < 40; round++) {
        conversation.talk(2)
        const gone = await Promise.race([
          ended,
          new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 25)),
        ])
        if (gone !== undefined) break
      }
      assert.equal((await ended).how, 'SIGKILL', first.output())

      await using second = await startServer({ data: folder.path, port: portOf(first) })
      await conversation.heard()
      conversation.talk(2)
      await conversation.check()
      verify(folder.path)
      assert.equal(await second.stop(), 0)
      verify(folder.path)
    } finally {
      conversation.end()
    }
  })
}
