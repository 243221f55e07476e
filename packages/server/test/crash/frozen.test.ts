import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailpointName } from '../../src/ports/system.ts'
import { type ServerProcess, startServer, temporaryFolder, until } from '../support/server.ts'
import { Conversation } from './conversation.ts'
import { verify } from './operator.ts'

/** Everything that has a deadline of its own inside the server: all of them pass while it is frozen. */
const DEADLINES = {
  HOLDFAST_INTAKE_APPEND_MS_MAX: '500',
  HOLDFAST_INTAKE_LOOK_UP_MS_MAX: '500',
  HOLDFAST_WORKER_STORE_ATTEMPT_MS_MAX: '100',
  HOLDFAST_WORKER_LOOK_UP_MS_MAX: '100',
  HOLDFAST_WORKER_BATCH_MS_MAX: '400',
  HOLDFAST_WORKER_STUCK_MS_MAX: '600',
}
/** The same towards its sockets, which it closes for having been silent itself. */
const SOCKET_DEADLINES = {
  HOLDFAST_GATEWAY_GREETING_MS_MAX: '500',
  HOLDFAST_GATEWAY_HOUSEKEEPING_MS: '50',
  HOLDFAST_GATEWAY_PING_MS: '300',
  HOLDFAST_GATEWAY_PONG_MS_MAX: '300',
  HOLDFAST_GATEWAY_SWEEP_MS: '300',
}
/** Longer than any of those: whoever gave up a try that began while it was frozen has waited for all of them. */
const PATIENCE_MS = 1_000
const IMPATIENT = { connectMsMax: PATIENCE_MS, answerMsMax: PATIENCE_MS, silenceMsMax: PATIENCE_MS }

/** In the middle of the conversation, in either thread's most delicate moments. */
const POINTS: readonly { readonly point: FailpointName; readonly visit: number; readonly what: string }[] = [
  { point: 'append:after', visit: 8, what: 'appended, and the reply on its way' },
  { point: 'store:written', visit: 6, what: 'in a transaction' },
  { point: 'worker:stored', visit: 6, what: 'stored, but no feed' },
  { point: 'feed:after', visit: 6, what: 'in the feed, but no commit' },
]

for (const { point, visit, what } of POINTS) {
  test(`[OPS33] frozen at ${point} (${what}) until every client has left, and continued: nothing is lost, doubled or reordered`, {
    timeout: 120_000,
  }, async () => {
    using folder = temporaryFolder()
    await using server = await startServer({
      data: folder.path,
      env: { ...DEADLINES, ...SOCKET_DEADLINES, HFTEST_FAILPOINT: `${point}=stop@${visit}` },
    })
    const conversation = await Conversation.begin(server.url, IMPATIENT)
    try {
      await talkUntilFrozen(conversation, server)
      conversation.talk(2)
      const before = conversation.losses
      // The second try of each began while the server was frozen.
      await until('every client has left twice', () =>
        conversation.losses.every((losses, i) => losses >= (before[i] ?? 0) + 2),
      )
      assert.ok(server.isFrozen())

      server.signal('SIGCONT')
      await goesOn(conversation)
      await stopsClean(server)
    } finally {
      conversation.end()
    }
  })

  test(`[OPS33] frozen at ${point} (${what}) past its deadlines, and continued while its clients waited: nothing is lost, doubled or reordered`, {
    timeout: 120_000,
  }, async () => {
    using folder = temporaryFolder()
    await using server = await startServer({
      data: folder.path,
      env: { ...DEADLINES, HFTEST_FAILPOINT: `${point}=stop@${visit}` },
    })
    const conversation = await Conversation.begin(server.url)
    try {
      await talkUntilFrozen(conversation, server)
      conversation.talk(2)
      await assert.rejects(fetch(`${server.url}/healthz`, { signal: AbortSignal.timeout(PATIENCE_MS) }), {
        name: 'TimeoutError',
      })
      assert.ok(server.isFrozen())

      server.signal('SIGCONT')
      await goesOn(conversation)
      assert.deepEqual(conversation.losses, [0, 0, 0])
      await stopsClean(server)
    } finally {
      conversation.end()
    }
  })
}

test('[OPS33, SQL1] frozen, a server keeps its folder: a second one is refused, and the first goes on', {
  timeout: 120_000,
}, async () => {
  using folder = temporaryFolder()
  await using server = await startServer({ data: folder.path })
  const conversation = await Conversation.begin(server.url)
  try {
    conversation.talk(2)
    server.signal('SIGSTOP')
    await until('it is frozen', () => server.isFrozen())
    conversation.talk(2)

    await assert.rejects(startServer({ data: folder.path }), /is in use by another Holdfast server/)

    server.signal('SIGCONT')
    await goesOn(conversation)
    await stopsClean(server)
  } finally {
    conversation.end()
  }
})

async function talkUntilFrozen(conversation: Conversation, server: ServerProcess): Promise<void> {
  let rounds = 0
  await until('it is frozen', () => {
    if (server.isFrozen()) return true
    if (rounds++ < 40) conversation.talk(2)
    return false
  })
}

/** Everything said before and while it was frozen has its one place, and the conversation goes on. */
async function goesOn(conversation: Conversation): Promise<void> {
  await conversation.heard()
  conversation.talk(2)
  await conversation.check()
}

async function stopsClean(server: ServerProcess): Promise<void> {
  verify(server.data)
  assert.equal(await server.stop(), 0)
  verify(server.data)
}
