import assert from 'node:assert/strict'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLogger } from '../../src/adapters/system/logger.ts'
import type { Thread } from '../../src/engine/link.ts'
import { connectSearch } from '../../src/engine/search/remote.ts'
import type { Call, Event } from '../../src/engine/wire.ts'
import { failureClass } from '../../src/ports/failure.ts'
import { signIn, startServer, temporaryFolder, until } from '../support/server.ts'
import { FakeClock } from '../worker/fake-clock.ts'

test('[IDX14] an index that cannot be opened leaves search to the store, in part, and nothing else suffers; once it can, it has everything', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'search.db')
  writeFileSync(file, 'this is no database, and was never one')
  await using server = await startServer({ data: folder.path, env: { HOLDFAST_ENGINE_RESTART_MS: '50' } })
  const ask = await asking(server.url, 'anna')
  await ask('POST', '/v1/rooms', { room: 'lobby', kind: 'group', name: 'Lobby', members: [] })

  const said = await ask('POST', '/v1/rooms/lobby/messages?wait=stored', { clientId: 'c1', text: 'Xin chào' })
  const without = await ask('GET', '/v1/search?q=chao')
  assert.deepEqual([said.status, without.status, without.body.hits?.length, without.body.behind], [201, 200, 1, 2])

  // An operator puts it aside: an index can be made again.
  renameSync(file, `${file}.broken`)
  for (const rest of ['-wal', '-shm']) rmSync(file + rest, { force: true })
  await until('the index has it', async () => (await ask('GET', '/v1/search?q=chao')).body.behind === 0)
  assert.equal((await ask('GET', '/v1/search?q=chao')).body.hits?.length, 1)
  assert.equal(await server.stop(), 0)
})

test('[IDX14] a search thread that ends, ready or not, is started again after longer and longer pauses; what was asked is unknown', async () => {
  const clock = new FakeClock()
  const threads: FakeThread[] = []
  const told: unknown[] = []
  const search = connectSearch({
    start: () => {
      const thread = new FakeThread()
      threads.push(thread)
      return thread
    },
    clock,
    logger: createLogger({ level: 'silent', to: 'stdout' }),
    alert: (kind, { part }) => told.push([kind, part]),
    restartMs: 1_000,
  })
  const asked = search.heads(['r'])
  threads[0]?.end()
  await assert.rejects(asked, (error) => failureClass(error) === 'ambiguous')
  await assert.rejects(search.heads(['r']), (error) => failureClass(error) === 'transient')
  const waits = async (ms: number) => {
    const { length } = threads
    await clock.advance(ms - 1)
    assert.equal(threads.length, length)
    await clock.advance(1)
    assert.equal(threads.length, length + 1)
  }
  await waits(1_000)
  threads[1]?.end()
  await waits(2_000)
  threads[2]?.tell({ event: 'ready', about: undefined })
  threads[2]?.end()
  await waits(1_000)
  assert.deepEqual(told, [
    ['fault', 'search'],
    ['fault', 'search'],
    ['fault', 'search'],
  ])

  const closing = search.close()
  await clock.advance(1_000)
  await closing
  threads[3]?.end()
  await clock.advance(100_000)
  assert.equal(threads.length, 4)
})

async function asking(url: string, user: string) {
  const token = await signIn(url, user)
  return async (method: string, path: string, body?: object) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return {
      status: response.status,
      body: (await response.json()) as { code?: string; hits?: readonly unknown[]; behind?: number },
    }
  }
}

class FakeThread implements Thread {
  #hear: (events: readonly Event[]) => void = () => {}
  #end: (cause: unknown) => void = () => {}

  post(_: readonly Call[]): void {}

  onMessage(listener: (events: readonly Event[]) => void): void {
    this.#hear = listener
  }

  onEnd(listener: (cause: unknown) => void): void {
    this.#end = listener
  }

  tell(event: Event): void {
    this.#hear([event])
  }

  end(): void {
    this.#end('out of memory')
  }

  async terminate(): Promise<void> {}
}
