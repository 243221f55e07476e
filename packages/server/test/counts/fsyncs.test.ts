import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Counted, canCountFsyncs, countFsyncs } from '../../../../bench/load/fsyncs.ts'

// Enough of them for every file to be checkpointed while they are counted.
const ALONE = { inFlight: 1, until: { messages: 600 } }
const TOGETHER = { inFlight: 64, until: { messages: 19_200 } }

test('[SQL11] a message alone costs the log one sync and the store one; 64 on their way share theirs', {
  timeout: 180_000,
}, async (context) => {
  if (!mayCount(context)) return

  const [alone, together] = await countFsyncs([ALONE, TOGETHER], ({ inFlight, messages, groups }) =>
    context.diagnostic(`${inFlight} in flight: ${messages} messages in ${groups} groups`),
  )

  assert.ok(alone !== undefined && together !== undefined)
  context.diagnostic(`fsyncs a message: ${perMessage(alone)} alone, ${perMessage(together)} together`)
  for (const { byFile } of [alone, together]) context.diagnostic(JSON.stringify(byFile))
  // Fewer than two, and something was told that a power cut could take back.
  for (const wal of ['log.db-wal', 'store.db-wal'])
    assert.ok((alone.byFile[wal] ?? 0) >= alone.messages, `${wal} was not synced for each message`)
  // A message alone is a group of one; what is above two are checkpoints.
  assert.ok(perMessage(alone) <= 2.2, `${perMessage(alone)} fsyncs for each group of one`)
  assert.ok(
    perMessage(alone) >= 10 * perMessage(together),
    `${perMessage(alone)} fsyncs a message alone, and still ${perMessage(together)} with 64 in flight`,
  )
})

function perMessage({ fsyncs, messages }: Counted): number {
  return fsyncs / messages
}

/** Without strace there is nothing to count with. */
function mayCount(context: TestContext): boolean {
  if (canCountFsyncs()) return true
  const why = 'needs strace, and the right to trace: apt-get install strace'
  if (process.env.CI === 'true') throw new Error(why)
  context.skip(why)
  return false
}
