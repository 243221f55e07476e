import assert from 'node:assert/strict'
import { cpSync, globSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { type ServerProcess, startServer, temporaryFolder, until } from '../support/server.ts'
import { Operator } from './operator.ts'

test('[OPS34] of a store that is put back to an earlier copy, the log brings everything again, also what came from who was nobody then', {
  timeout: 120_000,
}, async () => {
  using folder = temporaryFolder()
  const data = join(folder.path, 'data')
  const copy = join(folder.path, 'copy')
  // Shorter than what goes on here takes: a command that waits for its sender would be dead before they come back.
  const start = () => startServer({ data, args: ['--worker-lane-wait-ms-max', '1000'] })
  await using first = await start()
  const before = await Operator.of(first)
  await before.createRoom('old', [])
  assert.equal(await first.stop(), 0)
  replace(copy, data)

  await using second = await start()
  const operator = before.at(second)
  const carol = await operator.token('carol')
  await post(second, carol, '/v1/rooms?wait=stored', { room: 'new', kind: 'group', name: 'new', members: ['dan'] })
  await post(second, carol, '/v1/rooms/new/messages?wait=stored', { clientId: 'a', text: 'by who came' })
  await operator.register('dan')
  assert.equal((await operator.say('new', 'dan', 'b', 'by who was registered')).status, 201)
  const told = await operator.history('new')
  assert.equal(await second.stop(), 0)
  replace(data, copy)

  await using third = await start()
  const after = operator.at(third)
  await until('the room is back', async () => (await after.texts('new').catch(() => [])).length === 2)
  assert.deepEqual(
    (await after.history('new')).map(({ seq, id, sender }) => [seq, id, sender]),
    told.map(({ seq, id, sender }) => [seq, id, sender]),
  )
  assert.deepEqual(await after.letters(), [])
  await operator.verify()
  assert.equal(await third.stop(), 0)
})

/** Puts the store of one folder into the place of the other's. */
function replace(to: string, from: string): void {
  for (const file of globSync(join(to, 'store.db*'))) rmSync(file)
  for (const file of globSync(join(from, 'store.db*'))) cpSync(file, join(to, basename(file)), { recursive: true })
}

async function post({ url }: ServerProcess, token: string, path: string, body: object): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  assert.equal(answer.status, 201, await answer.text())
}
