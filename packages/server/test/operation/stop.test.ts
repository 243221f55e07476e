import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { EXIT } from '../../src/cli/command.ts'
import { holdfast } from '../cli/holdfast.ts'
import { Conversation, portOf } from '../crash/conversation.ts'
import { type ServerProcess, startServer, temporaryFolder, until } from '../support/server.ts'
import { lagOfWorker, verify } from './folder.ts'
import { Ledger, Speaker } from './ledger.ts'
import { Talk } from './talk.ts'

const PEOPLE = ['anna', 'ben', 'cara']

test('[OPS20] SIGTERM under load: exit 0, nothing accepted is left over, and the next start does nothing again', {
  timeout: 120_000,
}, async () => {
  using folder = temporaryFolder()
  await using first = await startServer({ data: folder.path })
  const conversation = await Conversation.begin(first.url)
  try {
    const talking = setInterval(() => conversation.talk(2), 10)
    await until('there is something to drain', async () => (await measured(first, 'outcomes_total')) > 500)

    const exit = await first.stop()
    clearInterval(talking)

    assert.equal(exit, EXIT.ok, first.output())
    assert.match(first.output(), /\nStopped: .*\n$/)
    assert.equal(await lagOfWorker(folder.path), 0)
    await verify(folder.path)
    await using alone = await startServer({ data: folder.path })
    // Whatever came again would come before this.
    await Ledger.open(alone, ['dora'])
    assert.equal(await measured(alone, 'outcomes_total'), 1, 'something came again')
    assert.equal(await alone.stop(), EXIT.ok)

    await using second = await startServer({ data: folder.path, port: portOf(first) })
    conversation.talk(2)
    await conversation.check()
    assert.equal(await second.stop(), EXIT.ok)
    await verify(folder.path)
  } finally {
    conversation.end()
  }
})

test('[OPS20] SIGTERM while nobody waits any more for what was accepted: all of it is stored before the end', {
  timeout: 60_000,
}, async () => {
  using folder = temporaryFolder()
  // The worker takes its time with each batch, so that there is something left for the stop to do.
  await using server = await startServer({ data: folder.path, env: { HOLDFAST_WORKER_LINGER_MS_MAX: '2000' } })
  const ledger = await Ledger.open(server, PEOPLE)
  const posts = Array.from({ length: 100 }, (_, i) => ledger.post(server, PEOPLE[i % PEOPLE.length] ?? ''))
  const accepted = (await Promise.all(posts)).filter(({ id }) => id !== undefined)
  assert.equal(accepted.length, posts.length)

  assert.equal(await server.stop(), EXIT.ok, server.output())

  assert.equal(await lagOfWorker(folder.path), 0)
  await holdsAtTheNextStart(folder.path, ledger)
})

test('[OPS24] signals within a millisecond are one wish: exit 0, and all is drained', {
  timeout: 60_000,
}, async () => {
  using folder = temporaryFolder()
  await using server = await startServer({ data: folder.path })
  const { ledger, talk } = await crowd(server)
  await until('there is something to drain', () => ledger.told.length > 300)

  server.signal('SIGINT')
  // Two of a kind that wait together are one for the system, so the second one is of another.
  server.signal('SIGTERM')

  assert.equal(await server.ended, EXIT.ok, server.output())
  await talk.quiet()
  assert.equal(await lagOfWorker(folder.path), 0)
  await holdsAtTheNextStart(folder.path, ledger)
})

test('[OPS24] a signal that comes again after a second ends a stop that hangs, at once', {
  timeout: 60_000,
}, async () => {
  using folder = temporaryFolder()
  await using server = await startServer({ data: folder.path, env: patience(600_000) })
  const { ledger, talk } = await crowd(server)
  await until('something is stored', () => ledger.told.some(({ seq }) => seq !== undefined))
  {
    using _ = locked(join(folder.path, 'store.db'))
    await until('something is accepted that cannot be stored', () => unstored(ledger) > 10)

    server.signal('SIGTERM')
    server.signal('SIGTERM')
    // What makes the next one another wish is this time.
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    server.signal('SIGTERM')

    assert.equal(await server.ended, EXIT.abandoned, server.output())
    await talk.quiet()
  }
  await holdsAtTheNextStart(folder.path, ledger)
})

test('[OPS23] with its store locked by another process a stop ends within the grace', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  await using server = await startServer({ data: folder.path, env: patience(3_000) })
  const { ledger, talk } = await crowd(server)
  await until('something is stored', () => ledger.told.some(({ seq }) => seq !== undefined))
  {
    using _ = locked(join(folder.path, 'store.db'))
    await until('something is accepted that cannot be stored', () => unstored(ledger) > 10)

    assert.equal(await server.stop(), EXIT.abandoned, server.output())
    await talk.quiet()
  }
  await holdsAtTheNextStart(folder.path, ledger)
})

test('[OPS23] with its engine thread inside a disk that does not answer a stop ends within the grace', {
  timeout: 60_000,
}, async () => {
  using folder = temporaryFolder()
  const env = { ...patience(3_000), HFTEST_FAILPOINT: 'store:committed=hang@30' }
  await using server = await startServer({ data: folder.path, env })
  const { ledger, talk } = await crowd(server)
  await until('the engine thread hangs', () => hangs(server))

  assert.equal(await server.stop(), EXIT.abandoned, server.output())

  await talk.quiet()
  await holdsAtTheNextStart(folder.path, ledger)
})

test('[OPS23] while its engine thread is gone a stop says that it could not finish', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  const env = { HFTEST_FAILPOINT: 'store:committed=exit@30', HOLDFAST_ENGINE_RESTART_MS: '600000' }
  await using server = await startServer({ data: folder.path, env })
  const { ledger, talk } = await crowd(server)
  await until('the engine thread is gone', () => /the engine thread ended by itself/.test(server.output()))

  assert.equal(await server.stop(), EXIT.abandoned, server.output())

  assert.match(server.output(), /could not finish what was under way: the engine thread is not running/)
  await talk.quiet()
  await holdsAtTheNextStart(folder.path, ledger)
})

test('[OPS23] each exit code of a stop is in the help', async () => {
  const { out } = await holdfast(['serve', '--help'])
  for (const code of [EXIT.ok, EXIT.failed, EXIT.abandoned]) assert.match(out, new RegExp(`^ +${code} `, 'm'))
})

// ---- given -----------------------------------------------------------------------------------------------------------

/** People who talk without a pause. */
async function crowd(server: ServerProcess): Promise<{ readonly ledger: Ledger; readonly talk: Talk }> {
  const ledger = await Ledger.open(server, PEOPLE)
  const speakers = await Promise.all(PEOPLE.map((user) => Speaker.connect(server, ledger, user)))
  const talk = new Talk(speakers.flatMap((speaker) => Array.from({ length: 4 }, () => () => speaker.say())))
  talk.begin()
  return { ledger, talk }
}

/** Settings under which a stop takes so long at most, and hardly ends before. */
function patience(graceMs: number): Readonly<Record<string, string>> {
  const drainMs = String(graceMs - 1)
  return {
    HOLDFAST_GRACE_MS_MAX: String(graceMs),
    HOLDFAST_DRAIN_MS_MAX: drainMs,
    HOLDFAST_WORKER_DRAIN_MS_MAX: drainMs,
    HOLDFAST_API_CLOSE_MS_MAX: '1000',
    HOLDFAST_GATEWAY_DRAIN_MS_MAX: '500',
  }
}

/** Somebody else writes to this file and does not finish. */
function locked(file: string): Disposable {
  const database = new DatabaseSync(file, { timeout: 10_000 })
  database.exec('BEGIN IMMEDIATE')
  return { [Symbol.dispose]: () => database.close() }
}

// ---- then ------------------------------------------------------------------------------------------------------------

async function holdsAtTheNextStart(data: string, ledger: Ledger): Promise<void> {
  await using server = await startServer({ data })
  await ledger.check(server)
  await verify(data)
  assert.equal(await server.stop(), EXIT.ok)
  assert.equal(await lagOfWorker(data), 0)
}

function unstored({ told }: Ledger): number {
  return told.filter(({ id, seq }) => id !== undefined && seq === undefined).length
}

/** Whether the engine thread is stuck in a system call: it answers nothing, while the main thread does. */
async function hangs({ url }: ServerProcess): Promise<boolean> {
  const { waiting } = (await (await fetch(`${url}/readyz`)).json()) as { waiting: readonly string[] }
  return waiting.includes('engine: does not answer')
}

/** The sum of a metric over its labels. */
async function measured({ url }: ServerProcess, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const values = [...text.matchAll(new RegExp(`^holdfast_(?:\\w+_)?${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
  return values.reduce((sum, [, value]) => sum + Number(value), 0)
}
